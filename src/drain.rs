//! Going away without losing a request: what is told to connections, and who is still waited for.
//!
//! Serving → closing (still accepting; every answer says `Connection: close`) → closed (listeners shut, idle connections
//! closed, requests in flight finish). The order is `app`'s; this only spreads the word.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::coop;

/// How far the process is on its way out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Not at all.
    #[default]
    Serving,
    /// Connections are told to close; new ones are still taken.
    Closing,
    /// No new connections; idle ones are closed.
    Closed,
}

/// Tells the phase, and waits for those who still work.
pub struct Drain {
    phase: watch::Sender<Phase>,
    busy: mpsc::Sender<()>,
    done: mpsc::Receiver<()>,
}

/// One who hears of the phase, and is waited for until it is dropped.
#[derive(Clone)]
pub struct Watch {
    phase: watch::Receiver<Phase>,
    _busy: mpsc::Sender<()>,
}

impl Default for Drain {
    fn default() -> Drain {
        let (busy, done) = mpsc::channel(1);
        Drain {
            phase: watch::Sender::default(),
            busy,
            done,
        }
    }
}

impl Drain {
    /// Somebody who is to hear of it.
    pub fn watch(&self) -> Watch {
        Watch {
            phase: self.phase.subscribe(),
            _busy: self.busy.clone(),
        }
    }

    /// Tells everyone.
    pub fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Waits until nobody watches any more.
    pub async fn wait(self) {
        let Drain { busy, mut done, .. } = self;
        drop(busy);
        while done.recv().await.is_some() {}
    }
}

impl Watch {
    /// The phase now.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// What comes of `work`; none if `phase` is reached before.
    ///
    /// `work` is polled for each of a connection's bytes and the phase changes twice in a process's life: once it is waited for,
    /// it is looked at again only when it has changed. To be awaited by one task alone, which is the one that is then woken; and
    /// not out of that task's budget, for a wait that was put off by one that is used up would be taken for one that was begun.
    pub async fn unless<W: Future>(
        &mut self,
        phase: Phase,
        mut work: Pin<&mut W>,
    ) -> Option<W::Output> {
        let told = self.phase.clone();
        let mut reached = pin!(coop::unconstrained(self.reached(phase)));
        let mut waiting = false;
        poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Some(done));
            }
            if waiting && matches!(told.has_changed(), Ok(false)) {
                return Poll::Pending;
            }
            waiting = true;
            reached.as_mut().poll(cx).map(|()| None)
        })
        .await
    }

    /// Waits until `phase` is reached.
    pub async fn reached(&mut self, phase: Phase) {
        // An error means that the sender is gone, and the process with it.
        let _ = self.phase.wait_for(|now| *now >= phase).await;
    }
}

/// SIGTERM and SIGINT, from when this is made: each asks the process to go away.
pub struct Signals(Option<(Signal, Signal)>);

impl Signals {
    /// Hears them from now on.
    #[allow(clippy::new_without_default)] // it changes what the process does with them
    pub fn new() -> Signals {
        let heard = |kind| signal(kind).ok();
        let both = heard(SignalKind::terminate()).zip(heard(SignalKind::interrupt()));
        if both.is_none() {
            tracing::warn!("signals can't be heard here");
        }
        Signals(both)
    }

    /// Waits for the next of them.
    pub async fn next(&mut self) {
        let Some((terminate, interrupt)) = &mut self.0 else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests;
