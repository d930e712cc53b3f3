//! Keeps one pool's keys fresh: fetch at start, then every `jwks_refresh`, sooner after a failure or when asked.
//!
//! The old set serves while a refresh runs and after one that fails; a good one replaces it whole. The task ends with
//! its [`PoolTask`], and whoever waited for it is told.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::keyring::KeyRing;
use super::schedule::Schedule;
use super::source::{Fresh, Server, Source};
use crate::config::model::JwksSource;
use crate::fetch::{FetchFault, Fetcher};
use crate::ready::Guard;
use crate::token::keys::KeySet;

/// The task that refreshes a ring: dropped, it ends.
#[derive(Debug)]
pub struct PoolTask {
    task: Option<JoinHandle<()>>,
}

impl PoolTask {
    /// Starts refreshing on the current runtime, and answers those who ask from then on: start it before the gate
    /// listens. `first_keys` is done as soon as the ring has keys. A ring whose keys come from a file alone needs no task.
    ///
    /// # Panics
    /// Outside a runtime.
    pub fn start(ring: Arc<KeyRing>, fetcher: Arc<Fetcher>, first_keys: Option<Guard>) -> PoolTask {
        if ring.pool().jwks == JwksSource::None {
            return PoolTask { task: None };
        }
        let source = Server::new(Arc::clone(ring.pool()), fetcher);
        PoolTask::start_from(ring, source, first_keys)
    }

    fn start_from(ring: Arc<KeyRing>, source: impl Source, first_keys: Option<Guard>) -> PoolTask {
        let first_keys = first_keys.filter(|_| !ring.has_had_keys());
        ring.rounds.start();
        // Made before the task is: even one that is dropped before its first step lets go of those who wait.
        let running = Running(ring);
        PoolTask {
            task: Some(tokio::spawn(run(running, source, first_keys))),
        }
    }
}

impl Drop for PoolTask {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Fetches the keys of a ring once, for a process that doesn't stay: nothing is retried. A pool whose keys come from a file
/// alone has what it has.
///
/// # Errors
/// Why no keys came; the ring keeps those it had.
pub async fn refresh_once(ring: &KeyRing, fetcher: Arc<Fetcher>) -> Result<(), FetchFault> {
    if ring.pool().jwks != JwksSource::None {
        let fresh = Server::new(Arc::clone(ring.pool()), fetcher)
            .fetch()
            .await?;
        ring.replace(Arc::new(fresh.set));
    }
    Ok(())
}

/// Lets go of everybody who waits, however the task ends.
struct Running(Arc<KeyRing>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.rounds.stop();
    }
}

async fn run(running: Running, mut source: impl Source, mut first_keys: Option<Guard>) {
    let ring = &running.0;
    let mut schedule = Schedule::new(ring.pool().refresh);
    let mut told = Vec::new();
    loop {
        ring.rounds.begin();
        let wait = match source.fetch().await {
            Ok(fresh) => {
                take(ring, fresh, &mut told);
                if let Some(guard) = first_keys.take() {
                    guard.done();
                }
                schedule.after_success(chance())
            }
            Err(fault) => {
                let wait = schedule.after_failure(fault.retry_after, chance());
                keep(ring, &fault, wait);
                wait
            }
        };
        // Only now, with the keys in place, are those who wait told to look again.
        ring.rounds.settle();
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = ring.rounds.wanted() => {}
        }
    }
}

/// Puts fresh keys in place, and tells what changed. `told` holds what the last set left out.
fn take(ring: &KeyRing, fresh: Fresh, told: &mut Vec<String>) {
    if fresh.dropped != *told {
        warn_of_dropped(ring.name(), &fresh.dropped);
        *told = fresh.dropped;
    }
    let new = Arc::new(fresh.set);
    let old = ring.replace(Arc::clone(&new));
    let (added, removed) = difference(old.as_deref(), &new);
    if !added.is_empty() || !removed.is_empty() {
        tracing::info!(pool = ring.name(), ?added, ?removed, "keys changed");
    }
}

fn keep(ring: &KeyRing, fault: &FetchFault, wait: Duration) {
    let serving = ring.facts().serving;
    tracing::warn!(
        pool = ring.name(),
        %fault,
        serving,
        "keys could not be refreshed; trying again in {:.1} s",
        wait.as_secs_f64()
    );
    ring.keep(fault.to_string());
}

/// A line for each entry of a key set that was left out.
pub(super) fn warn_of_dropped(pool: &str, dropped: &[String]) {
    for why in dropped {
        tracing::warn!(pool, %why, "a key was left out");
    }
}

/// The key ids that came and that went; a key whose material changed did both. Written by the key server, so they are
/// logged with `Debug`, which escapes.
fn difference(old: Option<&KeySet>, new: &KeySet) -> (BTreeSet<String>, BTreeSet<String>) {
    let print = |set: &KeySet, kid: &str| set.find(kid).map(|key| key.thumbprint);
    let only_in = |set: &KeySet, other: &KeySet| {
        set.kids()
            .into_iter()
            .filter(|kid| print(set, kid) != print(other, kid))
            .map(str::to_owned)
            .collect()
    };
    let none = KeySet::default();
    let old = old.unwrap_or(&none);
    (only_in(new, old), only_in(old, new))
}

/// A number from 0 to 1. It only spreads timers: nobody gains by guessing it.
fn chance() -> f64 {
    let random = std::hash::RandomState::new().build_hasher().finish();
    (random >> 11) as f64 / (1u64 << 53) as f64
}
