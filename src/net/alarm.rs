//! A deadline that is moved at every request and costs nothing until it is near.
//!
//! tokio's wheel takes a lock whenever a timer is set or cancelled. A connection moves its deadline several times a request,
//! nearly always *away*; so the timer is left where it is, and set again only when it fires too early.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Duration, Instant, Sleep, sleep_until};

/// One movable deadline. Holds no timer until it is first waited for.
#[derive(Default)]
pub struct Alarm {
    due: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    /// Rings `after` from now. A wait so long that the clock can't hold it never rings.
    pub fn set(&mut self, after: Duration) {
        self.due = Instant::now().checked_add(after);
    }

    /// Rings `after` from now, or never.
    pub fn set_or_clear(&mut self, after: Option<Duration>) {
        match after {
            Some(after) => self.set(after),
            None => self.clear(),
        }
    }

    /// Rings `after` from `start`.
    pub fn set_from(&mut self, start: Instant, after: Duration) {
        self.due = start.checked_add(after);
    }

    /// Never rings.
    pub fn clear(&mut self) {
        self.due = None;
    }

    /// Whether a deadline is set.
    pub fn is_set(&self) -> bool {
        self.due.is_some()
    }

    /// Ready once the deadline is over. Pending for ever when there is none.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(due) = self.due else {
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if timer.deadline() > due {
            timer.as_mut().reset(due);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if Instant::now() >= due {
                return Poll::Ready(());
            }
            timer.as_mut().reset(due);
        }
        Poll::Pending
    }
}
