//! How a browser reaches us, and what it calls us: what its cookies are called, and where it comes back to.
//!
//! `X-Forwarded-Proto` counts only from a trusted proxy, and only when it says one thing.

use std::borrow::Cow;
use std::net::SocketAddr;

use http::{HeaderMap, header};

use crate::config::model::Server;
use crate::fetch::is_loopback;
use crate::http::forwarded;
use crate::session::Channel;

/// Our origin for this browser, and how it came. Without `external_url` only a host on loopback is believed, for whoever
/// sends a request chooses its `Host`.
pub(super) fn of<'s>(
    server: &'s Server,
    headers: &HeaderMap,
    scheme: &str,
    peer: Option<SocketAddr>,
) -> (Cow<'s, str>, Channel) {
    let is_https = scheme == "https" || (server.trusts(peer) && proxy_says_https(headers));
    let (origin, is_known) = match &server.external_origin {
        Some(origin) => (Cow::Borrowed(origin.as_str()), true),
        None => {
            let host = headers
                .get(header::HOST)
                .and_then(|host| host.to_str().ok());
            let scheme = if is_https { "https" } else { "http" };
            let origin = format!(
                "{scheme}://{}",
                host.unwrap_or_default().to_ascii_lowercase()
            );
            let is_loopback = is_loopback(&origin);
            (Cow::Owned(origin), is_loopback)
        }
    };
    let channel = match is_https {
        true if is_known => Channel::Https,
        false if origin.starts_with("http://") && is_loopback(&origin) => Channel::Loopback,
        _ => Channel::Plain,
    };
    (origin, channel)
}

fn proxy_says_https(headers: &HeaderMap) -> bool {
    let mut said = headers.get_all(forwarded::PROTO).iter();
    matches!((said.next(), said.next()), (Some(scheme), None) if scheme == "https")
}
