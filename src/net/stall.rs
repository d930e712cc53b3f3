//! A client that does not take what is written to it: given up on once it has taken nothing for too long (threat R04).

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use super::alarm::Alarm;

/// Watches the writes of one connection.
pub(super) struct Stall {
    limit: Duration,
    alarm: Alarm,
}

impl Stall {
    /// Patience for `limit` at a time.
    pub(super) fn new(limit: Duration) -> Stall {
        Stall {
            limit,
            alarm: Alarm::default(),
        }
    }

    /// What a write, flush or shutdown came to; an error once they have all been pending for too long.
    pub(super) fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.alarm.clear();
            return polled;
        }
        if !self.alarm.is_set() {
            self.alarm.set(self.limit);
        }
        self.alarm
            .poll(cx)
            .map(|()| Err(io::Error::from(io::ErrorKind::TimedOut)))
    }
}
