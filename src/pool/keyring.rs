//! The keys of one pool: swapped whole, read without waiting, and outliving any one configuration.
//!
//! There are no built-in keys, and a ring that never had any has none (Istio's CVE-2026-31837 was the opposite). How old
//! keys may get is measured by the wall clock, as the lives of tokens are.

#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;

use super::round::{Asked, Rounds};
use crate::clock::{Clock, Timestamp};
use crate::config::model::{JwksSource, Pool};
use crate::fetch::BODY_LIMIT;
use crate::token::keys::{KeySet, Keys};

/// The keys of one pool.
pub struct KeyRing {
    pool: Arc<Pool>,
    clock: Clock,
    loaded: ArcSwapOption<Loaded>,
    pub(super) rounds: Rounds,
    refreshes_ok: AtomicU64,
    refreshes_failed: AtomicU64,
    last_fault: ArcSwapOption<String>,
}

/// Keys, and since when they have been good.
struct Loaded {
    set: Arc<KeySet>,
    since: Timestamp,
    from_file: bool,
}

/// What can be told of a ring, for metrics and status. Never a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Refreshes that brought keys.
    pub refreshes_ok: u64,
    /// Refreshes that brought none.
    pub refreshes_failed: u64,
    /// When the last refresh brought keys; `None` before the first.
    pub last_success: Option<Timestamp>,
    /// Age of the keys in seconds since they were fetched or read; `None` when there never were any.
    pub age: Option<f64>,
    /// Whether the keys are those of `jwks_file`.
    pub from_file: bool,
    /// Whether they may still verify tokens.
    pub serving: bool,
    /// The key ids, sorted.
    pub kids: Vec<String>,
    /// Why the last refresh brought nothing; `None` when it brought keys.
    pub last_fault: Option<String>,
}

/// Why the keys of a `jwks_file` can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the jwks_file of pool {pool} {why}")]
pub struct KeyFileFault {
    pool: String,
    why: String,
}

