//! Tokens: what is no good token of a configured pool is refused with its reason, and nothing of it reaches the upstream.
//!
//! The wire's side of the table of token attacks (J01-J18); what a token's claims must say is in `claims`. Every test
//! ends with a good token that passes in the same run.

use std::time::Instant;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding,
};
use serde_json::{Value, json};

use crate::support::mint::{b64, seal};
use crate::support::{
    Answer, PATIENCE, Recorder, Request, Rig, Setup, Token, a1, a2, access, b1, get,
};

pub fn orders(token: &str) -> Request {
    get("/orders/1").bearer(token)
}

/// Refused with this reason, and U0.
pub fn is_refused(rig: &Rig, token: &str, reason: &str) {
    let status = match reason {
        "malformed_authorization" => 400,
        "insufficient_scope" | "missing_group" | "token_not_allowed" | "claim_mismatch" => 403,
        _ => 401,
    };
    let answer = rig.refuses(&orders(token), status, reason);
    if status == 401 {
        let challenge = answer.header("www-authenticate");
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    }
}

pub fn are_refused(rig: &Rig, tokens: impl IntoIterator<Item = String>, reason: &str) {
    for token in tokens {
        is_refused(rig, &token, reason);
    }
    rig.control();
}

/// Both key servers have been asked once, when the gate started, whatever came since.
pub fn no_key_was_fetched(rig: &Rig) {
    assert_eq!(
        (rig.keys_a.requests().len(), rig.keys_b.requests().len()),
        (1, 1)
    );
}

#[test]
fn j01_alg_none_is_refused() {
    let rig = Rig::standard();
    for alg in [
        "none", "None", "nOnE", "NONE", "none ", "", "rs256", "RS256 ", "HS256",
    ] {
        let token = access().header("alg", alg);
        for signature in [
            Vec::new(),
            a1().sign(token.unsigned().as_bytes()),
            vec![0; 256],
        ] {
            is_refused(
                &rig,
                &token.with_signature(&signature),
                "unsupported_algorithm",
            );
        }
        is_refused(&rig, &token.unsigned(), "malformed_token");
    }
    for alg in [json!(null), json!(5), json!(["RS256"]), json!({})] {
        is_refused(&rig, &access().header("alg", alg).sign(), "malformed_token");
    }
    is_refused(
        &rig,
        &seal(a1(), r#"{"kid":"A1"}"#, access().payload_text()),
        "malformed_token",
    );
    no_key_was_fetched(&rig);
    rig.control();
}

#[test]
fn j02_a_public_key_is_no_hmac_secret() {
    let rig = Rig::standard();
    let der = a1().public_der();
    let pem = |newline: &str| {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(&der);
        let lines: Vec<&str> = text
            .as_bytes()
            .chunks(64)
            .filter_map(|line| std::str::from_utf8(line).ok())
            .collect();
        format!(
            "-----BEGIN RSA PUBLIC KEY-----\n{}\n-----END RSA PUBLIC KEY-----{newline}",
            lines.join("\n")
        )
    };
    let secrets = [
        pem("").into_bytes(),
        pem("\n").into_bytes(),
        format!(" {}", pem("\n")).into_bytes(),
        der.clone(),
        a1().jwk().to_string().into_bytes(),
        a1().modulus(),
        b64(&a1().modulus()).into_bytes(),
        Vec::new(),
    ];
    for (alg, algorithm) in [
        ("HS256", hmac::HMAC_SHA256),
        ("HS384", hmac::HMAC_SHA384),
        ("HS512", hmac::HMAC_SHA512),
        ("RS256", hmac::HMAC_SHA256),
    ] {
        let token = access().header("alg", alg);
        let reason = if alg == "RS256" {
            "bad_signature"
        } else {
            "unsupported_algorithm"
        };
        for secret in &secrets {
            let tag = hmac::sign(
                &hmac::Key::new(algorithm, secret),
                token.unsigned().as_bytes(),
            );
            is_refused(&rig, &token.with_signature(tag.as_ref()), reason);
        }
    }
    rig.control();
}

#[test]
fn j03_another_algorithm_is_refused_even_with_the_right_key() {
    let rig = Rig::standard();
    let random = SystemRandom::new();
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let ed = Ed25519KeyPair::generate().unwrap();
    let signed = |alg: &str, sign: &dyn Fn(&[u8]) -> Vec<u8>| {
        let token = access().header("alg", alg);
        token.with_signature(&sign(token.unsigned().as_bytes()))
    };
    are_refused(
        &rig,
        [
            signed("RS384", &|text| a1().sign_as(&RSA_PKCS1_SHA384, text)),
            signed("RS512", &|text| a1().sign_as(&RSA_PKCS1_SHA512, text)),
            signed("PS256", &|text| a1().sign_as(&RSA_PSS_SHA256, text)),
            signed("ES256", &|text| {
                ec.sign(&random, text).unwrap().as_ref().to_vec()
            }),
            signed("EdDSA", &|text| ed.sign(text).as_ref().to_vec()),
        ],
        "unsupported_algorithm",
    );
    // RS256 in name alone.
    is_refused(
        &rig,
        &signed("RS256", &|text| a1().sign_as(&RSA_PKCS1_SHA512, text)),
        "bad_signature",
    );
    is_refused(
        &rig,
        &signed("RS256", &|text| a1().sign_as(&RSA_PSS_SHA256, text)),
        "bad_signature",
    );
}

#[test]
fn j04_the_algorithm_is_neither_the_tokens_nor_the_key_sets_to_choose() {
    let rig = Setup::standard().pool("jwks_cooldown = \"1ms\"").start();
    let signed = |alg: &str, scheme: &'static dyn RsaEncoding| {
        let token = access().header("alg", alg);
        token.with_signature(&a1().sign_as(scheme, token.unsigned().as_bytes()))
    };
    // A key that says it is for RS512 serves neither as that nor as anything else.
    let mut other = a1().jwk();
    other["alg"] = json!("RS512");
    let keys = json!({"keys": [other, a2().jwk()]});
    rig.keys_a.answer(move |_| Answer::json(&keys));
    let deadline = Instant::now() + PATIENCE;
    while rig.send(&orders(&access().key(a2()).sign())).status != 200 {
        assert!(Instant::now() < deadline, "the new keys never came");
    }
    is_refused(
        &rig,
        &signed("RS512", &RSA_PKCS1_SHA512),
        "unsupported_algorithm",
    );
    is_refused(&rig, &access().sign(), "unknown_key");
    // One that does not say is for RS256 alone, as Cognito's are.
    let mut bare = a1().jwk();
    bare.as_object_mut().unwrap().remove("alg");
    let keys = json!({"keys": [bare]});
    let keys = Recorder::answering(move |_| Answer::json(&keys));
    let rig = Setup::standard().start_unready(keys);
    rig.gate.wait_until_ready();
    is_refused(
        &rig,
        &signed("RS512", &RSA_PKCS1_SHA512),
        "unsupported_algorithm",
    );
    is_refused(
        &rig,
        &signed("PS256", &RSA_PSS_SHA256),
        "unsupported_algorithm",
    );
    rig.control();
}

