//! `[cors]`: which pages of other origins may read answers.

use std::time::Duration;

use http::HeaderName;
use http::header::{AUTHORIZATION, CONTENT_TYPE};

use super::{headers, origins};
use crate::config::model::{Cors, Preflight};
use crate::config::raw::Value;
use crate::config::raw::item::Item;
use crate::config::raw::table::Table;

/// `[cors]`
pub(super) fn cors(item: Option<Item<'_>>) -> Option<Cors> {
    item?.table("[cors]", "cors").map(read)
}

fn read(mut table: Table<'_>) -> Cors {
    let expected = "expected `allow_origins`: the pages that may read answers";
    let origins = table.required("allow_origins", expected, allow_origins);
    let credentials = table.take("allow_credentials");
    let allow_credentials = credentials.and_then(Item::boolean).unwrap_or(false);
    if let (Some(None), true, Some(item)) = (&origins, allow_credentials, credentials) {
        item.refuse_with_help::<()>(
            "every origin may send cookies and read the answers",
            "expected `false` beside `allow_origins = [\"*\"]`",
            "name the origins that may; browsers refuse this combination too",
        );
    }
    let cors = Cors {
        preflight: table.or(
            "preflight",
            |item| {
                item.one_of(&[
                    ("forward", Preflight::Forward),
                    ("answer", Preflight::Answer),
                ])
            },
            Preflight::Forward,
        ),
        allow_origins: origins.unwrap_or(Some(Vec::new())),
        allow_headers: table.or(
            "allow_headers",
            allow_headers,
            vec![AUTHORIZATION, CONTENT_TYPE],
        ),
        allow_credentials,
        max_age: table.or("max_age", Item::duration, Duration::from_secs(600)),
    };
    table.finish();
    cors
}

/// Origins, or `["*"]` (or a bare `"*"`) for all of them.
fn allow_origins(item: Item<'_>) -> Option<Option<Vec<String>>> {
    let is_star = |value: &Value| matches!(value, Value::String(text) if text == "*");
    match &item.node.value {
        value if is_star(value) => return Some(None),
        Value::List(nodes) if nodes.iter().any(|node| is_star(&node.value)) => {
            return match nodes.as_slice() {
                [_] => Some(None),
                _ => item.refuse(
                    "`allow_origins` has \"*\" and more",
                    "expected \"*\" alone, or origins",
                ),
            };
        }
        _ => {}
    }
    item.some("a list of origins, or [\"*\"]", origins::origin)
        .map(Some)
}

fn allow_headers(item: Item<'_>) -> Option<Vec<HeaderName>> {
    item.each("a list of header names", headers::name)
}
