//! Users, machines, and principals tried without a token.

use serde_json::json;

use crate::refusal::Refusal;
use crate::token::claims::Claims;
use crate::token::mint::{ISSUER_B, NOW, trust, trust_with};
use crate::token::trust::{Clients, TokenUse, Trust, Uses};
use crate::token::verify::{Kind, Principal, trial};

fn tried(trust: &Trust, pool: usize, claims: serde_json::Value) -> Result<Principal, Refusal> {
    let claims = Claims::parse(claims.to_string().as_bytes()).expect("good claims");
    trial(claims, trust, pool, NOW)
}

#[test]
fn a_user_is_named_or_is_not_the_client() {
    let kind = |claims| tried(&trust(), 0, claims).expect("a principal").kind();
    assert_eq!(
        kind(json!({"sub": "client-1", "client_id": "client-1"})),
        Kind::Machine
    );
    assert_eq!(kind(json!({"client_id": "client-1"})), Kind::Machine);
    assert_eq!(
        kind(json!({"sub": "s", "client_id": "client-1"})),
        Kind::User
    );
    assert_eq!(kind(json!({"username": "jane"})), Kind::User);
    assert_eq!(
        kind(json!({"sub": "client-1", "username": "jane"})),
        Kind::User
    );
    assert_eq!(
        (Kind::User.as_str(), Kind::Machine.as_str()),
        ("user", "machine")
    );
}

#[test]
fn a_trial_fills_in_what_is_missing() {
    let principal = tried(&trust(), 1, json!({"scope": "a b"})).expect("a principal");
    assert_eq!(principal.pool_index, 1);
    assert_eq!(&*principal.pool.name, "other");
    assert_eq!(principal.token_use, TokenUse::Access);
    assert_eq!(principal.expires, NOW + 3600.0);
    assert_eq!(principal.client_id.as_deref(), Some("client-1"));
    assert_eq!(principal.scopes, ["a", "b"]);
    assert_eq!(principal.claims.get("iss").unwrap(), ISSUER_B);
    assert_eq!(principal.sub, None);
}

#[test]
fn a_trial_is_good_for_every_kind_of_pool() {
    for token_use in [Uses::Access, Uses::Id, Uses::Any] {
        for clients in [Clients::Any, Clients::These(vec!["c".to_owned()])] {
            for audiences in [vec![], vec!["x".to_owned(), "c".to_owned()]] {
                let trust = trust_with(|pool| {
                    pool.token_use = token_use;
                    pool.client_ids = clients.clone();
                    pool.audiences = audiences.clone();
                });
                for pool in 0..3 {
                    let principal = tried(&trust, pool, json!({})).expect("a principal");
                    assert!(token_use.contains(principal.token_use));
                }
            }
        }
    }
}

#[test]
fn a_trial_checks_what_is_given() {
    let reason = |pool, claims| {
        tried(&trust(), pool, claims).map_or_else(|refusal| refusal.reason.as_str(), |_| "good")
    };
    assert_eq!(reason(0, json!({"exp": NOW})), "expired");
    assert_eq!(reason(0, json!({"exp": NOW + 1.0})), "good");
    assert_eq!(reason(0, json!({"exp": "soon"})), "invalid_claims");
    assert_eq!(reason(0, json!({"nbf": NOW + 1.0})), "not_yet_valid");
    assert_eq!(reason(0, json!({"iss": ISSUER_B})), "unknown_issuer");
    assert_eq!(reason(0, json!({"iss": 5})), "invalid_claims");
    assert_eq!(reason(0, json!({"token_use": "id"})), "wrong_token_use");
    assert_eq!(reason(0, json!({"client_id": "client-3"})), "wrong_client");
    assert_eq!(reason(0, json!({"scope": ["a"]})), "invalid_claims");
    assert_eq!(reason(2, json!({"scope": ["a"]})), "good");
    assert_eq!(reason(9, json!({})), "unknown_issuer");
}

#[test]
fn debug_shows_no_personal_claims() {
    let principal = tried(
        &trust(),
        0,
        json!({"sub": "s-1", "email": "jane@example.com"}),
    );
    let shown = format!("{:?}", principal.expect("a principal"));
    assert!(!shown.contains("jane") && !shown.contains("s-1"), "{shown}");
}
