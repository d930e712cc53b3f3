//! `[outbound.NAME]`: the courier's listeners, and the destinations that tokens may reach.
//!
//! Whoever reaches a listener gets what its tokens open: it is on loopback or a Unix socket, or says who else may call. A
//! token goes to the origin it is configured for and nowhere else, so destinations are origins, without a path.

mod between;
mod destination;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::credentials::Credentials;
use super::{patterns, server};
use crate::config::fault::Fault;
use crate::config::model::credentials::{Destination, Others, OutboundMode};
use crate::config::model::{Address, ClientTls, Listen, Outbound, Server};
use crate::config::raw::Span;
use crate::config::raw::item::Item;
use crate::config::raw::table::Table;
use tls::Sides;

/// What `hosts` is.
const HOSTS: &str = "a list of hosts such as \"inventory.shop.svc.cluster.local\"";

/// Keys of a relay's destination, which a forward proxy has in `destinations`.
const RELAY_KEYS: [&str; 9] = [
    "upstream",
    "credential",
    "scopes",
    "header",
    "prefix",
    "allow",
    "sign",
    "connect_timeout",
    "response_timeout",
];

/// Keys of a forward proxy alone.
const PROXY_KEYS: [&str; 2] = ["others", "destinations"];

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Relay,
    ForwardProxy,
}

/// Where a listener's address stands.
struct Bound {
    address: SocketAddr,
    span: Span,
}

/// Reads every listener.
pub(super) fn outbound(
    table: Table<'_>,
    credentials: &Credentials,
    gate: &Server,
) -> Vec<Arc<Outbound>> {
    let at = table.at;
    let (mut list, mut bound) = (Vec::new(), Vec::new());
    for item in table.names() {
        let name = format!("[outbound.{}]", item.key);
        let Some(mut table) = item.table(&name, "outbound.*") else {
            continue;
        };
        let tls = tls::sides(&mut table);
        let callers = callers(&mut table, &tls);
        let listen = listen(&mut table, callers.remote, &mut bound);
        let hosts = table.or("hosts", |item| item.each(HOSTS, patterns::host), Vec::new());
        let listener = tls.listener.clone();
        let mode = mode(&mut table, credentials, tls);
        table.finish();
        list.push(Arc::new(Outbound {
            name: item.key.into(),
            listen,
            remote: callers.remote,
            clients: callers.clients,
            hosts,
            tls: listener,
            mode,
        }));
    }
    between::apart(&bound, gate, at);
    between::loops(&list, &bound, at);
    between::review(&list, at);
    list
}

/// Who may call.
struct Callers {
    remote: bool,
    clients: Vec<IpNet>,
}

/// `allow_remote`, and what says who is meant: `clients`, a certificate of `tls.client_ca_file`, or both.
fn callers(table: &mut Table<'_>, tls: &Sides<'_>) -> Callers {
    let remote = table.or("allow_remote", Item::boolean, false);
    let item = table.take("clients");
    let clients = item.and_then(|item| item.some(server::CIDRS, server::network));
    match (remote, item) {
        (true, None) if tls.authorities.is_none() => table.lacks(
            "clients",
            "expected `clients`, the networks that may call, or `tls.client_ca_file`, beside `allow_remote`",
        ),
        (false, Some(item)) => {
            item.refuse_with_help::<()>(
                "`clients` has no meaning here",
                "only a listener with `allow_remote = true` has them",
                "on loopback and Unix sockets this host alone can call",
            );
        }
        _ => {}
    }
    Callers {
        remote,
        clients: clients.unwrap_or_default(),
    }
}

/// `listen`: where this host alone can call, unless it says otherwise.
fn listen(table: &mut Table<'_>, remote: bool, bound: &mut Vec<Bound>) -> Listen {
    let nowhere = Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)));
    let Some(item) = table.take("listen") else {
        table.lacks(
            "listen",
            "expected `listen`: where the application calls, such as \"127.0.0.1:7001\"",
        );
        return nowhere;
    };
    let Some(listen) = server::listen(item) else {
        return nowhere;
    };
    // What systemd hands over can't be seen from here: the listener looks again.
    if let Listen::Tcp(address) = &listen {
        bound.push(Bound {
            address: *address,
            span: item.span(),
        });
        if !remote && !address.ip().is_loopback() {
            item.refuse_with_help::<()>(
                "`listen` can be reached from other hosts",
                "expected a loopback address or \"unix:/…\"",
                "whoever calls it gets what the token opens; allow_remote = true with clients = [\"10.0.0.0/8\"] or tls.client_ca_file says who may",
            );
        }
    }
    listen
}

