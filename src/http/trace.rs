//! W3C trace context: `traceparent` is passed on with a new parent id, or begun here.

use http::HeaderMap;

/// The trace a request belongs to, as 32 lower-case hex digits, and this hop's span id as 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// 16 bytes, never all zero.
    pub trace_id: [u8; 16],
    /// The caller's span, if it sent a valid one.
    pub parent_id: Option<[u8; 8]>,
    /// This hop's span.
    pub span_id: [u8; 8],
    /// The `sampled` flag as the caller set it; not sampled when begun here.
    pub sampled: bool,
}

/// Reads `traceparent` (W3C Trace Context §3.2; an invalid or repeated one is as none, and `tracestate` then ends here
/// too), and sets the one for the upstream.
pub fn apply(headers: &mut HeaderMap) -> Trace {
    let _ = headers;
    todo!()
}
