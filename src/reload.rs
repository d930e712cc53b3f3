//! Takes a new configuration while requests are served: seen → loaded and built whole → at rest → swapped in one step.
//!
//! What can't be loaded, or built, changes nothing: the configuration in use stays, whatever is wrong with the new one. A
//! file that is empty, missing or half written is such a fault, never "no authentication" (Q01). Everything that can
//! fail is done before the first thing is changed.

mod files;
mod origin;
mod status;
#[cfg(test)]
mod tests;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::sync::Notify;

pub use files::Reading;
pub use origin::{Env, LoadFault, Loaded, Origin};
pub use status::{Facts, Offer, Status};

use crate::clock::Clock;
use crate::config::Config;
use crate::config::trials::run_tests;
use crate::net::room::Room;
use crate::ready::Readiness;
use crate::snapshot::{Live, Snapshot};
use crate::telemetry::{Telemetry, logs};
use files::Sighting;

/// How long files must stay as they were read.
const MOMENT: Duration = Duration::from_millis(100);
/// After so many moments without rest it is time to say so: five seconds.
const RESTLESS: u32 = 50;

/// What the threads of a process share, and a change of its configuration reaches.
pub struct Reach {
    /// The snapshot in use.
    pub live: Arc<Live>,
    /// Where is told what happened.
    pub telemetry: Arc<Telemetry>,
    /// Until the process is ready for the first time, it waits for the keys of new pools too.
    pub readiness: Arc<Readiness>,
    /// The time.
    pub clock: Clock,
    /// Workers that were started.
    pub workers: usize,
    /// The listeners' room.
    pub rooms: Rooms,
    /// What is known of all this.
    pub status: Arc<Status>,
}

/// How many connections each listener may have.
pub struct Rooms {
    /// The gate's.
    pub gate: Room,
    /// Admin's.
    pub admin: Room,
    /// That of probes.
    pub probes: Room,
    /// Those of the courier, in the order of the configuration that the process was started with.
    pub outbound: Vec<Room>,
}

impl Rooms {
    fn iter(&self) -> impl Iterator<Item = &Room> {
        [&self.gate, &self.admin, &self.probes]
            .into_iter()
            .chain(&self.outbound)
    }
}

/// Watches over the configuration of a process.
pub struct Reloader {
    origin: Origin,
    reach: Arc<Reach>,
    started: Arc<Config>,
    seen: Sighting,
}

/// A configuration that was tried.
struct Attempt {
    seen: Sighting,
    reading: Reading,
    outcome: Result<Snapshot, String>,
}

impl Reloader {
    /// For a process that runs what was loaded from `origin` in `reading`.
    pub fn new(origin: Origin, reading: &Reading, reach: Arc<Reach>) -> Reloader {
        let started = reach.live.load().config.clone();
        Reloader {
            seen: reading.sighting(&started.files),
            origin,
            reach,
            started,
        }
    }

    /// Takes changes until it is dropped; at once on SIGHUP.
    pub async fn run(self, mut hangups: Signal) {
        let now = Arc::new(Notify::new());
        tokio::join!(self.watch(now.clone()), async {
            while hangups.recv().await.is_some() {
                now.notify_one();
            }
        });
    }

    /// The same, at once when told to by `now`.
    async fn watch(mut self, now: Arc<Notify>) {
        loop {
            let told = tokio::select! {
                () = watch::changed(&self.seen, watch::look) => false,
                () = now.notified() => true,
            };
            let attempt = match told {
                true => self.attempt().await,
                false => self.at_rest(&now).await,
            };
            if told || attempt.seen != self.seen {
                self.take(attempt);
            }
        }
    }

    /// An attempt whose files are still the same a moment later: none was being written, and no ConfigMap was being
    /// swapped, between its first file and its last (Q02).
    async fn at_rest(&self, now: &Notify) -> Attempt {
        for round in 1.. {
            let attempt = self.attempt().await;
            tokio::select! {
                () = tokio::time::sleep(MOMENT) => {}
                () = now.notified() => return self.attempt().await,
            }
            match watch::look(&attempt.seen).await {
                Some(seen) if seen != attempt.seen => {}
                _ => return attempt,
            }
            if round % RESTLESS == 0 {
                tracing::warn!("the configuration's files keep changing; waiting until they rest");
            }
        }
        self.attempt().await
    }

