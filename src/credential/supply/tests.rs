//! Tokens that come, go and fail, under paused time and with a scripted issuer.

use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio::time::advance;

use super::*;
use crate::credential::fault::Fault;
use crate::credential::life::Life;
use crate::credential::token::Bearer;

const HOUR: Duration = Duration::from_secs(3600);

/// An issuer that waits for a word on each token.
struct Scripted {
    asked: mpsc::Sender<()>,
    answers: Mutex<mpsc::Receiver<Result<Issued, Fault>>>,
}

impl Issue for Scripted {
    async fn issue(&self) -> Result<Issued, Fault> {
        let _ = self.asked.send(()).await;
        let answer = self.answers.lock().await.recv().await;
        answer.unwrap_or_else(|| Err(Fault::other("the script is over")))
    }
}

struct Rig {
    supply: Arc<Supply>,
    clock: Clock,
    asked: mpsc::Receiver<()>,
    answers: mpsc::Sender<Result<Issued, Fault>>,
}

fn rig() -> Rig {
    let clock = Clock::fixed(1_800_000_000.0);
    let (asking, asked) = mpsc::channel(100);
    let (answers, answering) = mpsc::channel(100);
    let issuer = Scripted {
        asked: asking,
        answers: Mutex::new(answering),
    };
    let runtime = Handle::current();
    let supply = Supply::start("billing".into(), vec![], issuer, clock.clone(), &runtime);
    Rig {
        supply: Arc::new(supply),
        clock,
        asked,
        answers,
    }
}

fn token(text: &str, lasts: Duration) -> Result<Issued, Fault> {
    let lasts = serde_json::json!(lasts.as_secs_f64());
    Ok(Issued {
        token: Token::Bearer(Bearer::parse(text, "the script").unwrap()),
        life: Life::of(Some(&lasts), None, 0.0, 0.0),
    })
}

fn fails(why: &str) -> Result<Issued, Fault> {
    Err(Fault::other(why))
}

impl Rig {
    fn ask(&self) -> JoinHandle<Result<Lease, Unavailable>> {
        let supply = Arc::clone(&self.supply);
        tokio::spawn(async move { supply.lease().await })
    }

    /// Lets the issuer answer once it is asked.
    async fn answers(&mut self, answer: Result<Issued, Fault>) {
        self.asked.recv().await.unwrap();
        self.answers.send(answer).await.unwrap();
    }

    async fn pass(&self, time: Duration) {
        self.clock.set(self.clock.now() + time.as_secs_f64());
        advance(time).await;
        settle().await;
    }

    fn in_hand(&self) -> Option<String> {
        let lease = self.supply.in_hand()?;
        Some(lease.token().unwrap().expose().to_owned())
    }

    fn is_asked(&mut self) -> bool {
        self.asked.try_recv().is_ok()
    }
}

/// Lets every task that can run do so.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

fn text(lease: &Lease) -> &str {
    lease.token().unwrap().expose()
}

#[tokio::test(start_paused = true)]
async fn x11_a_thousand_callers_are_one_fetch() {
    let mut rig = rig();
    let callers: Vec<_> = (0..1000).map(|_| rig.ask()).collect();
    settle().await;
    assert!(callers.iter().all(|caller| !caller.is_finished()));
    rig.answers(token("one", HOUR)).await;
    for caller in callers {
        assert_eq!(text(&caller.await.unwrap().unwrap()), "one");
    }
    assert!(!rig.is_asked());
    assert_eq!(rig.in_hand().as_deref(), Some("one"));
    assert_eq!(rig.supply.facts().fetches_ok, 1);
}

#[tokio::test(start_paused = true)]
async fn x11_who_asks_when_the_token_has_just_come_causes_no_second_fetch() {
    let mut rig = rig();
    let first = rig.ask();
    rig.answers(token("one", HOUR)).await;
    let _ = first.await.unwrap().unwrap();
    // Its look at what is in hand was before the token came.
    let late = rig.supply.clone();
    let late = tokio::spawn(async move { late.shared.flights.ask().await });
    settle().await;
    assert!(late.is_finished() && !rig.is_asked());
    assert_eq!(rig.supply.facts().fetches_ok, 1);
}

#[tokio::test(start_paused = true)]
async fn x11_callers_who_go_away_harm_neither_the_fetch_nor_the_others() {
    let mut rig = rig();
    let (gone, patient) = (rig.ask(), rig.ask());
    settle().await;
    gone.abort();
    settle().await;
    rig.answers(token("one", HOUR)).await;
    assert_eq!(text(&patient.await.unwrap().unwrap()), "one");
}

