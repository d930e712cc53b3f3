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
pub mod reloads;
pub mod sink;
pub mod traces;

use std::sync::Mutex;

pub use access::AccessLog;
pub use audits::Audits;
pub use exchange::Exchange;
pub use metrics::Metrics;
pub use rates::Rates;
pub use recent::Recent;
pub use reloads::Reloads;
pub use traces::Traces;

use crate::clock::Timestamp;
use crate::http::trace::Begun;
use crate::policy::learn::Lessons;

/// Where everything is told.
pub struct Telemetry {
    /// Counters and gauges.
    pub metrics: Metrics,
    /// A line for each request, if it is asked for.
    pub access: Option<AccessLog>,
    /// The last refusals.
    pub recent: Recent,
    /// What audit routes would have refused, by client.
    pub audits: Audits,
    /// Requests and refusals of the last minutes.
    pub rates: Rates,
    /// What became of the configurations that were offered.
    pub reloads: Reloads,
    /// Spans on their way to a collector, if there is one.
    pub traces: Option<Traces>,
    /// What `learn` has seen, while it runs.
    pub lessons: Option<Mutex<Lessons>>,
    /// When this process began.
    pub started: Timestamp,
}

impl Telemetry {
    /// Metrics alone, from `now` on; the rest is set where it is wanted.
    pub fn new(metrics: Metrics, now: Timestamp) -> Telemetry {
        Telemetry {
            metrics,
            access: None,
            recent: Recent::default(),
            audits: Audits::default(),
            rates: Rates::default(),
            reloads: Reloads::default(),
            traces: None,
            lessons: None,
            started: now,
        }
    }

    /// Whether a trace that begins here is recorded: all are, where there is a collector.
    pub fn begun(&self) -> Begun {
        match self.traces {
            Some(_) => Begun::Sampled,
            None => Begun::Unsampled,
        }
    }
}
