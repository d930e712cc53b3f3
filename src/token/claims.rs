//! The claims of a token, parsed strictly: a name that stands twice, at any depth, is refused.
//!
//! Names are compared after their escapes are read, so `"scope"` and `"\u0073cope"` are the same name. Last-wins and
//! first-wins parsers disagree about a repeated claim; this one never has to choose (`c04_a_claim_twice_is_refused`).

mod strict;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde_json::{Map, Value};

pub(super) use strict::parse_object;

/// The claims of a verified token, sorted by their names. A list and not a map: thousands of them are remembered, with a claim or two
/// each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claims(Box<[(Box<str>, Value)]>);

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
        parse_object(json).map(Claims::from)
    }

    /// The claim's value by its name at the top; null is a value here.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let at = self.0.binary_search_by(|(known, _)| (**known).cmp(name));
        at.ok().map(|at| &self.0[at].1)
    }

    /// The claim's value, if it is there and not null.
    pub fn find(&self, name: &ClaimName) -> Option<&Value> {
        lookup(self, &name.0).filter(|value| !value.is_null())
    }

    /// All of them, sorted by their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// Those whose names at the top are `wanted`.
    pub fn only(&self, wanted: impl Fn(&str, &Value) -> bool) -> Claims {
        let kept = self.0.iter().filter(|(name, value)| wanted(name, value));
        Claims(kept.cloned().collect())
    }

    /// All of them, to own.
    pub fn into_map(self) -> Map<String, Value> {
        let claims = self.0.into_iter();
        claims.map(|(name, value)| (name.into(), value)).collect()
    }
}

impl From<Map<String, Value>> for Claims {
    fn from(map: Map<String, Value>) -> Claims {
        let claims = map.into_iter();
        Claims(claims.map(|(name, value)| (name.into(), value)).collect())
    }
}

/// A value by the name it has in the configuration; null is a value here.
pub(super) fn lookup<'a>(claims: &'a Claims, name: &str) -> Option<&'a Value> {
    match name.starts_with('/') {
        true => pointer(claims, name),
        false => claims.get(name),
    }
}

/// RFC 6901 from the top of the claims, with no copy of them.
fn pointer<'a>(claims: &'a Claims, pointer: &str) -> Option<&'a Value> {
    let (first, rest) = match pointer[1..].find('/') {
        Some(end) => pointer[1..].split_at(end),
        None => (&pointer[1..], ""),
    };
    claims.get(&unescape(first))?.pointer(rest)
}

/// One step of a JSON pointer (RFC 6901 §4).
fn unescape(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}
