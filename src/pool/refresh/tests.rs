//! Keys that come, go and fail, under paused time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance};

use super::{PoolTask, difference};
use crate::clock::Clock;
use crate::config::model::{Fetch, JwksSource, Pool};
use crate::fetch::stub::{Reply, Stub};
use crate::fetch::{FetchFault, Fetcher};
use crate::pool::source::Fresh;
use crate::pool::tests::{
    Director, brings, everybody_waits, fails, jwks, key_set, pool, remote, ring, script, serving,
};
use crate::pool::{Asked, KeyRing};
use crate::ready::Readiness;

/// A pool with a scripted key server.
struct Rig {
    clock: Clock,
    ring: Arc<KeyRing>,
    readiness: Readiness,
    director: Director,
    task: PoolTask,
}

fn rig() -> Rig {
    let clock = Clock::fixed(1_800_000_000.0);
    let ring = ring(remote(), &clock);
    let readiness = Readiness::new();
    let guard = readiness.wait_for("waiting for keys of pool main");
    let (source, director) = script();
    let task = PoolTask::start_from(Arc::clone(&ring), source, Some(guard));
    Rig {
        clock,
        ring,
        readiness,
        director,
        task,
    }
}

impl Rig {
    fn serving(&self) -> Vec<String> {
        serving(&self.ring, &self.clock)
    }

    fn ask(&self) -> JoinHandle<Asked> {
        let ring = Arc::clone(&self.ring);
        tokio::spawn(async move { ring.refreshed().await })
    }

    /// Ends the next fetch and waits until that has had its effect.
    async fn answers(&mut self, outcome: crate::pool::tests::Outcome) {
        self.director.answers(outcome).await;
        everybody_waits().await;
    }
}

#[tokio::test(start_paused = true)]
async fn k01_a_pool_starts_without_its_key_server_and_recovers_within_ten_seconds() {
    let mut rig = rig();
    for _ in 0..20 {
        rig.answers(fails()).await;
        assert_eq!(rig.serving(), [""; 0]);
        assert_eq!(
            rig.readiness.state().unwrap_err(),
            ["waiting for keys of pool main"]
        );
    }
    // It comes back just after a fetch failed.
    let back = Instant::now();
    rig.answers(brings(&["a"])).await;
    assert!(back.elapsed() <= Duration::from_secs(10));
    assert_eq!(rig.serving(), ["a"]);
    assert_eq!(rig.readiness.state(), Ok(()));
    let facts = rig.ring.facts();
    assert_eq!((facts.refreshes_ok, facts.refreshes_failed), (1, 20));
}