impl KeyRing {
    /// A ring for `pool`, with the keys of its `jwks_file` if it has one. `read` gives the bytes of a file.
    pub fn new(
        pool: Arc<Pool>,
        clock: Clock,
        read: &dyn Fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<KeyRing, KeyFileFault> {
        let ring = KeyRing {
            pool,
            clock,
            loaded: ArcSwapOption::empty(),
            rounds: Rounds::default(),
            refreshes_ok: AtomicU64::new(0),
            refreshes_failed: AtomicU64::new(0),
            last_fault: ArcSwapOption::empty(),
        };
        ring.load_file(read)?;
        Ok(ring)
    }

    /// Reads the `jwks_file` again. Its keys are taken unless fetched ones are there; a broken file changes nothing.
    pub fn load_file(
        &self,
        read: &dyn Fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<(), KeyFileFault> {
        let Some(path) = &self.pool.jwks_file else {
            return Ok(());
        };
        let fault = |why: String| KeyFileFault {
            pool: self.name().to_owned(),
            why,
        };
        let json = read(path).map_err(|error| fault(format!("cannot be read: {error}")))?;
        if json.len() > BODY_LIMIT {
            return Err(fault("has more than 1 MiB".to_owned()));
        }
        let (set, dropped) = KeySet::parse(&json, self.pool.trust.kind)
            .map_err(|why| fault(format!("is no key set: {}", why.0)))?;
        super::refresh::warn_of_dropped(self.name(), &dropped);
        if self.loaded.load().as_ref().is_none_or(|now| now.from_file) {
            self.swap(Arc::new(set), true);
        }
        Ok(())
    }

    /// Takes over the keys of `old`, the ring of the same pool before a reload, when both read them from the same
    /// places: a change of `client_ids` must not leave a pool without keys while its key server is down. Refreshes are
    /// counted on in any case: they are told by the pool's name.
    pub fn inherit(&self, old: &KeyRing) {
        for (mine, theirs) in [
            (&self.refreshes_ok, &old.refreshes_ok),
            (&self.refreshes_failed, &old.refreshes_failed),
        ] {
            mine.store(theirs.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        let (mine, theirs) = (&self.pool, &old.pool);
        let same_source = mine.jwks == theirs.jwks
            && mine.jwks_file == theirs.jwks_file
            && mine.trust.kind == theirs.trust.kind
            && mine.trust.issuers.first() == theirs.trust.issuers.first();
        let fetched = old.loaded.load_full().filter(|keys| !keys.from_file);
        if same_source && fetched.is_some() {
            self.loaded.store(fetched);
        }
    }

    /// The keys that may verify a token at `now`: none before the first were had, none once they are too old.
    pub fn current(&self, now: Timestamp) -> Option<Arc<KeySet>> {
        let loaded = self.loaded.load();
        let loaded = loaded.as_ref()?;
        self.may_serve(loaded, now).then(|| Arc::clone(&loaded.set))
    }

    /// Asks for a refresh because a token's key is not in the ring, and waits for it at most the pool's fetch timeout.
    ///
    /// However many ask, one fetch is made, and none within `jwks_cooldown` of the last (K03); those are told so at once.
    /// Works from any runtime. Dropping the future harms neither the fetch nor others who wait for it (K12).
    pub async fn refreshed(&self) -> Asked {
        self.rounds
            .ask(self.pool.cooldown, self.pool.fetch.timeout)
            .await
    }

    /// The pool this ring belongs to.
    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// The pool's name.
    pub fn name(&self) -> &str {
        &self.pool.trust.name
    }

    /// What can be told of it now.
    pub fn facts(&self) -> Facts {
        let now = self.clock.now();
        let loaded = self.loaded.load();
        let loaded = loaded.as_deref();
        let kids = |keys: &Loaded| keys.set.kids().into_iter().map(str::to_owned).collect();
        Facts {
            refreshes_ok: self.refreshes_ok.load(Ordering::Relaxed),
            refreshes_failed: self.refreshes_failed.load(Ordering::Relaxed),
            last_success: loaded.filter(|keys| !keys.from_file).map(|keys| keys.since),
            age: loaded.map(|keys| now - keys.since),
            from_file: loaded.is_some_and(|keys| keys.from_file),
            serving: loaded.is_some_and(|keys| self.may_serve(keys, now)),
            kids: loaded.map(kids).unwrap_or_default(),
            last_fault: self.last_fault.load().as_deref().cloned(),
        }
    }

    /// Whether it ever had keys.
    pub(super) fn has_had_keys(&self) -> bool {
        self.loaded.load().is_some()
    }

    /// A refresh brought `set`: it is what verifies from now on, and the set it replaces comes back.
    pub(super) fn replace(&self, set: Arc<KeySet>) -> Option<Arc<KeySet>> {
        let old = self.swap(set, false);
        self.last_fault.store(None);
        self.refreshes_ok.fetch_add(1, Ordering::Relaxed);
        old
    }

    /// A refresh brought nothing: the keys stay as they are (K06).
    pub(super) fn keep(&self, fault: String) {
        self.last_fault.store(Some(Arc::new(fault)));
        self.refreshes_failed.fetch_add(1, Ordering::Relaxed);
    }

    fn swap(&self, set: Arc<KeySet>, from_file: bool) -> Option<Arc<KeySet>> {
        let loaded = Loaded {
            set,
            since: self.clock.now(),
            from_file,
        };
        let old = self.loaded.swap(Some(Arc::new(loaded)));
        old.map(|old| Arc::clone(&old.set))
    }

    fn may_serve(&self, loaded: &Loaded, now: Timestamp) -> bool {
        // A file that stands alone is as good as the configuration itself. For the rest, keys from the future are as
        // doubtful as old ones: a clock that was years ahead when they came must not let them serve for years (Q06).
        self.pool.jwks == JwksSource::None
            || (now - loaded.since).abs() <= self.pool.max_stale.as_secs_f64()
    }
}

/// The rings of all pools, in the order of the trust they serve, at the time of a clock.
#[derive(Clone)]
pub struct KeyRings {
    rings: Vec<Arc<KeyRing>>,
    clock: Clock,
}

impl KeyRings {
    /// `rings` in the order of `Trust::pools`.
    pub fn new(rings: Vec<Arc<KeyRing>>, clock: Clock) -> KeyRings {
        KeyRings { rings, clock }
    }

    /// The ring of the pool with this index.
    pub fn ring(&self, pool: usize) -> Option<&Arc<KeyRing>> {
        self.rings.get(pool)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<KeyRing>> {
        self.rings.iter()
    }
}

impl Keys for KeyRings {
    fn of(&self, pool: usize) -> Option<Arc<KeySet>> {
        self.rings.get(pool)?.current(self.clock.now())
    }
}
