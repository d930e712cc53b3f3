//! What is known of the configuration in use, and of the last one that was offered. For the status page, and for waiting.

use std::collections::BTreeMap;

use tokio::sync::watch;

use crate::clock::Timestamp;
use crate::config::Config;
use crate::config::model::Listen;

/// What can be told now.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// SHA-256 in hex of the text of the configuration in use.
    pub hash: String,
    /// When that was taken.
    pub taken: Timestamp,
    /// What became of the last one offered; none since the start.
    pub last: Option<Offer>,
    /// Configurations taken since the start.
    pub reloads_ok: u64,
    /// Configurations refused since the start.
    pub reloads_refused: u64,
    /// Keys that were changed since the start and wait for the next one: `server.listen`.
    pub restart: Vec<&'static str>,
}

/// A configuration that was offered.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// When.
    pub at: Timestamp,
    /// Why it was refused, in the words of `check`; none if it was taken. No secret is in it.
    pub refused: Option<String>,
}

/// The facts, where everybody finds them.
pub struct Status(watch::Sender<Facts>);

impl Status {
    /// At the start, with this configuration.
    pub fn new(config: &Config, now: Timestamp) -> Status {
        Status(watch::Sender::new(Facts {
            hash: config.hash.clone(),
            taken: now,
            last: None,
            reloads_ok: 0,
            reloads_refused: 0,
            restart: Vec::new(),
        }))
    }

    /// What is known now.
    pub fn facts(&self) -> Facts {
        self.0.borrow().clone()
    }

    /// Hears of every change.
    pub fn subscribe(&self) -> watch::Receiver<Facts> {
        self.0.subscribe()
    }

    pub(super) fn taken(&self, hash: String, restart: Vec<&'static str>, now: Timestamp) {
        self.0.send_modify(|facts| {
            facts.hash = hash;
            facts.taken = now;
            facts.restart = restart;
            facts.reloads_ok += 1;
            facts.last = Some(Offer {
                at: now,
                refused: None,
            });
        });
    }

    pub(super) fn refused(&self, faults: String, now: Timestamp) {
        self.0.send_modify(|facts| {
            facts.reloads_refused += 1;
            facts.last = Some(Offer {
                at: now,
                refused: Some(faults),
            });
        });
    }
}

/// The keys that differ from what the process was started with and that only a start can change.
pub(super) fn restart_only(started: &Config, offered: &Config) -> Vec<&'static str> {
    let (old, new) = (&started.server, &offered.server);
    let differing = [
        ("server.listen", old.listen != new.listen),
        ("server.admin", old.admin != new.admin),
        ("server.probes", old.probes != new.probes),
        ("server.workers", old.workers != new.workers),
        (
            "outbound.*.listen",
            listening(started) != listening(offered),
        ),
    ];
    differing
        .into_iter()
        .filter_map(|(key, differs)| differs.then_some(key))
        .collect()
}

/// Where the courier listens, by name.
fn listening(config: &Config) -> BTreeMap<&str, &Listen> {
    let all = config.outbound.iter();
    all.map(|outbound| (&*outbound.name, &outbound.listen))
        .collect()
}
