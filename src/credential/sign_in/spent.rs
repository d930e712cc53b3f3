//! Which sign-ins came back already (L02).
//!
//! Whoever begins many sign-ins fills this, and must lock nobody out: what is oldest is forgotten. A sign-in that is forgotten is
//! no danger by itself: its cookie was taken away, and its code is good once at the pool.

use std::collections::HashSet;

/// So many at least are remembered, the newest; twice as many at most.
const MOST: usize = 10_000;

/// `state`s that are used up, in two generations.
#[derive(Default)]
pub(super) struct Spent {
    newer: HashSet<String>,
    older: HashSet<String>,
}

impl Spent {
    /// Uses one up; tells whether nobody had before.
    pub(super) fn spend(&mut self, state: &str) -> bool {
        if self.newer.contains(state) || self.older.contains(state) {
            return false;
        }
        if self.newer.len() >= MOST {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(state.to_owned())
    }
}

#[cfg(test)]
mod tests;
