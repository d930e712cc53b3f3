//! Which entries of a JWKS serve, and what is said of the others.

use jsonwebtoken::Algorithm;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{KeySet, KeySetFault};
use crate::token::mint::{a1, a2, b1, b64, but, ed, p256, p384, rsa};
use crate::token::trust::PoolKind::{self, Cognito, Issuer};

fn parse(kind: PoolKind, keys: &[Value]) -> Result<(KeySet, Vec<String>), KeySetFault> {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes(), kind)
}

/// The modulus of a key, changed.
fn with_modulus(jwk: &Value, change: impl Fn(&mut Vec<u8>)) -> Value {
    use base64::Engine as _;
    let n = jwk["n"].as_str().expect("an RSA key");
    let mut n = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(n)
        .expect("base64url");
    change(&mut n);
    but(jwk.clone(), json!({ "n": b64(&n) }))
}

#[test]
fn k09_bad_entries_are_dropped_one_by_one() {
    let good = a1().jwk("RS256");
    let jwk = a2().jwk("RS256");
    let ec = p256().jwk("ES256");
    let rows: Vec<(&str, Value)> = vec![
        ("not an object", json!("a2")),
        ("null", json!(null)),
        ("no kid", but(jwk.clone(), json!({"kid": null}))),
        ("empty kid", but(jwk.clone(), json!({"kid": ""}))),
        ("kid a number", but(jwk.clone(), json!({"kid": 5}))),
        (
            "oct",
            json!({"kty": "oct", "kid": "o", "k": "AAAA", "alg": "HS256"}),
        ),
        ("oct, empty", json!({"kty": "oct", "kid": "o", "k": ""})),
        ("no kty", but(jwk.clone(), json!({"kty": null}))),
        ("kty unknown", but(jwk.clone(), json!({"kty": "rsa"}))),
        ("use enc", but(jwk.clone(), json!({"use": "enc"}))),
        ("use a list", but(jwk.clone(), json!({"use": ["sig"]}))),
        (
            "key_ops encrypt",
            but(jwk.clone(), json!({"key_ops": ["encrypt"]})),
        ),
        ("key_ops empty", but(jwk.clone(), json!({"key_ops": []}))),
        (
            "key_ops a string",
            but(jwk.clone(), json!({"key_ops": "verify"})),
        ),
        ("alg HS256", but(jwk.clone(), json!({"alg": "HS256"}))),
        ("alg none", but(jwk.clone(), json!({"alg": "none"}))),
        (
            "alg for encryption",
            but(jwk.clone(), json!({"alg": "RSA-OAEP"})),
        ),
        ("alg a number", but(jwk.clone(), json!({"alg": 5}))),
        (
            "alg of another type",
            but(jwk.clone(), json!({"alg": "ES256"})),
        ),
        ("n missing", but(jwk.clone(), json!({"n": null}))),
        ("n empty", but(jwk.clone(), json!({"n": ""}))),
        ("n padded", but(jwk.clone(), json!({"n": "AAA="}))),
        ("n of 1024 bits", with_modulus(&jwk, |n| n.truncate(128))),
        ("n of 2047 bits", with_modulus(&jwk, |n| n[0] = 0x7f)),
        (
            "n of 8200 bits",
            with_modulus(&jwk, |n| *n = [&[0xffu8; 1024][..], &[1]].concat()),
        ),
        ("n even", with_modulus(&jwk, |n| n[255] &= 0xfe)),
        ("e missing", but(jwk.clone(), json!({"e": null}))),
        ("e empty", but(jwk.clone(), json!({"e": ""}))),
        ("e 0", but(jwk.clone(), json!({"e": "AA"}))),
        ("e 1", but(jwk.clone(), json!({"e": "AQ"}))),
        ("e 1 with zeros", but(jwk.clone(), json!({"e": "AAAB"}))),
        ("e 2", but(jwk.clone(), json!({"e": "Ag"}))),
        ("e 65536", but(jwk.clone(), json!({"e": "AQAA"}))),
        ("e of 40 bits", but(jwk.clone(), json!({"e": "AQAAAAE"}))),
        ("private d", but(jwk.clone(), json!({"d": "AQAB"}))),
        ("private p", but(jwk.clone(), json!({"p": "AQAB"}))),
        ("a secret beside", but(jwk.clone(), json!({"k": "AQAB"}))),
        (
            "point off curve",
            but(ec.clone(), json!({"x": b64(&[7; 32])})),
        ),
        (
            "short coordinate",
            but(ec.clone(), json!({"y": b64(&[7; 31])})),
        ),
        (
            "unknown curve",
            but(ec.clone(), json!({"crv": "secp256k1"})),
        ),
        ("wrong curve", but(ec.clone(), json!({"crv": "P-384"}))),
        (
            "wrong algorithm of a curve",
            but(ec, json!({"alg": "ES384"})),
        ),
        ("Ed448", but(ed().bare_jwk(), json!({"crv": "Ed448"}))),
        ("Ed25519, short", but(ed().bare_jwk(), json!({"x": "AAAA"}))),
    ];
    for kind in [Cognito, Issuer] {
        let mut keys: Vec<Value> = rows.iter().map(|(_, jwk)| jwk.clone()).collect();
        keys.insert(rows.len() / 2, good.clone());
        let (set, dropped) = parse(kind, &keys).expect("the good one serves");
        assert_eq!(set.kids(), [a1().kid]);
        assert_eq!(dropped.len(), rows.len(), "{dropped:#?}");
        for (name, jwk) in &rows {
            assert!(parse(kind, std::slice::from_ref(jwk)).is_err(), "{name}");
        }
    }
}

