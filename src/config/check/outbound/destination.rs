//! One destination: where it is, and what it is shown.

use std::time::Duration;

use http::{HeaderName, HeaderValue, header};

use crate::config::check::credentials::{self, Credentials};
use crate::config::check::{headers, origins, patterns, server};
use crate::config::fault::{Fault, mask};
use crate::config::model::credentials::{Destination, Grant, Shown, is_scope, metadata};
use crate::config::model::{Address, ClientTls};
use crate::config::raw::Value;
use crate::config::raw::item::Item;
use crate::config::raw::table::Table;

const ORIGIN: &str = "an origin such as \"https://inventory.example.com\", without a path";

/// `upstream` of a relay: an origin, or a Unix socket.
pub(super) fn origin(item: Item<'_>) -> Option<Address> {
    if let Some(path) = item.string()?.strip_prefix("unix:") {
        return server::unix(item, path).map(Address::Unix);
    }
    let url = origins::url(item, &["http", "https"], ORIGIN)?;
    if !url.is_bare() {
        return item.refuse(
            format!("`{}` has a path", item.key),
            format!("expected {ORIGIN}"),
        );
    }
    if is_metadata(&url.host) {
        return item.refuse_with_help(
            "this is the machine's own metadata service",
            "expected another host",
            "it hands out the machine's credentials to whoever can call it",
        );
    }
    Some(address(url))
}

/// The key of a forward proxy's destination.
pub(super) fn origin_key(item: Item<'_>) -> Option<Address> {
    if mask::has_userinfo(item.key) {
        let message = "a destination has a user or a password in it";
        let expected = format!("expected {ORIGIN}");
        return item.tell(Fault::at(item.key_span.clone(), message, expected).blanked());
    }
    let url = origins::parse(item.key)
        .filter(|url| url.is_bare() && matches!(url.scheme.as_str(), "http" | "https"));
    match url {
        Some(url) if !is_metadata(&url.host) => Some(address(url)),
        Some(_) => item.tell(Fault::at(
            item.key_span.clone(),
            "this is the machine's own metadata service",
            "expected another host",
        )),
        None => item.tell(Fault::at(
            item.key_span.clone(),
            "this is no destination",
            format!("expected {ORIGIN}"),
        )),
    }
}

fn address(url: origins::Url) -> Address {
    Address::Tcp {
        tls: url.scheme == "https",
        port: url.port_or_default(),
        host: url.host,
    }
}

/// Names are looked at when they are resolved.
fn is_metadata(host: &str) -> bool {
    host.parse().is_ok_and(metadata::is_metadata)
}

/// Reads what a destination is shown and how it is called.
pub(super) fn read(
    address: Option<Address>,
    table: &mut Table<'_>,
    credentials: &Credentials,
    tls: ClientTls,
) -> Destination {
    Destination {
        address: address.unwrap_or(Address::Unix("/".into())),
        authorization: authorization(table, credentials),
        allow: table.or(
            "allow",
            |item| item.each("a list of route patterns", patterns::listed),
            Vec::new(),
        ),
        tls,
        connect_timeout: table.or("connect_timeout", Item::lapse, Duration::from_secs(3)),
        response_timeout: table.or(
            "response_timeout",
            Item::limit,
            Some(Duration::from_secs(60)),
        ),
    }
}

/// Keys that say how a token is shown.
const TOKEN_KEYS: [&str; 3] = ["scopes", "header", "prefix"];

fn authorization(table: &mut Table<'_>, credentials: &Credentials) -> Option<Shown> {
    let item = table.take("credential");
    let shaping = TOKEN_KEYS.map(|key| table.take(key));
    let sign = table.take("sign");
    let pointless = |items: &[Option<Item<'_>>], why: &str| {
        for item in items.iter().flatten() {
            let message = format!("`{}` has no meaning here", item.key);
            item.refuse::<()>(message, why);
        }
    };
    let Some(item) = item else {
        pointless(&shaping, "only beside `credential`");
        pointless(&[sign], "only beside `credential`");
        return None;
    };
    let index = credentials.named(item)?;
    match (credentials.grant(index), sign) {
        (Grant::IdentityPool(_), Some(sign)) => {
            pointless(&shaping, "a signature takes the place of a token");
            signature(sign, index)
        }
        (Grant::IdentityPool(_), None) => item.refuse(
            "this credential gives AWS credentials, not a token",
            "expected `sign = { service = \"…\", region = \"…\" }` beside it",
        ),
        (_, Some(sign)) => sign.refuse(
            "`sign` needs AWS credentials",
            "expected a credential whose grant is \"identity_pool\"",
        ),
        (grant, None) => Some(token(table, index, grant)),
    }
}

fn token(table: &mut Table<'_>, credential: usize, grant: &Grant) -> Shown {
    let mut scopes = table.or("scopes", scopes, Vec::new());
    if let (false, Some(item)) = (grant.takes_scopes(), table.take("scopes")) {
        item.refuse_with_help::<()>(
            format!("`{}` cannot be asked for scopes", grant.as_str()),
            "expected no `scopes` here",
            "a user's token has the scopes of its sign-in; client_credentials can be asked for some",
        );
    }
    scopes.sort();
    Shown::Token {
        credential,
        scopes,
        header: table.or("header", header_name, header::AUTHORIZATION),
        prefix: table.or("prefix", prefix, HeaderValue::from_static("Bearer ")),
    }
}

/// Scopes as RFC 6749 §3.3 spells them: one with a blank in it would be two.
fn scopes(item: Item<'_>) -> Option<Vec<String>> {
    item.some("a list of scopes", |item| {
        item.parsed("a scope such as \"inventory/read\"", |text| {
            is_scope(text).then(|| text.to_owned())
        })
    })
}

fn header_name(item: Item<'_>) -> Option<HeaderName> {
    headers::removable(item)
}

/// What stands before the token; nothing at all for one that stands alone.
fn prefix(item: Item<'_>) -> Option<HeaderValue> {
    let Value::String(text) = &item.node.value else {
        return item.mistyped("a string");
    };
    let sound = text
        .bytes()
        .all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let value = HeaderValue::from_str(text).ok();
    match value.filter(|_| sound && !text.starts_with(' ')) {
        Some(value) => Some(value),
        None => item.refuse(
            "`prefix` cannot stand in a header",
            "expected visible ASCII, such as \"Bearer \"",
        ),
    }
}

fn signature(item: Item<'_>, credential: usize) -> Option<Shown> {
    let mut table = item.table("`sign`", "outbound.*.sign")?;
    let service = table.required("service", "expected `service` and `region`", |item| {
        item.parsed("a service such as \"execute-api\"", |text| {
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            text.bytes().all(plain).then(|| text.to_owned())
        })
    });
    let region = table.required(
        "region",
        "expected `service` and `region`",
        credentials::region,
    );
    table.finish();
    Some(Shown::Signature {
        credential,
        service: service?,
        region: region?,
    })
}
