//! Route patterns and hosts, with their faults placed inside the key as it is written.

use crate::config::fault::Fault;
use crate::config::raw::item::Item;
use crate::policy::route::{Host, Pattern};

/// The pattern of a route's key.
pub(super) fn pattern(item: Item<'_>) -> Option<Pattern> {
    match Pattern::parse(item.key) {
        Ok(pattern) => Some(pattern),
        Err(fault) => {
            // A quoted key without escapes is its text between two quotes; any other is shown whole.
            let key = item.key_span.clone();
            let span = match key.len() == item.key.len() + 2 {
                true => key.start + 1 + fault.span.start..key.start + 1 + fault.span.end,
                false => key,
            };
            item.tell(
                Fault::at(span, "this is no route pattern", fault.message)
                    .with_help("a pattern is [METHOD[,METHOD…] ][host]/path: \"GET /orders/{id}\""),
            )
        }
    }
}

/// A pattern of a list.
pub(super) fn listed(item: Item<'_>) -> Option<Pattern> {
    match Pattern::parse(item.string()?) {
        Ok(pattern) => Some(pattern),
        Err(fault) => item.refuse_with_help(
            "this is no route pattern",
            fault.message,
            "a pattern is [METHOD[,METHOD…] ]/path: \"GET /items/{*rest}\"",
        ),
    }
}

/// A host of `hosts`: read as the host of a pattern is.
pub(super) fn host(item: Item<'_>) -> Option<Host> {
    item.parsed(
        "a host such as \"app.example.com\" or \"*.example.com\"",
        |text| Host::parse(text).ok(),
    )
}
