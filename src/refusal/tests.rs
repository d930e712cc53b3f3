//! A refusal says what it was told to say, and no more.

use std::time::Duration;

use super::{Hint, Refusal};
use crate::reason::Reason;

#[test]
fn a_hint_changes_neither_reason_nor_sentence() {
    let plain = Refusal::new(Reason::KeysUnavailable, "The keys could not be fetched.");
    assert_eq!(plain.hint, Hint::None);

    let hinted = plain.clone().with(Hint::RetryAfter(Duration::from_secs(7)));
    assert_eq!(hinted.reason, plain.reason);
    assert_eq!(hinted.detail, plain.detail);
    assert_eq!(hinted.hint, Hint::RetryAfter(Duration::from_secs(7)));
}
