//! The program between clients and a service, all of them on this machine: `cargo bench --bench whole [-- --brief] [NAME=NUMBER]… [PART]…`.
//!
//! `README.md` beside this says how to read what it prints. It asserts that every answer is the right one, and no time.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub
)] // a program for people at a terminal

mod courier;
mod held;
mod load;
mod program;
mod scale;
mod upstream;

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use load::{Count, Way, Work};
use portcullis::demo::signing::Keys;
use program::{Program, Scratch};
use serde_json::json;

/// What is measured, and how large: names of the command line.
const SIZES: [(&str, u64, u64); 13] = [
    // name, default, brief
    ("seconds", 5, 1),
    ("rounds", 5, 1),
    ("connections", 64, 8),
    ("workers", 1, 1),
    ("tokens", 10_000, 100),
    ("idle", 10_000, 100),
    ("slow", 1_000, 20),
    ("mebibytes", 2048, 8),
    ("drain", 60, 6),
    ("rate", 1_000, 50),
    ("callers", 1_000, 100),
    ("renew", 60, 12),
    ("life", 5_000, 10_000),
];
const PARTS: [&str; 11] = [
    "load", "scale", "flood", "start", "idle", "slow", "bulk", "drain", "courier", "cold", "renew",
];

struct Settings {
    sizes: Vec<(&'static str, u64)>,
    parts: Vec<String>,
    brief: bool,
}

impl Settings {
    fn read(words: &[String]) -> Settings {
        let brief = words.iter().any(|word| word == "--brief");
        let mut sizes: Vec<(&str, u64)> = SIZES
            .iter()
            .map(|(name, usual, short)| (*name, if brief { *short } else { *usual }))
            .collect();
        let mut parts = Vec::new();
        for word in words.iter().filter(|word| !word.starts_with("--")) {
            let Some((name, number)) = word.split_once('=') else {
                assert!(
                    PARTS.contains(&word.as_str()),
                    "{word} is none of {PARTS:?}"
                );
                parts.push(word.clone());
                continue;
            };
            let size = sizes.iter_mut().find(|(known, _)| *known == name);
            size.unwrap_or_else(|| panic!("{name} is no size")).1 =
                number.parse().expect("a number");
        }
        Settings {
            sizes,
            parts,
            brief,
        }
    }

    fn size(&self, name: &str) -> u64 {
        self.sizes
            .iter()
            .find(|(known, _)| *known == name)
            .unwrap()
            .1
    }

    fn wants(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|wanted| wanted == part)
    }
}

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    match words.first().map(String::as_str) {
        Some("upstream") => runtime.block_on(upstream::serve()),
        _ => runtime.block_on(measure(&Settings::read(&words))),
    }
}

/// Signs tokens: good ones, and some that a stranger signed under a known name.
struct Mint {
    keys: Keys,
    stranger: Keys,
}

impl Mint {
    fn tokens(&self, many: u64) -> Vec<String> {
        (0..many)
            .map(|number| self.keys.access.sign(&claims(number)))
            .collect()
    }

    fn forged(&self) -> String {
        let header = json!({ "kid": self.keys.access.kid(), "alg": "RS256" });
        self.stranger
            .access
            .sign_text(&header.to_string(), &claims(0).to_string())
    }
}

fn claims(number: u64) -> serde_json::Value {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    json!({
        "sub": format!("6f1c5c2e-7c7e-4b7e-9d2c-{number:012}"), "iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC123xyz",
        "version": 2, "client_id": "client-1", "token_use": "access", "scope": "openid orders/read orders/write", "username": "jane",
        "auth_time": now - 10, "exp": now + 7200, "iat": now - 10, "jti": format!("0b9f2a7e-5c1d-4e3f-8a6b-{number:012}"),
        "origin_jti": "5d6e7f80-1a2b-4c3d-9e4f-5a6b7c8d9e0f", "cognito:groups": ["staff", "orders"],
    })
}

fn configuration(upstream: SocketAddr, jwks: &std::path::Path, workers: u64) -> String {
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
workers = {workers}
drain_delay = "2s"
[server.limits]
connections = 30000
header_timeout = "3s"
idle_timeout = "10m"
[upstream]
url = "http://{upstream}"
[pools.main]
user_pool_id = "eu-west-1_AbC123xyz"
client_ids = ["client-1"]
jwks_url = "none"
jwks_file = "{}"
[identity.headers]
X-User = "sub"
[routes]
"/public/{{*rest}}" = {{ access = "public" }}
"/orders/{{*rest}}" = "orders/read"
[telemetry]
log_format = "json"
access_log = false
"#,
        jwks.display()
    )
}

