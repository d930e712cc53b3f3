//! What a new snapshot has from the one before it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{Live, Snapshot};
use crate::clock::Clock;
use crate::config::{self, Config, Surroundings};
use crate::fetch::stub::{Reply, Stub};
use crate::pool::Asked;
use crate::ready::Readiness;
use crate::token::keys::Keys as _;
use crate::token::mint;

const BASE: &str = r#"
[upstream]
url = "http://127.0.0.1:3000"
[pools.a]
user_pool_id = "eu-west-1_AAAAAAAAA"
client_ids = ["one"]
jwks_url = "none"
jwks_file = "/keys.json"
[pools.b]
user_pool_id = "eu-west-1_BBBBBBBBB"
client_ids = ["one"]
jwks_url = "none"
jwks_file = "/keys.json"
[identity.headers]
X-User = "sub"
[routes]
"GET /orders" = "orders/read"
"#;

fn read(_: &Path) -> io::Result<Vec<u8>> {
    Ok(serde_json::json!({"keys": [mint::a1().jwk("RS256")]})
        .to_string()
        .into_bytes())
}

fn parse(text: &str) -> Config {
    let surroundings = Surroundings {
        env: &|_| None,
        read: &read,
    };
    config::load("test.toml", text, &surroundings).unwrap()
}

fn build(text: &str) -> Snapshot {
    Snapshot::build(parse(text), 1, &Clock::fixed(mint::NOW), &read).unwrap()
}

fn rebuild(old: &Snapshot, text: &str) -> Snapshot {
    old.rebuild(parse(text), 1, &Clock::fixed(mint::NOW), &read)
        .unwrap()
}

fn same_ring(old: &Snapshot, new: &Snapshot, pool: usize) -> bool {
    Arc::ptr_eq(old.keys.ring(pool).unwrap(), new.keys.ring(pool).unwrap())
}

fn same_trust(old: &Snapshot, new: &Snapshot, pool: usize) -> bool {
    Arc::ptr_eq(&old.policy.trust.pools[pool], &new.policy.trust.pools[pool])
}

#[test]
fn what_is_equal_stays_the_very_same() {
    let old = build(BASE);
    let new = rebuild(
        &old,
        &format!("{BASE}\"/health\" = {{ access = \"public\" }}"),
    );
    for pool in [0, 1] {
        assert!(same_ring(&old, &new, pool));
        assert!(same_trust(&old, &new, pool), "its tokens stay remembered");
    }
    assert!(Arc::ptr_eq(&old.cache, &new.cache));
    assert!(Arc::ptr_eq(&old.upstreams[0], &new.upstreams[0]));
    let plan = &old.policy.routes[0].headers;
    assert!(
        new.policy
            .routes
            .iter()
            .all(|route| Arc::ptr_eq(&route.headers, plan))
    );
}

#[test]
fn a_pool_that_trusts_others_forgets_its_tokens_and_its_neighbours_do_not() {
    let old = build(BASE);
    let text = BASE.replacen("client_ids = [\"one\"]", "client_ids = [\"two\"]", 1);
    let new = rebuild(&old, &text);
    assert!(!same_ring(&old, &new, 0) && !same_trust(&old, &new, 0));
    assert!(same_ring(&old, &new, 1) && same_trust(&old, &new, 1));
    assert!(new.keys.of(0).is_some(), "its keys are there at once");
}

#[test]
fn a_pool_that_is_only_refreshed_otherwise_keeps_its_tokens() {
    let old = build(BASE);
    let text = BASE.replacen("jwks_url", "jwks_cooldown = \"5s\"\njwks_url", 1);
    let new = rebuild(&old, &text);
    assert!(!same_ring(&old, &new, 0));
    assert!(same_trust(&old, &new, 0));
}

#[test]
fn pools_are_known_by_name_wherever_they_stand() {
    let old = build(BASE);
    let (head, tail) = BASE.split_at(BASE.find("[pools.b]").unwrap());
    let new = "[pools.c]\nuser_pool_id = \"eu-west-1_CCCCCCCCC\"\nclient_ids = [\"one\"]\n";
    let new = rebuild(&old, &format!("{head}{new}{tail}"));
    let ring = new.keys.ring(2).unwrap();
    assert_eq!(ring.name(), "b");
    assert!(Arc::ptr_eq(ring, old.keys.ring(1).unwrap()));
}