fn mode(table: &mut Table<'_>, credentials: &Credentials, tls: Sides<'_>) -> OutboundMode {
    let modes = [
        ("relay", Mode::Relay),
        ("forward_proxy", Mode::ForwardProxy),
    ];
    let mode = table.or("mode", |item| item.one_of(&modes), Mode::Relay);
    match mode {
        Mode::Relay => {
            misplaced(table, &PROXY_KEYS, "only a forward proxy has this");
            let address = table.required(
                "upstream",
                "expected `upstream`: the one destination",
                destination::origin,
            );
            tls.fit_relay(address.as_ref());
            let destination = destination::read(address, table, credentials, tls.called);
            if destination.authorization.is_none() && table.take("credential").is_none() {
                table.lacks(
                    "credential",
                    "expected `credential`: the NAME of a [credentials.NAME]",
                );
            }
            OutboundMode::Relay(Arc::new(destination))
        }
        Mode::ForwardProxy => {
            misplaced(
                table,
                &RELAY_KEYS,
                "a destination's keys stand in `destinations`",
            );
            misplaced(
                table,
                &["hosts"],
                "an application names the destination's host to it",
            );
            tls.fit_forward_proxy();
            let others = [("refuse", Others::Refuse), ("pass", Others::Pass)];
            OutboundMode::ForwardProxy {
                others: table.or("others", |item| item.one_of(&others), Others::Refuse),
                destinations: destinations(table, credentials, &tls.called),
            }
        }
    }
}

fn misplaced(table: &mut Table<'_>, keys: &[&'static str], why: &str) {
    for key in keys {
        if let Some(item) = table.own(key) {
            misplace(item, why);
        }
    }
}

fn misplace(item: Item<'_>, why: &str) {
    let message = format!("`{}` does not belong to this mode", item.key);
    item.at.tell(
        Fault::at(item.key_span.clone(), message, why)
            .with_help("mode is \"relay\" (the default) or \"forward_proxy\""),
    );
}

/// The destinations of a forward proxy. One without a certificate of its own is shown the listener's.
fn destinations(
    table: &mut Table<'_>,
    credentials: &Credentials,
    shown: &ClientTls,
) -> Vec<Arc<Destination>> {
    let name = table.name.trim_matches(['[', ']']).to_owned();
    let Some(item) = table.take("destinations") else {
        table.lacks(
            "destinations",
            "expected `destinations`: the origins that may be called",
        );
        return Vec::new();
    };
    let name = format!("[{name}.destinations]");
    let Some(table) = item.table(&name, "outbound.*.destinations") else {
        return Vec::new();
    };
    let mut list: Vec<(Arc<Destination>, Span)> = Vec::new();
    for item in table.names() {
        let address = destination::origin_key(item);
        // Not by its key: that may be anything, a password among it.
        let what = "this destination";
        let Some(mut own) = item.table(what, "outbound.*.destinations.*") else {
            continue;
        };
        let mut tls = tls::destination(&mut own, address.as_ref());
        tls.identity = tls.identity.or_else(|| shown.identity.clone());
        let read = destination::read(address.clone(), &mut own, credentials, tls);
        own.finish();
        let Some(address) = address else { continue };
        let alike = list
            .iter()
            .find(|(known, _)| called(&known.address) == called(&address));
        if let Some((_, span)) = alike {
            item.at.tell(
                Fault::at(
                    item.key_span.clone(),
                    "two destinations cannot be told apart",
                    "is called the same way",
                )
                .with_related(span.clone(), "as this one")
                .with_help(
                    "an application calls http://HOST, whether the destination is https or http",
                ),
            );
            continue;
        }
        list.push((Arc::new(read), item.key_span.clone()));
    }
    list.into_iter()
        .map(|(destination, _)| destination)
        .collect()
}

/// How an application calls a destination through the proxy: host, and the port unless it is the scheme's own.
fn called(address: &Address) -> Option<(&str, Option<u16>)> {
    match address {
        Address::Tcp { tls, host, port } => {
            let default = if *tls { 443 } else { 80 };
            Some((host, Some(*port).filter(|port| *port != default)))
        }
        Address::Unix(_) => None,
    }
}
