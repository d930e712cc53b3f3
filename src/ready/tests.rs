//! What is waited for, and that it is told.

use super::Readiness;

#[test]
fn readiness_waits_for_every_guard_and_says_for_which() {
    let readiness = Readiness::new();
    assert_eq!(readiness.state(), Ok(()));
    let main = readiness.wait_for("waiting for keys of pool main");
    let other = readiness.wait_for("waiting for keys of pool other");
    assert_eq!(
        readiness.state().unwrap_err(),
        [
            "waiting for keys of pool main",
            "waiting for keys of pool other"
        ]
    );
    main.done();
    assert_eq!(
        readiness.state().unwrap_err(),
        ["waiting for keys of pool other"]
    );
    drop(other);
    assert_eq!(readiness.state(), Ok(()));
}

#[test]
fn two_guards_of_one_name_are_two() {
    let readiness = Readiness::new();
    let first = readiness.wait_for("listening");
    let second = readiness.wait_for("listening");
    first.done();
    assert_eq!(readiness.state().unwrap_err(), ["listening"]);
    second.done();
    assert_eq!(readiness.state(), Ok(()));
}

#[test]
fn draining_is_for_good() {
    let readiness = Readiness::new();
    let guard = readiness.wait_for("listening");
    readiness.clone().drain();
    assert_eq!(readiness.state().unwrap_err(), ["draining", "listening"]);
    guard.done();
    assert_eq!(readiness.state().unwrap_err(), ["draining"]);
}

#[tokio::test]
async fn whoever_awaits_readiness_is_woken_by_the_last_guard() {
    let readiness = Readiness::new();
    let guard = readiness.wait_for("listening");
    let waiter = tokio::spawn({
        let readiness = readiness.clone();
        async move { readiness.ready().await }
    });
    tokio::task::yield_now().await;
    assert!(!waiter.is_finished());
    guard.done();
    waiter.await.unwrap();
}
