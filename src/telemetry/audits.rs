//! What audit routes would have refused, and to whom: so that turning a route on is a decision, not a hope.
//!
//! How often is in the metrics, exactly. Here is for which clients, in bounds: clients beyond the first [`CLIENTS`] of a
//! route and reason are counted together, and a count that found the table taken is only counted as missed.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use crate::reason::Reason;

/// Clients told apart for one route and reason.
const CLIENTS: usize = 200;
/// Clients that are reported by name.
const REPORTED: usize = 20;

/// What would have been refused, by route and reason.
#[derive(Debug, Default)]
pub struct Audits {
    seen: Mutex<HashMap<Arc<str>, BTreeMap<Reason, Clients>>>,
    missed: AtomicU64,
}

/// Whom one reason would have met on one route.
#[derive(Debug, Default)]
struct Clients {
    named: HashMap<Box<str>, u64>,
    others: u64,
    unverified: u64,
}

/// Whom one reason would have met on one route, to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// The clients met most, by the id of their verified tokens, the most frequent first.
    pub clients: Vec<(String, u64)>,
    /// Requests of all other clients.
    pub others: u64,
    /// Requests without a token that verified.
    pub unverified: u64,
}

impl Audits {
    /// A request on an audit route would have been refused.
    pub(super) fn audited(&self, route: &Arc<str>, reason: Reason, client: Option<&str>) {
        let mut seen = match self.seen.try_lock() {
            Ok(seen) => seen,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                self.missed.fetch_add(1, Ordering::Relaxed);
                return;
            }
        };
        if !seen.contains_key(route) {
            seen.insert(route.clone(), BTreeMap::new());
        }
        let Some(reasons) = seen.get_mut(route) else {
            return;
        };
        reasons.entry(reason).or_default().count(client);
    }

    /// Whom `reason` would have met on `route`.
    pub fn met(&self, route: &str, reason: Reason) -> Option<Met> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(route)?.get(&reason).map(Clients::met)
    }

    /// Requests that are in the metrics and not here.
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

impl Clients {
    fn count(&mut self, client: Option<&str>) {
        let Some(client) = client else {
            self.unverified += 1;
            return;
        };
        let client = super::access::cut(client, 128);
        if let Some(count) = self.named.get_mut(client) {
            *count += 1;
        } else if self.named.len() < CLIENTS {
            self.named.insert(client.into(), 1);
        } else {
            self.others += 1;
        }
    }

    fn met(&self) -> Met {
        let mut clients: Vec<(String, u64)> = self
            .named
            .iter()
            .map(|(client, count)| (client.to_string(), *count))
            .collect();
        clients.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        let beyond = clients.split_off(clients.len().min(REPORTED));
        Met {
            clients,
            others: self.others + beyond.iter().map(|(_, count)| count).sum::<u64>(),
            unverified: self.unverified,
        }
    }
}
