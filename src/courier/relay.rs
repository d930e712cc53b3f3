//! A relay: everything goes to one destination, whatever host the application names, if that is us.
//!
//! A browser is held off that was rebound to us (DNS rebinding: it names its own site's host) or that another site's page sends
//! here (X15). The network it calls from says nothing: it may well be one of `clients`.

use std::net::IpAddr;

use http::request::Parts;
use http::{HeaderValue, Method, header};

use super::Courier;
use crate::outbound::Outbound;
use crate::policy::route::normalise_host;
use crate::reason::Reason;
use crate::refusal::Refusal;

/// Refuses a host, as `check_head` gives it, that is neither this listener's nor loopback. No browser reaches a Unix socket, and
/// every browser says a host.
pub(super) fn check_host(
    courier: &Courier,
    outbound: &Outbound,
    host: &str,
) -> Result<(), Refusal> {
    let Some(own) = courier.address else {
        return Ok(());
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<IpAddr>().map(|ip| ip.to_canonical());
    let ours = match address {
        // An address is no name that could be made to resolve to us.
        Ok(address) => address.is_loopback() || own.is_unspecified() || address == own,
        Err(_) => host == "localhost" || host.is_empty(),
    };
    match ours || outbound.is_called(host) || outbound.takes_any_name() {
        true => Ok(()),
        false => Err(Refusal::new(
            Reason::NoRoute,
            "this listener answers only to its own address, a loopback one, or a name of its `hosts`, as Host",
        )),
    }
}

/// Refuses what another site's page sends to an address to which browsers say no more than an `Origin`: over plain http to
/// another host there is no `Sec-Fetch-Site`. As the gate does with cookies, what only reads is let through: no page gets to
/// see the answer.
pub(super) fn check_origin(outbound: &Outbound, parts: &Parts, host: &str) -> Result<(), Refusal> {
    let reads = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
    if reads && !parts.headers.contains_key(header::UPGRADE)
        || parts.headers.contains_key(super::SEC_FETCH_SITE)
    {
        return Ok(());
    }
    let is_ours = |origin: &HeaderValue| {
        let authority = origin.to_str().ok().and_then(|text| text.split_once("://"));
        let named = authority.and_then(|(_, authority)| normalise_host(authority));
        named.is_some_and(|named| *named == *host || outbound.is_called(&named))
    };
    let mut origins = parts.headers.get_all(header::ORIGIN).iter();
    match origins.all(is_ours) {
        true => Ok(()),
        false => Err(super::CROSS_SITE),
    }
}