#[test]
fn j05_a_broken_signature_is_refused() {
    let rig = Rig::standard();
    let token = access();
    let good = a1().sign(token.unsigned().as_bytes());
    let flipped = (0..good.len())
        .step_by(17)
        .chain([good.len() - 1])
        .map(|at| {
            let mut signature = good.clone();
            signature[at] ^= 1;
            signature
        });
    let mut longer = vec![0];
    longer.extend(&good);
    let broken = flipped.chain([
        good[..good.len() - 1].to_vec(),
        good[1..].to_vec(),
        good[..good.len() - 2].to_vec(),
        [good.as_slice(), &[0]].concat(),
        longer,
        vec![0; 256],
        vec![0xff; 256],
        a1().modulus(),
        b1().sign(token.unsigned().as_bytes()),
        Vec::new(),
    ]);
    are_refused(
        &rig,
        broken.map(|signature| token.with_signature(&signature)),
        "bad_signature",
    );
    is_refused(&rig, &token.unsigned(), "malformed_token");
    // A signature of other claims.
    let other = access().scope("admin/all");
    is_refused(&rig, &other.with_signature(&good), "bad_signature");
}

#[test]
fn j06_a_token_has_three_segments() {
    let rig = Rig::standard();
    let good = access().sign();
    let signature = good.rsplit('.').next().unwrap();
    are_refused(
        &rig,
        [
            signature.to_owned(),
            access().unsigned(),
            format!("{good}.x"),
            format!("{good}..x"),
            format!("{good}.x.y"),
            format!(".{good}"),
            format!("{good}."),
            ".".to_owned(),
            "..".to_owned(),
            format!("..{signature}"),
            format!(
                "{}.{signature}",
                access().unsigned().split('.').next().unwrap()
            ),
            ".".repeat(16_000),
        ],
        "malformed_token",
    );
    rig.refuses_with(&orders(&".".repeat(1_000_000)), &[431]);
}

