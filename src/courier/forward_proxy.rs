//! A forward proxy: the application names the destination in an absolute target (RFC 9112 §3.2.2).
//!
//! `Host` was compared with the target before; what is sent is the destination's own.

use http::request::Parts;

use crate::outbound::{Named, Proxied};
use crate::refusal::Refusal;

/// The destination that the target names.
pub(super) fn choose(proxied: &Proxied, parts: &Parts) -> Result<Named, Refusal> {
    proxied.find(&parts.uri)
}
