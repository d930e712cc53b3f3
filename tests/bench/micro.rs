//! What single steps of the hot path cost: `cargo bench --bench micro [-- --brief] [-- --callgrind] [NAME]`.
//!
//! Each step runs in batches; the table has the median batch. With `--callgrind` each runs again under valgrind, which counts
//! instructions: the same on every run, whatever else the machine does. Nothing is asserted of either.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::panic, missing_docs)] // a program for people at a terminal

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use portcullis::config::{self, Surroundings, compile};
use portcullis::demo::signing;
use portcullis::http::{forwarded, hop, problem};
use portcullis::identity::{self, Overrides, Proof, Reserved};
use portcullis::policy::path::{self, Kinds};
use portcullis::policy::permit::{Head, Policy};
use portcullis::policy::{Admission, admit};
use portcullis::reason::Reason;
use portcullis::refusal::Refusal;
use portcullis::session::Channel;
use portcullis::token::Principal;
use portcullis::token::cache::TokenCache;
use portcullis::token::keys::{KeySet, Keys};
use portcullis::token::trust::PoolKind;
use portcullis::token::verify::{Verdict, verify};
use serde_json::json;

const NOW: f64 = 1_800_000_000.0;
const TARGET: &str = "/orders/4711/items/12?expand=all";

fn main() {
    let mut words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let mut flag = |name: &str| {
        let before = words.len();
        words.retain(|word| word != name);
        words.len() < before
    };
    let (brief, callgrind, once) = (flag("--brief"), flag("--callgrind"), flag("--once"));
    let steps = steps(if brief { 1_000 } else { 10_000 });
    let chosen = |name: &str| {
        words.iter().all(|word| {
            if once {
                name == word
            } else {
                name.contains(word.as_str())
            }
        })
    };
    if !once {
        println!(
            "{:<34}{:>12}{:>16}",
            "step",
            "ns",
            if callgrind { "instructions" } else { "" }
        );
    }
    for (name, mut step) in steps.into_iter().filter(|(name, _)| chosen(name)) {
        match once {
            true => {
                step(); // what is made at first is not counted
                measured(&mut *step, COUNTED);
            }
            false => {
                let nanoseconds = median(&mut *step, if brief { 3 } else { 31 });
                let counted = callgrind.then(|| instructions(&name));
                println!(
                    "{name:<34}{nanoseconds:>12.1}{:>16}",
                    counted.unwrap_or_default()
                );
            }
        }
    }
}

/// How often a step runs while its instructions are counted.
const COUNTED: u64 = 100;

/// The loop that callgrind looks for by its name.
#[inline(never)]
fn measured(step: &mut dyn FnMut(), times: u64) {
    for _ in 0..times {
        step();
    }
}

/// Nanoseconds of one step: the median of so many batches, each about a millisecond long.
fn median(step: &mut dyn FnMut(), batches: usize) -> f64 {
    step(); // what is made at first is not measured
    let begun = Instant::now();
    let mut times = 0;
    while begun.elapsed().as_micros() < 1000 {
        measured(step, 1);
        times += 1;
    }
    let mut batch = || {
        let begun = Instant::now();
        measured(step, times);
        begun.elapsed().as_nanos() as f64 / times as f64
    };
    let mut costs: Vec<f64> = (0..batches).map(|_| batch()).collect();
    costs.sort_by(f64::total_cmp);
    costs[batches / 2]
}

/// Instructions of one step, by callgrind; why not, where it is not at hand.
fn instructions(name: &str) -> String {
    let this = std::env::current_exe().unwrap();
    let ran = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--collect-atstart=no",
            "--toggle-collect=*measured*",
        ])
        .arg(this)
        .args(["--once", name])
        .output();
    let Ok(ran) = ran else {
        return "no valgrind".to_owned();
    };
    let told = String::from_utf8_lossy(&ran.stderr).into_owned();
    let collected = told.lines().find_map(|line| {
        line.split_once("Collected : ")?
            .1
            .trim()
            .parse::<u64>()
            .ok()
    });
    collected.map_or("not counted".to_owned(), |count| {
        (count / COUNTED).to_string()
    })
}

