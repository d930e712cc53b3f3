//! What is told of the work: metrics, a line for each request, spans, and what the status page shows. Never a token, a
//! secret, a query or a cookie.
//!
//! An [`Exchange`] is the record of one request; it is finished by being dropped, so a request that is broken off, or whose
//! task panics, is told of like any other. All of this is kept in bounds that no client can move.

pub mod access;
pub mod audits;
pub mod exchange;
pub mod logs;
pub mod metrics;
pub mod rates;
pub mod recent;
pub mod sink;
pub mod traces;

use std::io;
use std::sync::Mutex;

pub use access::AccessLog;
pub use audits::Audits;
pub use exchange::Exchange;
pub use metrics::Metrics;
pub use rates::Rates;
pub use recent::Recent;
pub use traces::Traces;

use crate::clock::Timestamp;
use crate::config::model::Telemetry as Settings;
use crate::policy::learn::Lessons;

/// The gate's label, as a listener.
pub const GATE: &str = "gate";

/// Where everything is told.
pub struct Telemetry {
    /// Counters and gauges.
    pub metrics: Metrics,
    /// A line for each request, while it is asked for.
    pub access: AccessLog,
    /// The last refusals.
    pub recent: Recent,
    /// What audit routes would have refused, by client.
    pub audits: Audits,
    /// Requests and refusals of the last minutes.
    pub rates: Rates,
    /// Spans on their way to a collector, while there is one.
    pub traces: Traces,
    /// What `learn` has seen, while it runs.
    pub lessons: Option<Mutex<Lessons>>,
    /// When this process began.
    pub started: Timestamp,
}

impl Telemetry {
    /// Everything as these settings say, from `now` on.
    ///
    /// # Errors
    /// The machine gives no thread to write logs.
    pub fn start(metrics: Metrics, settings: &Settings, now: Timestamp) -> io::Result<Telemetry> {
        Ok(Telemetry {
            metrics,
            access: AccessLog::start(logs::access(settings))?,
            recent: Recent::default(),
            audits: Audits::default(),
            rates: Rates::default(),
            traces: Traces::new(settings),
            lessons: None,
            started: now,
        })
    }

    /// The same with other settings, from now on. The program's own log has a `restyle` of its own.
    pub fn restyle(&self, settings: &Settings) {
        self.access.restyle(logs::access(settings));
        self.traces.restyle(settings);
    }
}
