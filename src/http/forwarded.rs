//! Who the client was, told to the upstream: `X-Forwarded-For`, `-Proto`, `-Host`, and `X-Request-Id`.

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue};

/// What the connection says of the request, where nobody trusted says otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The peer; `None` for a Unix socket.
    pub peer: Option<IpAddr>,
    /// Whether the peer is in `trusted_proxies`.
    pub trusted: bool,
    /// `http` or `https`, as this connection was.
    pub scheme: &'static str,
    /// The host as asked for, port included.
    pub host: &'a HeaderValue,
}

/// Replaces every forwarding header (`Forwarded`, `X-Forwarded-*`, `X-Real-IP`) by what is known here; of a trusted peer,
/// `X-Forwarded-Proto` and `-Host` are kept and `-For` is appended to.
pub fn apply(origin: &Origin<'_>, headers: &mut HeaderMap) {
    let _ = (origin, headers);
    todo!()
}

/// The request's id: the client's `X-Request-Id` if it is a sane one (1-128 of `[A-Za-z0-9._:@/+=-]`, once), else a new one
/// (UUID-shaped, random). It is also set in `headers`.
pub fn request_id(headers: &mut HeaderMap) -> HeaderValue {
    let _ = headers;
    todo!()
}