    /// Loads and builds, apart from the threads that serve or refresh.
    async fn attempt(&self) -> Attempt {
        let (origin, old) = (self.origin.clone(), self.reach.live.load());
        let (workers, clock) = (self.reach.workers, self.reach.clock.clone());
        let attempt = tokio::task::spawn_blocking(move || attempt(&origin, &old, workers, &clock));
        match attempt.await {
            Ok(attempt) => attempt,
            Err(_) => Attempt {
                seen: watch::look(&self.seen).await.unwrap_or(self.seen.clone()),
                reading: Reading::default(),
                outcome: Err(
                    "it could not be read to its end, for a fault of this program".to_owned(),
                ),
            },
        }
    }

    fn take(&mut self, attempt: Attempt) {
        let before = std::mem::replace(&mut self.seen, attempt.seen);
        match attempt.outcome {
            Ok(snapshot) => self.swap(snapshot, &attempt.reading, &before),
            Err(faults) => self.refuse(faults),
        }
    }

    /// Nothing in here can fail.
    fn swap(&self, mut snapshot: Snapshot, reading: &Reading, before: &Sighting) {
        let reach = &self.reach;
        let first = reach.readiness.state().is_err();
        snapshot.start_refreshing(first.then_some(&*reach.readiness));
        self.reread_keys(&snapshot, reading, before);
        let config = snapshot.config.clone();
        restyle(&config, &reach.telemetry);
        for room in reach.rooms.iter() {
            tokio::spawn(room.resize(config.limits.connections));
        }
        let old = reach.live.swap(snapshot);
        for ring in old.keys.iter() {
            let name = ring.name();
            if !config.pools.iter().any(|pool| &*pool.trust.name == name) {
                reach.telemetry.metrics.forget_pool(name);
            }
        }
        for credential in old.credentials.iter().map(|credential| credential.name()) {
            if !config
                .credentials
                .iter()
                .any(|known| *known.name == *credential)
            {
                reach.telemetry.metrics.forget_credential(credential);
            }
        }
        let restart = status::restart_only(&self.started, &config);
        for key in &restart {
            tracing::warn!(key, "this change takes effect at the next start");
        }
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        tracing::info!(hash = config.hash, "the configuration was reloaded");
        let now = reach.clock.now();
        // Told last: whoever sees it can rely on the new configuration for every request from then on (Q03).
        reach.telemetry.metrics.reloaded(Some(now));
        reach.status.taken(config.hash.clone(), restart, now);
    }

    /// Pools that stayed as they were read their `jwks_file` again if that has changed.
    fn reread_keys(&self, snapshot: &Snapshot, reading: &Reading, before: &Sighting) {
        let old = self.reach.live.load();
        for ring in snapshot.keys.iter() {
            let stayed = old.keys.iter().any(|known| Arc::ptr_eq(known, ring));
            let file = ring.pool().jwks_file.as_deref().filter(|_| stayed);
            if let Some(file) = file
                && before.get(file) != self.seen.get(file)
                && let Err(fault) = ring.load_file(&|path| reading.read(path))
            {
                tracing::error!(%fault, "the pool's keys stay as they were");
            }
        }
    }

    fn refuse(&self, faults: String) {
        let reach = &self.reach;
        tracing::error!(
            faults = %faults.trim_end(),
            "the new configuration was refused; the one in use stays"
        );
        reach.telemetry.metrics.reloaded(None);
        reach.status.refused(faults, reach.clock.now());
    }
}

/// Nothing that this does is seen from outside.
fn attempt(origin: &Origin, old: &Snapshot, workers: usize, clock: &Clock) -> Attempt {
    let reading = Reading::again();
    let read = |path: &std::path::Path| reading.read(path);
    let mut named = Vec::new();
    let outcome = match origin.load_from(&reading) {
        Ok(config) => {
            let config = config.for_purpose(old.config.purpose);
            named.clone_from(&config.files);
            tests_hold(&config, clock).and_then(|()| {
                old.rebuild(config, workers, clock, &read)
                    .map_err(|fault| fault.to_string())
            })
        }
        Err(fault) => Err(fault.to_string()),
    };
    Attempt {
        seen: reading.sighting(&named),
        reading,
        outcome,
    }
}

/// A configuration whose `[tests]` fail says itself that it does not do what was meant.
fn tests_hold(config: &Config, clock: &Clock) -> Result<(), String> {
    let failed = run_tests(config, clock.now());
    if failed.is_empty() {
        return Ok(());
    }
    let told: Vec<String> = failed.iter().map(ToString::to_string).collect();
    let (failed, all) = (failed.len(), config.tests.len());
    Err(format!(
        "{}\n{failed} of {all} tests failed",
        told.join("\n")
    ))
}

fn restyle(config: &Config, telemetry: &Telemetry) {
    // The level was read when the snapshot was built.
    if let Err(fault) = logs::restyle(&config.telemetry) {
        tracing::error!(fault, "the log stays as it was");
    }
    telemetry.restyle(&config.telemetry);
}
