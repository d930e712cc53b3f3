//! What the contract names and this version does not have yet: one table, a row to remove for each thing built.
//!
//! Such a key is a fault, never ignored: a configuration that asks for TLS must not run without it.

use crate::config::fault::Fault;
use crate::config::raw::{Entry, Span};

/// Table, key or value, and what it is.
const UNAVAILABLE: [(&str, &str, &str); 1] = [(
    "outbound.*.tls",
    "client_ca_file",
    "TLS on a listener of the courier (`client_ca_file`)",
)];

/// The fault of a key that is known to the contract and to nothing else.
pub fn key(kind: &str, entry: &Entry) -> Option<Fault> {
    fault(kind, &entry.key, entry.key_span.clone())
}

/// The keys of a table that are known to the contract alone: what a typo may have meant.
pub fn keys(kind: &str) -> impl Iterator<Item = &'static str> {
    UNAVAILABLE
        .iter()
        .filter(move |(table, known, _)| *table == kind && !known.contains([' ', ':', '.']))
        .map(|(_, known, _)| *known)
}

fn fault(kind: &str, key: &str, span: Span) -> Option<Fault> {
    let (.., what) = UNAVAILABLE
        .iter()
        .find(|(table, known, _)| *table == kind && *known == key)?;
    Some(Fault::at(
        span,
        format!("{what} is not available in this version"),
        "not available in this version",
    ))
}
