//! Hosts: as requests name them, and as patterns and `[server] hosts` do. Compared lower-case, without port or one
//! trailing dot. What is no host at all must never compare equal to anything, so it is `None` here (threat P13).

use std::borrow::Cow;
use std::net::Ipv6Addr;

use super::PatternFault;

/// RFC 1035 §2.3.4.
const LENGTH_MAX: usize = 253;

/// The host of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// This host.
    Exact(String),
    /// `*.example.com`: any host below `example.com`, one label or more; holds `example.com`.
    Below(String),
}

impl Host {
    /// Reads a host as written in a pattern or in `[server] hosts`: a name, an address, or `*.` and a name; no port.
    pub fn parse(text: &str) -> Result<Host, PatternFault> {
        let fault = |message: &str| PatternFault {
            message: message.to_owned(),
            span: 0..text.len(),
        };
        let name = text.strip_prefix("*.").unwrap_or(text);
        if name.contains('*') {
            return Err(fault(
                "a `*` stands for whole labels, at the front alone: `*.example.com`",
            ));
        }
        let host = normalise_host(name).ok_or_else(|| fault("this is not a host name"))?;
        // What brackets do not hold has no colon but a port's.
        if name.rfind(':') > name.rfind(']') {
            return Err(fault("hosts are compared without port: leave it out"));
        }
        if name.len() == text.len() {
            Ok(Host::Exact(host.into_owned()))
        } else if host.starts_with('[') {
            Err(fault("nothing is below an address"))
        } else {
            Ok(Host::Below(host.into_owned()))
        }
    }

    /// Whether `host`, as [`normalise_host`] gives it, is meant.
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Host::Exact(exact) => host == exact,
            Host::Below(domain) => host
                .strip_suffix(domain.as_str())
                .and_then(|below| below.strip_suffix('.'))
                .is_some_and(|below| !below.is_empty()),
        }
    }
}

/// A `Host` or `:authority` as routes compare it: lower-case, without port and one trailing dot, IPv6 addresses in
/// brackets and in their one canonical form (RFC 5952). `None` when it is not `host[:port]` (RFC 9110 §7.2), user
/// information included.
pub fn normalise_host(text: &str) -> Option<Cow<'_, str>> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']')?;
        if !port.is_empty() {
            check_port(port.strip_prefix(':')?)?;
        }
        let canonical = format!("[{}]", address.parse::<Ipv6Addr>().ok()?);
        return Some(Cow::Owned(canonical));
    }
    let name = match text.bytes().position(|byte| byte == b':') {
        Some(colon) => {
            check_port(&text[colon + 1..])?;
            &text[..colon]
        }
        None => text,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    // No percent-encoding, no sub-delimiters: RFC 3986 has them in a host, no name that resolves does.
    let mut before = b'.';
    let is_name = name.bytes().all(|byte| {
        let has_label = std::mem::replace(&mut before, byte) != b'.';
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || byte == b'.' && has_label
    });
    (is_name && before != b'.' && name.len() <= LENGTH_MAX).then(|| super::fold(name))
}

fn check_port(text: &str) -> Option<()> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits && text.parse::<u16>().is_ok()).then_some(())
}