#[test]
fn a_cognito_pool_has_rs256_keys_alone() {
    for jwk in [
        a1().jwk("RS384"),
        a1().jwk("PS256"),
        p256().jwk("ES256"),
        p384().bare_jwk(),
        ed().jwk("EdDSA"),
    ] {
        assert!(parse(Cognito, std::slice::from_ref(&jwk)).is_err(), "{jwk}");
        assert!(parse(Issuer, &[jwk]).is_ok());
    }
}

#[test]
fn j04_the_jwk_alone_says_the_algorithm() {
    let algorithm = |kind, jwk: Value| {
        let kid = jwk["kid"].as_str().expect("a kid").to_owned();
        let (set, _) = parse(kind, &[jwk]).expect("a good key");
        set.find(&kid).expect("the key").algorithm
    };
    assert_eq!(algorithm(Cognito, a1().bare_jwk()), Algorithm::RS256);
    assert_eq!(algorithm(Issuer, a1().bare_jwk()), Algorithm::RS256);
    assert_eq!(algorithm(Issuer, a1().jwk("PS512")), Algorithm::PS512);
    assert_eq!(algorithm(Issuer, p256().bare_jwk()), Algorithm::ES256);
    assert_eq!(algorithm(Issuer, p384().bare_jwk()), Algorithm::ES384);
    assert_eq!(algorithm(Issuer, ed().bare_jwk()), Algorithm::EdDSA);
    assert_eq!(algorithm(Issuer, ed().jwk("Ed25519")), Algorithm::EdDSA);
}

#[test]
fn k09_a_kid_of_two_keys_is_dropped_and_of_one_key_twice_is_kept() {
    let jwk = |signer: &crate::token::mint::Signer| but(signer.jwk("RS256"), json!({"kid": "k"}));
    let other = b1().jwk("RS256");

    let (set, dropped) = parse(Cognito, &[jwk(a1()), jwk(a1()), other.clone()]).expect("a set");
    assert_eq!((set.kids(), dropped.len()), (vec!["b1", "k"], 0));

    let third = rsa("k");
    for keys in [
        vec![jwk(a1()), other.clone(), jwk(a2())],
        vec![jwk(a1()), jwk(a2()), jwk(&third), other.clone()],
        vec![jwk(a1()), jwk(a2()), jwk(a1()), other],
    ] {
        let (set, dropped) = parse(Cognito, &keys).expect("a set");
        assert_eq!(set.kids(), ["b1"]);
        assert_eq!(dropped, ["key \"k\": several keys have this kid"]);
    }
    assert!(parse(Cognito, &[jwk(a1()), jwk(a2())]).is_err());
    let twice = [a1().jwk("RS256"), a1().jwk("RS512")];
    assert!(parse(Issuer, &twice).is_err(), "one key for two algorithms");
}

