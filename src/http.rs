//! What HTTP asks of any proxy, as sync functions on heads: hop-by-hop headers, forwarding, trace context, refusals.
//!
//! For a request the order matters: `hop::strip`, `identity::strip`, `forwarded::apply`, and `identity::apply` last, so that
//! nothing takes away what the sidecar itself says.

pub mod browser;
pub mod cookies;
pub(crate) mod fold;
pub mod forwarded;
pub mod hop;
pub mod problem;
mod random;
pub mod sigv4;
pub mod trace;
pub mod via;
pub mod websocket;
