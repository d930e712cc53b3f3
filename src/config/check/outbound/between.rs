//! What listeners and destinations are to each other: two on one address, one that calls itself, and what is legal but
//! suspicious.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::{Bound, server};
use crate::config::fault::Fault;
use crate::config::inspection::Inspection;
use crate::config::model::{Address, Listen, Outbound, Server};

/// Two listeners on one address: the second could never be bound.
pub(super) fn apart(bound: &[Bound], gate: &Server, at: &Inspection<'_>) {
    let gate_address = match gate.listen {
        Listen::Tcp(address) => Some(address),
        Listen::Unix(_) | Listen::Fd(_) => None,
    };
    let of_server = [
        ("the gate's `listen`", gate_address),
        ("`admin`", Some(gate.admin)),
        ("`probes`", gate.probes),
    ];
    for (index, one) in bound.iter().enumerate() {
        let other = bound[..index]
            .iter()
            .find(|other| server::collide(one.address, other.address));
        if let Some(other) = other {
            at.tell(
                Fault::at(
                    one.span.clone(),
                    "two listeners are on one address",
                    "this address is taken",
                )
                .with_related(other.span.clone(), "by this one"),
            );
        }
        for (name, address) in of_server {
            if address.is_some_and(|address| server::collide(one.address, address)) {
                at.tell(Fault::at(
                    one.span.clone(),
                    format!("this listener and {name} are on one address"),
                    "this address is taken",
                ));
            }
        }
    }
}

/// A destination that is a listener of ours: a request would go round for ever (X18).
pub(super) fn loops(list: &[Arc<Outbound>], bound: &[Bound], at: &Inspection<'_>) {
    let addresses = list
        .iter()
        .flat_map(|listener| listener.destinations())
        .filter_map(|destination| here(&destination.address));
    for address in addresses {
        if let Some(own) = bound
            .iter()
            .find(|own| server::collide(own.address, address))
        {
            at.tell(Fault::at(
                own.span.clone(),
                "a destination is this very listener",
                "requests would go round in circles",
            ));
        }
    }
}

/// A destination's address, if it is on this host.
fn here(address: &Address) -> Option<SocketAddr> {
    let Address::Tcp { host, port, .. } = address else {
        return None;
    };
    let ip = match host.as_str() {
        "localhost" => IpAddr::from([127, 0, 0, 1]),
        host => host.parse().ok()?,
    };
    ip.is_loopback().then(|| SocketAddr::new(ip, *port))
}

/// Notes what is legal but suspicious.
pub(super) fn review(list: &[Arc<Outbound>], at: &Inspection<'_>) {
    for listener in list {
        let name = &listener.name;
        if listener.remote && listener.tls.is_none() {
            at.warn(format!(
                "[outbound.{name}] can be called from other hosts: `clients` alone says who gets what its tokens open"
            ));
        }
        let in_the_clear = listener.destinations().iter().any(|destination| {
            let plain = matches!(destination.address, Address::Tcp { tls: false, .. });
            plain && destination.authorization.is_some() && here(&destination.address).is_none()
        });
        if in_the_clear {
            at.warn(format!(
                "[outbound.{name}] sends tokens over plain http: whoever is on the way can take them"
            ));
        }
    }
}
