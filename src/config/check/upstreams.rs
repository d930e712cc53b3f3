//! `[upstream]` and `[upstreams.NAME]`.

use std::sync::Arc;
use std::time::Duration;

use super::{certificates, named, origins, server};
use crate::config::model::{Address, ClientTls, HeaderCase, HostHeader, Upstream};
use crate::config::raw::item::Item;
use crate::config::raw::table::Table;
use crate::config::secrets;
use crate::secret::Secret;

/// What the default upstream is called: no other may have its name.
const DEFAULT: &str = "upstream";

/// All upstreams, the default one first.
pub(super) struct Upstreams {
    /// In the order of the text.
    pub(super) list: Vec<Arc<Upstream>>,
}

impl Upstreams {
    /// The index of the upstream that an item names.
    pub(super) fn named(&self, item: Item<'_>) -> Option<usize> {
        let named_ones = self.list[1..].iter();
        let known: Vec<&str> = named_ones.map(|known| known.name.as_str()).collect();
        named(item, &known, "upstream", "an [upstreams.NAME]").map(|at| at + 1)
    }
}

/// Reads `[upstream]` and every `[upstreams.NAME]`.
pub(super) fn upstreams(root: &mut Table<'_>) -> Upstreams {
    let mut list = vec![upstream(DEFAULT, root.below("upstream", "upstreams.*"))];
    for item in root.below("upstreams", "upstreams").names() {
        let Some(table) = item.table(&format!("[upstreams.{}]", item.key), "upstreams.*") else {
            continue;
        };
        if item.key == DEFAULT {
            item.refuse_with_help::<()>(
                "no upstream may be named `upstream`",
                "expected another name",
                "that is what logs and metrics call the default [upstream]",
            );
        }
        list.push(upstream(item.key, table));
    }
    Upstreams {
        list: list.into_iter().map(Arc::new).collect(),
    }
}

fn upstream(name: &str, mut table: Table<'_>) -> Upstream {
    let url = table.optional("url", address);
    // The default upstream has a default URL; a named one would be a second name for it.
    if name != DEFAULT && table.take("url").is_none() {
        table.lacks("url", "expected `url`: where this upstream is");
    }
    let address = url.unwrap_or(Address::Tcp {
        tls: false,
        host: "127.0.0.1".to_owned(),
        port: 3000,
    });
    let upstream = Upstream {
        name: name.to_owned(),
        http2: table.or("http2", Item::boolean, false),
        tls: table.or("tls", |item| tls(item, &address), ClientTls::default()),
        address,
        connect_timeout: table.or("connect_timeout", Item::lapse, Duration::from_secs(3)),
        response_timeout: table.or(
            "response_timeout",
            Item::limit,
            Some(Duration::from_secs(60)),
        ),
        keepalive: table.or("keepalive", Item::duration, Duration::from_secs(4)),
        max_connections: table.or("max_connections", |item| item.integer(0..=usize::MAX), 0),
        host_header: table.or(
            "host_header",
            |item| {
                item.one_of(&[
                    ("preserve", HostHeader::Preserve),
                    ("upstream", HostHeader::Upstream),
                ])
            },
            HostHeader::Preserve,
        ),
        header_case: table.or(
            "header_case",
            |item| item.one_of(&[("lower", HeaderCase::Lower), ("title", HeaderCase::Title)]),
            HeaderCase::Lower,
        ),
        basic_auth: table.optional("basic_auth", basic_auth),
    };
    table.finish();
    upstream
}

/// Where an upstream is. No path: `strip_prefix` and `add_prefix` say what happens to paths, in one place.
fn address(item: Item<'_>) -> Option<Address> {
    let expected = "a URL such as \"http://127.0.0.1:3000\", or \"unix:/run/app.sock\"";
    if let Some(path) = item.string()?.strip_prefix("unix:") {
        return server::unix(item, path).map(Address::Unix);
    }
    let url = origins::url(item, &["http", "https"], expected)?;
    if !url.is_bare() {
        return item.refuse_with_help(
            "`url` has a path",
            format!("expected {expected}, without a path"),
            "a route's `add_prefix` puts something in front of a path",
        );
    }
    Some(Address::Tcp {
        tls: url.scheme == "https",
        port: url.port_or_default(),
        host: url.host,
    })
}

/// A configuration that asks for TLS must not run without it.
fn tls(item: Item<'_>, address: &Address) -> Option<ClientTls> {
    let tls = certificates::client_tls(item, "upstreams.*.tls")?;
    match address {
        Address::Tcp { tls: true, .. } => Some(tls),
        _ => item.refuse(
            "`tls` is set, but this upstream is not called over TLS",
            "expected an `url` with https://",
        ),
    }
}

fn basic_auth(item: Item<'_>) -> Option<(Secret, Secret)> {
    let mut table = item.table("`basic_auth`", "basic_auth")?;
    let username = table.required("username", "expected `username` and `password`", |item| {
        let username = secrets::secret(item)?;
        // RFC 7617 §2: the first colon ends the user.
        match username.expose().contains(':') {
            true => item.refuse(
                "this user has a colon in it",
                "expected a user without a colon",
            ),
            false => Some(username),
        }
    });
    let password = table.required(
        "password",
        "expected `username` and `password`",
        secrets::secret,
    );
    table.finish();
    username.zip(password)
}
