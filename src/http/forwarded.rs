//! Who the client was, told to the upstream: `X-Forwarded-For`, `-Proto`, `-Host`, and `X-Request-Id`.
//!
//! What an untrusted client says of itself here never reaches the upstream, in any spelling (threats H15, P09). Runs before
//! `identity::apply`: an identity header may well be called `X-Forwarded-User`.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{fold, random};

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// How the client was connected: `http` or `https`.
pub const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the connection says of the request, where nobody trusted says otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The peer's [`address`]; `None` for a Unix socket.
    pub peer: Option<&'a HeaderValue>,
    /// Whether the peer is in `trusted_proxies`.
    pub trusted: bool,
    /// `http` or `https`, as this connection was.
    pub scheme: &'static str,
    /// The host as asked for, port included.
    pub host: &'a HeaderValue,
}

/// Replaces every forwarding header (`Forwarded`, `X-Forwarded-*`, `X-Real-IP`) by what is known here; of a trusted peer,
/// `X-Forwarded-Proto` and `-Host` are kept and `-For` is appended to. A Unix peer has no address: nothing is appended.
pub fn apply(origin: &Origin<'_>, headers: &mut HeaderMap) {
    fold::remove_where(headers, |name| {
        // A trusted proxy that overwrites `X-Forwarded-Proto` may well pass its client's `X_Forwarded_Proto`.
        tells_of_client(name.as_str()) && !(origin.trusted && is_plain(name.as_str()))
            || is_misspelt_request_id(name.as_str())
    });
    if let Some(peer) = origin.peer {
        let chain = chain(headers, peer);
        headers.insert(FOR, chain);
    }
    // Whatever is still there came from a trusted peer.
    headers
        .entry(PROTO)
        .or_insert(HeaderValue::from_static(origin.scheme));
    if !headers.contains_key(HOST) {
        headers.insert(HOST, origin.host.clone());
    }
}

/// Whether a header of this name, folded, says who the client was.
fn tells_of_client(name: &str) -> bool {
    fold::begins(name, "x-forwarded-")
        || ["forwarded", "x-forwarded", "x-real-ip"]
            .iter()
            .any(|known| fold::is(name, known))
}

/// Whether a name has no byte that folds into another.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| fold::byte(byte) == byte)
}

fn is_misspelt_request_id(name: &str) -> bool {
    fold::is(name, REQUEST_ID.as_str()) && name != REQUEST_ID.as_str()
}

/// `X-Forwarded-For` as it stands, its lines joined, and the peer behind it.
fn chain(headers: &HeaderMap, peer: &HeaderValue) -> HeaderValue {
    let earlier = headers.get_all(FOR);
    if earlier.iter().next().is_none() {
        return peer.clone();
    }
    let mut chain = Vec::with_capacity(128);
    for line in &earlier {
        chain.extend_from_slice(line.as_bytes());
        chain.extend_from_slice(b", ");
    }
    chain.extend_from_slice(peer.as_bytes());
    HeaderValue::from_bytes(&chain).expect("header values joined by a comma are a header value")
}

/// A peer's address as it is told; an IPv4 client on a dual-stack listener is told as IPv4.
pub fn address(peer: IpAddr) -> HeaderValue {
    HeaderValue::from_str(&peer.to_canonical().to_string()).expect("an address in text is ASCII")
}

/// The request's id: the client's `X-Request-Id` if it is a sane one (1-128 of `[A-Za-z0-9._:@/+=-]`, once), else a new one
/// (UUID-shaped, random).
pub fn request_id(headers: &HeaderMap) -> HeaderValue {
    let mut sent = headers.get_all(REQUEST_ID).iter();
    if let (Some(id), None) = (sent.next(), sent.next())
        && is_sane(id.as_bytes())
    {
        return id.clone();
    }
    new_request_id()
}

fn is_sane(id: &[u8]) -> bool {
    matches!(id.len(), 1..=128)
        && id
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._:@/+=-".contains(byte))
}

/// A version 4 UUID (RFC 9562 §5.4).
fn new_request_id() -> HeaderValue {
    let mut id = random::trace();
    id[6] = id[6] & 0x0f | 0x40;
    id[8] = id[8] & 0x3f | 0x80;
    let mut text = *b"00000000-0000-0000-0000-000000000000";
    for (bytes, digits) in [
        (0..4, 0..8),
        (4..6, 9..13),
        (6..8, 14..18),
        (8..10, 19..23),
        (10..16, 24..36),
    ] {
        random::write_hex(&id[bytes], &mut text[digits]);
    }
    HeaderValue::from_bytes(&text).expect("hex digits and dashes")
}

#[cfg(test)]
mod tests;
