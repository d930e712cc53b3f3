//! The last refusals, for the status page: who was refused what, and why. No token, no query, no header.
//!
//! A flood of refusals must not make workers wait for each other: whoever finds the list taken goes on, and is only counted.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use super::Exchange;
use super::access::cut;
use crate::clock::{Clock, Timestamp};
use crate::reason::Reason;

/// How many are kept.
pub const KEPT: usize = 100;
/// Bytes of a path that are kept.
const PATH_BYTES: usize = 256;
/// Bytes of a client's id that are kept.
const CLIENT_BYTES: usize = 128;

/// One refusal. Its texts are copies: a slice of the request's head would keep the whole head, token and all, in memory.
#[derive(Clone, Debug)]
pub struct Refused {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: Reason,
    /// The front that refused it.
    pub listener: &'static str,
    /// The route that matched, if one did.
    pub route: Option<Arc<str>>,
    /// Its method; empty for a head that never became a request.
    pub method: Box<str>,
    /// Its path, cut; no query.
    pub path: Box<str>,
    /// The client that a verified token was issued to.
    pub client_id: Option<Box<str>>,
    /// Its id, as the client saw it.
    pub request_id: Box<str>,
}

impl Refused {
    /// The refusal that an exchange ended in.
    fn of(exchange: &Exchange, reason: Reason) -> Refused {
        let principal = exchange.principal.as_deref();
        Refused {
            at: Clock::System.now(),
            reason,
            listener: exchange.listener,
            route: exchange.route.clone(),
            method: cut(exchange.method.as_str(), 32).into(),
            path: cut(exchange.uri.path(), PATH_BYTES).into(),
            client_id: principal
                .and_then(|principal| principal.client_id.as_deref())
                .map(|client| cut(client, CLIENT_BYTES).into()),
            request_id: exchange.request_id.to_str().unwrap_or("").into(),
        }
    }
}

/// The last refusals, the newest first.
#[derive(Debug, Default)]
pub struct Recent {
    kept: Mutex<VecDeque<Refused>>,
    missed: AtomicU64,
}

impl Recent {
    /// An exchange ended in a refusal.
    pub(super) fn refused(&self, exchange: &Exchange, reason: Reason) {
        self.push(|| Refused::of(exchange, reason));
    }

    /// A head was refused before it became a request.
    pub fn refused_head(&self, listener: &'static str, reason: Reason, request_id: &str) {
        self.push(|| Refused {
            at: Clock::System.now(),
            reason,
            listener,
            route: None,
            method: "".into(),
            path: "".into(),
            client_id: None,
            request_id: request_id.into(),
        });
    }

    fn push(&self, refused: impl FnOnce() -> Refused) {
        let mut kept = match self.kept.try_lock() {
            Ok(kept) => kept,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                self.missed.fetch_add(1, Ordering::Relaxed);
                return;
            }
        };
        kept.truncate(KEPT - 1);
        kept.push_front(refused());
    }

    /// They themselves, the newest first.
    pub fn list(&self) -> Vec<Refused> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().cloned().collect()
    }

    /// How many were counted in the metrics and not kept here, for the list was taken at that moment.
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}
