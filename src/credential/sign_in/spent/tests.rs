//! That used sign-ins are remembered, and that nobody is locked out by them.

use super::*;

#[test]
fn l02_a_state_is_good_once() {
    let mut spent = Spent::default();
    assert!(spent.spend("one") && spent.spend("two"));
    assert!(!spent.spend("one") && !spent.spend("two"));
}

#[test]
fn who_begins_a_great_many_sign_ins_locks_nobody_out() {
    let mut spent = Spent::default();
    for number in 0..5 * MOST {
        assert!(spent.spend(&format!("theirs {number}")));
        assert!(spent.newer.len() + spent.older.len() <= 2 * MOST);
    }
    assert!(spent.spend("mine"));
    for number in 0..MOST - 1 {
        spent.spend(&format!("later {number}"));
    }
    assert!(!spent.spend("mine"), "and it is good once all the same");
}
