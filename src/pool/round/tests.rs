//! Many ask, one fetch is made, nobody waits for ever.

use std::sync::Arc;
use std::time::Duration;

use super::{Asked, Rounds};
use crate::pool::tests::everybody_waits;

const COOLDOWN: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(3);

fn started() -> Arc<Rounds> {
    let rounds = Arc::new(Rounds::default());
    rounds.start();
    rounds.begin();
    rounds
}

fn ask(rounds: &Arc<Rounds>) -> tokio::task::JoinHandle<Asked> {
    let rounds = Arc::clone(rounds);
    tokio::spawn(async move { rounds.ask(COOLDOWN, PATIENCE).await })
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_when_nobody_fetches() {
    let rounds = Arc::new(Rounds::default());
    assert_eq!(ask(&rounds).await.unwrap(), Asked::Stopped);
    rounds.start();
    let waiter = ask(&rounds);
    everybody_waits().await;
    rounds.stop();
    assert_eq!(waiter.await.unwrap(), Asked::Stopped);
}

#[tokio::test(start_paused = true)]
async fn k11_all_who_ask_during_a_fetch_wait_for_its_end() {
    let rounds = started();
    let waiters: Vec<_> = (0..500).map(|_| ask(&rounds)).collect();
    everybody_waits().await;
    assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
    rounds.settle();
    for waiter in waiters {
        assert_eq!(waiter.await.unwrap(), Asked::Settled);
    }
}

#[tokio::test(start_paused = true)]
async fn k11_waiting_is_bounded() {
    let rounds = started();
    let start = tokio::time::Instant::now();
    assert_eq!(rounds.ask(COOLDOWN, PATIENCE).await, Asked::Late);
    assert_eq!(start.elapsed().as_secs(), PATIENCE.as_secs());
}

#[tokio::test(start_paused = true)]
async fn k03_who_asks_too_soon_is_told_so_at_once() {
    let rounds = started();
    rounds.settle();
    let start = tokio::time::Instant::now();
    assert_eq!(rounds.ask(COOLDOWN, PATIENCE).await, Asked::Cooling);
    tokio::time::advance(COOLDOWN - Duration::from_millis(1)).await;
    assert_eq!(rounds.ask(COOLDOWN, PATIENCE).await, Asked::Cooling);
    assert_eq!(start.elapsed(), COOLDOWN - Duration::from_millis(1));
    tokio::time::advance(Duration::from_millis(1)).await;
    let waiter = ask(&rounds);
    rounds.wanted().await;
    rounds.begin();
    rounds.settle();
    assert_eq!(waiter.await.unwrap(), Asked::Settled);
}

#[tokio::test(start_paused = true)]
async fn k12_a_waiter_that_goes_away_takes_nothing_with_it() {
    let rounds = started();
    rounds.settle();
    tokio::time::advance(COOLDOWN).await;
    let first = ask(&rounds);
    everybody_waits().await;
    first.abort();
    let second = ask(&rounds);
    // The wish of the first is still there.
    rounds.wanted().await;
    rounds.begin();
    everybody_waits().await;
    rounds.settle();
    assert_eq!(second.await.unwrap(), Asked::Settled);
}

#[test]
fn k11_waiters_on_other_runtimes_are_woken() {
    let rounds = started();
    let asking: Vec<_> = (0..4)
        .map(|_| {
            let rounds = Arc::clone(&rounds);
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_time()
                    .build()
                    .unwrap();
                runtime.block_on(rounds.ask(Duration::ZERO, Duration::from_secs(60)))
            })
        })
        .collect();
    // Whether a thread asks before or after this fetch ends, one ends after it asked.
    rounds.settle();
    while asking.iter().any(|thread| !thread.is_finished()) {
        rounds.begin();
        rounds.settle();
        std::thread::yield_now();
    }
    for thread in asking {
        assert_eq!(thread.join().unwrap(), Asked::Settled);
    }
}
