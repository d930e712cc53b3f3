//! What is told of the work: metrics, and a line for each request. Never a token, a secret, a query or a cookie.
//!
//! An [`Exchange`] is the record of one request; it is finished by being dropped, so a request that is broken off, or whose
//! task panics, is told of like any other.

pub mod access;
pub mod exchange;
pub mod logs;
pub mod metrics;

pub use access::AccessLog;
pub use exchange::Exchange;
pub use metrics::Metrics;

/// Where everything is told.
pub struct Telemetry {
    /// Counters and gauges.
    pub metrics: Metrics,
    /// A line for each request, while it is asked for.
    pub access: AccessLog,
}
