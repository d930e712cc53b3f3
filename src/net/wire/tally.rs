//! How far a connection is with its requests: known to its socket, which has timers to set, and to each request.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

use tokio::time::Instant;

use crate::net::scan::{Framing, Scan, Seen};

/// What is shared between a connection's socket and its requests.
#[derive(Clone, Default)]
pub struct Tally(Option<Arc<Mutex<Progress>>>);

#[derive(Default)]
pub(super) struct Progress {
    pub(super) scan: Scan,
    begun: u64,
    pub(super) ended: u64,
    pub(super) ended_at: Option<Instant>,
    /// Of a half-closed connection, whose end can be told once the answer has left.
    pub(super) waker: Option<Waker>,
    pub(super) tunnel: bool,
}

impl Tally {
    /// One that counts nothing: the streams of an HTTP/2 connection are counted elsewhere.
    pub(in crate::net) fn none() -> Tally {
        Tally(None)
    }

    pub(super) fn new() -> Tally {
        Tally(Some(Arc::default()))
    }

    /// hyper has handed over a request whose body is framed like this; answers what its head was seen to hold.
    pub fn begin(&self, framing: Framing) -> Seen {
        self.with(|progress| {
            progress.begun += 1;
            progress.scan.body(framing)
        })
    }

    /// The answer to the request has left.
    pub fn end(&self) {
        let waker = self.with(|progress| {
            progress.ended += 1;
            progress.ended_at = Some(Instant::now());
            progress.waker.take()
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// HTTP is over: what follows is another protocol's, and has no heads.
    pub fn tunnel(&self) {
        self.with(|progress| progress.tunnel = true);
    }

    /// Whether not a byte of a request has come in.
    pub(in crate::net) fn is_untouched(&self) -> bool {
        self.with(|progress| progress.begun == 0 && progress.scan.between())
    }

    /// Whether a head has begun and is not whole.
    pub(in crate::net) fn in_head(&self) -> bool {
        self.with(|progress| progress.scan.in_head())
    }

    pub(super) fn with<T: Default>(&self, look: impl FnOnce(&mut Progress) -> T) -> T {
        let Some(progress) = &self.0 else {
            return T::default();
        };
        // Counters stay right whatever a panicking holder was about to do.
        look(&mut progress.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Progress {
    /// Whether a request is being answered.
    pub(super) fn is_answering(&self) -> bool {
        self.tunnel || self.begun > self.ended
    }
}
