//! The list is bounded, newest first, and never waited for.

use super::{KEPT, Recent};
use crate::reason::Reason;

#[test]
fn only_the_last_hundred_are_kept_newest_first() {
    let recent = Recent::default();
    for number in 0..KEPT + 7 {
        recent.refused_head("gate", Reason::RequestTimeout, &number.to_string());
    }
    let list = recent.list();
    assert_eq!(list.len(), KEPT);
    assert_eq!(&*list[0].request_id, (KEPT + 6).to_string());
    assert_eq!(&*list[KEPT - 1].request_id, "7");
    assert_eq!(recent.missed(), 0);
}

#[test]
fn whoever_finds_the_list_taken_goes_on_and_is_counted() {
    let recent = Recent::default();
    let held = recent.kept.lock().unwrap();
    recent.refused_head("gate", Reason::RequestTimeout, "1");
    drop(held);
    assert!(recent.list().is_empty());
    assert_eq!(recent.missed(), 1);
}
