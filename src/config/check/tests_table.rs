//! `[tests]`: requests with the answers they must get. Read here, run by `config::trials`.
//!
//! A word that no test could ever see as its answer is a fault: a test that can't fail, or can't pass, protects nothing.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::{Map, Value as Json};

use super::pools::Pools;
use crate::config::fault::Fault;
use crate::config::model::{Expect, PolicyTest};
use crate::config::raw::Value;
use crate::config::raw::item::Item;
use crate::config::raw::table::{Table, nearest};
use crate::policy::explain::Asked;
use crate::reason::Reason;
use crate::token::claims::Claims;

/// Reads every test.
pub(super) fn tests(table: Table<'_>, pools: &Pools) -> Vec<PolicyTest> {
    table.names().filter_map(|item| test(item, pools)).collect()
}

fn test(item: Item<'_>, pools: &Pools) -> Option<PolicyTest> {
    let name = item.key;
    let mut table = item.table(&format!("test `{name}`"), "test")?;
    let request = table.required("request", "expected \"METHOD /path\"", request);
    let host = table.optional("host", header_value);
    let sent = table.optional("request_headers", sent).unwrap_or_default();
    let claims = table.optional("claims", claims);
    let pool = table.own("pool").and_then(|item| match claims {
        Some(_) => pools.named(item),
        None => item.refuse(
            "this test has no claims for a pool to vouch for",
            "only good beside `claims`",
        ),
    });
    let now = table.optional("now", seconds);
    let expect = table.required("expect", "expected \"allow\" or a reason", expect);
    let headers = table.own("headers").and_then(|item| match expect {
        Some(Expect::Refuse(_)) => item.refuse(
            "a refused request has no identity headers",
            "only good beside `expect = \"allow\"`",
        ),
        Some(Expect::Allow) | None => wanted(item),
    });
    table.finish();
    let (method, target) = request?;
    Some(PolicyTest {
        name: name.to_owned(),
        asked: Asked {
            method,
            target,
            headers: host
                .map(|host| (header::HOST, host))
                .into_iter()
                .chain(sent)
                .fold(HeaderMap::new(), |mut headers, (name, value)| {
                    headers.append(name, value);
                    headers
                }),
        },
        claims,
        pool,
        now,
        expect: expect?,
        headers: headers.unwrap_or_default(),
    })
}

/// Method and target. What is wrong with either is for the gate to say: a test may be about that.
fn request(item: Item<'_>) -> Option<(String, String)> {
    item.parsed("a method and a path or URL: \"GET /orders/1\"", |text| {
        let (method, target) = text.split_once(' ')?;
        (!method.is_empty() && !target.is_empty() && !method.contains('/'))
            .then(|| (method.to_owned(), target.to_owned()))
    })
}

/// `"allow"`, or a reason that a head, a route, a token or a rule can be refused for.
fn expect(item: Item<'_>) -> Option<Expect> {
    let decided = |reason: &Reason| matches!(reason.status(), 400 | 401 | 403 | 405);
    let text = item.string()?;
    if text == ALLOW {
        return Some(Expect::Allow);
    }
    let known = Reason::parse(text);
    if let Some(reason) = known.filter(decided) {
        return Some(Expect::Refuse(reason));
    }
    let words: Vec<&str> = std::iter::once(ALLOW)
        .chain(Reason::ALL.into_iter().filter(decided).map(Reason::as_str))
        .collect();
    let fault = Fault::at(
        item.span(),
        "`expect` has an unknown value",
        "expected \"allow\", or the reason of a refusal such as \"missing_token\"",
    );
    item.tell(match (known, nearest(text, &words)) {
        (Some(_), _) => {
            fault.with_help("this comes of forwarding a request, and a test forwards nothing")
        }
        (None, Some(near)) => fault.with_help(format!("did you mean \"{near}\"?")),
        (None, None) => fault,
    })
}

const ALLOW: &str = "allow";

fn seconds(item: Item<'_>) -> Option<f64> {
    match item.node.value {
        Value::Integer(seconds) if seconds >= 0 => Some(seconds as f64),
        _ => item.mistyped("seconds since 1970, as in `iat`"),
    }
}

fn header_value(item: Item<'_>) -> Option<HeaderValue> {
    item.parsed("what a header can hold", |text| {
        HeaderValue::from_str(text).ok()
    })
}

fn sent(item: Item<'_>) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let table = item.table("`request_headers`", "request_headers")?;
    let lines = table
        .names()
        .filter_map(|item| header_name(item).zip(header_value(item)));
    Some(lines.collect())
}

/// Identity headers by name: the value, the values of several lines, or `false` for one that must not be there.
fn wanted(item: Item<'_>) -> Option<Vec<(HeaderName, Vec<String>)>> {
    let table = item.table("`headers`", "test.headers")?;
    let lines = table.names().filter_map(|item| {
        let name = header_name(item)?;
        let values = match &item.node.value {
            Value::Boolean(false) => Vec::new(),
            Value::List(_) => {
                item.some("a list of strings", |item| item.string().map(str::to_owned))?
            }
            Value::String(_) => vec![item.string()?.to_owned()],
            _ => return item.mistyped("a string, a list of strings, or `false` for none"),
        };
        Some((name, values))
    });
    Some(lines.collect())
}

fn header_name(item: Item<'_>) -> Option<HeaderName> {
    match HeaderName::from_bytes(item.key.as_bytes()) {
        Ok(name) => Some(name),
        Err(_) => {
            let span = item.key_span.clone();
            item.tell(Fault::at(
                span,
                "this is no name of a header",
                "expected the name of a header",
            ))
        }
    }
}

/// Claims as a token has them: any JSON.
fn claims(item: Item<'_>) -> Option<Claims> {
    if !matches!(item.node.value, Value::Table(_)) {
        return item.mistyped("a table of claims");
    }
    match json(item)? {
        Json::Object(map) => Some(Claims::from(map)),
        _ => None,
    }
}

fn json(item: Item<'_>) -> Option<Json> {
    match &item.node.value {
        Value::String(text) => Some(Json::from(text.as_str())),
        Value::Integer(number) => Some(Json::from(*number)),
        Value::Boolean(fact) => Some(Json::from(*fact)),
        Value::Float(number) if number.is_finite() => Some(Json::from(*number)),
        Value::List(nodes) => {
            let values = nodes.iter().map(|node| json(Item { node, ..item }));
            values.collect::<Option<Vec<_>>>().map(Json::Array)
        }
        Value::Table(entries) => {
            let members = entries
                .iter()
                .map(|entry| Some((entry.key.clone(), json(Item::of(entry, item.at))?)));
            members.collect::<Option<Map<_, _>>>().map(Json::Object)
        }
        _ => item.mistyped("what JSON can hold"),
    }
}
