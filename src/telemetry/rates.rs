//! Requests and refusals of the last minutes, for the charts of the status page.
//!
//! Nothing here is on a request's way: every [`STEP`] the control thread reads the counters, and keeps the difference.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::reason::Reason;

/// Between two looks at the counters.
pub const STEP: Duration = Duration::from_secs(2);
/// Looks that are kept: ten minutes.
pub const KEPT: usize = 300;

/// Counters at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests answered.
    pub requests: u64,
    /// Requests refused, by reason.
    pub refusals: BTreeMap<Reason, u64>,
    /// Requests that an audit route would have refused.
    pub audited: u64,
}

/// What happened between two looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Requests answered.
    pub requests: u64,
    /// Requests refused, by reason; none that is 0.
    pub refusals: BTreeMap<Reason, u64>,
    /// Requests that an audit route would have refused.
    pub audited: u64,
}

/// The last minutes.
#[derive(Debug, Default)]
pub struct Rates {
    kept: Mutex<(Totals, VecDeque<Step>)>,
}

impl Rates {
    /// Notes the counters as they are now.
    pub fn note(&self, now: Totals) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, steps) = &mut *kept;
        let step = Step {
            requests: now.requests.saturating_sub(before.requests),
            refusals: now
                .refusals
                .iter()
                .map(|(reason, count)| {
                    let known = before.refusals.get(reason).copied().unwrap_or(0);
                    (*reason, count.saturating_sub(known))
                })
                .filter(|(_, count)| *count > 0)
                .collect(),
            audited: now.audited.saturating_sub(before.audited),
        };
        *before = now;
        if steps.len() == KEPT {
            steps.pop_front();
        }
        steps.push_back(step);
    }

    /// The steps that are kept, the oldest first.
    pub fn steps(&self) -> Vec<Step> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.1.iter().cloned().collect()
    }
}
