//! What HTTP asks of any proxy, as sync functions on heads: hop-by-hop headers, forwarding, trace context, refusals.

pub mod browser;
pub mod forwarded;
pub mod hop;
pub mod problem;
pub mod trace;
