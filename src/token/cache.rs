//! Remembers verified tokens, by their SHA-256: authentication only, never a decision.

use std::sync::Arc;

use super::keys::Keys;
use super::trust::Trust;
use super::verify::Principal;
use crate::clock::Timestamp;

/// A bounded cache of verified tokens. No token lies in memory, only its digest.
#[derive(Debug)]
pub struct TokenCache {}

/// The SHA-256 of a token's bytes.
pub type Digest = [u8; 32];

impl TokenCache {
    /// A cache of at most `entries`; 0 remembers nothing.
    pub fn new(entries: usize) -> TokenCache {
        let _ = entries;
        todo!()
    }

    /// The digest under which a token is remembered.
    pub fn digest(token: &str) -> Digest {
        let _ = token;
        todo!()
    }

    /// The principal of a token verified earlier, if it still holds: not expired, its key still in its pool's set with the
    /// same material, its pool the very same settings (`Arc::ptr_eq` with `trust`).
    pub fn recall(
        &self,
        digest: &Digest,
        trust: &Trust,
        keys: &dyn Keys,
        now: Timestamp,
    ) -> Option<Arc<Principal>> {
        let _ = (digest, trust, keys, now);
        todo!()
    }

    /// Remembers a verified token.
    pub fn remember(&self, digest: Digest, principal: Arc<Principal>) {
        let _ = (digest, principal);
        todo!()
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        todo!()
    }
}
