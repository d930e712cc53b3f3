//! Names of headers: which may carry identity, which may be removed, and which are one and the same to an upstream.

use http::HeaderName;

use crate::config::raw::item::Item;
use crate::http::fold;

/// Headers that frame the message or belong to one connection (RFC 9110 §7.6.1, RFC 9112 §6): nobody sets or removes them by name.
const FRAMING: [&str; 14] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers with a meaning of their own, which a claim must not take on: credentials, forwarding, tracing, and those by
/// which an upstream could be made to see another request than the one that was decided.
const TAKEN: [&str; 23] = [
    "authorization",
    "cookie",
    "forwarded",
    "origin",
    "proxy",
    "range",
    "set-cookie",
    "traceparent",
    "tracestate",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-method",
    "x-original-url",
    "x-real-ip",
    "x-request-id",
    "x-rewrite-url",
];

/// Beginnings of names that are taken as a whole.
const FAMILIES: [&str; 3] = ["x-portcullis-", "access-control-", "sec-"];

/// A name as the most careless upstream reads it: CGI and WSGI make `_` and `-` one, and so must we.
pub(super) fn folded(name: &str) -> String {
    name.bytes().map(|byte| fold::byte(byte) as char).collect()
}

/// Why no identity header may have this name.
pub(super) fn unfit(name: &HeaderName) -> Option<&'static str> {
    let folded = folded(name.as_str());
    if FRAMING.contains(&folded.as_str()) {
        return Some("this header says how the message itself is to be read");
    }
    let family = FAMILIES.iter().any(|family| folded.starts_with(family));
    match family || TAKEN.contains(&folded.as_str()) {
        true => Some("this header has a meaning of its own"),
        false => None,
    }
}

/// A header's name.
pub(super) fn name(item: Item<'_>) -> Option<HeaderName> {
    item.parsed("the name of a header", |text| {
        HeaderName::from_bytes(text.as_bytes()).ok()
    })
}

/// The name of a header that may be removed, or looked into for a token: anything but framing.
pub(super) fn removable(item: Item<'_>) -> Option<HeaderName> {
    let name = name(item)?;
    match FRAMING.contains(&folded(name.as_str()).as_str()) {
        true => item.refuse(
            format!(
                "`{}` names a header that belongs to the message itself",
                item.key
            ),
            "expected another header",
        ),
        false => Some(name),
    }
}