struct Ring(Arc<KeySet>);

impl Keys for Ring {
    fn of(&self, _: usize) -> Option<Arc<KeySet>> {
        Some(self.0.clone())
    }
}

/// A policy with so many routes, most of which are never asked for.
fn policy(routes: usize) -> Policy {
    let mut text = r#"
[upstream]
url = "http://127.0.0.1:3000"
[pools.main]
user_pool_id = "eu-west-1_AbC123xyz"
client_ids = ["client-1"]
[identity.headers]
X-User = "sub"
X-Groups = "cognito:groups"
[routes]
"GET /orders/{id}/items/{item}" = "orders/read"
"#
    .to_owned();
    for number in 1..routes {
        text.push_str(&format!(
            "\"GET /service-{number}/{{id}}/items\" = \"orders/read\"\n"
        ));
    }
    let read = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
    let config = config::load(
        "bench.toml",
        &text,
        &Surroundings {
            env: &|_| None,
            read: &read,
        },
    );
    let config = config.unwrap_or_else(|faults| panic!("{}", faults.render()));
    compile::policy(&config).unwrap()
}

/// The headers of an ordinary request, with a token or without.
fn headers(token: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("host", "orders.example.com"),
        (
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
        ),
        ("accept", "application/json, text/plain, */*"),
        ("accept-language", "en-GB,en;q=0.9,de;q=0.8"),
        ("accept-encoding", "gzip, deflate, br"),
        ("cookie", "theme=dark; consent=yes; cart=4711"),
        ("referer", "https://shop.example.com/orders"),
        ("connection", "keep-alive"),
        ("x-forwarded-for", "203.0.113.9"),
    ] {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    if let Some(token) = token {
        headers.insert(
            http::header::AUTHORIZATION,
            HeaderValue::from_str(&format!("Bearer {token}")).unwrap(),
        );
    }
    headers
}

/// Everything that the steps share.
struct Bench {
    policy: Policy,
    ring: Ring,
    cache: TokenCache,
    token: String,
    principal: Arc<Principal>,
}

fn bench() -> Bench {
    let keys = signing::Keys::generate();
    let (set, _) = KeySet::parse(keys.jwks().to_string().as_bytes(), PoolKind::Cognito).unwrap();
    let (policy, ring, cache) = (policy(10), Ring(Arc::new(set)), TokenCache::new(10_000));
    let token = keys.access.sign(&json!({
        "sub": "6f1c5c2e-7c7e-4b7e-9d2c-3a1f0c9b8a77", "iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC123xyz",
        "version": 2, "client_id": "client-1", "token_use": "access", "scope": "openid orders/read orders/write", "username": "jane",
        "auth_time": NOW - 10.0, "exp": NOW + 3600.0, "iat": NOW - 10.0, "jti": "0b9f2a7e-5c1d-4e3f-8a6b-7c8d9e0f1a2b",
        "origin_jti": "5d6e7f80-1a2b-4c3d-9e4f-5a6b7c8d9e0f", "cognito:groups": ["staff", "orders"],
    }));
    let Verdict::Good(principal) = verify(&token, &policy.trust, &ring, NOW, true) else {
        panic!("a good token");
    };
    cache.remember(TokenCache::digest(&token), principal.clone());
    Bench {
        policy,
        ring,
        cache,
        token,
        principal,
    }
}

type Step = Box<dyn FnMut()>;

