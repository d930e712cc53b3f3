//! A phase is heard of by whoever waits for it, whatever else they do.

use std::future::pending;
use std::task::Poll;

use tokio::task::{coop, yield_now};
use tokio::time::{Duration, timeout};

use super::*;

/// Long, by a clock that runs only when everybody waits.
const EVER: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn work_that_ends_is_told_and_a_phase_ends_the_wait_for_other_work() {
    let drain = Drain::default();
    let mut watch = drain.watch();
    let work = pin!(async { 7 });
    assert_eq!(watch.unless(Phase::Closed, work).await, Some(7));

    let waiting = tokio::spawn(async move {
        let never = pin!(pending::<()>());
        watch.unless(Phase::Closed, never).await
    });
    yield_now().await;
    drain.enter(Phase::Closing);
    yield_now().await;
    assert!(!waiting.is_finished(), "it is not closed yet");
    drain.enter(Phase::Closed);
    let told = timeout(EVER, waiting).await;
    assert_eq!(told.expect("it is told").unwrap(), None);
}

#[tokio::test]
async fn a_phase_that_was_there_before_is_seen_at_once() {
    let drain = Drain::default();
    let mut watch = drain.watch();
    drain.enter(Phase::Closing);
    drain.enter(Phase::Closed);
    let never = pin!(pending::<()>());
    assert_eq!(watch.unless(Phase::Closed, never).await, None);
}

#[tokio::test(start_paused = true)]
async fn work_that_uses_up_its_tasks_budget_does_not_keep_the_phase_from_being_heard_of() {
    let drain = Drain::default();
    let mut watch = drain.watch();
    let waiting = tokio::spawn(async move {
        let mut greedy = true;
        let work = pin!(poll_fn(|cx| {
            while std::mem::take(&mut greedy) {
                while let Poll::Ready(step) = coop::poll_proceed(cx) {
                    step.made_progress();
                }
            }
            Poll::<()>::Pending
        }));
        watch.unless(Phase::Closed, work).await
    });
    for _ in 0..10 {
        yield_now().await;
    }
    drain.enter(Phase::Closed);
    let told = timeout(EVER, waiting).await;
    assert_eq!(told.expect("it is told").unwrap(), None);
}
