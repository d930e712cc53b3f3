//! What `learn` makes of the traffic: a `[routes]` table that admits what was seen, and nothing looser than that needs.
//!
//! Only a request whose token verified and that was answered 2xx or 3xx teaches a route; the rest becomes comments, never
//! a route, and nothing ever becomes public. What is remembered is bounded: when there is too much, paths are folded
//! harder. What was learnt and what was not are kept apart, so that a scanner can't fold the paths of honest clients.

mod fold;
mod kept;
mod render;
mod rule;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::path::{self, Kinds};
use crate::reason::Reason;
use crate::token::Principal;
use fold::Tree;
pub use kept::is_kept;
use rule::Carried;

/// Clients remembered for one line.
const CLIENTS: usize = 50;
/// Methods remembered for one path.
const METHODS: usize = 16;

/// One request that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its path, as sent.
    pub path: &'a str,
    /// The route that answered, by its key.
    pub route: Option<&'a str>,
    /// Whom its token speaks for, if it has one that verified.
    pub principal: Option<&'a Principal>,
    /// Why it was refused, or would have been.
    pub refused: Option<Reason>,
    /// How it was answered.
    pub status: u16,
}

/// What was seen so far.
#[derive(Debug)]
pub struct Lessons {
    requests: u64,
    /// Routes of the configuration with settings that a table of rules can't carry on, and what was seen on them.
    kept: BTreeMap<String, Kept>,
    learnt: Tree,
    rest: Tree,
    /// Refused here in any case: limits, ambiguous paths, malformed requests.
    refused: BTreeMap<Reason, u64>,
    /// Not remembered, for there was no room.
    beyond: u64,
}

/// A route that is left as it is.
#[derive(Clone, Debug, Default)]
struct Kept {
    requests: u64,
    refused: u64,
}

/// What was seen of one method on one path.
#[derive(Clone, Debug, Default)]
struct Tally {
    requests: u64,
    /// What every verified token had.
    carried: Carried,
    clients: BTreeMap<String, u64>,
    /// Requests whose client is unknown, or one too many.
    other_clients: u64,
    /// Why they would have been refused.
    refused: BTreeMap<Reason, u64>,
    /// Answers, by the hundred.
    answers: BTreeMap<u16, u64>,
}

impl Lessons {
    /// Nothing yet. `kept` are the keys of routes that are left as they are.
    pub fn new(kept: impl IntoIterator<Item = String>) -> Lessons {
        Lessons {
            requests: 0,
            kept: kept.into_iter().map(|key| (key, Kept::default())).collect(),
            learnt: Tree::new(4_096),
            rest: Tree::new(1_024),
            refused: BTreeMap::new(),
            beyond: 0,
        }
    }

    /// Takes note of a request that has ended.
    pub fn observe(&mut self, seen: &Observation<'_>) {
        self.requests += 1;
        if let Some(kept) = seen.route.and_then(|route| self.kept.get_mut(route)) {
            kept.requests += 1;
            kept.refused += u64::from(seen.refused.is_some());
            return;
        }
        let readings = match (seen.route, path::read(seen.path, Kinds::NONE)) {
            (Some(_), Ok(readings)) => readings,
            (_, readings) => {
                // Refused as it came in, or admitted as ambiguous, which no learnt line could say.
                let reason = seen
                    .refused
                    .or(readings.err().map(|refusal| refusal.reason));
                let reason = reason.unwrap_or(Reason::BadRequest);
                *self.refused.entry(reason).or_default() += 1;
                return;
            }
        };
        let good = matches!(seen.status, 200..=399);
        let tree = match seen.principal.filter(|_| good) {
            Some(_) => &mut self.learnt,
            None => &mut self.rest,
        };
        match tree.tally(path::within(&readings.first), seen.method) {
            Some(tally) => tally.count(seen),
            None => self.beyond += 1,
        }
    }
}

impl Tally {
    fn count(&mut self, seen: &Observation<'_>) {
        self.requests += 1;
        *self.answers.entry(seen.status / 100).or_default() += 1;
        if let Some(reason) = seen.refused {
            *self.refused.entry(reason).or_default() += 1;
        }
        let Some(principal) = seen.principal else {
            return;
        };
        self.carried.note(principal);
        match principal.client_id.as_deref() {
            Some(client) if self.clients.contains_key(client) || self.clients.len() < CLIENTS => {
                *self.clients.entry(client.to_owned()).or_default() += 1;
            }
            _ => self.other_clients += 1,
        }
    }

    fn merge(&mut self, other: Tally) {
        self.requests += other.requests;
        self.carried.merge(other.carried);
        self.other_clients += other.other_clients;
        for (client, count) in other.clients {
            if self.clients.contains_key(&client) || self.clients.len() < CLIENTS {
                *self.clients.entry(client).or_default() += count;
            } else {
                self.other_clients += count;
            }
        }
        for (reason, count) in other.refused {
            *self.refused.entry(reason).or_default() += count;
        }
        for (hundred, count) in other.answers {
            *self.answers.entry(hundred).or_default() += count;
        }
    }
}
