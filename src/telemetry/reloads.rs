//! What became of the configurations that were offered: which one runs, since when, and why the last was not taken.

use std::sync::{Mutex, PoisonError};

use crate::clock::Timestamp;

/// What is known of reloads. Diagnostics here are as `check` prints them: masked, with no secret in them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReloadFacts {
    /// SHA-256 of the running configuration's text, in hex.
    pub hash: String,
    /// When it was taken.
    pub taken: Timestamp,
    /// How many were taken after the first.
    pub accepted: u64,
    /// How many were refused.
    pub refused: u64,
    /// When the last one was refused and why, if it was; taking one ends this.
    pub fault: Option<(Timestamp, String)>,
    /// Keys whose change waits for a restart.
    pub restart_needed: Vec<String>,
}

/// The facts, as they change.
#[derive(Debug, Default)]
pub struct Reloads(Mutex<ReloadFacts>);

impl Reloads {
    /// What is known now.
    pub fn facts(&self) -> ReloadFacts {
        self.lock().clone()
    }

    /// Something became known.
    pub fn update(&self, change: impl FnOnce(&mut ReloadFacts)) {
        change(&mut self.lock());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ReloadFacts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
