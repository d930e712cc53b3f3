//! What the process tells of itself, put together as its configuration says: metrics, logs, spans, lessons.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::StartFault;
use crate::admin::Admin;
use crate::clock::Clock;
use crate::config::model::{self, Config, Purpose};
use crate::export::Exporter;
use crate::fetch::Fetcher;
use crate::policy::learn::{self, Lessons};
use crate::reload::Reach;
use crate::telemetry::{Metrics, Telemetry, rates};

/// For one call to the collector of traces.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(3);

/// Everything that is told, from now on, and the way to a collector of traces.
pub(super) fn begin(
    config: &Config,
    clock: &Clock,
) -> Result<(Arc<Telemetry>, Arc<Exporter>), StartFault> {
    let metrics = Metrics::new().map_err(|error| StartFault::Metrics(error.to_string()))?;
    metrics.started(clock.now());
    let mut telemetry = Telemetry::start(metrics, &config.telemetry, clock.now())?;
    telemetry.lessons = lessons(config);
    let telemetry = Arc::new(telemetry);
    let exporter = exporter(&telemetry)?;
    Ok((telemetry, exporter))
}

/// What `learn` needs.
fn lessons(config: &Config) -> Option<Mutex<Lessons>> {
    let kept = config.routes.iter();
    let kept = kept.filter(|route| learn::is_kept(route, &config.catch_all));
    let kept = kept.map(|route| route.name.to_string());
    (config.purpose == Purpose::Learn).then(|| Mutex::new(Lessons::new(kept)))
}

fn exporter(telemetry: &Arc<Telemetry>) -> Result<Arc<Exporter>, StartFault> {
    // A collector is near: none of `[fetch]`, which is for pools.
    let settings = model::Fetch {
        timeout: EXPORT_TIMEOUT,
        ca_pem: None,
        proxy: None,
    };
    let fetcher =
        Fetcher::new(&settings).map_err(|fault| StartFault::System(io::Error::other(fault)))?;
    Ok(Arc::new(Exporter::new(telemetry.clone(), fetcher)))
}

/// What admin and probes answer from. `listeners` are their names and addresses.
pub(super) fn desk(shared: &Reach, listeners: Vec<(&'static str, String)>) -> Arc<Admin> {
    Arc::new(Admin {
        clock: shared.clock.clone(),
        live: shared.live.clone(),
        telemetry: shared.telemetry.clone(),
        readiness: shared.readiness.clone(),
        status: shared.status.clone(),
        listeners,
    })
}

/// Reads the counters now and then, for the charts of the status page.
pub(super) async fn watch_rates(telemetry: Arc<Telemetry>) {
    let mut tick = tokio::time::interval(rates::STEP);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        telemetry.rates.note(telemetry.metrics.totals());
    }
}
