//! Remembers verified tokens, by their SHA-256: authentication only, never a decision.
//!
//! What is remembered is looked at again on every use: the clock, the pool's settings and the key may all have changed
//! since. Only good tokens are remembered, so that a flood of bad ones moves nothing (C16, C17). The key is the digest
//! of the whole token: two tokens that share a beginning share nothing here.

#[cfg(test)]
mod tests;

use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use quick_cache::UnitWeighter;
use quick_cache::sync::Cache;

use super::keys::Keys;
use super::trust::Trust;
use super::verify::Principal;
use crate::clock::Timestamp;

/// A bounded cache of verified tokens. No token lies in memory, only its digest.
pub struct TokenCache {
    entries: Option<Entries>,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// The SHA-256 of a token's bytes.
pub type Digest = [u8; 32];

type Entries = Cache<Digest, Arc<Principal>, UnitWeighter, BuildHasherDefault<Itself>>;

/// Digests are spread as well as any hash spreads, and who could look for some that fall together would need as many good tokens.
#[derive(Default)]
struct Itself(u64);

impl Hasher for Itself {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_ne_bytes(*first);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl TokenCache {
    /// A cache that holds `entries`, and an eighth more at most; 0 remembers nothing. (It is kept in shards, and digests do not fall
    /// evenly: without some room to spare, as many tokens in turn would push each other out.)
    pub fn new(entries: usize) -> TokenCache {
        let room = entries.saturating_add(entries / 8);
        let remembering = || {
            Entries::with(
                room,
                room as u64,
                UnitWeighter,
                <_>::default(),
                <_>::default(),
            )
        };
        TokenCache {
            entries: (entries > 0).then(remembering),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// An empty cache of another size that goes on counting where this one is.
    pub fn resized(&self, entries: usize) -> TokenCache {
        let (hits, misses) = self.counts();
        TokenCache {
            hits: hits.into(),
            misses: misses.into(),
            ..TokenCache::new(entries)
        }
    }

    /// The digest under which a token is remembered.
    pub fn digest(token: &str) -> Digest {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        bytes
    }

    /// The principal of a token verified earlier, if it still holds: not expired, its key still in its pool's set with the
    /// same material, its pool the very same settings (`Arc::ptr_eq` with `trust`) at the same index.
    pub fn recall(
        &self,
        digest: &Digest,
        trust: &Trust,
        keys: &dyn Keys,
        now: Timestamp,
    ) -> Option<Arc<Principal>> {
        let found = self.held(digest, trust, keys, now);
        let count = if found.is_some() {
            &self.hits
        } else {
            &self.misses
        };
        count.fetch_add(1, Ordering::Relaxed);
        found
    }

    fn held(
        &self,
        digest: &Digest,
        trust: &Trust,
        keys: &dyn Keys,
        now: Timestamp,
    ) -> Option<Arc<Principal>> {
        let entries = self.entries.as_ref()?;
        let principal = entries.get(digest)?;
        // During a reload requests of the old and the new snapshot run side by side. An entry of the other one is a miss
        // and stays where it is; verifying the token anew replaces it.
        let pool = trust.pools.get(principal.pool_index)?;
        if !Arc::ptr_eq(pool, &principal.pool) {
            return None;
        }
        if now >= principal.expires + pool.leeway {
            entries.remove(digest);
            return None;
        }
        let set = keys.of(principal.pool_index)?;
        let held = principal.key.as_ref().is_some_and(|key| {
            set.find(&key.kid)
                .is_some_and(|now| now.thumbprint == key.thumbprint)
        });
        if !held {
            entries.remove(digest);
            return None;
        }
        Some(principal)
    }

    /// Remembers a verified token, with the claims that its pool's settings keep.
    pub fn remember(&self, digest: Digest, principal: Arc<Principal>) {
        if let Some(entries) = &self.entries {
            let principal = match &principal.pool.kept {
                Some(kept) => Arc::new(principal.reduced(kept)),
                None => principal,
            };
            entries.insert(digest, principal);
        }
    }

    /// How many look-ups found a token that still held, and how many did not.
    pub fn counts(&self) -> (u64, u64) {
        (
            self.hits.load(Ordering::Relaxed),
            self.misses.load(Ordering::Relaxed),
        )
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.entries.as_ref().map_or(0, Cache::len)
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache")
            .field("len", &self.len())
            .finish()
    }
}
