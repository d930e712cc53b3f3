//! Single flight for sessions: however many requests see that one must be renewed, its refresh token is used once.
//!
//! What came of it is remembered for a minute, for browsers send the older cookie with requests that are already on their way
//! (L10). A failure is remembered for seconds: the pool is not asked again by every request of a page.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::session::Session;
use crate::token::cache::{Digest, TokenCache};

/// How long the renewed session is given to those who come with the older one.
const REMEMBERED: Duration = Duration::from_secs(60);
/// How long nobody asks again after the pool could not be reached.
const BACKOFF: Duration = Duration::from_secs(2);
/// From so many on, those that are over are forgotten whenever one is added.
const MANY: usize = 64;

/// What came of a renewal.
#[derive(Clone)]
pub enum Settled {
    /// The session as it is now.
    Renewed(Arc<Session>),
    /// It is over: the pool says so.
    Ended,
    /// Nobody can say at the moment.
    Unavailable,
}

impl Settled {
    fn lasts(&self) -> Duration {
        match self {
            Settled::Renewed(_) | Settled::Ended => REMEMBERED,
            Settled::Unavailable => BACKOFF,
        }
    }
}

type Outcome = Option<(Settled, Instant)>;

/// Renewals by the digest of the access token that they replace.
#[derive(Default)]
pub struct Renewals(Mutex<HashMap<Digest, watch::Receiver<Outcome>>>);

impl Renewals {
    /// What comes, or came, of the renewal of `session`: `renew` is called if none is under way or remembered.
    ///
    /// # Panics
    /// Outside a runtime.
    pub async fn join<F>(&self, session: &Session, renew: impl FnOnce() -> F) -> Settled
    where
        F: Future<Output = Settled> + Send + 'static,
    {
        let mut outcome = self.flight(session, renew);
        // A task that ended without a word was dropped with its runtime: the process is going away.
        match outcome.wait_for(Option::is_some).await {
            Ok(outcome) => outcome
                .as_ref()
                .map_or(Settled::Unavailable, |(settled, _)| settled.clone()),
            Err(_) => Settled::Unavailable,
        }
    }

    fn flight<F>(&self, session: &Session, renew: impl FnOnce() -> F) -> watch::Receiver<Outcome>
    where
        F: Future<Output = Settled> + Send + 'static,
    {
        let digest = TokenCache::digest(session.access.expose());
        // Nothing panics while this is locked, and a map is never half changed.
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = flights.get(&digest).filter(|known| is_current(known)) {
            return known.clone();
        }
        if flights.len() >= MANY {
            flights.retain(|_, known| is_current(known));
        }
        let (sender, outcome) = watch::channel(None);
        flights.insert(digest, outcome.clone());
        let renewal = renew();
        tokio::spawn(async move {
            let settled = renewal.await;
            let until = Instant::now() + settled.lasts();
            sender.send_replace(Some((settled, until)));
        });
        outcome
    }
}

/// Whether a renewal is under way, or has been over for a short time only.
fn is_current(flight: &watch::Receiver<Outcome>) -> bool {
    match &*flight.borrow() {
        Some((_, until)) => *until > Instant::now(),
        None => flight.has_changed().is_ok(),
    }
}
