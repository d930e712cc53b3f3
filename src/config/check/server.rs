//! `[server]`, `[server.limits]` and `[paths]`.

mod tls;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

use super::{origins, patterns};
use crate::config::fault::Fault;
use crate::config::model::{ADMIN, Limits, Listen, Paths, Server};
use crate::config::raw::item::Item;
use crate::config::raw::table::Table;
use crate::policy::path::{Case, Kinds};

const SECOND: Duration = Duration::from_secs(1);

/// `[server]`, and `[server.limits]` below it.
pub(super) fn server(mut table: Table<'_>) -> (Server, Limits) {
    let limits = limits(table.below("limits", "server.limits"));
    let [gate, admin, probes] = ["listen", "admin", "probes"].map(|key| table.take(key));
    let server = Server {
        listen: gate
            .and_then(listen)
            .unwrap_or(Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 8080)))),
        admin: admin.and_then(socket).unwrap_or(ADMIN),
        probes: probes.and_then(socket),
        hosts: table.or("hosts", |item| item.each(HOSTS, patterns::host), Vec::new()),
        external_origin: table.optional("external_url", origins::origin),
        trusted_proxies: table.or(
            "trusted_proxies",
            |item| item.each(CIDRS, network),
            Vec::new(),
        ),
        tls: table.optional("tls", tls::tls),
        drain_delay: table.or("drain_delay", Item::duration, Duration::ZERO),
        drain_timeout: table.or("drain_timeout", Item::duration, 25 * SECOND),
        workers: table.or("workers", |item| item.integer(0..=1024), 0),
    };
    apart(&server, [gate, admin, probes], &table);
    if server.drain_delay > Duration::ZERO
        && server.drain_delay >= server.drain_timeout
        && let Some(item) = table.take("drain_delay")
    {
        item.refuse_with_help::<()>(
            "`drain_delay` leaves no time to drain",
            "expected less than `drain_timeout`",
            "both count from SIGTERM",
        );
    }
    table.finish();
    (server, limits)
}

const HOSTS: &str = "a list of hosts such as \"app.example.com\" or \"*.example.com\"";
pub(super) const CIDRS: &str = "a list of networks such as \"10.0.0.0/8\"";

/// `[server.limits]`
fn limits(mut table: Table<'_>) -> Limits {
    let limits = Limits {
        header_bytes: table.or("header_bytes", header_bytes, 32 << 10),
        header_timeout: table.or("header_timeout", Item::lapse, 10 * SECOND),
        body_bytes: table.or("body_bytes", Item::allowance, None),
        body_timeout: table.or("body_timeout", Item::lapse, 30 * SECOND),
        idle_timeout: table.or("idle_timeout", Item::lapse, 75 * SECOND),
        connections: table.or("connections", |item| item.integer(1..=usize::MAX), 10_000),
    };
    table.finish();
    limits
}

/// A head smaller than a token is no use, and no honest one is larger than 1 MiB.
fn header_bytes(item: Item<'_>) -> Option<usize> {
    let bytes = usize::try_from(item.size()?).ok();
    match bytes.filter(|bytes| (1 << 10..=1 << 20).contains(bytes)) {
        Some(bytes) => Some(bytes),
        None => item.refuse(
            "`header_bytes` is out of bounds",
            "expected from \"1KiB\" to \"1MiB\"",
        ),
    }
}

/// `[paths]`
pub(super) fn paths(mut table: Table<'_>) -> Paths {
    let paths = Paths {
        allow: table.or("allow", kinds, Kinds::NONE),
        case: table.or(
            "case",
            |item| {
                item.one_of(&[
                    ("guard", Case::Guard),
                    ("insensitive", Case::Insensitive),
                    ("sensitive", Case::Sensitive),
                ])
            },
            Case::Guard,
        ),
    };
    table.finish();
    paths
}

/// Names of ambiguities, for `[paths] allow` and a route's `allow_paths`.
pub(super) fn kinds(item: Item<'_>) -> Option<Kinds> {
    let kinds = item.each("a list of kinds of ambiguity", |item| {
        item.one_of(&Kinds::NAMES)
    })?;
    Some(kinds.into_iter().fold(Kinds::NONE, Kinds::union))
}

pub(super) fn listen(item: Item<'_>) -> Option<Listen> {
    let text = item.string()?;
    if let Some(path) = text.strip_prefix("unix:") {
        return unix(item, path).map(Listen::Unix);
    }
    if let Some(name) = text.strip_prefix("fd:") {
        return match name.is_empty() || name.contains(':') {
            true => item.refuse(
                "`listen` names no socket",
                "expected \"fd:NAME\", as FileDescriptorName= says",
            ),
            false => Some(Listen::Fd(name.to_owned())),
        };
    }
    socket(item).map(Listen::Tcp)
}

/// The path of a Unix socket: absolute, for the working directory of a service is nobody's choice.
pub(super) fn unix(item: Item<'_>, path: &str) -> Option<PathBuf> {
    match Path::new(path).is_absolute() {
        true => Some(PathBuf::from(path)),
        false => item.refuse(
            format!("`{}` is not an absolute path", item.key),
            "expected a path such as \"unix:/run/app.sock\"",
        ),
    }
}

fn socket(item: Item<'_>) -> Option<SocketAddr> {
    let text = item.string()?;
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let fault = Fault::at(
        item.span(),
        format!("`{}` is not an address", item.key),
        "expected an IP address and a port, such as \"127.0.0.1:8080\"",
    );
    let named = text.split_once(':').map(|(host, _)| host);
    item.tell(match named {
        Some("") => fault.with_help("every IPv4 address is written 0.0.0.0, every address [::]"),
        Some("localhost") => fault.with_help("names are not looked up here: write 127.0.0.1"),
        _ => fault,
    })
}

/// A network, or a single address.
pub(super) fn network(item: Item<'_>) -> Option<IpNet> {
    item.parsed("a network such as \"10.0.0.0/8\"", |text| {
        let single = |text: &str| text.parse::<IpAddr>().map(IpNet::from);
        text.parse().or_else(|_| single(text)).ok()
    })
}

/// Two listeners on one address: the second could never be bound.
fn apart(server: &Server, items: [Option<Item<'_>>; 3], table: &Table<'_>) {
    let gate = match server.listen {
        Listen::Tcp(address) => Some(address),
        Listen::Unix(_) | Listen::Fd(_) => None,
    };
    let addresses = [
        ("listen", gate, items[0]),
        ("admin", Some(server.admin), items[1]),
        ("probes", server.probes, items[2]),
    ];
    for (at, (later, second, item)) in addresses.iter().enumerate() {
        for (earlier, first, other) in &addresses[..at] {
            let (Some(first), Some(second)) = (first, second) else {
                continue;
            };
            if !collide(*first, *second) {
                continue;
            }
            // The one that is written is shown; the other may be a default.
            let Some(span) = item.or(*other).map(Item::span) else {
                continue;
            };
            table.at.tell(Fault::at(
                span,
                format!("`{later}` and `{earlier}` are on one address"),
                "this address is taken",
            ));
        }
    }
}

pub(super) fn collide(first: SocketAddr, second: SocketAddr) -> bool {
    let overlap =
        first.ip() == second.ip() || first.ip().is_unspecified() || second.ip().is_unspecified();
    first.port() == second.port() && first.port() != 0 && overlap
}