fn steps(most: usize) -> Vec<(String, Step)> {
    let bench = Arc::new(bench());
    let mut steps: Vec<(String, Step)> = Vec::new();
    let mut add = |name: &str, step: Step| steps.push((name.to_owned(), step));
    let b = bench.clone();
    add(
        "token verified",
        Box::new(move || {
            black_box(verify(
                black_box(&b.token),
                &b.policy.trust,
                &b.ring,
                NOW,
                true,
            ));
        }),
    );
    let b = bench.clone();
    add(
        "token remembered",
        Box::new(move || {
            let digest = TokenCache::digest(black_box(&b.token));
            assert!(
                b.cache
                    .recall(&digest, &b.policy.trust, &b.ring, NOW)
                    .is_some()
            );
        }),
    );
    for tokens in [10, 1_000, 100_000, 1_000_000]
        .into_iter()
        .filter(|tokens| *tokens <= most * 100)
    {
        let (b, mut filled, mut next) = (bench.clone(), None, 0);
        // Each with a principal of its own, as after so many verifications.
        let digest = |number: usize| TokenCache::digest(&number.to_string());
        let fill = move |principal: &Arc<Principal>| {
            let cache = TokenCache::new(tokens * 2);
            (0..tokens).for_each(|number| cache.remember(digest(number), principal.clone()));
            cache
        };
        add(
            &format!("token remembered among {tokens}"),
            Box::new(move || {
                next = (next + 618_033) % tokens; // no neighbours in memory
                let cache = filled.get_or_insert_with(|| fill(&b.principal));
                let found = cache.recall(&digest(next), &b.policy.trust, &b.ring, NOW);
                assert!(found.is_some());
            }),
        );
    }
    add(
        "path plain",
        Box::new(|| {
            drop(black_box(path::read(
                black_box("/orders/4711/items/12"),
                Kinds::NONE,
            )))
        }),
    );
    add(
        "path encoded",
        Box::new(|| {
            drop(black_box(path::read(
                black_box("/orders/47%2D11/caf%C3%A9/12"),
                Kinds::NONE,
            )))
        }),
    );
    for routes in [10, 100, 1_000, 10_000]
        .into_iter()
        .filter(|routes| *routes <= most)
    {
        let policy = policy(routes);
        add(
            &format!("route among {routes}"),
            Box::new(move || {
                let readings = path::read(black_box("/orders/4711/items/12"), Kinds::NONE).unwrap();
                black_box(policy.table.find(
                    &policy.routes,
                    "GET",
                    "orders.example.com",
                    &readings,
                ));
            }),
        );
    }
    for (name, token) in [
        ("admitted", Some(&*bench.token)),
        ("refused, no token", None),
    ] {
        let (b, headers, uri) = (bench.clone(), headers(token), Uri::from_static(TARGET));
        add(
            name,
            Box::new(move || {
                let head = Head {
                    method: &Method::GET,
                    uri: &uri,
                    version: Version::HTTP_11,
                    headers: &headers,
                    fragment: false,
                    has_body: false,
                    scheme: "http",
                    certificate: None,
                    channel: Channel::Plain,
                    renewed: None,
                };
                let admission = admit(&head, &b.policy, &b.ring, &b.cache, NOW, false);
                assert_eq!(
                    matches!(admission, Admission::Permit(_)),
                    headers.contains_key("authorization")
                );
            }),
        );
    }
    let (b, original) = (bench.clone(), headers(Some(&bench.token)));
    let original_only = original.clone();
    add(
        "headers copied",
        Box::new(move || drop(black_box(original_only.clone()))),
    );
    let reserved = Reserved::new(b.policy.routes.iter().map(|route| &*route.headers), &[]);
    add(
        "headers copied and rewritten",
        Box::new(move || {
            let mut headers = original.clone();
            rewrite(&b, &reserved, &mut headers);
            black_box(headers);
        }),
    );
    add(
        "refusal written",
        Box::new(|| {
            let refusal = Refusal::new(Reason::MissingToken, "this route asks for a token");
            drop(black_box(problem::answer(
                &refusal,
                &HeaderValue::from_static("id"),
                false,
            )));
        }),
    );
    steps
}

/// What `gate::forward` does to a head.
fn rewrite(bench: &Bench, reserved: &Reserved, headers: &mut HeaderMap) {
    let host = HeaderValue::from_static("orders.example.com");
    hop::strip(headers);
    identity::strip(reserved, headers, Overrides::Strip);
    headers.remove(http::header::AUTHORIZATION);
    let peer = HeaderValue::from_static("127.0.0.1");
    forwarded::apply(
        &forwarded::Origin {
            peer: Some(&peer),
            trusted: false,
            scheme: "http",
            host: &host,
        },
        headers,
    );
    let proof = Proof {
        principal: Some(&bench.principal),
        certificate: None,
    };
    identity::apply(&bench.policy.routes[0].headers, proof, headers).unwrap();
}
