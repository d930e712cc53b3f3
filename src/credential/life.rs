//! How long a token is kept, when it is renewed, and how long to wait after a failure: a pure reckoning, without a clock.
//!
//! What the other side says is believed within reason: never longer than a day, never so short that fetching becomes a
//! loop (X08). No number it sends can overflow anything here.

#[cfg(test)]
mod tests;

use std::time::Duration;

use serde_json::Value;

use crate::clock::Timestamp;

/// The longest that any token is kept.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// The shortest: one fetch a second at most, whatever is said.
const SHORTEST: Duration = Duration::from_secs(1);
/// How long a token is kept of which nobody said how long it lives.
const UNTOLD: Duration = Duration::from_secs(2);
/// Beyond a year a number is no lifetime but a mistake.
const ABSURD: f64 = 366.0 * 24.0 * 3600.0;

const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(15);
/// The most that a `Retry-After` is heeded for.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a token is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    /// From the fetch until it expires.
    pub(super) lasts: Duration,
    /// From the fetch until it is no longer handed out: a little less, for requests take time.
    pub(super) serves: Duration,
    /// From the fetch until it is renewed in the background; `None` for one of which nobody knows how long it lives.
    pub(super) renews: Option<Duration>,
}

impl Life {
    /// By what the answer says (`expires_in`), else by the token's own `exp`. `chance` is a number from 0 to 1.
    pub(super) fn of(
        expires_in: Option<&Value>,
        exp: Option<Timestamp>,
        now: Timestamp,
        chance: f64,
    ) -> Life {
        let told = expires_in
            .filter(|value| value.is_number())
            .and_then(Value::as_f64);
        let own = exp.map(|exp| exp - now).filter(|own| !own.is_nan());
        match told
            .and_then(believed)
            .or_else(|| own.and_then(|own| believed(own.min(ABSURD))))
        {
            Some(lasts) => Life::lasting(lasts, chance),
            None => Life {
                lasts: UNTOLD,
                serves: UNTOLD,
                renews: None,
            },
        }
    }

    fn lasting(lasts: Duration, chance: f64) -> Life {
        let margin = (lasts / 10).min(Duration::from_secs(5));
        // Three quarters, less up to a tenth of that: sidecars that started at once spread out.
        let renews = lasts.mul_f64(0.75 * (1.0 - chance.clamp(0.0, 1.0) / 10.0));
        Life {
            lasts,
            serves: (lasts - margin).max(SHORTEST),
            renews: Some(renews.max(SHORTEST)),
        }
    }
}

/// A number of seconds as a lifetime, if it is more than nothing and no mistake.
fn believed(seconds: f64) -> Option<Duration> {
    let sound = seconds > 0.0 && seconds <= ABSURD;
    sound.then(|| Duration::from_secs_f64(seconds).clamp(SHORTEST, LONGEST))
}

/// How long to wait after this many failures in a row. `retry_after` is what the other side asked for.
pub(super) fn backoff(failures: u32, retry_after: Option<Duration>, chance: f64) -> Duration {
    let doubled = FIRST_BACKOFF
        .saturating_mul(1 << failures.saturating_sub(1).min(16))
        .min(LONGEST_BACKOFF);
    let spread = doubled.mul_f64(1.0 - chance.clamp(0.0, 1.0) / 10.0);
    spread.max(retry_after.unwrap_or_default().min(PATIENCE))
}
