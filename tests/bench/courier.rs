//! The courier: what a call out costs beside a request in, callers at a cold start, and tokens that are renewed under load.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::net::TcpStream;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::load::{self, Way, Work};
use super::program::{Listeners, Program, Scratch};

/// A credential, a relay and a forward proxy to the service at `upstream`. Its tokens live for `life`, and take `delay`.
pub fn tables(scratch: &Scratch, upstream: SocketAddr, life: Duration, delay: Duration) -> String {
    let secret = scratch.write("secret", "bench");
    format!(
        r#"
[credentials.bench]
grant = "client_credentials"
token_url = "http://{upstream}/token/{}/{}"
client_id = "bench"
client_secret = {{ file = {secret:?} }}
[outbound.relay]
listen = "127.0.0.1:0"
upstream = "http://{upstream}"
credential = "bench"
[outbound.proxy]
listen = "127.0.0.1:0"
mode = "forward_proxy"
[outbound.proxy.destinations]
"http://{upstream}" = {{ credential = "bench" }}
"#,
        life.as_millis(),
        delay.as_millis()
    )
}

/// Calls to `path` through the relay.
fn relayed(path: &str, way: Way) -> Work {
    Work::new(path, vec![], 200, way).to("localhost")
}

/// What is measured beside the gate: the same request, of the application's own.
pub fn works(upstream: SocketAddr) -> [(&'static str, Work, &'static str); 2] {
    let proxied = Work::new(
        &format!("http://{upstream}/orders/small"),
        vec![],
        200,
        Way::Kept,
    );
    [
        ("relay", relayed("/orders/small", Way::Kept), "relay"),
        ("forward proxy", proxied.to(upstream), "proxy"),
    ]
}

/// What is told at this address under this path.
async fn told(address: SocketAddr, path: &str) -> String {
    let mut socket = TcpStream::connect(address).await.expect("it listens");
    let (mut request, mut answer) = (Vec::new(), BytesMut::new());
    relayed(path, Way::Kept).write(&mut request);
    let told = load::exchange(&mut socket, &request, &mut answer).await;
    assert_eq!(told.map(|(status, _)| status), Some(200));
    String::from_utf8_lossy(&answer).into_owned()
}

/// Tokens that were fetched so far.
async fn fetches(listeners: &Listeners) -> u64 {
    let text = told(listeners.admin, "/metrics").await;
    let sample = "portcullis_credential_fetches_total{credential=\"bench\",result=\"ok\"} ";
    let count = text.lines().find_map(|line| line.strip_prefix(sample));
    count.and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// So many callers, each with a connection, ask at one moment; no token is in hand.
pub async fn cold(listeners: &Listeners, callers: usize) {
    let address = listeners.outbound["relay"];
    let (begin, mut all) = (Arc::new(Barrier::new(callers)), JoinSet::new());
    for _ in 0..callers {
        let begin = begin.clone();
        all.spawn(async move {
            let mut socket = TcpStream::connect(address)
                .await
                .expect("the relay listens");
            let (mut request, mut answer) = (Vec::new(), BytesMut::new());
            relayed("/checked/small", Way::Kept).write(&mut request);
            begin.wait().await;
            let begun = Instant::now();
            let answered = load::exchange(&mut socket, &request, &mut answer).await;
            (answered.map(|(status, _)| status), begun.elapsed())
        });
    }
    let mut times = Vec::new();
    while let Some(call) = all.join_next().await {
        let (status, time) = call.expect("no caller panics");
        assert_eq!(status, Some(200));
        times.push(time);
    }
    times.sort();
    let fetched = fetches(listeners).await;
    println!(
        "cold: {callers} callers at once, {fetched} token fetched; answered after {} ms (median), {} ms (the last)",
        times[times.len() / 2].as_millis(),
        times[times.len() - 1].as_millis()
    );
    assert_eq!(fetched, 1);
}

/// Load for so long, on tokens that live for `life`: every call is answered, and none with a token that was over.
pub async fn renewals(
    (program, listeners): (&Program, &Listeners),
    upstream: SocketAddr,
    connections: usize,
    time: Duration,
    life: Duration,
) {
    let (work, before) = (
        relayed("/checked/small", Way::Kept),
        program.memory("VmRSS"),
    );
    let relay = [listeners.outbound["relay"]];
    let count = load::run(&relay, &work, connections, time).await;
    let (fetched, refusals) = (fetches(listeners).await, told(upstream, "/refusals").await);
    let refused = refusals.lines().last().unwrap_or_default();
    println!(
        "renew: {} calls in {} s on {fetched} tokens of {} ms each: {} answered otherwise, {} lost, {refused} sent with a token that was over; memory {before} KiB before, {} KiB after",
        count.answered,
        time.as_secs(),
        life.as_millis(),
        count.wrong,
        count.lost,
        program.memory("VmRSS")
    );
    let fewest = (time.as_secs_f64() / life.as_secs_f64()) as u64 + 1;
    assert!(
        count.wrong == 0 && count.lost == 0 && count.answered > 0,
        "{count:?}"
    );
    assert!(fetched >= fewest, "{fetched}");
}
