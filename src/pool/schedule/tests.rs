//! When the next refresh is due.

use std::time::Duration;

use proptest::prelude::*;

use super::Schedule;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn failures_wait_longer_each_time_and_a_success_forgets_them() {
    let mut schedule = Schedule::new(secs(900));
    let waits: Vec<u64> = (0..6)
        .map(|_| schedule.after_failure(None, 0.0).as_secs())
        .collect();
    assert_eq!(waits, [1, 2, 4, 8, 8, 8]);
    assert_eq!(schedule.after_success(0.0), secs(900));
    assert_eq!(schedule.after_failure(None, 0.0), secs(1));
}

#[test]
fn a_server_that_asks_for_time_gets_it_within_reason() {
    let mut schedule = Schedule::new(secs(900));
    assert_eq!(schedule.after_failure(Some(secs(30)), 1.0), secs(30));
    assert_eq!(schedule.after_failure(Some(secs(86_400)), 1.0), secs(60));
    assert_eq!(schedule.after_failure(Some(secs(0)), 0.0), secs(4));
}

#[test]
fn a_failure_never_waits_longer_than_a_success() {
    let mut schedule = Schedule::new(secs(3));
    let waits: Vec<u64> = (0..4)
        .map(|_| schedule.after_failure(None, 0.0).as_secs())
        .collect();
    assert_eq!(waits, [1, 2, 3, 3]);
    assert_eq!(schedule.after_failure(Some(secs(30)), 0.0), secs(3));
}

proptest! {
    #[test]
    fn chance_takes_off_a_tenth_at_most(chance in -1.0..2.0f64, failures in 0..100usize) {
        let mut schedule = Schedule::new(secs(900));
        let wait = schedule.after_success(chance);
        prop_assert!(secs(810) <= wait && wait <= secs(900));
        let waits: Vec<Duration> = (0..=failures).map(|_| schedule.after_failure(None, chance)).collect();
        // The fetch itself comes on top: 10 s in all until a key server that came back is noticed (K01).
        prop_assert!(waits.iter().all(|wait| (Duration::from_millis(900)..=secs(8)).contains(wait)));
    }
}
