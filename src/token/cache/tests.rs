//! A remembered token lives no longer than what made it good.

use std::sync::Arc;

use serde_json::json;

use super::TokenCache;
use crate::clock::Timestamp;
use crate::token::Principal;
use crate::token::claims::Claims;
use crate::token::mint::{ISSUER_B, NOW, Ring, a1, a2, access, b1, but, key_set, ring, trust_with};
use crate::token::trust::{Pool, PoolKind, Trust};
use crate::token::verify::{Verdict, trial, verify};

fn good(token: &str, trust: &Trust, keys: &Ring) -> Arc<Principal> {
    match verify(token, trust, keys, NOW, true) {
        Verdict::Good(principal) => principal,
        verdict => unreachable!("{verdict:?}"),
    }
}

/// A cache that remembers one good token of pool `main`.
struct Remembered {
    cache: TokenCache,
    token: String,
    trust: Trust,
}

impl Remembered {
    fn new(change: impl Fn(&mut Pool)) -> Remembered {
        let (cache, trust) = (TokenCache::new(100), trust_with(change));
        let token = a1().token(&access());
        let principal = good(&token, &trust, &ring());
        cache.remember(TokenCache::digest(&token), principal);
        Remembered {
            cache,
            token,
            trust,
        }
    }

    fn recalls(&self, trust: &Trust, keys: &Ring, now: Timestamp) -> bool {
        let digest = TokenCache::digest(&self.token);
        self.cache.recall(&digest, trust, keys, now).is_some()
    }
}

#[test]
fn a_good_token_is_remembered() {
    let remembered = Remembered::new(|_| {});
    assert!(remembered.recalls(&remembered.trust, &ring(), NOW));
    assert_eq!(remembered.cache.len(), 1);
    let digest = TokenCache::digest(&remembered.token);
    let principal = remembered
        .cache
        .recall(&digest, &remembered.trust, &ring(), NOW);
    assert_eq!(
        principal.expect("remembered").scopes,
        ["orders/read", "openid"]
    );
}

#[test]
fn what_nobody_asks_for_is_not_remembered() {
    let kept = ["username", "nowhere"].map(Box::from);
    let remembered = Remembered::new(|pool| pool.kept = Some(kept.clone().into()));
    let digest = TokenCache::digest(&remembered.token);
    let principal = (remembered.cache).recall(&digest, &remembered.trust, &ring(), NOW);
    let principal = principal.expect("remembered");
    let names: Vec<&str> = principal.claims.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["username"]);
    assert_eq!(principal.groups, ["staff", "admin"]);
    assert_eq!(principal.client_id.as_deref(), Some("client-1"));
}

#[test]
fn c16_a_remembered_token_dies_at_its_exp() {
    let remembered = Remembered::new(|_| {});
    let expires = NOW + 3600.0;
    assert!(remembered.recalls(&remembered.trust, &ring(), expires - 0.001));
    assert!(!remembered.recalls(&remembered.trust, &ring(), expires));
    assert_eq!(remembered.cache.len(), 0, "and is forgotten");

    let remembered = Remembered::new(|pool| pool.leeway = 60.0);
    assert!(remembered.recalls(&remembered.trust, &ring(), expires + 59.0));
    assert!(!remembered.recalls(&remembered.trust, &ring(), expires + 60.0));
}

#[test]
fn c16_a_remembered_token_dies_with_its_key() {
    let with = |jwks: &[serde_json::Value]| Ring(vec![Some(key_set(PoolKind::Cognito, jwks))]);
    let remembered = Remembered::new(|_| {});
    let (trust, again) = (&remembered.trust, with(&[a2().bare_jwk(), a1().bare_jwk()]));
    assert!(
        remembered.recalls(trust, &again, NOW),
        "the same key after a refresh"
    );
    assert!(
        !remembered.recalls(trust, &Ring(vec![None]), NOW),
        "no keys may serve"
    );
    assert!(
        remembered.recalls(trust, &again, NOW),
        "they may serve again"
    );
    assert!(
        !remembered.recalls(trust, &with(&[a2().bare_jwk()]), NOW),
        "the key is gone"
    );

    let remembered = Remembered::new(|_| {});
    let replaced = with(&[but(a2().bare_jwk(), json!({"kid": a1().kid}))]);
    assert!(
        !remembered.recalls(&remembered.trust, &replaced, NOW),
        "another key under its kid"
    );
}

#[test]
fn c16_a_remembered_token_dies_with_its_pools_settings() {
    let remembered = Remembered::new(|_| {});
    let equal = trust_with(|_| {});
    assert!(
        !remembered.recalls(&equal, &ring(), NOW),
        "equal is not the same"
    );

    let pools = &remembered.trust.pools;
    let moved = Trust::new(vec![Arc::clone(&pools[1]), Arc::clone(&pools[0])]);
    let keys = Ring(ring().0.into_iter().take(2).rev().collect());
    assert!(
        !remembered.recalls(&moved, &keys, NOW),
        "its index would be another pool's"
    );
    assert!(!remembered.recalls(&Trust::new(vec![]), &ring(), NOW));
    let kept = Trust::new(vec![Arc::clone(&pools[0])]);
    assert!(
        remembered.recalls(&kept, &ring(), NOW),
        "other pools may come and go"
    );
}

#[test]
fn c16_the_whole_token_is_the_key() {
    let remembered = Remembered::new(|_| {});
    let token = &remembered.token;
    for other in [
        &token[..token.len() - 1],
        &token[1..],
        &format!("{token} "),
        "",
    ] {
        let digest = TokenCache::digest(other);
        let recalled = remembered
            .cache
            .recall(&digest, &remembered.trust, &ring(), NOW);
        assert!(recalled.is_none());
    }
}

#[test]
fn c06_pools_share_a_cache_without_mixing() {
    let remembered = Remembered::new(|_| {});
    let token = b1().token(&but(access(), json!({"iss": ISSUER_B})));
    let digest = TokenCache::digest(&token);
    remembered
        .cache
        .remember(digest, good(&token, &remembered.trust, &ring()));
    let recalled = remembered
        .cache
        .recall(&digest, &remembered.trust, &ring(), NOW);
    assert_eq!(recalled.expect("remembered").pool_index, 1);
    assert!(remembered.recalls(&remembered.trust, &ring(), NOW));
}

#[test]
fn c17_the_cache_is_bounded() {
    let (cache, trust) = (TokenCache::new(64), trust_with(|_| {}));
    let principal = good(&a1().token(&access()), &trust, &ring());
    for n in 0..10_000 {
        cache.remember(TokenCache::digest(&n.to_string()), Arc::clone(&principal));
    }
    assert!(cache.len() <= 64 + 64 / 8, "{}", cache.len());
    assert!(!cache.is_empty());
}

#[test]
fn a_cache_of_none_remembers_nothing() {
    let (cache, trust) = (TokenCache::new(0), trust_with(|_| {}));
    let token = a1().token(&access());
    let digest = TokenCache::digest(&token);
    cache.remember(digest, good(&token, &trust, &ring()));
    assert!(cache.is_empty());
    assert!(cache.recall(&digest, &trust, &ring(), NOW).is_none());
}

#[test]
fn a_trial_is_never_recalled() {
    let (cache, trust) = (TokenCache::new(10), trust_with(|_| {}));
    let principal = trial(Claims::default(), &trust, 0, NOW).expect("a principal");
    let digest = TokenCache::digest("");
    cache.remember(digest, Arc::new(principal));
    assert!(cache.recall(&digest, &trust, &ring(), NOW).is_none());
}