#[test]
fn j07_a_token_has_one_spelling() {
    let rig = Rig::standard();
    let good = access().sign();
    let spelt = |from: char, to: &str| good.replace(from, to);
    for token in [
        format!("{good}="),
        format!("{good}=="),
        // 256 bytes leave four unused bits in the last character, which must be zero.
        format!(
            "{}{}",
            &good[..good.len() - 1],
            next(good.chars().last().unwrap())
        ),
        format!("{}+{}", &good[..40], &good[40..]),
        format!("{}/{}", &good[..40], &good[40..]),
    ] {
        is_refused(&rig, &token, "malformed_token");
    }
    for token in [
        good.replacen('.', "=.", 1),
        format!("{good}%3D"),
        format!("{} {}", &good[..40], &good[40..]),
        format!("{}\t{}", &good[..40], &good[40..]),
        format!(" {good}"),
        format!("\"{good}\""),
        spelt('.', "%2E"),
    ] {
        is_refused(&rig, &token, "malformed_authorization");
    }
    rig.refuses_with(
        &orders(&format!("{}\n{}", &good[..40], &good[40..])),
        &[400],
    );
    rig.control();
}

/// The character after this one in the base64url alphabet.
fn next(char: char) -> char {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = ALPHABET.find(char).unwrap();
    ALPHABET.chars().nth(at + 1).unwrap()
}

#[test]
fn j08_j09_j10_another_serialisation_is_refused() {
    let rig = Rig::standard();
    let good = access().sign();
    let parts: Vec<&str> = good.split('.').collect();
    let json =
        json!({"payload": parts[1], "protected": parts[0], "signature": parts[2]}).to_string();
    is_refused(&rig, &json, "malformed_authorization");
    let nested =
        |name: &str, value: Value| seal(a1(), &access().header(name, value).header_text(), &good);
    let jwe = |header: Value| {
        format!(
            "{}.{}.{}.{}.{}",
            b64(header.to_string().as_bytes()),
            parts[1],
            parts[1],
            parts[1],
            parts[2]
        )
    };
    are_refused(
        &rig,
        [
            b64(json.as_bytes()),
            b64(good.as_bytes()),
            nested("cty", json!("JWT")),
            nested("typ", json!("JWT")),
            access().header("cty", "JWT").sign(),
            access().header("enc", "A128GCM").sign(),
            access().header("zip", "DEF").sign(),
            jwe(json!({"alg": "RSA-OAEP", "enc": "A128GCM"})),
            jwe(json!({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2_147_483_648_u32})),
            jwe(json!({"alg": "dir", "enc": "A128GCM", "zip": "DEF"})),
        ],
        "malformed_token",
    );
}

#[test]
fn j11_keys_in_a_header_are_never_followed() {
    let rig = Rig::standard();
    let theirs = Recorder::start();
    let url = format!("{}/jwks.json", theirs.url());
    let forged = |token: Token| token.key(a2());
    let jwk = a2().jwk();
    for token in [
        access().header("jku", url.as_str()),
        access().header("x5u", url.as_str()),
        access().header("jwk", jwk.clone()),
        access().header("x5c", json!([b64(&a2().public_der())])),
        access()
            .header("jku", url.as_str())
            .header("jwk", jwk.clone()),
    ] {
        is_refused(&rig, &forged(token.clone()).sign(), "unknown_key");
        is_refused(
            &rig,
            &forged(token.clone()).header("kid", a1().kid).sign(),
            "bad_signature",
        );
        is_refused(
            &rig,
            &forged(token.clone()).header("kid", url.as_str()).sign(),
            "unknown_key",
        );
        is_refused(
            &rig,
            &forged(token).claim("iss", url.as_str()).sign(),
            "unknown_issuer",
        );
    }
    assert_eq!(theirs.connections(), 0);
    rig.control();
}

#[test]
fn j12_critical_extensions_are_refused() {
    let rig = Rig::standard();
    are_refused(
        &rig,
        [
            access()
                .header("crit", json!(["bork"]))
                .header("bork", 1)
                .sign(),
            access().header("crit", json!(["exp"])).sign(),
            access().header("crit", json!([])).sign(),
            access().header("crit", "exp").sign(),
            access()
                .header("crit", json!(["b64", "b64"]))
                .header("b64", false)
                .sign(),
            access()
                .header("crit", json!(["b64"]))
                .header("b64", false)
                .sign(),
            access().header("b64", false).sign(),
            access().header("b64", true).sign(),
            access().header("crit", Value::Null).sign(),
        ],
        "malformed_token",
    );
}

