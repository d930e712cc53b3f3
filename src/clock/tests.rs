//! A fixed clock stands still until it is moved, for all who share it.

use super::Clock;

#[test]
fn a_fixed_clock_is_moved_for_all_its_clones() {
    let clock = Clock::fixed(1_700_000_000.5);
    let shared = clock.clone();
    assert_eq!(shared.now(), 1_700_000_000.5);
    clock.set(1_700_000_060.0);
    assert_eq!(shared.now(), 1_700_000_060.0);
}

#[test]
fn the_system_clock_cannot_be_set() {
    let clock = Clock::default();
    clock.set(0.0);
    assert!(clock.now() > 1_700_000_000.0);
}
