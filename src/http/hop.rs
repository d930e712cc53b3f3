//! Headers that belong to one connection and end here, in both directions (RFC 9110 §7.6.1).
//!
//! Runs before identity and forwarding headers are set, so that a client can name one of ours in `Connection` and nothing
//! comes of it (threats H05, H06). Framing headers in a spelling that only the upstream would take for framing end here too.

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue};

use super::fold;

/// Always removed.
const ENDING: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    // RFC 7540 §3.2.1: only ever sent to smuggle an upgrade to h2c past a proxy (threat S09).
    "http2-settings",
];

/// Framing, made anew from the body; in this spelling it may stay.
const LENGTH: &str = "content-length";

/// Names in `Connection` that take nothing away: options that are no header, and the two that say where the message goes and
/// where it ends. A client that could have them removed could reframe the request (Apache CVE-2022-31813 and its kin).
const UNTOUCHED: [&str; 3] = ["close", "host", "content-length"];

/// Removes hop-by-hop headers and every header that `Connection` names, from a request or an answer. `Upgrade` is
/// removed too: who forwards a WebSocket handshake sets it again. `Content-Length` and `Transfer-Encoding` are removed
/// only as far as framing is made anew from the body itself: `Transfer-Encoding`, `Trailer`, `TE`, `Keep-Alive`,
/// `Proxy-Connection`, `Proxy-Authenticate`, `Proxy-Authorization` end here. A `Connection` that names `Host` or `Content-Length`
/// does not have them removed.
pub fn strip(headers: &mut HeaderMap) {
    for name in named_by_connection(headers) {
        headers.remove(name);
    }
    fold::remove_where(headers, |name| ends_here(name.as_str()));
}

/// Whether the client says that it understands trailers (RFC 9110 §10.1.4). Read before [`strip`].
pub fn takes_trailers(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::TE)
        .iter()
        .flat_map(options)
        .any(|coding| coding.eq_ignore_ascii_case(b"trailers"))
}

/// The headers that `Connection` names and that would not go anyway. Empty, without an allocation, for nearly every message.
fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(options)
        .filter(|option| !goes_anyway(option) && !is_untouched(option))
        // What is no name, non-ASCII say, names no header.
        .filter_map(|option| HeaderName::from_bytes(option).ok())
        .collect()
}

/// The elements of one `Connection` line.
fn options(line: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    line.as_bytes()
        .split(|&byte| byte == b',')
        .map(<[u8]>::trim_ascii)
}

fn goes_anyway(option: &[u8]) -> bool {
    ENDING
        .iter()
        .any(|name| option.eq_ignore_ascii_case(name.as_bytes()))
}

fn is_untouched(option: &[u8]) -> bool {
    UNTOUCHED
        .iter()
        .any(|name| option.eq_ignore_ascii_case(name.as_bytes()))
}

/// The lengths of the names that end here, a bit for each: most headers are none of them by their length alone.
const LENGTHS: u32 = {
    let (mut lengths, mut next) = (1 << LENGTH.len(), 0);
    while next < ENDING.len() {
        lengths |= 1 << ENDING[next].len();
        next += 1;
    }
    lengths
};

/// `Content_Length`, `Transfer_Encoding`, `Proxy.Authorization` too: nothing to us, framing or a credential to a server that
/// folds names (threats S02, S03).
fn ends_here(name: &str) -> bool {
    let fits = name.len() < 32 && LENGTHS >> name.len() & 1 == 1;
    fits && (ENDING.iter().any(|known| fold::is(name, known))
        || fold::is(name, LENGTH) && name != LENGTH)
}

#[cfg(test)]
mod tests;
