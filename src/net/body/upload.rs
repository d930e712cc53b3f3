//! How far a request body has come on its way: known to whoever passes it on, and to whoever waits for the answer to it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::time::{Duration, Instant};

/// In place of a time: the client's next bytes are awaited.
const AWAITED: u64 = u64::MAX;

/// One passage of a request body. Its times are for deadlines: they need no order with anything else.
#[derive(Debug)]
pub struct Upload {
    begun: Instant,
    /// Microseconds from then until bytes were last handed on.
    handed: AtomicU64,
    whole: AtomicBool,
}

impl Default for Upload {
    fn default() -> Upload {
        Upload {
            begun: Instant::now(),
            handed: AtomicU64::new(0),
            whole: AtomicBool::new(false),
        }
    }
}

impl Upload {
    /// Bytes were handed on.
    pub(crate) fn hand(&self) {
        let micros = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(AWAITED - 1);
        self.handed.store(micros, Ordering::Relaxed);
    }

    /// There are none at the moment: the client has not sent them yet.
    pub(crate) fn lack(&self) {
        self.handed.store(AWAITED, Ordering::Relaxed);
    }

    /// All of it has been handed on.
    pub(crate) fn complete(&self) {
        self.whole.store(true, Ordering::Release);
    }

    /// Whether all of it has been handed on.
    pub fn is_whole(&self) -> bool {
        self.whole.load(Ordering::Acquire)
    }

    /// Since when it is for the upstream to do something; none while the client's next bytes are awaited.
    pub fn upstreams_turn(&self) -> Option<Instant> {
        match self.handed.load(Ordering::Relaxed) {
            AWAITED => None,
            micros => Some(self.begun + Duration::from_micros(micros)),
        }
    }
}
