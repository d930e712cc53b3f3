//! The wall clock, in one place, so that tests can set it and the core needs none.
//!
//! Tokens, keys and certificates live by the wall clock; timers (limits, keep-alive, backoff) live by tokio's monotonic
//! one and never ask here. The pure core takes a [`Timestamp`] as an argument.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since the Unix epoch, fractions allowed (RFC 7519 §2, NumericDate).
pub type Timestamp = f64;

/// Where the current time comes from.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system's wall clock.
    #[default]
    System,
    /// A clock that stands where it was set, for tests.
    Fixed(Arc<AtomicU64>),
}

impl Clock {
    /// A clock that stands at `now` until [`Clock::set`] moves it.
    pub fn fixed(now: Timestamp) -> Clock {
        Clock::Fixed(Arc::new(AtomicU64::new(now.to_bits())))
    }

    /// The time. A system clock set before 1970 reads as 0, which refuses every token as not yet valid.
    pub fn now(&self) -> Timestamp {
        match self {
            Clock::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0.0, |age| age.as_secs_f64()),
            Clock::Fixed(bits) => f64::from_bits(bits.load(Ordering::Relaxed)),
        }
    }

    /// Moves a fixed clock; the system's is left alone.
    pub fn set(&self, now: Timestamp) {
        if let Clock::Fixed(bits) = self {
            bits.store(now.to_bits(), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
