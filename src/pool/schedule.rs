//! When to refresh next: a pure reckoning, without a clock.
//!
//! A success waits `jwks_refresh`, less a little so that a fleet started at once spreads out. A failure waits 1 s,
//! doubling to 8 s: with the fetch itself, a key server that comes back is noticed within 10 s (K01).

#[cfg(test)]
mod tests;

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(8);
/// The most that a `Retry-After` is heeded for: a mistaken one must not leave a pool without keys for hours.
const PATIENCE: Duration = Duration::from_secs(60);

/// The next refresh of one pool.
#[derive(Debug)]
pub(super) struct Schedule {
    refresh: Duration,
    failures: u32,
}

impl Schedule {
    pub(super) fn new(refresh: Duration) -> Schedule {
        Schedule {
            refresh,
            failures: 0,
        }
    }

    /// How long to wait after a success. `chance` is a number from 0 to 1; up to a tenth is taken off.
    pub(super) fn after_success(&mut self, chance: f64) -> Duration {
        self.failures = 0;
        shortened(self.refresh, chance)
    }

    /// How long to wait after a failure; never longer than after a success. `retry_after` is what the server asked for.
    pub(super) fn after_failure(&mut self, retry_after: Option<Duration>, chance: f64) -> Duration {
        let doubled = FIRST
            .saturating_mul(1 << self.failures.min(16))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let asked = retry_after.unwrap_or_default().min(PATIENCE);
        shortened(doubled, chance).max(asked).min(self.refresh)
    }
}

fn shortened(time: Duration, chance: f64) -> Duration {
    time.mul_f64(1.0 - chance.clamp(0.0, 1.0) / 10.0)
}