#[tokio::test]
async fn k01_a_key_server_that_appears_later_is_found() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let fetch = Fetch {
        timeout: Duration::from_secs(60),
        ca_pem: None,
        proxy: None,
    };
    let pool = Pool {
        // A failure never waits longer than this.
        refresh: Duration::from_millis(1),
        ..pool(JwksSource::Urls(vec![format!("http://{address}/keys")]))
    };
    let clock = Clock::default();
    let ring = ring(pool, &clock);
    let readiness = Readiness::new();
    let guard = readiness.wait_for("waiting for keys of pool main");
    let fetcher = Arc::new(Fetcher::new(&fetch).unwrap());
    let _task = PoolTask::start(Arc::clone(&ring), fetcher, Some(guard));
    while ring.facts().refreshes_failed == 0 {
        tokio::task::yield_now().await;
    }
    assert!(
        ring.facts()
            .last_fault
            .unwrap()
            .contains("Connection refused")
    );

    let stub = Stub::serve(TcpListener::bind(address).await.unwrap());
    stub.reply("/keys", Reply::ok(jwks(&["a"])));
    readiness.ready().await;
    assert_eq!(serving(&ring, &clock), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn k02_old_keys_serve_while_refreshes_fail_and_readiness_stays() {
    let mut rig = rig();
    rig.answers(brings(&["a"])).await;
    let start = rig.clock.now();
    for hour in 1..=24 {
        rig.clock.set(start + f64::from(hour) * 3600.0);
        rig.answers(fails()).await;
        assert_eq!(rig.serving(), ["a"]);
    }
    rig.clock.set(start + 24.0 * 3600.0 + 1.0);
    rig.answers(fails()).await;
    assert_eq!(rig.serving(), [""; 0]);
    assert_eq!(rig.readiness.state(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn k03_made_up_key_ids_cause_one_fetch_a_cooldown_however_many_there_are() {
    let Rig {
        clock,
        ring,
        mut director,
        task: _task,
        ..
    } = rig();
    let fetches = Arc::new(AtomicUsize::new(0));
    tokio::spawn({
        let fetches = Arc::clone(&fetches);
        async move {
            loop {
                director.answers(brings(&["a"])).await;
                fetches.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    everybody_waits().await;
    assert_eq!(fetches.load(Ordering::Relaxed), 1);
    let mut settled = 0;
    for _ in 0..60 {
        let askers: Vec<_> = (0..1000)
            .map(|_| {
                let ring = Arc::clone(&ring);
                tokio::spawn(async move { ring.refreshed().await })
            })
            .collect();
        for asker in askers {
            match asker.await.unwrap() {
                Asked::Settled => settled += 1,
                other => assert_eq!(other, Asked::Cooling),
            }
        }
        assert_eq!(serving(&ring, &clock), ["a"]);
        advance(Duration::from_secs(1)).await;
    }
    assert_eq!(fetches.load(Ordering::Relaxed), 6);
    assert!(settled >= 5);
}

#[tokio::test(start_paused = true)]
async fn k04_a_key_published_just_after_a_refused_refresh_is_accepted_within_the_cooldown() {
    let mut rig = rig();
    rig.answers(brings(&["old"])).await;
    assert_eq!(rig.ask().await.unwrap(), Asked::Cooling);
    // The new key is published now, and its tokens come at once.
    let published = Instant::now();
    loop {
        let asker = rig.ask();
        everybody_waits().await;
        assert_eq!(rig.serving(), ["old"]);
        if !asker.is_finished() {
            rig.answers(brings(&["old", "new"])).await;
            assert_eq!(asker.await.unwrap(), Asked::Settled);
            break;
        }
        assert_eq!(asker.await.unwrap(), Asked::Cooling);
        advance(Duration::from_secs(1)).await;
    }
    assert_eq!(published.elapsed(), Duration::from_secs(10));
    assert_eq!(rig.serving(), ["new", "old"]);
}

#[tokio::test(start_paused = true)]
async fn k05_a_key_that_was_withdrawn_is_gone_after_the_next_refresh() {
    let mut rig = rig();
    rig.answers(brings(&["a", "b"])).await;
    let start = Instant::now();
    rig.answers(brings(&["b"])).await;
    // Time moved on by itself, for nothing else was to be done.
    let interval = Duration::from_secs(810)..=Duration::from_secs(901);
    assert!(interval.contains(&start.elapsed()), "{:?}", start.elapsed());
    assert_eq!(rig.serving(), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn k06_a_failed_refresh_keeps_the_keys_and_is_counted() {
    let mut rig = rig();
    rig.answers(brings(&["a"])).await;
    rig.answers(Err(FetchFault::new("what was answered is no key set")))
        .await;
    assert_eq!(rig.serving(), ["a"]);
    let facts = rig.ring.facts();
    assert_eq!((facts.refreshes_ok, facts.refreshes_failed), (1, 1));
    assert_eq!(
        facts.last_fault.as_deref(),
        Some("what was answered is no key set")
    );
    // And it is tried again soon, not at the next regular time.
    let failed = Instant::now();
    rig.answers(brings(&["b"])).await;
    assert!(failed.elapsed() <= Duration::from_secs(2));
    assert_eq!(rig.serving(), ["b"]);
    assert_eq!(rig.ring.facts().last_fault, None);
}

#[tokio::test(start_paused = true)]
async fn k10_a_pool_whose_key_server_hangs_delays_no_other() {
    let mut hanging = rig();
    let mut other = rig();
    hanging.director.began().await;
    other.answers(brings(&["a"])).await;
    assert_eq!(other.serving(), ["a"]);
    let start = Instant::now();
    other.answers(brings(&["b"])).await;
    assert!(start.elapsed() <= Duration::from_secs(901));
    assert_eq!(other.serving(), ["b"]);
    assert_eq!(hanging.serving(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn k11_a_cold_start_makes_one_fetch_for_all_who_come() {
    let mut rig = rig();
    let askers: Vec<_> = (0..500).map(|_| rig.ask()).collect();
    rig.director.began().await;
    everybody_waits().await;
    assert!(askers.iter().all(|asker| !asker.is_finished()));
    assert!(!rig.director.has_begun());
    rig.director.ends(brings(&["a"]));
    for asker in askers {
        assert_eq!(asker.await.unwrap(), Asked::Settled);
    }
    assert_eq!(rig.serving(), ["a"]);
    assert!(!rig.director.has_begun());
}

#[tokio::test(start_paused = true)]
async fn k11_at_a_cold_start_with_a_hanging_key_server_waiting_is_bounded() {
    let rig = rig();
    let start = Instant::now();
    let askers: Vec<_> = (0..500).map(|_| rig.ask()).collect();
    for asker in askers {
        assert_eq!(asker.await.unwrap(), Asked::Late);
    }
    assert!(start.elapsed() <= Duration::from_millis(3001));
}

#[tokio::test(start_paused = true)]
async fn k12_a_pool_removed_during_a_fetch_lets_go_of_those_who_wait() {
    let mut rig = rig();
    rig.director.began().await;
    let asker = rig.ask();
    everybody_waits().await;
    drop(rig.task);
    assert_eq!(asker.await.unwrap(), Asked::Stopped);
    // No longer waited for, and no longer fetched.
    assert_eq!(rig.readiness.state(), Ok(()));
    assert_eq!(rig.ring.refreshed().await, Asked::Stopped);
    assert!(rig.director.is_alone());
}

#[tokio::test(start_paused = true)]
async fn k12_a_client_that_leaves_during_a_fetch_changes_nothing_for_others() {
    let mut rig = rig();
    rig.answers(brings(&["a"])).await;
    advance(Duration::from_secs(10)).await;
    let leaver = rig.ask();
    everybody_waits().await;
    leaver.abort();
    rig.director.began().await;
    let stayer = rig.ask();
    everybody_waits().await;
    rig.director.ends(brings(&["b"]));
    assert_eq!(stayer.await.unwrap(), Asked::Settled);
    assert_eq!(rig.serving(), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn a_ring_that_has_keys_already_is_ready_at_once() {
    let clock = Clock::fixed(1_800_000_000.0);
    let ring = ring(remote(), &clock);
    ring.replace(Arc::new(key_set(&["a"])));
    let readiness = Readiness::new();
    let guard = readiness.wait_for("waiting for keys of pool main");
    let (source, _director) = script();
    let _task = PoolTask::start_from(ring, source, Some(guard));
    assert_eq!(readiness.state(), Ok(()));
}

/// What was logged, without times.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn the_log_tells_of_faults_of_changes_and_once_of_keys_left_out() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .with_target(false)
        .without_time()
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let leaving_out = |kids: &[&str]| {
        brings(kids).map(|fresh| Fresh {
            dropped: vec!["key \"old\": it is short".to_owned()],
            ..fresh
        })
    };
    let mut rig = rig();
    rig.answers(leaving_out(&["a"])).await;
    insta::assert_snapshot!(log.take(), @r#"
    WARN a key was left out pool="main" why=key "old": it is short
    INFO keys changed pool="main" added={"a"} removed={}
    "#);
    rig.answers(leaving_out(&["a"])).await;
    assert_eq!(log.take(), "");
    let mut fault = FetchFault::new("https://idp.example.com/keys answered 503");
    fault.retry_after = Some(Duration::from_secs(30));
    rig.answers(Err(fault)).await;
    insta::assert_snapshot!(log.take().trim(), @r#"WARN keys could not be refreshed; trying again in 30.0 s pool="main" fault=https://idp.example.com/keys answered 503 serving=true"#);
    rig.answers(brings(&["b"])).await;
    insta::assert_snapshot!(log.take().trim(), @r#"INFO keys changed pool="main" added={"b"} removed={"a"}"#);
}

#[test]
fn a_change_of_keys_is_told_by_their_ids() {
    let text = |old: Option<&[&str]>, new: &[&str]| {
        let (added, removed) = difference(old.map(key_set).as_ref(), &key_set(new));
        format!("+{added:?} -{removed:?}")
    };
    assert_eq!(text(None, &["a", "b"]), r#"+{"a", "b"} -{}"#);
    assert_eq!(text(Some(&["a"]), &["a"]), "+{} -{}");
    assert_eq!(text(Some(&["a", "b"]), &["a"]), r#"+{} -{"b"}"#);
    // The second modulus under the name that the first had.
    assert_eq!(text(Some(&["a"]), &["b", "a"]), r#"+{"a", "b"} -{"a"}"#);
    assert_eq!(
        text(Some(&["a"]), &["\u{1b}[31m\n"]),
        r#"+{"\u{1b}[31m\n"} -{"a"}"#
    );
}