#[test]
fn j13_a_kid_is_a_name_and_nothing_else() {
    let rig = Rig::standard();
    for kid in [
        "../../../../dev/null",
        "/dev/null",
        "' or 1=1 --",
        "|id",
        "$(id)",
        "file:///etc/passwd",
        "http://127.0.0.1:1/",
        "a\nb",
        "a\r\n{\"log\":\"access\"}",
        "a\0b",
        "kid\u{202e}",
        &a1().kid.to_lowercase(),
        &format!("{} ", a1().kid),
        &a1().kid[1..],
    ] {
        is_refused(&rig, &access().header("kid", kid).sign(), "unknown_key");
    }
    for kid in [
        Value::Null,
        json!(1),
        json!({}),
        json!([a1().kid]),
        json!(true),
    ] {
        is_refused(&rig, &access().header("kid", kid).sign(), "malformed_token");
    }
    is_refused(
        &rig,
        &access().header("kid", "k".repeat(64 * 1024)).sign()[..16_000],
        "malformed_token",
    );
    rig.control();
}

#[test]
fn j14_a_token_without_kid_is_refused() {
    let rig = Rig::standard();
    let bare = |header: &str| seal(a1(), header, access().payload_text());
    are_refused(
        &rig,
        [
            bare(r#"{"alg":"RS256"}"#),
            bare(r#"{"alg":"RS256","kid":""}"#),
        ],
        "unknown_key",
    );
}

#[test]
fn j15_a_token_made_for_another_purpose_is_refused() {
    let rig = Rig::standard();
    for typ in [
        json!("logout+jwt"),
        json!("dpop+jwt"),
        json!("JWE"),
        json!(""),
        json!(5),
        Value::Null,
    ] {
        is_refused(&rig, &access().header("typ", typ).sign(), "malformed_token");
    }
    for typ in ["JWT", "jwt", "at+jwt", "application/at+jwt"] {
        rig.forwards(&orders(&access().header("typ", typ).sign()));
    }
}

#[test]
fn j16_a_header_that_says_something_twice_is_refused() {
    let rig = Rig::standard();
    let kid = a1().kid;
    are_refused(
        &rig,
        [
            format!(r#"{{"alg":"none","alg":"RS256","kid":"{kid}"}}"#),
            format!(r#"{{"alg":"RS256","alg":"RS256","kid":"{kid}"}}"#),
            format!(r#"{{"\u0061lg":"none","alg":"RS256","kid":"{kid}"}}"#),
            format!(r#"{{"alg":"RS256","kid":"x","kid":"{kid}"}}"#),
            format!(r#"{{"alg":"RS256","kid":"{kid}"}} "x""#),
            format!(r#"[{{"alg":"RS256","kid":"{kid}"}}]"#),
            String::new(),
            "null".to_owned(),
        ]
        .map(|header| seal(a1(), &header, access().payload_text())),
        "malformed_token",
    );
}

#[test]
fn j17_a_token_beyond_reason_is_refused_unread() {
    let rig = Rig::standard();
    let long = |size: usize| access().claim("x", "x".repeat(size)).sign();
    // Under 16 KiB it is only large.
    rig.forwards(&orders(&long(9_000)));
    is_refused(&rig, &long(13_000), "malformed_token");
    for size in [33_000, 300_000, 1_000_000] {
        rig.refuses_with(&orders(&long(size)), &[401, 431]);
    }
    let deep = access().payload_with(&format!("\"x\":{}{}", "[".repeat(5_000), "]".repeat(5_000)));
    is_refused(&rig, &access().sign_payload(deep), "malformed_token");
    let digits = access().payload_with(&format!("\"x\":{}", "9".repeat(10_000)));
    rig.refuses_with(&orders(&access().sign_payload(digits)), &[401, 200]);
    rig.control();
}

#[test]
fn j18_a_payload_that_is_no_json_text_is_refused() {
    let rig = Rig::standard();
    let payload = access().payload_text();
    let mut latin = access().claim("email", "@@").payload_text().into_bytes();
    let at = latin.windows(2).position(|pair| pair == b"@@").unwrap();
    latin[at] = 0xe9;
    are_refused(
        &rig,
        [
            latin,
            format!("\u{feff}{payload}").into_bytes(),
            format!("{payload}\0").into_bytes(),
            format!("{payload}{payload}").into_bytes(),
            access().payload_with(r#""x":"\ud800""#).into_bytes(),
            access().payload_with("\"x\":\"a\nb\"").into_bytes(),
            access().payload_with("\"x\":01").into_bytes(),
            access().payload_with("\"x\":NaN").into_bytes(),
            b"[]".to_vec(),
            b"null".to_vec(),
            b"\"x\"".to_vec(),
            Vec::new(),
        ]
        .map(|payload| access().sign_payload(payload)),
        "malformed_token",
    );
}
