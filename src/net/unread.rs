//! Bodies over HTTP/2 that nobody will read: taken in and thrown away for a while, so that their client reads its answer.
//!
//! When the last of a request is dropped, `h2` resets its stream (RFC 9113 §8.1), and a client that is still sending may take
//! that for a fault and never look at the answer (curl before 8 does; threat S19). `Wire` does the same for HTTP/1.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::Body as _;
use hyper::body::Incoming;

use super::alarm::Alarm;
use super::wire::{LINGER, LINGER_BYTES};

thread_local! {
    /// What was left on this thread, within one poll of a stream; none outside of one.
    static LEFT: RefCell<Option<Option<Incoming>>> = const { RefCell::new(None) };
}

/// Leaves a body to the stream it came over, if that is being polled; whoever has none to leave it to drops it.
pub fn leave(body: Incoming) {
    LEFT.with_borrow_mut(|left| {
        if let Some(left) = left {
            *left = Some(body);
        }
    });
}

/// Answers what is left to a stream while it is polled.
pub(super) fn watch(poll: impl FnOnce()) -> Option<Unread> {
    LEFT.set(Some(None));
    poll();
    LEFT.take().flatten().map(Unread::new)
}

/// A body that is being thrown away.
pub(super) struct Unread {
    body: Incoming,
    left: u64,
    alarm: Alarm,
}

impl Unread {
    fn new(body: Incoming) -> Unread {
        let mut alarm = Alarm::default();
        alarm.set(LINGER);
        Unread {
            body,
            left: LINGER_BYTES,
            alarm,
        }
    }

    /// Ready when it is over, or has gone on for long enough.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.alarm.poll(cx).is_pending() {
            let Some(Ok(frame)) = ready!(Pin::new(&mut self.body).poll_frame(cx)) else {
                break;
            };
            let length = frame.data_ref().map_or(0, |data| data.len() as u64);
            match self.left.checked_sub(length) {
                Some(left) => self.left = left,
                None => break,
            }
        }
        Poll::Ready(())
    }
}
