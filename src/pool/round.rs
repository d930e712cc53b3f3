//! Rounds of refreshing: many ask, one fetch is made, everybody who waits learns that it is over.
//!
//! A watch channel is both the state and the wake-up, so none can be lost, and it works between runtimes: the task
//! that fetches lives on one, requests wait on others. Nothing is kept per key id: a flood of made-up ones costs a
//! look at the clock each (K03).

#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// What became of asking for a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A fetch ended since: look at the keys again.
    Settled,
    /// None was made: the last one ended too recently.
    Cooling,
    /// None ended in time; it goes on.
    Late,
    /// None will be made: the keys come from a file, or the pool is gone.
    Stopped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nobody fetches.
    Stopped,
    /// Between two fetches.
    Idle,
    /// Somebody asked; the task has not woken yet.
    Wanted,
    /// A fetch is in flight.
    Fetching,
}

#[derive(Clone, Copy, Debug)]
struct Round {
    phase: Phase,
    /// Fetches that ended, whatever they brought.
    settled: u64,
    last_settled: Option<Instant>,
}

impl Round {
    /// What to answer without waiting, if anything.
    fn verdict(&self, cooldown: Duration) -> Option<Asked> {
        let cooling = || {
            self.last_settled
                .is_some_and(|last| last.elapsed() < cooldown)
        };
        match self.phase {
            Phase::Stopped => Some(Asked::Stopped),
            Phase::Idle if cooling() => Some(Asked::Cooling),
            Phase::Idle | Phase::Wanted | Phase::Fetching => None,
        }
    }
}

/// The rounds of one ring.
pub(super) struct Rounds {
    round: watch::Sender<Round>,
}

impl Default for Rounds {
    /// Stopped, until a task starts.
    fn default() -> Rounds {
        Rounds {
            round: watch::Sender::new(Round {
                phase: Phase::Stopped,
                settled: 0,
                last_settled: None,
            }),
        }
    }
}

impl Rounds {
    /// Asks for a fetch, or joins the one in flight, and waits for its end at most `patience`.
    pub(super) async fn ask(&self, cooldown: Duration, patience: Duration) -> Asked {
        // Most who are refused are refused here, under a shared lock.
        if let Some(verdict) = self.round.borrow().verdict(cooldown) {
            return verdict;
        }
        let mut rounds = self.round.subscribe();
        let mut verdict = None;
        let mut settled = 0;
        self.round.send_if_modified(|round| {
            verdict = round.verdict(cooldown);
            settled = round.settled;
            let first = verdict.is_none() && round.phase == Phase::Idle;
            if first {
                round.phase = Phase::Wanted;
            }
            first
        });
        if let Some(verdict) = verdict {
            return verdict;
        }
        let over =
            rounds.wait_for(|round| round.settled > settled || round.phase == Phase::Stopped);
        match tokio::time::timeout(patience, over).await {
            Ok(Ok(round)) if round.settled > settled => Asked::Settled,
            Ok(_) => Asked::Stopped,
            Err(_) => Asked::Late,
        }
    }

    /// A task is at work: those who ask are heard from now on, and wait for its first fetch.
    pub(super) fn start(&self) {
        self.enter(Phase::Wanted);
    }

    /// Waits until somebody asks.
    pub(super) async fn wanted(&self) {
        let mut rounds = self.round.subscribe();
        // The sender lives as long as `self`, so this can't end early.
        let _ = rounds.wait_for(|round| round.phase == Phase::Wanted).await;
    }

    /// A fetch begins.
    pub(super) fn begin(&self) {
        self.enter(Phase::Fetching);
    }

    /// A fetch ended, and what it brought is in place.
    pub(super) fn settle(&self) {
        self.round.send_modify(|round| {
            round.phase = Phase::Idle;
            round.settled += 1;
            round.last_settled = Some(Instant::now());
        });
    }

    /// The task is gone: nobody shall wait for it.
    pub(super) fn stop(&self) {
        self.enter(Phase::Stopped);
    }

    fn enter(&self, phase: Phase) {
        self.round.send_modify(|round| round.phase = phase);
    }
}
