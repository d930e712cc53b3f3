//! A step is what came between two looks, and only so many are kept.

use super::{KEPT, Rates, Totals};
use crate::reason::Reason;

#[test]
fn a_step_is_what_came_since_the_last_look() {
    let rates = Rates::default();
    let totals = |requests, expired| Totals {
        requests,
        refusals: [(Reason::Expired, expired)].into(),
        audited: 1,
    };
    rates.note(totals(5, 2));
    rates.note(totals(9, 2));
    let steps = rates.steps();
    assert_eq!((steps[0].requests, steps[1].requests), (5, 4));
    assert_eq!(steps[0].refusals, [(Reason::Expired, 2)].into());
    assert!(steps[1].refusals.is_empty());
    assert_eq!((steps[0].audited, steps[1].audited), (1, 0));
}

#[test]
fn only_the_last_minutes_are_kept() {
    let rates = Rates::default();
    for requests in 0..2 * KEPT as u64 {
        rates.note(Totals {
            requests: requests * requests,
            ..Totals::default()
        });
    }
    let steps = rates.steps();
    assert_eq!(steps.len(), KEPT);
    assert_eq!(steps[KEPT - 1].requests, 2 * (2 * KEPT as u64 - 1) - 1);
}
