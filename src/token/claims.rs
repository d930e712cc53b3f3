//! The claims of a token, parsed strictly: a name that stands twice, at any depth, is refused.
//!
//! Names are compared after their escapes are read, so `"scope"` and `"\u0073cope"` are the same name. Last-wins and
//! first-wins parsers disagree about a repeated claim; this one never has to choose (`c04_a_claim_twice_is_refused`).

mod strict;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

pub(super) use strict::parse_object;

/// The claims of a verified token.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claims(Map<String, Value>);

/// How a claim is named in the configuration: its name, or a JSON pointer when it starts with `/` (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClaimName(String);

impl ClaimName {
    /// A claim by its configuration name.
    pub fn new(name: impl Into<String>) -> ClaimName {
        ClaimName(name.into())
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name at the top of a token: the first step of a JSON pointer.
    pub fn top(&self) -> Cow<'_, str> {
        match self.0.strip_prefix('/') {
            Some(pointer) => Cow::Owned(unescape(pointer.split('/').next().unwrap_or(pointer))),
            None => Cow::Borrowed(&self.0),
        }
    }
}

/// Why claims could not be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimsFault {
    /// Not a JSON object, or nested beyond reason.
    Malformed,
    /// A name stands twice.
    Duplicate,
}

impl Claims {
    /// Parses a JSON object, refusing names that stand twice at any depth, anything after its end, and nesting of more
    /// than 127 levels.
    pub fn parse(json: &[u8]) -> Result<Claims, ClaimsFault> {
        parse_object(json).map(Claims)
    }

    /// The claim's value, if it is there and not null.
    pub fn find(&self, name: &ClaimName) -> Option<&Value> {
        lookup(&self.0, &name.0).filter(|value| !value.is_null())
    }

    /// All of them.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Those with these names at the top.
    pub fn only(&self, names: &BTreeSet<Box<str>>) -> Claims {
        let kept = names
            .iter()
            .filter_map(|name| self.0.get_key_value(&**name));
        Claims(
            kept.map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        )
    }

    /// All of them, to own.
    pub fn into_map(self) -> Map<String, Value> {
        self.0
    }
}

impl From<Map<String, Value>> for Claims {
    fn from(map: Map<String, Value>) -> Claims {
        Claims(map)
    }
}

/// A value by the name it has in the configuration; null is a value here.
pub(super) fn lookup<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    match name.starts_with('/') {
        true => pointer(map, name),
        false => map.get(name),
    }
}

/// RFC 6901 from the top of the claims, with no copy of the map.
fn pointer<'a>(map: &'a Map<String, Value>, pointer: &str) -> Option<&'a Value> {
    let (first, rest) = match pointer[1..].find('/') {
        Some(end) => pointer[1..].split_at(end),
        None => (&pointer[1..], ""),
    };
    map.get(&unescape(first))?.pointer(rest)
}

/// One step of a JSON pointer (RFC 6901 §4).
fn unescape(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}