#[tokio::test(start_paused = true)]
async fn a_token_in_use_is_renewed_in_the_background_and_the_old_one_serves_meanwhile() {
    let mut rig = rig();
    let first = rig.ask();
    rig.answers(token("one", HOUR)).await;
    let _ = first.await.unwrap().unwrap();
    rig.pass(HOUR * 3 / 4 - Duration::from_secs(1)).await;
    assert!(!rig.is_asked());
    rig.pass(Duration::from_secs(2)).await;
    assert_eq!(rig.in_hand().as_deref(), Some("one"));
    rig.answers(token("two", HOUR)).await;
    settle().await;
    assert_eq!(rig.in_hand().as_deref(), Some("two"));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_nobody_uses_is_let_lapse_and_fetched_when_it_is_wanted_again() {
    let mut rig = rig();
    rig.supply.prepare();
    rig.answers(token("one", HOUR)).await;
    settle().await;
    rig.pass(HOUR - Duration::from_secs(60)).await;
    assert!(!rig.is_asked(), "nobody took it");
    rig.pass(HOUR).await;
    assert!(!rig.is_asked(), "nobody took it");
    assert_eq!(rig.supply.facts().expires, None);
    let late = rig.ask();
    rig.answers(token("two", HOUR)).await;
    assert_eq!(text(&late.await.unwrap().unwrap()), "two");
}

#[tokio::test(start_paused = true)]
async fn a_first_use_late_in_a_life_renews_at_once() {
    let mut rig = rig();
    rig.supply.prepare();
    rig.answers(token("one", HOUR)).await;
    settle().await;
    rig.pass(HOUR * 4 / 5).await;
    assert_eq!(rig.in_hand().as_deref(), Some("one"));
    rig.answers(token("two", HOUR)).await;
    settle().await;
    assert_eq!(rig.in_hand().as_deref(), Some("two"));
}

#[tokio::test(start_paused = true)]
async fn x07_an_old_token_serves_while_renewing_fails_and_no_longer_than_it_lives() {
    let mut rig = rig();
    let first = rig.ask();
    rig.answers(token("one", HOUR)).await;
    let _ = first.await.unwrap().unwrap();
    rig.pass(HOUR * 3 / 4).await;
    for _ in 0..3 {
        rig.answers(fails("the pool is down")).await;
        settle().await;
        assert_eq!(rig.in_hand().as_deref(), Some("one"));
        rig.pass(Duration::from_secs(15)).await;
    }
    assert_eq!(
        rig.supply.facts().last_fault.as_deref(),
        Some("the pool is down")
    );
    rig.pass(HOUR / 4).await;
    assert_eq!(rig.in_hand(), None);
}

#[tokio::test(start_paused = true)]
async fn x11_after_a_failure_callers_get_its_answer_until_the_wait_is_over() {
    let mut rig = rig();
    let first = rig.ask();
    rig.answers(Err(
        Fault::other("the pool is down").with_retry_after(Some(Duration::from_secs(7)))
    ))
    .await;
    let fault = first.await.unwrap().unwrap_err();
    assert_eq!(fault.to_string(), "credential billing: the pool is down");
    for _ in 0..1000 {
        let fault = rig.supply.lease().await.unwrap_err();
        assert!(fault.wait <= Duration::from_secs(7) && !fault.wait.is_zero());
    }
    assert!(
        !rig.is_asked(),
        "a failed fetch is not repeated for each caller"
    );
    rig.pass(Duration::from_secs(8)).await;
    assert!(
        !rig.is_asked(),
        "without a caller there is nothing to fetch for"
    );
    let later = rig.ask();
    rig.answers(token("one", HOUR)).await;
    assert_eq!(text(&later.await.unwrap().unwrap()), "one");
}

#[tokio::test(start_paused = true)]
async fn x12_a_401_gives_a_token_up_and_another_one_no_young_token() {
    let mut rig = rig();
    let first = rig.ask();
    rig.answers(token("one", HOUR)).await;
    let one = first.await.unwrap().unwrap();
    let other = rig.supply.in_hand().unwrap();
    assert!(one.reject(), "it may have been withdrawn");
    assert_eq!(rig.in_hand(), None);
    let next = rig.ask();
    rig.answers(token("two", HOUR)).await;
    let two = next.await.unwrap().unwrap();
    // Who learns of it late tries the new one, and takes nothing away.
    assert!(other.reject());
    assert_eq!(rig.in_hand().as_deref(), Some("two"));
    // A second token is refused as well: a third would be too.
    assert!(!two.clone().reject());
    assert_eq!(rig.in_hand().as_deref(), Some("two"));
    assert!(!rig.is_asked());

    rig.pass(Duration::from_secs(11)).await;
    assert!(two.reject());
    assert_eq!(rig.in_hand(), None);
}

#[tokio::test(start_paused = true)]
async fn x12_401s_without_end_to_tokens_of_a_moment_are_no_storm() {
    let mut rig = rig();
    let first = rig.ask();
    rig.answers(token("one", Duration::from_secs(4))).await;
    assert!(first.await.unwrap().unwrap().reject());
    let next = rig.ask();
    rig.answers(token("two", Duration::from_secs(4))).await;
    assert!(!next.await.unwrap().unwrap().reject());
    // Renewed by its age meanwhile: what is refused is still not its age.
    rig.pass(Duration::from_millis(3001)).await;
    rig.answers(token("three", Duration::from_secs(4))).await;
    settle().await;
    assert_eq!(rig.in_hand().as_deref(), Some("three"));
    assert!(!rig.supply.in_hand().unwrap().reject());
    assert_eq!(rig.in_hand().as_deref(), Some("three"));
}

#[tokio::test(start_paused = true)]
async fn x08_a_token_of_unknown_life_is_kept_two_seconds_and_not_renewed_for_nobody() {
    let mut rig = rig();
    let first = rig.ask();
    rig.answers(Ok(Issued {
        token: Token::Bearer(Bearer::parse("one", "the script").unwrap()),
        life: Life::of(None, None, 0.0, 0.0),
    }))
    .await;
    let _ = first.await.unwrap().unwrap();
    rig.pass(Duration::from_millis(1900)).await;
    assert_eq!(rig.in_hand().as_deref(), Some("one"));
    rig.pass(Duration::from_millis(200)).await;
    assert_eq!(rig.in_hand(), None);
    assert!(!rig.is_asked());
}

#[tokio::test(start_paused = true)]
async fn q06_a_wall_clock_that_leaps_ends_a_token_early_but_never_late() {
    let mut rig = rig();
    let first = rig.ask();
    rig.answers(token("one", HOUR)).await;
    let _ = first.await.unwrap().unwrap();
    let now = rig.clock.now();
    rig.clock.set(now + 7200.0);
    assert_eq!(rig.in_hand(), None);
    rig.clock.set(now - 7200.0);
    assert_eq!(rig.in_hand().as_deref(), Some("one"));
    advance(HOUR).await;
    assert_eq!(rig.in_hand(), None);
}

#[tokio::test(start_paused = true)]
async fn a_supply_that_is_dropped_lets_go_of_those_who_wait() {
    let rig = rig();
    let waiting = rig.supply.clone();
    let shared = Arc::clone(&waiting.shared);
    let caller = tokio::spawn(async move { shared.flights.ask().await });
    settle().await;
    drop((waiting, rig.supply));
    assert!(matches!(caller.await.unwrap(), Err(Denied::Stopped)));
}

#[tokio::test(start_paused = true)]
async fn x13_a_lease_is_of_the_supply_that_made_it_and_of_no_other() {
    let (mut one, other) = (rig(), rig());
    let caller = one.ask();
    one.answers(token("secret-token", HOUR)).await;
    let lease = caller.await.unwrap().unwrap();
    assert!(one.supply.issued(&lease));
    assert!(!other.supply.issued(&lease));
    let told = format!(
        "{lease:?} {:?} {:?}",
        lease.header(&"Bearer ".parse().unwrap()),
        one.supply.facts()
    );
    assert!(!told.contains("secret-token"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_lease_makes_the_header_that_its_destination_wants() {
    let mut rig = rig();
    let caller = rig.ask();
    rig.answers(token("t0k3n", HOUR)).await;
    let lease = caller.await.unwrap().unwrap();
    for (prefix, expected) in [
        ("Bearer ", "Bearer t0k3n"),
        ("", "t0k3n"),
        ("Token ", "Token t0k3n"),
    ] {
        let prefix = http::HeaderValue::from_static(prefix);
        let value = lease.header(&prefix).unwrap().unwrap();
        assert_eq!(value, expected);
        assert!(value.is_sensitive());
    }
}
