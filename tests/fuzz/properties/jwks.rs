//! A key set: whatever `KeySet::parse` takes must be fit to verify signatures, judged here once more from the JSON alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis::token::keys::KeySet;
use portcullis::token::trust::PoolKind;
use serde_json::{Value, json};

use super::standing;

/// The first byte says which kind of pool it is for.
pub fn check(bytes: &[u8]) {
    let Some((bits, document)) = bytes.split_first() else {
        return;
    };
    let kind = match bits & 1 {
        0 => PoolKind::Cognito,
        _ => PoolKind::Issuer,
    };
    let read = KeySet::parse(document, kind);
    let json = serde_json::from_slice::<Value>(document).ok();
    let entries = json.as_ref().and_then(|json| json.get("keys")?.as_array());
    let Some(entries) = entries else {
        return assert!(read.is_err(), "no list of keys, and taken");
    };
    if let Ok((keys, dropped)) = &read {
        assert!(!keys.is_empty() && keys.len() <= entries.len().min(1000));
        assert!(keys.len() + dropped.len() >= 1);
        for kid in keys.kids() {
            let named = entries.iter().filter(|entry| entry["kid"] == kid);
            assert!(
                named.clone().any(|entry| is_fit(entry, kind)),
                "{kid:?} is no key to verify with"
            );
            let key = keys.find(kid).expect("it is listed");
            assert!(kind == PoolKind::Issuer || standing::is_rs256(key));
        }
        let told = dropped.concat();
        assert!(
            told.chars().all(|char| !char.is_control()),
            "a log line can be broken: {told:?}"
        );
    }
    // A sound key serves whatever stands beside it, and the others serve as they did.
    let sound = standing::keys().access.jwk();
    if entries.len() < 1000 && !entries.iter().any(|entry| entry["kid"] == sound["kid"]) {
        let more = [entries.as_slice(), std::slice::from_ref(&sound)].concat();
        let (keys, _) = KeySet::parse(json!({ "keys": more }).to_string().as_bytes(), kind)
            .unwrap_or_else(|fault| panic!("a sound key was taken down: {}", fault.0));
        assert!(
            keys.find(sound["kid"].as_str().unwrap_or_default())
                .is_some()
        );
        assert_eq!(keys.len(), 1 + read.map_or(0, |(keys, _)| keys.len()));
    }
}

/// RFC 7517, RFC 7518 §6, and what a guard asks beyond it.
fn is_fit(entry: &Value, kind: PoolKind) -> bool {
    let bytes = |member: &str| {
        URL_SAFE_NO_PAD
            .decode(entry[member].as_str().unwrap_or("!"))
            .unwrap_or_default()
    };
    let secret = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]
        .iter()
        .any(|member| entry.get(member).is_some());
    let signs = entry.get("use").is_none_or(|purpose| purpose == "sig")
        && entry
            .get("key_ops")
            .is_none_or(|operations| operations.to_string().contains("\"verify\""));
    let (strong, algorithms): (bool, &[&str]) = match entry["kty"].as_str() {
        Some("RSA") => {
            let n = bytes("n");
            let n: Vec<u8> = n.into_iter().skip_while(|byte| *byte == 0).collect();
            let long = n.len() > 256 || n.len() == 256 && n[0] >= 0x80;
            let odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
            let algorithms = match kind {
                PoolKind::Cognito => &["RS256"][..],
                PoolKind::Issuer => &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
            };
            (
                long && n.len() <= 1024 && odd(&n) && odd(&bytes("e")),
                algorithms,
            )
        }
        Some("EC") if entry["crv"] == "P-256" => {
            (bytes("x").len() == 32 && bytes("y").len() == 32, &["ES256"])
        }
        Some("EC") if entry["crv"] == "P-384" => {
            (bytes("x").len() == 48 && bytes("y").len() == 48, &["ES384"])
        }
        Some("OKP") if entry["crv"] == "Ed25519" => (bytes("x").len() == 32, &["EdDSA", "Ed25519"]),
        _ => (false, &[]),
    };
    let named = entry
        .get("alg")
        .is_none_or(|alg| algorithms.iter().any(|known| alg == known));
    let allowed = kind == PoolKind::Issuer || entry["kty"] == "RSA";
    strong && !secret && signs && named && allowed
}

/// Whole sets of Wycheproof's, and sets with one thing wrong.
pub fn seeds() -> Vec<Vec<u8>> {
    let sound = standing::keys().access.jwk();
    let but = |member: &str, value: Value| {
        let mut key = sound.clone();
        key[member] = value;
        key
    };
    let pair = json!([sound, standing::ed_jwk()]);
    let wrong = [
        but("alg", json!("HS256")),
        but("alg", json!("RS512")),
        but("alg", json!(null)),
        but("use", json!("enc")),
        but("kty", json!("oct")),
        but("k", json!("c2VjcmV0")),
        but("d", json!("AQAB")),
        but("e", json!("AQ")),
        but("e", json!("Ag")),
        but("n", json!("AQAB")),
        but("n", json!("AA")),
        but("kid", json!(1)),
        but("kid", json!("")),
        but("key_ops", json!(["sign"])),
        but("key_ops", json!(["verify"])),
        but("kty", json!("EC")),
        but("x5c", json!([])),
        but("kid", json!("a\nb")),
        json!([]),
        json!("key"),
    ];
    let mut sets: Vec<String> = wrong
        .iter()
        .map(|key| json!({ "keys": [key, sound] }).to_string())
        .collect();
    sets.extend(wrong.iter().map(|key| json!({ "keys": [key] }).to_string()));
    sets.extend(
        [
            json!({ "keys": pair }),
            json!({}),
            json!({ "keys": {} }),
            json!([pair]),
        ]
        .map(|set| set.to_string()),
    );
    let vectors: Value =
        serde_json::from_str(include_str!("../../vectors/wycheproof_json_web_key.json"))
            .expect("JSON");
    let groups = vectors["testGroups"].as_array().into_iter().flatten();
    sets.extend(
        groups
            .flat_map(|group| [&group["public"], &group["private"]])
            .filter(|set| set.is_object())
            .map(Value::to_string),
    );
    let spelt = |bits: u8, set: &str| [&[bits], set.as_bytes()].concat();
    sets.iter()
        .flat_map(|set| [spelt(0, set), spelt(1, set)])
        .collect()
}
