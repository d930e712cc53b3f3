//! A pool's signing keys, read from a JWKS: what may verify a signature, and nothing else.
//!
//! Each entry is judged alone: one bad key never takes the set down with it (`k09_…`), and a document without one
//! usable key never replaces a good set. What a key may be used for is decided here, once, when it is loaded: a token's
//! header has no say in it.

mod jwk;
mod roca;
#[cfg(test)]
mod tests;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::trust::PoolKind;

/// How many entries of a JWKS are looked at; what follows is dropped.
const MAX_KEYS: usize = 1000;

/// One public key that may verify signatures.
pub struct VerifyKey {
    /// The JWK's `kid`.
    pub kid: String,
    /// The one algorithm this key may be used with.
    pub algorithm: jsonwebtoken::Algorithm,
    /// SHA-256 thumbprint of the key material (RFC 7638): the same material has the same one after every refresh.
    pub thumbprint: [u8; 32],
    /// The key itself.
    pub decoding: jsonwebtoken::DecodingKey,
}

/// The keys of one pool at one moment, swapped whole.
#[derive(Default)]
pub struct KeySet {
    /// Sorted by their `kid`: a pool has two or three.
    keys: Vec<Arc<VerifyKey>>,
}

/// Why a document is no JWKS: one sentence, no bytes of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySetFault(pub String);

impl KeySet {
    /// Reads a JWKS. Entries that may not verify signatures are dropped one by one (their reasons come back beside the
    /// set, for the log); a document that leaves no usable key is a fault.
    ///
    /// A name that stands twice in an entry counts as it stands last (RFC 7517 §4 leaves the choice).
    pub fn parse(json: &[u8], kind: PoolKind) -> Result<(KeySet, Vec<String>), KeySetFault> {
        let document: Value = serde_json::from_slice(json).map_err(|_| fault("it is not JSON"))?;
        let entries = document
            .as_object()
            .ok_or_else(|| fault("it is not a JSON object"))?
            .get("keys")
            .and_then(Value::as_array)
            .ok_or_else(|| fault("it has no list named keys"))?;

        let mut loaded = Loading::default();
        for (position, entry) in entries.iter().take(MAX_KEYS).enumerate() {
            match jwk::parse(entry, kind) {
                Ok(key) => loaded.add(key),
                Err(why) => loaded.dropped.push(sentence(entry, position, why)),
            }
        }
        if entries.len() > MAX_KEYS {
            let rest = entries.len() - MAX_KEYS;
            loaded.dropped.push(format!(
                "{rest} keys after the first {MAX_KEYS} were left out"
            ));
        }
        if loaded.by_kid.is_empty() {
            let mut why = "it has no key that may verify signatures".to_owned();
            if let Some(first) = loaded.dropped.first() {
                why = format!("{why} ({first})");
            }
            return Err(KeySetFault(why));
        }
        let mut keys: Vec<_> = loaded.by_kid.into_values().collect();
        keys.sort_unstable_by(|one, other| one.kid.cmp(&other.kid));
        Ok((KeySet { keys }, loaded.dropped))
    }

    /// The key with this `kid`.
    pub fn find(&self, kid: &str) -> Option<&Arc<VerifyKey>> {
        let at = self.keys.binary_search_by(|key| key.kid.as_str().cmp(kid));
        at.ok().map(|at| &self.keys[at])
    }

    /// The key ids, sorted: for status and logs.
    pub fn kids(&self) -> Vec<&str> {
        self.keys.iter().map(|key| key.kid.as_str()).collect()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeySet").field(&self.kids()).finish()
    }
}

impl fmt::Debug for VerifyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VerifyKey").field(&self.kid).finish()
    }
}

/// Where verification finds the current keys of each pool.
pub trait Keys {
    /// The keys of the pool with this index; `None` when it has none that may still serve.
    fn of(&self, pool: usize) -> Option<Arc<KeySet>>;
}

/// A set as it grows.
#[derive(Default)]
struct Loading {
    by_kid: HashMap<String, Arc<VerifyKey>>,
    ambiguous: HashSet<String>,
    dropped: Vec<String>,
}

impl Loading {
    /// Adds a usable key. Two different keys under one `kid` are both dropped: which of them a token means would be a
    /// guess, and the order of a document is no ground for trust.
    fn add(&mut self, key: VerifyKey) {
        if self.ambiguous.contains(&key.kid) {
            return;
        }
        match self.by_kid.entry(key.kid.clone()) {
            Entry::Vacant(free) => {
                free.insert(Arc::new(key));
            }
            Entry::Occupied(known) => {
                let same = known.get().thumbprint == key.thumbprint
                    && known.get().algorithm == key.algorithm;
                if !same {
                    known.remove();
                    let kid = shown(&key.kid);
                    self.dropped
                        .push(format!("key \"{kid}\": several keys have this kid"));
                    self.ambiguous.insert(key.kid);
                }
            }
        }
    }
}

fn fault(why: &str) -> KeySetFault {
    KeySetFault(why.to_owned())
}

/// Why an entry was dropped, naming it by its `kid` when it has one, else by its place.
fn sentence(entry: &Value, position: usize, why: &str) -> String {
    match entry.get("kid").and_then(Value::as_str) {
        Some(kid) if !kid.is_empty() => format!("key \"{}\": {why}", shown(kid)),
        _ => format!("key number {}: {why}", position + 1),
    }
}

/// A `kid` as it may stand in a log line: ASCII, without control characters, and short (J13).
fn shown(kid: &str) -> String {
    const LONGEST: usize = 64;
    let mut text: String = kid
        .chars()
        .take(LONGEST)
        .flat_map(char::escape_default)
        .collect();
    if kid.chars().nth(LONGEST).is_some() {
        text.push('…');
    }
    text
}
