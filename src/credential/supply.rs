//! The supply of one token: what is in hand now, and the task that keeps it fresh.
//!
//! A token in hand is handed out without waiting. The task fetches when somebody asks, renews at three quarters of a life
//! while the token is in use, and goes on trying while an old one holds. A token that nobody used is let lapse: machine
//! tokens of Cognito cost money. Tokens are never older than their life, on either clock.

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::chance;
use super::flight::{Denied, Failure, Flights};
use super::grant::Issue;
use super::lease::{Lease, Unavailable};
use super::life;
use super::token::{Issued, Token};
use crate::clock::{Clock, Timestamp};

/// A token younger than this is not given up for another 401 so soon after one: the destination refuses for another reason than
/// that the token is no longer good.
const YOUNG: Duration = Duration::from_secs(10);

/// A token for one credential and one set of scopes, shared by all who need it. Dropped, its task ends.
pub struct Supply {
    shared: Arc<Shared>,
    task: AbortHandle,
}

/// What the task, the waiters and every lease share.
pub(super) struct Shared {
    pub(super) credential: Arc<str>,
    scopes: Vec<String>,
    held: ArcSwapOption<Held>,
    flights: Flights,
    /// When a token was last given up for a 401.
    given_up: Mutex<Option<Instant>>,
    clock: Clock,
    fetches_ok: AtomicU64,
    fetches_failed: AtomicU64,
}

/// A token in hand.
pub(super) struct Held {
    pub(super) token: Token,
    pub(super) expires: Timestamp,
    fetched: Instant,
    until: Instant,
    renew: Option<Instant>,
    /// Whether anybody took it.
    used: AtomicBool,
}

/// What can be told of a supply, for metrics and status. Never a token.
#[derive(Clone, Debug, PartialEq)]
pub struct SupplyFacts {
    /// The scopes that are asked for; empty is whatever the client may have.
    pub scopes: Vec<String>,
    /// Fetches that brought a token.
    pub fetches_ok: u64,
    /// Fetches that brought none.
    pub fetches_failed: u64,
    /// When the token in hand expires; `None` when there is none.
    pub expires: Option<Timestamp>,
    /// Why the last fetch brought nothing; `None` when it brought a token.
    pub last_fault: Option<String>,
}

impl Supply {
    /// Starts a supply whose task runs on `runtime`. Nothing is fetched before somebody asks.
    pub(super) fn start(
        credential: Arc<str>,
        scopes: Vec<String>,
        issuer: impl Issue,
        clock: Clock,
        runtime: &Handle,
    ) -> Supply {
        let shared = Arc::new(Shared {
            credential,
            scopes,
            held: ArcSwapOption::empty(),
            flights: Flights::new(),
            given_up: Mutex::default(),
            clock,
            fetches_ok: AtomicU64::new(0),
            fetches_failed: AtomicU64::new(0),
        });
        // Made before the task is: even one that is dropped before its first step lets go of those who wait.
        let running = Running(Arc::clone(&shared));
        let task = runtime.spawn(run(running, issuer)).abort_handle();
        Supply { shared, task }
    }

    /// The token in hand, if there is one that is good now.
    pub fn in_hand(&self) -> Option<Lease> {
        let held = self.shared.good()?;
        // One write in a token's life, then only reads: requests on several threads share this line of memory.
        if !held.used.load(Ordering::Relaxed) && !held.used.swap(true, Ordering::Relaxed) {
            let due = held.renew.is_some_and(|renew| renew <= Instant::now());
            if due {
                self.shared.flights.want();
            }
        }
        Some(Lease::new(held, Arc::clone(&self.shared)))
    }

    /// A token: the one in hand at once, else what the one fetch brings that all wait for. After a failed fetch its fault
    /// is the answer until the wait is over. Works from any runtime.
    pub async fn lease(&self) -> Result<Lease, Unavailable> {
        // Twice, for a token may be given up by somebody else between its fetch and our look at it.
        for _ in 0..2 {
            if let Some(lease) = self.in_hand() {
                return Ok(lease);
            }
            let asked = self.shared.flights.ask().await;
            asked.map_err(|denied| self.unavailable(denied))?;
        }
        self.in_hand()
            .ok_or_else(|| self.unavailable(Denied::Stopped))
    }

    /// Begins to fetch, if there is nothing in hand, without waiting for it.
    pub fn prepare(&self) {
        if self.shared.good().is_none() {
            self.shared.flights.want();
        }
    }

    /// Whether this lease is one of this supply's.
    pub fn issued(&self, lease: &Lease) -> bool {
        lease.is_of(&self.shared)
    }

    /// What can be told of it now.
    pub fn facts(&self) -> SupplyFacts {
        let shared = &self.shared;
        SupplyFacts {
            scopes: shared.scopes.clone(),
            fetches_ok: shared.fetches_ok.load(Ordering::Relaxed),
            fetches_failed: shared.fetches_failed.load(Ordering::Relaxed),
            expires: shared.held.load().as_ref().map(|held| held.expires),
            last_fault: shared.flights.failure().map(|last| last.why.to_string()),
        }
    }

