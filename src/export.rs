//! Sends spans to the collector, on the control thread: never in a request's way, and never more than once.
//!
//! A collector that can't be reached costs its spans and one line of log, however long it is away.

use std::sync::Arc;
use std::time::Duration;

use crate::fetch::Fetcher;
use crate::telemetry::Telemetry;
use crate::telemetry::traces::render;

/// Between two looks at what waits.
const STEP: Duration = Duration::from_secs(1);
/// Requests told of in one call.
const BATCH: usize = 512;
/// How long the end of the process waits for the collector.
const FAREWELL: Duration = Duration::from_secs(2);

/// The way to the collector that the configuration names, if it names one.
pub struct Exporter {
    telemetry: Arc<Telemetry>,
    fetcher: Fetcher,
}

impl Exporter {
    /// For the spans that wait there.
    pub fn new(telemetry: Arc<Telemetry>, fetcher: Fetcher) -> Exporter {
        Exporter { telemetry, fetcher }
    }

    /// Sends what comes, until it is dropped.
    pub async fn run(self: Arc<Exporter>) {
        let mut reachable = true;
        loop {
            tokio::time::sleep(STEP).await;
            reachable = self.send_all(reachable).await;
        }
    }

    /// Sends what still waits, at the end of the process.
    pub async fn finish(&self) {
        // What is not sent by then is lost with the process.
        let _ = tokio::time::timeout(FAREWELL, self.send_all(true)).await;
    }

    /// Sends all that waits; answers whether the collector took it.
    async fn send_all(&self, mut reachable: bool) -> bool {
        let traces = &self.telemetry.traces;
        let Some(collector) = traces.collector() else {
            return reachable;
        };
        let url = format!("{collector}/v1/traces");
        loop {
            let batch = traces.take(BATCH);
            if batch.is_empty() {
                return reachable;
            }
            let outcome = self.fetcher.deliver(&url, render(&batch)).await;
            traces.settle(&batch, outcome.is_ok());
            match outcome {
                Ok(()) if !reachable => {
                    tracing::info!("traces are taken again");
                    reachable = true;
                }
                Ok(()) => {}
                Err(fault) => {
                    if reachable {
                        tracing::warn!(
                            "traces are dropped until the collector takes them: {fault}"
                        );
                    }
                    // The rest waits for the next look; what does not fit by then is dropped there.
                    return false;
                }
            }
        }
    }
}
