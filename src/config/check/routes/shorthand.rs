//! The short forms of a route: `"orders/read"` is `{ any_scope = ["orders/read"] }`, a list of scopes likewise, and a list
//! with rules in it is `any_of`. Spans stay those of what was written.

use crate::config::raw::item::Item;
use crate::config::raw::{Entry, Node, Value};

/// What a short form stands for, as the entries of the long one.
pub(super) fn entries(item: Item<'_>) -> Option<Vec<Entry>> {
    let node = item.node;
    match &node.value {
        Value::String(text) if text.is_empty() => nothing(item),
        Value::String(_) => Some(vec![entry("any_scope", node, vec![node.clone()])]),
        Value::List(items) if items.is_empty() => nothing(item),
        Value::List(items) => {
            let is_scope = |node: &Node| matches!(node.value, Value::String(_) | Value::Broken);
            if items.iter().all(is_scope) {
                return Some(vec![entry("any_scope", node, items.clone())]);
            }
            let rules = items.iter().filter_map(|node| rule(Item { node, ..item }));
            Some(vec![entry("any_of", node, rules.collect())])
        }
        _ => item.mistyped("a scope, a list of scopes and rules, or a table"),
    }
}

/// One item of a mixed list, as a rule.
fn rule(item: Item<'_>) -> Option<Node> {
    let node = item.node;
    match &node.value {
        Value::Table(_) => Some(node.clone()),
        Value::String(_) => Some(Node {
            span: node.span.clone(),
            value: Value::Table(vec![entry("any_scope", node, vec![node.clone()])]),
            interpolated: false,
        }),
        _ => item.mistyped("a scope or a rule"),
    }
}

fn entry(key: &str, written: &Node, items: Vec<Node>) -> Entry {
    Entry {
        key: key.to_owned(),
        key_span: written.span.clone(),
        node: Node {
            span: written.span.clone(),
            value: Value::List(items),
            interpolated: false,
        },
    }
}

fn nothing<T>(item: Item<'_>) -> Option<T> {
    item.refuse_with_help(
        "this route asks for nothing",
        "expected a scope",
        "any good token is `{}`, no token at all is `{ access = \"public\" }`",
    )
}
