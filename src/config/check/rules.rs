//! Rules: what a token must carry. A requirement that asks for nothing is a fault wherever it stands, for an empty list
//! is where other guards have let everybody in.

use serde_json::Value as Json;

use crate::config::fault::Fault;
use crate::config::raw::item::Item;
use crate::config::raw::table::Table;
use crate::config::raw::{Value, table::listed};
use crate::policy::route::{Pattern, Segment};
use crate::policy::rule::{Expected, Requirement, Rule};
use crate::token::claims::ClaimName;

/// Every key that is a requirement, in the order they are checked.
pub(super) const KEYS: [&str; 8] = [
    "any_scope",
    "all_scopes",
    "any_group",
    "all_groups",
    "claims",
    "any_of",
    "acr",
    "max_age",
];

/// Reads the requirements of a route or of a rule in `any_of`. Without a pattern (in `[defaults]`) path parameters
/// are not looked up: that is done for each route.
pub(super) fn rule(table: &mut Table<'_>, pattern: Option<&Pattern>) -> Rule {
    let scopes = |item: Item<'_>| item.some("a list of scopes", scope);
    let words =
        |item: Item<'_>| item.some("a list of strings", |item| item.string().map(str::to_owned));
    let mut requirements = Vec::new();
    let mut ask = |requirement: Option<Requirement>| requirements.extend(requirement);
    ask(table
        .optional("any_scope", scopes)
        .map(Requirement::AnyScope));
    ask(table
        .optional("all_scopes", scopes)
        .map(Requirement::AllScopes));
    ask(table
        .optional("any_group", words)
        .map(Requirement::AnyGroup));
    ask(table
        .optional("all_groups", words)
        .map(Requirement::AllGroups));
    let claims = table.optional("claims", |item| claims(item, pattern));
    for (name, expected) in claims.unwrap_or_default() {
        ask(Some(Requirement::Claim(name, expected)));
    }
    ask(table
        .optional("any_of", |item| any_of(item, pattern))
        .map(Requirement::AnyOf));
    ask(table.optional("acr", words).map(Requirement::Acr));
    ask(table
        .optional("max_age", Item::lapse)
        .map(Requirement::MaxAge));
    Rule { requirements }
}

/// One scope, of the characters that RFC 6749 §3.3 gives it. Two in one string would never be met.
fn scope(item: Item<'_>) -> Option<String> {
    let text = item.string()?;
    let fits = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
    match text.bytes().all(fits) {
        true => Some(text.to_owned()),
        false if text.contains(' ') => item.refuse_with_help(
            "a scope has no blank in it",
            "expected one scope",
            "several are a list: [\"orders/read\", \"orders/write\"]",
        ),
        false => item.refuse(
            "a scope has no such character in it",
            "expected visible ASCII without quotes and backslashes",
        ),
    }
}

fn any_of(item: Item<'_>, pattern: Option<&Pattern>) -> Option<Vec<Rule>> {
    item.some("a list of rules", |item| {
        let mut table = item.table("a rule of `any_of`", "rule")?;
        if table.entries.is_empty() {
            return item.refuse(
                "a rule of `any_of` asks for nothing",
                format!("expected one of {} at least", listed(&KEYS)),
            );
        }
        let rule = rule(&mut table, pattern);
        table.finish();
        Some(rule)
    })
}

fn claims(item: Item<'_>, pattern: Option<&Pattern>) -> Option<Vec<(ClaimName, Expected)>> {
    let table = item.table("`claims`", "claims")?;
    if table.entries.is_empty() {
        return item.refuse(
            "`claims` is empty",
            "expected claims and their values: { email_verified = true }",
        );
    }
    let mut claims = Vec::new();
    for item in table.names() {
        if item.key.is_empty() {
            let span = item.key_span.clone();
            item.tell::<()>(Fault::at(span, "this claim has no name", "expected a name"));
        }
        if let Some(expected) = expected(item, pattern) {
            claims.push((ClaimName::new(item.key), expected));
        }
    }
    Some(claims)
}

/// What a claim is compared with: a value, several, or a path parameter.
fn expected(item: Item<'_>, pattern: Option<&Pattern>) -> Option<Expected> {
    match &item.node.value {
        Value::List(_) => {
            let read = |item: Item<'_>| {
                if let Value::String(text) = &item.node.value {
                    no_parameter(item, text, pattern)?;
                }
                json(item)
            };
            item.some("a list of values", read).map(Expected::OneOf)
        }
        Value::String(text) => match parameter(text) {
            Some(name) => {
                known(item, name, pattern)?;
                Some(Expected::Parameter(name.to_owned()))
            }
            None => {
                no_parameter(item, text, pattern)?;
                json(item).map(|value| Expected::OneOf(vec![value]))
            }
        },
        _ => json(item).map(|value| Expected::OneOf(vec![value])),
    }
}

/// A value to compare with, by its JSON type.
fn json(item: Item<'_>) -> Option<Json> {
    match &item.node.value {
        Value::String(_) => item.string().map(Json::from),
        Value::Integer(number) => Some(Json::from(*number)),
        Value::Boolean(fact) => Some(Json::from(*fact)),
        Value::Float(number) if number.is_finite() => Some(Json::from(*number)),
        _ => item.mistyped("a string, a number, or true or false"),
    }
}

/// The name in a text that is one path parameter and nothing else.
fn parameter(text: &str) -> Option<&str> {
    let name = text.strip_prefix('{')?.strip_suffix('}')?;
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (!name.is_empty() && name.bytes().all(bare)).then_some(name)
}

fn parameters(pattern: &Pattern) -> impl Iterator<Item = &str> {
    pattern.segments.iter().filter_map(|segment| match segment {
        Segment::Literal(_) => None,
        Segment::Parameter(name) | Segment::Rest(name) => Some(name.as_str()),
    })
}

fn known(item: Item<'_>, name: &str, pattern: Option<&Pattern>) -> Option<()> {
    let Some(pattern) = pattern else {
        return Some(());
    };
    if parameters(pattern).any(|known| known == name) {
        return Some(());
    }
    let names: Vec<&str> = parameters(pattern).collect();
    item.refuse_with_help(
        "the route's pattern has no such parameter",
        "expected a parameter of the pattern",
        match names.is_empty() {
            true => "the pattern has no parameter at all".to_owned(),
            false => format!("it has {}", listed(&names)),
        },
    )
}

/// A parameter that is only part of a text, or one of a list, would be compared as the braces it is written with.
fn no_parameter(item: Item<'_>, text: &str, pattern: Option<&Pattern>) -> Option<()> {
    let mentioned = pattern
        .into_iter()
        .flat_map(parameters)
        .any(|name| text.contains(&format!("{{{name}}}")));
    match mentioned {
        false => Some(()),
        true => item.refuse(
            "a path parameter stands alone",
            "expected \"{name}\" and nothing else",
        ),
    }
}
