//! What the process tells of itself, put together as its configuration says: metrics, logs, spans, lessons.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::StartFault;
use crate::clock::Clock;
use crate::config::model::{self, Config, Purpose};
use crate::export::Exporter;
use crate::fetch::Fetcher;
use crate::policy::learn::Lessons;
use crate::policy::route::Access;
use crate::telemetry::{AccessLog, Metrics, Telemetry, Traces, logs, rates};

/// For one call to the collector of traces.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(3);

/// Everything that is told, from now on.
pub(super) fn telemetry(config: &Config, clock: &Clock) -> Result<Telemetry, StartFault> {
    let settings = &config.telemetry;
    let metrics = Metrics::new().map_err(|error| StartFault::Metrics(error.to_string()))?;
    metrics.config_last_reload.set(clock.now());
    let mut telemetry = Telemetry::new(metrics, clock.now());
    if settings.access_log {
        let format = logs::format(settings);
        telemetry.access = Some(AccessLog::start(format, settings.log_subject)?);
    }
    if settings.otlp_endpoint.is_some() {
        telemetry.traces = Some(Traces::new(settings.log_subject));
    }
    telemetry.lessons = lessons(config);
    telemetry.reloads.update(|facts| {
        facts.hash.clone_from(&config.hash);
        facts.taken = clock.now();
    });
    Ok(telemetry)
}

/// What `learn` needs: routes that are open, or have a host, an upstream or a prefix of their own, are left as they are.
fn lessons(config: &Config) -> Option<Mutex<Lessons>> {
    let kept = config.routes.iter().filter(|route| {
        route.access != Access::Authenticated
            || route.upstream != 0
            || route.pattern.host.is_some()
            || route.strip_prefix.is_some()
            || route.add_prefix.is_some()
    });
    let kept = kept.map(|route| route.name.to_string());
    (config.purpose == Purpose::Learn).then(|| Mutex::new(Lessons::new(kept)))
}

/// Starts sending spans to the collector on the current runtime, if there is one.
pub(super) fn export(
    telemetry: &Arc<Telemetry>,
    config: &Config,
) -> Result<Option<Arc<Exporter>>, StartFault> {
    let Some(endpoint) = &config.telemetry.otlp_endpoint else {
        return Ok(None);
    };
    // A collector is near: none of `[fetch]`, which is for pools.
    let settings = model::Fetch {
        timeout: EXPORT_TIMEOUT,
        ca_pem: None,
        proxy: None,
    };
    let fetcher = Fetcher::new(&settings).map_err(|fault| StartFault::Fetch(fault.to_string()))?;
    let exporter = Arc::new(Exporter::new(telemetry.clone(), fetcher, endpoint));
    tokio::spawn(exporter.clone().run());
    Ok(Some(exporter))
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
