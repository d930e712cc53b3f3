//! Single flight: many ask, one fetch is made, and after a failed one everybody gets its answer until the wait is over.
//!
//! One watch channel is the state and the wake-up, so none can be lost, and it works between runtimes: the task that
//! fetches lives on one, requests wait on others. Dropping a waiter harms neither the fetch nor the other waiters (X11).

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nobody will ever fetch again.
    Stopped,
    /// Between two fetches.
    Idle,
    /// Somebody asked; the task has not woken yet.
    Wanted,
    /// A fetch is in flight.
    Fetching,
}

/// What a failed fetch left behind.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// The sentence.
    pub(super) why: Arc<str>,
    /// Nobody asks again before.
    pub(super) until: Instant,
}

/// Why asking brought no token.
#[derive(Clone, Debug)]
pub(super) enum Denied {
    Failed(Failure),
    Stopped,
}

struct State {
    phase: Phase,
    /// Fetches that ended, whatever they brought.
    settled: u64,
    /// What the last one left behind, if it failed.
    failure: Option<Failure>,
}

impl State {
    /// What to answer without waiting, if anything.
    fn verdict(&self) -> Option<Denied> {
        match self.phase {
            Phase::Stopped => Some(Denied::Stopped),
            Phase::Idle => {
                let failure = self.failure.as_ref();
                let waiting = failure.filter(|failure| failure.until > Instant::now());
                waiting.cloned().map(Denied::Failed)
            }
            Phase::Wanted | Phase::Fetching => None,
        }
    }
}

/// The fetches of one supply.
pub(super) struct Flights(watch::Sender<State>);

impl Flights {
    pub(super) fn new() -> Flights {
        Flights(watch::Sender::new(State {
            phase: Phase::Idle,
            settled: 0,
            failure: None,
        }))
    }

    /// Asks for a fetch without waiting for it, unless the last failed too recently.
    pub(super) fn want(&self) {
        self.0.send_if_modified(|state| {
            let first = state.phase == Phase::Idle && state.verdict().is_none();
            if first {
                state.phase = Phase::Wanted;
            }
            first
        });
    }

    /// Asks for a fetch, or joins the one in flight, and waits for its end.
    pub(super) async fn ask(&self) -> Result<(), Denied> {
        let mut states = self.0.subscribe();
        let before = {
            let state = states.borrow_and_update();
            if let Some(denied) = state.verdict() {
                return Err(denied);
            }
            state.settled
        };
        self.want();
        let over = |state: &State| state.settled > before || state.phase == Phase::Stopped;
        match states.wait_for(over).await {
            Ok(state) if state.settled > before => match &state.failure {
                Some(failure) => Err(Denied::Failed(failure.clone())),
                None => Ok(()),
            },
            _ => Err(Denied::Stopped),
        }
    }

    /// Waits until somebody asks.
    pub(super) async fn wanted(&self) {
        let mut states = self.0.subscribe();
        // The sender lives as long as `self`, so this can't end early.
        let _ = states.wait_for(|state| state.phase == Phase::Wanted).await;
    }

    /// A fetch begins.
    pub(super) fn begin(&self) {
        self.0.send_modify(|state| state.phase = Phase::Fetching);
    }

    /// A fetch ended, and what it brought is in place.
    pub(super) fn settle(&self, failure: Option<Failure>) {
        self.0.send_modify(|state| {
            state.phase = Phase::Idle;
            state.settled += 1;
            state.failure = failure;
        });
    }

    /// The task is gone: nobody shall wait for it.
    pub(super) fn stop(&self) {
        self.0.send_modify(|state| state.phase = Phase::Stopped);
    }

    /// What the last fetch left behind, if it failed.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.0.borrow().failure.clone()
    }
}
