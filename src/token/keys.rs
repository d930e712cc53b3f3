//! A pool's signing keys, read from a JWKS: what may verify a signature, and nothing else.

use std::collections::HashMap;
use std::sync::Arc;

use super::trust::PoolKind;

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
    by_kid: HashMap<String, Arc<VerifyKey>>,
}

/// Why a document is no JWKS: one sentence, no bytes of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySetFault(pub String);

impl KeySet {
    /// Reads a JWKS. Entries that may not verify signatures are dropped one by one (their reasons come back beside the
    /// set, for the log); a document that leaves no usable key is a fault.
    pub fn parse(json: &[u8], kind: PoolKind) -> Result<(KeySet, Vec<String>), KeySetFault> {
        let _ = (json, kind);
        todo!()
    }

    /// The key with this `kid`.
    pub fn find(&self, kid: &str) -> Option<&Arc<VerifyKey>> {
        self.by_kid.get(kid)
    }

    /// The key ids, sorted: for status and logs.
    pub fn kids(&self) -> Vec<&str> {
        let mut kids: Vec<&str> = self.by_kid.keys().map(String::as_str).collect();
        kids.sort_unstable();
        kids
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.by_kid.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_kid.is_empty()
    }
}

/// Where verification finds the current keys of each pool.
pub trait Keys {
    /// The keys of the pool with this index; `None` when it has none that may still serve.
    fn of(&self, pool: usize) -> Option<Arc<KeySet>>;
}