#[test]
fn upstreams_with_other_settings_get_connections_of_their_own() {
    let old = build(BASE);
    let new = rebuild(&old, &BASE.replace(":3000", ":3001"));
    assert!(!Arc::ptr_eq(&old.upstreams[0], &new.upstreams[0]));
}

#[test]
fn headers_that_changed_are_rendered_anew() {
    let old = build(BASE);
    let new = rebuild(&old, &BASE.replace("X-User =", "X-Subject ="));
    let (before, after) = (&old.policy.routes[0].headers, &new.policy.routes[0].headers);
    assert!(!Arc::ptr_eq(before, after));
}

#[test]
fn a_cache_of_another_size_is_new_and_counts_on() {
    let old = build(BASE);
    let token = mint::a1().token(&mint::access());
    let digest = crate::token::cache::TokenCache::digest(&token);
    assert!(
        old.cache
            .recall(&digest, &old.policy.trust, &old.keys, mint::NOW)
            .is_none()
    );
    let new = rebuild(&old, &format!("[tokens]\ncache_entries = 5\n{BASE}"));
    assert!(!Arc::ptr_eq(&old.cache, &new.cache));
    assert_eq!(new.cache.counts(), (0, 1));
}

fn fetched(stub: &Stub) -> String {
    let none = "jwks_url = \"none\"\njwks_file = \"/keys.json\"\n";
    let url = |path| format!("jwks_url = \"{}\"\n", stub.url(path));
    BASE.replacen(none, &url("/a"), 1)
        .replacen(none, &url("/b"), 1)
}

async fn key_server() -> Stub {
    let stub = Stub::start().await;
    for path in ["/a", "/b"] {
        stub.reply(path, Reply::ok(read(Path::new("")).unwrap()));
    }
    stub
}

#[tokio::test]
async fn q04_a_removed_pool_is_refreshed_until_its_last_request_has_ended() {
    let stub = key_server().await;
    let mut first = build(&fetched(&stub));
    first.start_refreshing(None);
    let live = Live::new(first);
    let request = live.load();
    let ring = request.keys.ring(1).unwrap().clone();
    assert_eq!(ring.refreshed().await, Asked::Settled);

    let text = fetched(&stub);
    let (b, routes) = (
        text.find("[pools.b]").unwrap(),
        text.find("[identity").unwrap(),
    );
    let mut second = rebuild(&request, &format!("{}{}", &text[..b], &text[routes..]));
    second.start_refreshing(None);
    drop(live.swap(second));
    assert!(live.load().keys.ring(1).is_none());
    assert_eq!(
        ring.refreshed().await,
        Asked::Cooling,
        "the request still has its pool"
    );
    assert!(request.keys.of(1).is_some());

    drop(request);
    while ring.refreshed().await != Asked::Stopped {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_pool_that_stays_is_not_fetched_again() {
    let stub = key_server().await;
    let mut first = build(&fetched(&stub));
    first.start_refreshing(None);
    for pool in [0, 1] {
        first.keys.ring(pool).unwrap().refreshed().await;
    }
    let text = fetched(&stub).replacen("client_ids = [\"one\"]", "client_ids = [\"two\"]", 1);
    let mut second = rebuild(&first, &text);
    assert!(
        second.keys.of(0).is_some(),
        "keys that were fetched are taken over"
    );
    second.start_refreshing(None);
    drop(first);
    second.keys.ring(0).unwrap().refreshed().await;
    let mut requests = stub.requests();
    requests.sort();
    assert_eq!(
        requests,
        ["GET /a HTTP/1.1", "GET /a HTTP/1.1", "GET /b HTTP/1.1"]
    );
    let facts = second.keys.ring(0).unwrap().facts();
    assert_eq!(facts.refreshes_ok, 2, "refreshes are counted on");
}

#[tokio::test]
async fn a_new_pool_does_not_take_readiness_back() {
    let stub = key_server().await;
    stub.reply("/a", Reply::Silence);
    let (mut first, ready) = (build(BASE), Readiness::new());
    first.start_refreshing(Some(&ready));
    assert_eq!(ready.state(), Ok(()));
    let mut second = rebuild(&first, &fetched(&stub));
    second.start_refreshing(None);
    assert_eq!(ready.state(), Ok(()));
    let mut third = rebuild(&first, &fetched(&stub));
    third.start_refreshing(Some(&ready));
    assert!(
        ready.state().is_err(),
        "one that was never ready waits for it"
    );
}
