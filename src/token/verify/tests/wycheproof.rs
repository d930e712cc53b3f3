//! Project Wycheproof's vectors through the key loader and the signature check (`tests/vectors/README.md`).
//!
//! Everything that must be refused is refused. What it calls valid and we refuse is listed with the reason.

use serde_json::{Value, json};

use super::super::check_signature;
use super::super::compact::{Compact, Header};
use crate::token::keys::KeySet;
use crate::token::trust::PoolKind;

/// Whether a token of these keys gets past structure, header, key and signature. Its payload is no JSON.
fn is_accepted(group: &Value, token: &str) -> bool {
    let keys = match group.get("public").or(group.get("private")) {
        Some(set) if set.get("keys").is_some() => set.clone(),
        Some(key) => json!({ "keys": [key] }),
        None => unreachable!("a group has keys"),
    };
    let Ok((set, _)) = KeySet::parse(keys.to_string().as_bytes(), PoolKind::Issuer) else {
        return false;
    };
    let Ok(compact) = Compact::parse(token) else {
        return false;
    };
    let Ok(header) = Header::parse(&compact.header) else {
        return false;
    };
    let key = header.kid.as_deref().and_then(|kid| set.find(kid));
    key.is_some_and(|key| check_signature(&compact, &header, key).is_ok())
}

/// Runs a file; gives the valid ones that were refused, and how many were accepted.
fn run(vectors: &str, tests: usize) -> (Vec<u64>, usize) {
    let vectors: Value = serde_json::from_str(vectors).expect("the file is JSON");
    let (mut refused, mut accepted, mut seen) = (Vec::new(), 0, 0);
    for group in vectors["testGroups"].as_array().expect("groups") {
        for test in group["tests"].as_array().expect("tests") {
            seen += 1;
            let id = test["tcId"].as_u64().expect("an id");
            let token = test.get("jws").or(test.get("jwe")).expect("a token");
            // A token in JSON serialisation stands there as an object.
            let token = token
                .as_str()
                .map_or_else(|| token.to_string(), str::to_owned);
            let good = is_accepted(group, &token);
            assert!(
                !good || test["result"] == "valid",
                "{id} {} must be refused",
                test["comment"]
            );
            accepted += usize::from(good);
            if !good && test["result"] == "valid" {
                refused.push(id);
            }
        }
    }
    assert_eq!(seen, tests);
    (refused, accepted)
}

#[test]
fn json_web_signatures() {
    let vectors = include_str!("../../../../tests/vectors/wycheproof_json_web_signature.json");
    let (refused, accepted) = run(vectors, 401);
    let by_design = [
        // HMAC: a symmetric key is never taken from a JWKS.
        1, 348, 352, 357, 358, 359, 376, 377,
        // HMAC as above; and characters outside the alphabet, which the vectors let pass.
        372, 373, // The key says PS256, the token PS384.
        346, 350, // P-521, under an `alg` that doesn't exist (ES521).
        347, 351,
    ];
    assert_eq!(sorted(refused), sorted(by_design.to_vec()));
    assert_eq!(accepted, 32);
}

#[test]
fn json_web_keys() {
    let vectors = include_str!("../../../../tests/vectors/wycheproof_json_web_key.json");
    // 2, 13-15: HMAC again. 7, the ROCA key, is among the refused.
    assert_eq!(run(vectors, 26), (vec![2, 13, 14, 15], 1));
}

#[test]
fn json_web_crypto() {
    let vectors = include_str!("../../../../tests/vectors/wycheproof_json_web_crypto.json");
    // 1, 48: HMAC. 50, 67: encrypted tokens.
    assert_eq!(run(vectors, 83), (vec![1, 48, 50, 67], 2));
}

fn sorted(mut ids: Vec<u64>) -> Vec<u64> {
    ids.sort_unstable();
    ids
}
