//! The claims of a token, parsed strictly: a name that stands twice, at any depth, is refused.

use serde_json::{Map, Value};

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
    /// Parses a JSON object, refusing names that stand twice at any depth.
    pub fn parse(json: &[u8]) -> Result<Claims, ClaimsFault> {
        let _ = json;
        todo!()
    }

    /// The claim's value, if it is there and not null.
    pub fn find(&self, name: &ClaimName) -> Option<&Value> {
        let found = match name.0.starts_with('/') {
            true => pointer(&self.0, &name.0),
            false => self.0.get(&name.0),
        };
        found.filter(|value| !value.is_null())
    }

    /// All of them.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }
}

impl From<Map<String, Value>> for Claims {
    fn from(map: Map<String, Value>) -> Claims {
        Claims(map)
    }
}

/// RFC 6901 from the top of the claims, with no copy of the map.
fn pointer<'a>(map: &'a Map<String, Value>, pointer: &str) -> Option<&'a Value> {
    let (first, rest) = match pointer[1..].find('/') {
        Some(end) => pointer[1..].split_at(end),
        None => (&pointer[1..], ""),
    };
    map.get(&first.replace("~1", "/").replace("~0", "~"))?
        .pointer(rest)
}
