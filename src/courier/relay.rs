//! A relay: everything goes to one destination, whatever host the application names, if that is us.
//!
//! A browser on this host that was rebound to us (DNS rebinding) names its own site's host: such a request is refused (X15).

use std::net::IpAddr;

use super::Courier;
use crate::reason::Reason;
use crate::refusal::Refusal;

/// Refuses a host, as `check_head` gives it, that is neither this listener's nor loopback. No browser reaches a Unix socket, and
/// every browser says a host.
pub(super) fn check_host(courier: &Courier, host: &str) -> Result<(), Refusal> {
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
    match ours {
        true => Ok(()),
        false => Err(Refusal::new(
            Reason::NoRoute,
            "this listener answers only to its own address, or a loopback one, as Host",
        )),
    }
}
