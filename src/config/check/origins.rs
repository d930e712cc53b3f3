//! URLs: origins of browsers, and addresses that are called for keys.
//!
//! None may carry a user or a password: URLs end up in logs. One that decides trust is https, unless its host is loopback.

use std::net::IpAddr;

use http::Uri;

use crate::config::fault::{Fault, mask};
use crate::config::raw::item::Item;

/// A URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    /// Lower-case.
    pub(super) scheme: String,
    /// Lower-case, without brackets.
    pub(super) host: String,
    /// As written.
    pub(super) port: Option<u16>,
    /// Path and query, as written: `/` at least.
    pub(super) path: String,
}

/// Reads a URL of one of these schemes, without fragment or user.
pub(super) fn url(item: Item<'_>, schemes: &[&str], expected: &str) -> Option<Url> {
    let text = item.string()?;
    if mask::has_userinfo(text) {
        return item.tell(
            Fault::at(
                item.span(),
                format!("`{}` has a user or a password in it", item.key),
                format!("expected {expected}"),
            )
            .blanked(),
        );
    }
    let url = parse(text).filter(|url| schemes.contains(&url.scheme.as_str()));
    match url {
        Some(url) => Some(url),
        None => item.refuse(
            format!("`{}` is not such a URL", item.key),
            format!("expected {expected}"),
        ),
    }
}

pub(super) fn parse(text: &str) -> Option<Url> {
    // `Uri` cuts a fragment off, and would read what stands before it as if nothing were wrong.
    if text.contains('#') {
        return None;
    }
    let uri: Uri = text.parse().ok()?;
    let authority = uri.authority()?;
    let host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    let port = match authority.as_str().rsplit_once(':') {
        Some((_, digits)) if !authority.as_str().ends_with(']') => {
            Some(digits.parse().ok().filter(|port| *port != 0)?)
        }
        _ => None,
    };
    (!host.is_empty()).then_some(())?;
    Some(Url {
        scheme: uri.scheme_str()?.to_ascii_lowercase(),
        host: host.to_ascii_lowercase(),
        port,
        path: uri
            .path_and_query()
            .map_or("/", |path| path.as_str())
            .to_owned(),
    })
}

impl Url {
    /// Whether the host is this machine.
    pub(super) fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self.host.ends_with(".localhost")
            || self
                .host
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }

    /// Whether there is nothing behind the authority.
    pub(super) fn is_bare(&self) -> bool {
        self.path == "/"
    }

    /// The port, or that of the scheme.
    pub(super) fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(match self.scheme.as_str() {
            "https" => 443,
            _ => 80,
        })
    }

    /// As browsers write an `Origin` (RFC 6454 §6.1): no default port, no slash.
    fn origin(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        let default = match self.scheme.as_str() {
            "https" => 443,
            _ => 80,
        };
        match self.port.filter(|port| *port != default) {
            Some(port) => format!("{}://{host}:{port}", self.scheme),
            None => format!("{}://{host}", self.scheme),
        }
    }
}

/// An origin, as browsers write it.
pub(super) fn origin(item: Item<'_>) -> Option<String> {
    let expected = "an origin such as \"https://app.example.com\"";
    let url = url(item, &["https", "http"], expected)?;
    match url.is_bare() {
        true => Some(url.origin()),
        false => item.refuse(
            format!("`{}` has a path", item.key),
            format!("expected {expected}, without a path"),
        ),
    }
}

/// A URL that decides trust: an issuer, or where keys are. Its text is kept to the byte, for `iss` is compared so.
pub(super) fn trusted(item: Item<'_>) -> Option<String> {
    let expected = "a URL such as \"https://id.example.com\"";
    let url = url(item, &["https", "http"], expected)?;
    if url.scheme == "http" && !url.is_loopback() {
        return item.refuse_with_help(
            format!("`{}` is plain http", item.key),
            "expected https://",
            "whoever can answer in its place could sign tokens; http is taken on loopback alone",
        );
    }
    item.string().map(str::to_owned)
}