async fn measure(settings: &Settings) {
    let mint = Mint {
        keys: Keys::generate(),
        stranger: Keys::generate(),
    };
    let scratch = Scratch::new();
    let (upstream, address) = Program::upstream();
    let jwks = scratch.write("jwks.json", &mint.keys.jwks().to_string());
    let text = configuration(address, &jwks, settings.size("workers"));
    let configuration = scratch.write("portcullis.toml", &text);
    let token = mint.tokens(1).remove(0);
    let start = || Program::gate(&configuration);
    if settings.wants("load") {
        let (gate, address) = start();
        println!(
            "memory: {} KiB resident before the first request",
            gate.memory("VmRSS")
        );
        loads(settings, &mint, (&gate, &upstream), address).await;
        println!(
            "memory: {} KiB resident after the load, {} KiB at most",
            gate.memory("VmRSS"),
            gate.memory("VmHWM")
        );
    }
    let rounds = settings.size("rounds");
    if settings.wants("scale") {
        let time = Duration::from_secs(settings.size("seconds"));
        scale::scale(&text, &scratch, &token, (rounds, time), settings.brief).await;
    }
    if settings.wants("flood") {
        let ((_gate, address), forged) = (start(), mint.forged());
        let (rate, seconds) = (settings.size("rate"), settings.size("seconds"));
        scale::flood(address, &token, &forged, rate, seconds).await;
    }
    if settings.wants("start") {
        scale::start(&configuration, &token, rounds).await;
    }
    if settings.wants("idle") {
        let (gate, address) = start();
        held::idle(address, &gate, &token, settings.size("idle") as usize).await;
    }
    if settings.wants("slow") {
        let (gate, address) = start();
        held::slow(address, &gate, &token, settings.size("slow") as usize).await;
    }
    if settings.wants("bulk") {
        let (gate, address) = start();
        held::bulk(
            address,
            &gate,
            &token,
            settings.size("mebibytes") * 1024 * 1024,
        )
        .await;
    }
    if settings.wants("drain") {
        let ((mut first, one), (_second, two)) = (start(), start());
        let (tokens, connections) = (mint.tokens(16), settings.size("connections") as usize);
        let time = Duration::from_secs(settings.size("drain"));
        let count = held::drain([one, two], &mut first, tokens, connections, time).await;
        assert!(
            count.wrong == 0 && count.lost == 0 && count.answered > 0,
            "{count:?}"
        );
    }
    let sidecar = |life: u64, delay: u64| {
        let [life, delay] = [life, delay].map(Duration::from_millis);
        let text = text.clone() + &courier::tables(&scratch, address, life, delay);
        Program::sidecar(&scratch.write("courier.toml", &text))
    };
    if settings.wants("courier") {
        let (program, listeners) = sidecar(3_600_000, 0);
        let one = Work::new("/orders/small", vec![token.clone()], 200, Way::Kept);
        let mut works = vec![("gate, one token", one, listeners.gate)];
        for (name, work, listener) in courier::works(address) {
            works.push((name, work, listeners.outbound[listener]));
        }
        compare("courier", settings, &works, (&program, &upstream)).await;
    }
    if settings.wants("cold") {
        let (_program, listeners) = sidecar(3_600_000, 200);
        courier::cold(&listeners, settings.size("callers") as usize).await;
    }
    if settings.wants("renew") {
        let life = settings.size("life");
        let (program, listeners) = sidecar(life, 20);
        let (time, life) = (
            Duration::from_secs(settings.size("renew")),
            Duration::from_millis(life),
        );
        let connections = settings.size("connections") as usize;
        courier::renewals((&program, &listeners), address, connections, time, life).await;
    }
}

/// The kinds of request to the gate, each beside the same request on a public route.
async fn loads(
    settings: &Settings,
    mint: &Mint,
    programs: (&Program, &Program),
    address: SocketAddr,
) {
    let (one, many) = (mint.tokens(1), mint.tokens(settings.size("tokens")));
    let works = [
        ("public", Work::new("/public/small", vec![], 200, Way::Kept)),
        (
            "one token",
            Work::new("/orders/small", one.clone(), 200, Way::Kept),
        ),
        (
            "many tokens in turn",
            Work::new("/orders/small", many, 200, Way::Kept),
        ),
        (
            "one token, 10 KiB",
            Work::new("/orders/10k", one.clone(), 200, Way::Kept),
        ),
        (
            "one token, new connections",
            Work::new("/orders/small", one.clone(), 200, Way::Fresh),
        ),
        (
            "one token, HTTP/2",
            Work::new("/orders/small", one, 200, Way::Streams),
        ),
        (
            "no token",
            Work::new("/orders/small", vec![], 401, Way::Kept),
        ),
        (
            "bad signature",
            Work::new("/orders/small", vec![mint.forged()], 401, Way::Kept),
        ),
    ];
    let works = works.map(|(name, work)| (name, work, address));
    compare("load", settings, &works, programs).await;
}

/// Every workload in every round, one after the other, each beside the first.
async fn compare(
    title: &str,
    settings: &Settings,
    works: &[(&str, Work, SocketAddr)],
    (program, upstream): (&Program, &Program),
) {
    let (connections, time) = (
        settings.size("connections") as usize,
        Duration::from_secs(settings.size("seconds")),
    );
    let mut costs = vec![Vec::new(); works.len()];
    for _ in 0..settings.size("rounds") {
        let mut first = None;
        for ((name, work, address), costs) in works.iter().zip(&mut costs) {
            let before = (program.cpu(), upstream.cpu());
            let count = load::run(&[*address], work, connections, time).await;
            let Count {
                answered,
                wrong,
                lost,
                ..
            } = count;
            assert!(answered > 0 && wrong == 0 && lost == 0, "{name}: {count:?}");
            let each = |now: f64, before: f64| (now - before) / answered as f64;
            let cost = each(program.cpu(), before.0);
            costs.push([
                cost,
                each(upstream.cpu(), before.1),
                cost / *first.get_or_insert(cost),
                answered as f64 / time.as_secs_f64(),
            ]);
        }
    }
    println!(
        "{title:<28}{:>14}{:>18}{:>11}{:>14}",
        "us/req", "upstream us/req", "/ first", "requests/s"
    );
    for ((name, ..), costs) in works.iter().zip(&costs) {
        let median = |column: usize| {
            let mut figures: Vec<f64> = costs.iter().map(|row| row[column]).collect();
            figures.sort_by(f64::total_cmp);
            figures[figures.len() / 2]
        };
        println!(
            "{name:<28}{:>14.1}{:>18.1}{:>11.2}{:>14.0}",
            median(0),
            median(1),
            median(2),
            median(3)
        );
    }
}
