//! Headers that belong to one connection and end here, in both directions (RFC 9110 §7.6.1).

use http::HeaderMap;

/// Removes hop-by-hop headers and every header that `Connection` names, from a request or an answer. `Upgrade` is
/// removed too: who forwards a WebSocket handshake sets it again. `Content-Length` and `Transfer-Encoding` are removed
/// only as far as framing is made anew from the body itself: `Transfer-Encoding`, `Trailer`, `TE`, `Keep-Alive`,
/// `Proxy-Connection`, `Proxy-Authenticate`, `Proxy-Authorization` end here. A `Connection` that names `Host` or `Content-Length`
/// does not have them removed.
pub fn strip(headers: &mut HeaderMap) {
    let _ = headers;
    todo!()
}
