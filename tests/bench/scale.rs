//! What must not grow with the configuration, and what must not starve: cost by routes, pools and connections, good requests
//! beside a flood of bad ones, and the time until the first answer.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::load::{self, Way, Work, exchange};
use super::program::{Program, Scratch};

/// A gate that differs from its neighbours in one number.
struct Size {
    number: usize,
    gate: Program,
    address: SocketAddr,
    connections: usize,
    costs: Vec<f64>,
}

/// The same load on gates of several sizes, turn and turn about. `base` is a configuration to be added to.
pub async fn scale(
    base: &str,
    scratch: &Scratch,
    token: &str,
    (rounds, time): (u64, Duration),
    brief: bool,
) {
    let sizes = |all: &[usize]| all[..if brief { 2 } else { all.len() }].to_vec();
    for (what, numbers) in [
        ("routes", sizes(&[10, 100, 1_000, 10_000])),
        ("pools", sizes(&[1, 4, 16])),
        ("connections", sizes(&[10, 100, 1_000, 10_000])),
    ] {
        let start = |number: usize| {
            let text = match what {
                "routes" => with_routes(base, number),
                "pools" => with_pools(base, number),
                _ => base.to_owned(),
            };
            let file = scratch.write(&format!("{what}-{number}.toml"), &text);
            let (gate, address) = Program::gate(&file);
            let connections = if what == "connections" { number } else { 64 };
            Size {
                number,
                gate,
                address,
                connections,
                costs: Vec::new(),
            }
        };
        let mut all: Vec<Size> = numbers.into_iter().map(start).collect();
        for _ in 0..rounds {
            for size in &mut all {
                size.costs.push(cost(size, token, time).await);
            }
        }
        println!("{what:<14}{:>14}{:>11}", "gate us/req", "/ first");
        let first = all[0].costs.clone();
        for size in &all {
            let ratios = size
                .costs
                .iter()
                .zip(&first)
                .map(|(own, first)| own / first);
            let (own, ratio) = (median(size.costs.clone()), median(ratios.collect()));
            println!("{:<14}{own:>14.1}{ratio:>11.2}", size.number);
        }
    }
}

async fn cost(size: &Size, token: &str, time: Duration) -> f64 {
    let work = Work::new("/orders/small", vec![token.to_owned()], 200, Way::Kept);
    let before = size.gate.cpu();
    let count = load::run(&[size.address], &work, size.connections, time).await;
    assert!(
        count.answered > 0 && count.wrong == 0 && count.lost == 0,
        "{count:?}"
    );
    (size.gate.cpu() - before) / count.answered as f64
}

/// Routes before, between and behind the one that is asked for.
fn with_routes(base: &str, number: usize) -> String {
    let mut text = base.replace("[telemetry]", "\n[telemetry]");
    let routes: String = (1..number)
        .map(|number| {
            format!("\"GET /orders-{number}/{{id}}/lines/{{*rest}}\" = \"orders/read\"\n")
        })
        .collect();
    text = text.replacen("[routes]\n", &format!("[routes]\n{routes}"), 1);
    text
}

/// Pools beside the one whose tokens are sent; all with the same keys.
fn with_pools(base: &str, number: usize) -> String {
    let keys = base
        .lines()
        .find(|line| line.starts_with("jwks_file"))
        .unwrap_or_default();
    let pools: String = (1..number)
        .map(|number| {
            format!(
                "[pools.p{number}]\nuser_pool_id = \"eu-west-1_Pool{number:05}\"\nclient_ids = [\"client-1\"]\njwks_url = \"none\"\n{keys}\n"
            )
        })
        .collect();
    format!("{base}\n{pools}")
}

/// How long good requests take, so many a second of them: alone, and beside so many a second whose tokens are forged.
pub async fn flood(gate: SocketAddr, good: &str, forged: &str, rate: u64, seconds: u64) {
    println!(
        "{:<34}{:>10}{:>10}{:>10}",
        "good requests", "p50 us", "p99 us", "answered"
    );
    for (name, bad) in [
        ("alone", 0),
        ("beside as many forged", rate),
        ("beside five times as many forged", rate * 5),
    ] {
        let time = Duration::from_secs(seconds);
        let flood = paced(gate, forged, 401, bad, time);
        let (taken, _) = tokio::join!(paced(gate, good, 200, rate, time), flood);
        let mut taken = taken;
        taken.sort_unstable();
        let at = |part: f64| taken[((taken.len() - 1) as f64 * part) as usize].as_micros();
        println!(
            "{name:<34}{:>10}{:>10}{:>10}",
            at(0.5),
            at(0.99),
            taken.len()
        );
    }
}

/// Requests at a steady rate over sixteen connections; each answer's time counts from when its request was due.
async fn paced(
    gate: SocketAddr,
    token: &str,
    status: u16,
    rate: u64,
    time: Duration,
) -> Vec<Duration> {
    const CONNECTIONS: u64 = 16;
    let mut clients = JoinSet::new();
    for _ in 0..CONNECTIONS.min(rate) {
        let request = format!(
            "GET /orders/small HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        clients.spawn(async move {
            let mut socket = TcpStream::connect(gate).await.expect("the gate accepts");
            let _ = socket.set_nodelay(true);
            let (mut buffer, mut taken) = (BytesMut::new(), Vec::new());
            let mut due = interval(Duration::from_secs_f64(CONNECTIONS as f64 / rate as f64));
            due.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let until = Instant::now() + time;
            while Instant::now() < until {
                let begun = due.tick().await;
                let answer = exchange(&mut socket, request.as_bytes(), &mut buffer).await;
                assert_eq!(answer.map(|(status, _)| status), Some(status));
                taken.push(begun.elapsed());
            }
            taken
        });
    }
    let mut all = Vec::new();
    while let Some(taken) = clients.join_next().await {
        all.extend(taken.expect("no client panics"));
    }
    all
}

/// From the start of the process to its first answer to a good token, its keys in a file.
pub async fn start(configuration: &std::path::Path, token: &str, rounds: u64) {
    let request = format!(
        "GET /orders/small HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    let mut taken = Vec::new();
    for _ in 0..rounds {
        let begun = Instant::now();
        let (_gate, address) = Program::gate(configuration);
        let mut socket = TcpStream::connect(address).await.expect("the gate accepts");
        let answer = exchange(&mut socket, request.as_bytes(), &mut BytesMut::new()).await;
        assert_eq!(answer, Some((200, true)));
        taken.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    println!("start to first answer: {:.1} ms", median(taken));
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