    fn unavailable(&self, denied: Denied) -> Unavailable {
        let (why, wait) = match denied {
            Denied::Failed(Failure { why, until }) => {
                (why, until.saturating_duration_since(Instant::now()))
            }
            Denied::Stopped => ("no more tokens are fetched".into(), Duration::ZERO),
        };
        Unavailable::new(Arc::clone(&self.shared.credential), why, wait)
    }
}

impl Drop for Supply {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn good(&self) -> Option<Arc<Held>> {
        let held = self.held.load_full()?;
        held.is_good(self.clock.now()).then_some(held)
    }

    /// A destination answered 401 to this token: gives it up, unless another was given up a moment ago and this one is young. Whether
    /// another one may be tried. However many 401s there are, they cause a fetch in 10 s at most (X12).
    pub(super) fn reject(&self, rejected: &Arc<Held>) -> bool {
        // Held until the token is gone: of two who were refused at once, the second must not take the first's for another 401.
        let mut given_up = self.given_up.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.held.load();
        match current.as_ref() {
            // Somebody else gave it up, or it was renewed meanwhile.
            Some(held) if !Arc::ptr_eq(held, rejected) => true,
            None => true,
            Some(held) => {
                let another = given_up.is_some_and(|before| before.elapsed() < YOUNG);
                if another && held.fetched.elapsed() < YOUNG {
                    return false;
                }
                *given_up = Some(Instant::now());
                // Only if it is still that one: a renewal in between must not be lost.
                self.held.compare_and_swap(&current, None);
                tracing::info!(
                    credential = &*self.credential,
                    "a destination refused the token; it is fetched anew"
                );
                true
            }
        }
    }

    fn take(&self, issued: Issued) {
        let (life, fetched) = (issued.life, Instant::now());
        let held = Held {
            token: issued.token,
            expires: self.clock.now() + life.lasts.as_secs_f64(),
            fetched,
            until: fetched + life.serves,
            renew: life.renews.map(|renews| fetched + renews),
            used: AtomicBool::new(false),
        };
        self.held.store(Some(Arc::new(held)));
        self.fetches_ok.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until a token is to be fetched.
    async fn due(&self) {
        loop {
            let held = self.good();
            let next = match (&held, self.flights.failure()) {
                (None, _) => None,
                (Some(_), Some(failure)) => Some(failure.until),
                (Some(held), None) => held.renew,
            };
            let Some(next) = next else {
                self.flights.wanted().await;
                return;
            };
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = self.flights.wanted() => return,
            }
            // A token given up meanwhile is fetched when somebody asks.
            match self.good() {
                Some(now) if now.used.load(Ordering::Relaxed) => return,
                Some(now) => tokio::select! {
                    () = tokio::time::sleep_until(now.until) => self.lapse(),
                    () = self.flights.wanted() => return,
                },
                None => self.flights.wanted().await,
            }
        }
    }

    /// Whether the token in hand is not due yet: somebody saw none, and asked only when it had just come (X11).
    fn is_fresh(&self) -> bool {
        let now = Instant::now();
        self.good()
            .is_some_and(|held| held.renew.is_none_or(|renew| renew > now))
    }

    /// Forgets a token that nobody used.
    fn lapse(&self) {
        let current = self.held.load();
        let unused = |held: &Arc<Held>| !held.used.load(Ordering::Relaxed);
        if current.as_ref().is_some_and(unused) {
            self.held.compare_and_swap(&current, None);
        }
    }
}

impl Held {
    /// By both clocks: the monotonic one stands still while a machine sleeps, the wall clock can be set back (Q06).
    fn is_good(&self, now: Timestamp) -> bool {
        Instant::now() < self.until && now < self.expires
    }
}

/// Lets go of everybody who waits, however the task ends.
struct Running(Arc<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.flights.stop();
    }
}

async fn run(running: Running, issuer: impl Issue) {
    let shared = &running.0;
    let mut failures = 0u32;
    loop {
        shared.due().await;
        shared.flights.begin();
        if shared.is_fresh() {
            shared.flights.settle(None);
            continue;
        }
        match issuer.issue().await {
            Ok(issued) => {
                failures = 0;
                shared.take(issued);
                // Only now, with the token in place, are those who wait told to look again.
                shared.flights.settle(None);
            }
            Err(fault) => {
                failures = failures.saturating_add(1);
                let wait = life::backoff(failures, fault.retry_after, chance());
                tracing::warn!(
                    credential = &*shared.credential,
                    scopes = ?shared.scopes,
                    %fault,
                    in_hand = shared.good().is_some(),
                    "no token could be fetched; trying again in {:.1} s at the earliest",
                    wait.as_secs_f64()
                );
                shared.fetches_failed.fetch_add(1, Ordering::Relaxed);
                shared.flights.settle(Some(Failure {
                    why: fault.to_string().into(),
                    until: Instant::now() + wait,
                }));
            }
        }
    }
}