#[test]
fn k09_leading_zeros_of_a_modulus_change_nothing() {
    let plain = a1().jwk("RS256");
    let mut padded = with_modulus(&plain, |n| n.insert(0, 0));
    padded["e"] = json!(b64(&[0, 1, 0, 1]));
    let (one, _) = parse(Cognito, &[plain]).expect("a set");
    let (other, _) = parse(Cognito, &[padded]).expect("a set");
    let thumbprint = |set: &KeySet| set.find(a1().kid).expect("the key").thumbprint;
    assert_eq!(thumbprint(&one), thumbprint(&other));
}

/// The example of RFC 7638 §3.1.
#[test]
fn thumbprints_are_those_of_rfc_7638() {
    let jwk = json!({
        "kty": "RSA", "alg": "RS256", "kid": "2011-04-29", "e": "AQAB",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_\
              BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_\
              FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4\
              vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    });
    let (set, _) = parse(Cognito, &[jwk]).expect("a set");
    let thumbprint = set.find("2011-04-29").expect("the key").thumbprint;
    assert_eq!(
        b64(&thumbprint),
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    );
}

#[test]
fn k06_a_document_that_is_no_jwks_is_a_fault() {
    let rows: [(&str, &str); 9] = [
        ("", "it is not JSON"),
        ("<html>sign in</html>", "it is not JSON"),
        ("{\"keys\":[", "it is not JSON"),
        ("[]", "it is not a JSON object"),
        ("null", "it is not a JSON object"),
        ("{}", "it has no list named keys"),
        ("{\"keys\":null}", "it has no list named keys"),
        ("{\"keys\":{}}", "it has no list named keys"),
        ("{\"keys\":[]}", "it has no key that may verify signatures"),
    ];
    for (document, why) in rows {
        let fault = KeySet::parse(document.as_bytes(), Cognito).expect_err(document);
        assert_eq!(fault.0, why, "{document}");
    }
    let fault =
        parse(Cognito, &[json!({"kty": "oct", "kid": "s", "k": "AA"})]).expect_err("no key");
    insta::assert_snapshot!(fault.0, @r#"it has no key that may verify signatures (key "s": it is symmetric)"#);
}

#[test]
fn k07_a_million_keys_are_not_looked_at() {
    let mut keys = vec![a1().jwk("RS256")];
    keys.extend((0..1500).map(|n| json!({"kid": n.to_string()})));
    keys.push(b1().jwk("RS256"));
    let (set, dropped) = parse(Cognito, &keys).expect("a set");
    assert_eq!(set.kids(), [a1().kid]);
    assert_eq!(dropped.len(), 1000);
    assert_eq!(dropped[999], "502 keys after the first 1000 were left out");
}

#[test]
fn j13_a_kid_in_a_reason_is_escaped_and_short() {
    let kid = format!("a\n\u{1b}[31m\"é{}", "x".repeat(5000));
    let (_, dropped) = parse(
        Cognito,
        &[json!({"kid": kid, "kty": "oct"}), a1().bare_jwk()],
    )
    .expect("a set");
    assert!(
        dropped[0].starts_with(r#"key "a\n\u{1b}[31m\"\u{e9}xxx"#),
        "{}",
        dropped[0]
    );
    assert!(
        dropped[0].ends_with(r#"xxx…": it is symmetric"#),
        "{}",
        dropped[0]
    );
    assert!(dropped[0].len() < 150);
}

#[test]
fn debug_shows_kids_alone() {
    let (set, _) = parse(Cognito, &[b1().jwk("RS256")]).expect("a set");
    assert_eq!(format!("{set:?}"), r#"KeySet(["b1"])"#);
    assert_eq!(
        format!("{:?}", set.find("b1").expect("the key")),
        r#"VerifyKey("b1")"#
    );
}

proptest! {
    #[test]
    fn no_document_makes_the_parser_panic(
        n in ".{0,20}", e in "[A-Za-z0-9_-]{0,8}", kty in "RSA|EC|OKP|oct|.{0,3}", crv in "P-256|P-384|Ed25519|.",
    ) {
        let key = json!({"kid": "k", "kty": kty, "crv": crv, "n": n, "e": e, "x": n, "y": e});
        let _ = parse(Issuer, &[key]);
    }
}
