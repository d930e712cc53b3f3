//! JSON objects read in one pass, with every name in every object allowed once.
//!
//! RFC 7519 §4 lets a parser refuse repeated names or take the last; a guard that takes the last while the service
//! behind it takes the first has checked another token than the one that is used. `serde_json` bounds the nesting
//! (127 levels) and reads UTF-8 strictly; lone surrogates, NaN and numbers beyond a double's range are errors.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use super::ClaimsFault;

/// Parses a JSON object and nothing after it.
pub(in crate::token) fn parse_object(json: &[u8]) -> Result<Map<String, Value>, ClaimsFault> {
    let twice = Cell::new(false);
    let mut reader = serde_json::Deserializer::from_slice(json);
    let parsed = Strict { twice: &twice }.deserialize(&mut reader);
    if twice.get() {
        return Err(ClaimsFault::Duplicate);
    }
    match (parsed, reader.end()) {
        (Ok(Value::Object(map)), Ok(())) => Ok(map),
        _ => Err(ClaimsFault::Malformed),
    }
}

/// Reads any value; says in `twice` when it stopped because of a repeated name.
#[derive(Clone, Copy)]
struct Strict<'a> {
    twice: &'a Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON with every name once")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            match map.entry(name) {
                Entry::Vacant(free) => free.insert(members.next_value_seed(self)?),
                Entry::Occupied(_) => {
                    self.twice.set(true);
                    return Err(A::Error::custom("a name stands twice"));
                }
            };
        }
        Ok(Value::Object(map))
    }
}
