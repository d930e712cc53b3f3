//! `[tokens]` and `[telemetry]`.

use super::{headers, origins};
use crate::config::model::{LogFormat, Telemetry, Tokens};
use crate::config::raw::item::Item;
use crate::config::raw::table::Table;
use crate::token::find::{Place, Sources};

/// `[tokens]`
pub(super) fn tokens(mut table: Table<'_>) -> Tokens {
    let expected = "a list of places such as { header = \"Authorization\" }";
    let tokens = Tokens {
        sources: Sources {
            places: table.or(
                "sources",
                |item| item.some(expected, place),
                vec![Place::Authorization],
            ),
            raw_authorization: table.or("raw_authorization", Item::boolean, false),
        },
        cross_site: table.or(
            "cross_site",
            |item| item.each("a list of origins", origins::origin),
            Vec::new(),
        ),
        cache_entries: table.or("cache_entries", |item| item.integer(0..=10_000_000), 10_000),
        streams_outlive_token: table.or("streams_outlive_token", Item::boolean, false),
    };
    table.finish();
    tokens
}

/// One place where a token may be.
fn place(item: Item<'_>) -> Option<Place> {
    let mut table = item.table("a place of `sources`", "source")?;
    let header = table.take("header");
    let cookie = table.take("cookie");
    let query = table.take("query");
    table.finish();
    match (header, cookie, query) {
        (Some(header), None, None) => Some(match headers::removable(header)? {
            http::header::AUTHORIZATION => Place::Authorization,
            name => Place::Header(name),
        }),
        (None, Some(cookie), None) => cookie
            .parsed("the name of a cookie", |text| {
                // RFC 6265 §4.1.1: a cookie's name is a token, as a header's is.
                let is_token = http::HeaderName::from_bytes(text.as_bytes()).is_ok();
                is_token.then(|| text.to_owned())
            })
            .map(Place::Cookie),
        (None, None, Some(query)) => query.string().map(|name| Place::Query(name.to_owned())),
        _ => item.refuse(
            "this place is not one place",
            "expected one of `header`, `cookie` and `query`",
        ),
    }
}

/// `[telemetry]`
pub(super) fn telemetry(mut table: Table<'_>) -> Telemetry {
    let telemetry = Telemetry {
        log_format: table.optional("log_format", |item| {
            item.one_of(&[("json", LogFormat::Json), ("text", LogFormat::Text)])
        }),
        log_level: table.or("log_level", log_level, "info".to_owned()),
        access_log: table.or("access_log", Item::boolean, true),
        log_subject: table.or("log_subject", Item::boolean, true),
        otlp_endpoint: table.optional("otlp_endpoint", collector),
    };
    table.finish();
    telemetry
}

/// Where traces go. Plain http is taken anywhere: a span holds no secret, and collectors in a cluster rarely speak TLS.
fn collector(item: Item<'_>) -> Option<String> {
    let expected = "a URL such as \"http://127.0.0.1:4318\"";
    let url = origins::url(item, &["http", "https"], expected)?;
    if url.path.contains('?') {
        return item.refuse(
            "`otlp_endpoint` has a query",
            "expected a URL without one: /v1/traces is put behind it",
        );
    }
    let text = item.string()?;
    Some(text.trim_end_matches('/').to_owned())
}

/// A level, or a filter. A lone word that is no level would be read as the name of a module, and silence everything.
fn log_level(item: Item<'_>) -> Option<String> {
    const LEVELS: [(&str, ()); 6] = [
        ("off", ()),
        ("error", ()),
        ("warn", ()),
        ("info", ()),
        ("debug", ()),
        ("trace", ()),
    ];
    let text = item.string()?;
    if !text.contains(['=', ',']) {
        item.one_of(&LEVELS)?;
        return Some(text.to_owned());
    }
    item.parsed(
        "a level, or a filter such as \"info,portcullis=debug\"",
        |text| {
            let filter = tracing_subscriber::EnvFilter::builder().parse(text);
            filter.is_ok().then(|| text.to_owned())
        },
    )
}
