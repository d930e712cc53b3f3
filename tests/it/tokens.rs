//! Tokens: what is no good token of a configured pool is refused with its reason, and nothing of it reaches the upstream.
//!
//! The wire's side of the tables of token attacks (J01-J18) and of claims (C01-C18). Every test ends with a good token
//! that passes in the same run.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512, RSA_PSS_SHA256,
};
use serde_json::{Value, json};

use crate::support::mint::{b64, issuer, now, seal};
use crate::support::rig::IDENTITY;
use crate::support::{
    Connection, Recorder, Request, Rig, Setup, Token, a1, a2, access, b1, get, id, mint, post,
};

fn orders(token: &str) -> Request {
    get("/orders/1").bearer(token)
}

/// Refused with this reason, and U0.
fn is_refused(rig: &Rig, token: &str, reason: &str) {
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

fn are_refused(rig: &Rig, tokens: impl IntoIterator<Item = String>, reason: &str) {
    for token in tokens {
        is_refused(rig, &token, reason);
    }
    rig.control();
}

/// Both key servers have been asked once, when the gate started, whatever came since.
fn no_key_was_fetched(rig: &Rig) {
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

#[test]
fn c01_exp_is_a_time_in_the_future() {
    let rig = Rig::standard();
    let with = |exp: Value| access().claim("exp", exp).sign();
    for exp in [
        Value::Null,
        json!("9999999999"),
        json!(true),
        json!([]),
        json!({}),
        json!(1e300),
        json!(u64::MAX),
    ] {
        is_refused(&rig, &with(exp), "invalid_claims");
    }
    is_refused(&rig, &access().without("exp").sign(), "invalid_claims");
    for exp in [
        json!(-1),
        json!(0),
        json!(1.5),
        json!(now() - 1),
        json!(now() as f64 - 0.5),
    ] {
        is_refused(&rig, &with(exp), "expired");
    }
    let zeros = access()
        .without("exp")
        .payload_with(&format!("\"exp\":00{}", now() + 60));
    is_refused(&rig, &access().sign_payload(zeros), "malformed_token");
    rig.forwards(&orders(&with(json!(now() as f64 + 600.5))));
    rig.control();
}

#[test]
fn c02_leeway_is_what_is_configured() {
    let none = Rig::standard();
    let lenient = Setup::standard().pool("leeway = \"1m\"").start();
    let expired = access().claim("exp", now() - 5).sign();
    is_refused(&none, &expired, "expired");
    lenient.forwards(&orders(&expired));
    is_refused(
        &lenient,
        &access().claim("exp", now() - 120).sign(),
        "expired",
    );
}

#[test]
fn c02_every_request_of_a_connection_is_judged_for_itself() {
    let rig = Rig::standard();
    let (good, bad) = (access().sign(), access().claim("exp", now() - 1).sign());
    let mut connection = Connection::open(rig.gate.address);
    for (token, status) in [
        (&good, 200),
        (&bad, 401),
        (&good, 200),
        (&bad, 401),
        (&bad, 401),
        (&good, 200),
    ] {
        assert_eq!(connection.exchange(&orders(token)).status, status);
    }
    let answer = connection.exchange(&get("/orders/1"));
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (401, "missing_token")
    );
    assert_eq!(rig.upstream.requests().len(), 3);
}

#[test]
fn c03_a_token_from_the_future_is_refused() {
    let rig = Rig::standard();
    are_refused(
        &rig,
        [
            access().claim("nbf", now() + 60).sign(),
            access().claim("nbf", now() as f64 + 60.5).sign(),
            access().claim("iat", now() + 300).sign(),
        ],
        "not_yet_valid",
    );
    are_refused(
        &rig,
        [
            access().claim("nbf", (now() - 60).to_string()).sign(),
            access().claim("nbf", Value::Null).sign(),
            access().claim("iat", "now").sign(),
            access().claim("iat", json!([])).sign(),
        ],
        "invalid_claims",
    );
    rig.forwards(&orders(
        &access()
            .claim("nbf", now() - 1)
            .claim("iat", now() + 30)
            .sign(),
    ));
}

#[test]
fn c04_a_claim_twice_is_refused() {
    let rig = Rig::standard();
    for twice in [
        r#""scope":"orders/read""#,
        r#""scope":"admin/all""#,
        r#""\u0073cope":"admin/all""#,
        r#""token_use":"access""#,
        r#""client_id":"client-1""#,
        r#""sub":"x""#,
        r#""iss":"x""#,
        r#""exp":9999999999"#,
        r#""cognito:groups":["admin"],"cognito:groups":[]"#,
        r#""nested":{"a":1,"a":2}"#,
    ] {
        is_refused(
            &rig,
            &access().sign_payload(access().payload_with(twice)),
            "invalid_claims",
        );
    }
    let first = access()
        .payload_text()
        .replacen('{', r#"{"scope":"admin/all","#, 1);
    is_refused(&rig, &access().sign_payload(first), "invalid_claims");
    rig.control();
}

#[test]
fn c05_an_issuer_is_compared_byte_for_byte() {
    let rig = Rig::standard();
    for iss in [
        json!(1),
        json!([issuer(mint::POOL_A)]),
        json!({}),
        Value::Null,
        json!(true),
    ] {
        is_refused(&rig, &access().claim("iss", iss).sign(), "invalid_claims");
    }
    is_refused(&rig, &access().without("iss").sign(), "invalid_claims");
    let ours = issuer(mint::POOL_A);
    for iss in [
        format!("{ours}/"),
        ours.replace("https:", "http:"),
        ours.replace("https:", "HTTPS:"),
        ours.replace("cognito-idp", "COGNITO-IDP"),
        ours.replace(".com/", ".com:443/"),
        ours.replace("://", "://user@"),
        ours.replace(
            mint::POOL_A,
            &format!("{}/../{}", mint::POOL_B, mint::POOL_A),
        ),
        ours.replace("cognito", "cogn\u{456}to"),
        ours[..ours.len() - 1].to_owned(),
        format!("{ours}A"),
        format!(" {ours}"),
        format!("{ours}?"),
        format!("{ours}\0"),
        String::new(),
    ] {
        is_refused(&rig, &access().claim("iss", iss).sign(), "unknown_issuer");
    }
    // Cognito's other form of the same pool's issuer.
    let other = format!(
        "https://issuer-cognito-idp.eu-west-1.amazonaws.com/{}",
        mint::POOL_A
    );
    rig.forwards(&orders(&access().claim("iss", other).sign()));
    rig.control();
}

#[test]
fn c06_a_key_of_one_pool_signs_for_no_other() {
    let rig = Rig::standard();
    let forged = [
        access().key(b1()).sign(),
        access().key(b1()).header("kid", a1().kid).sign(),
        access().claim("iss", issuer(mint::POOL_B)).sign(),
        access()
            .claim("iss", issuer(mint::POOL_B))
            .header("kid", b1().kid)
            .sign(),
    ];
    for (token, reason) in forged.iter().zip([
        "unknown_key",
        "bad_signature",
        "unknown_key",
        "bad_signature",
    ]) {
        is_refused(&rig, token, reason);
    }
    // With both pools' tokens remembered, all the same.
    rig.control();
    rig.forwards(&orders(&access().of_pool_b().sign()));
    for token in &forged {
        rig.refuses_with(&orders(token), &[401]);
    }
}

#[test]
fn c07_c08_c09_a_good_token_of_another_kind_is_not_allowed() {
    let rig = Setup::standard()
        .pool("token_use = \"any\"")
        .routes(
            r#"
"GET /a" = { pools = ["a"] }
"GET /b" = { pools = ["b"] }
"GET /id" = { pools = ["a"], token_use = "id" }
"GET /access" = { pools = ["a"], token_use = "access" }
"GET /client" = { client_ids = ["client-2"] }
"#,
        )
        .start();
    let (a, b, id) = (access().sign(), access().of_pool_b().sign(), id().sign());
    let is = |target: &str, token: &str, allowed: bool| match allowed {
        true => assert_eq!(rig.forwards(&get(target).bearer(token)).target(), target),
        false => drop(rig.refuses(&get(target).bearer(token), 403, "token_not_allowed")),
    };
    for _remembered in [false, true] {
        is("/a", &a, true);
        is("/a", &b, false);
        is("/b", &a, false);
        is("/b", &b, true);
        is("/id", &id, true);
        is("/id", &a, false);
        is("/id", &b, false);
        is("/access", &id, false);
        is("/access", &a, true);
        is("/client", &a, false);
        is("/client", &b, false);
        is(
            "/client",
            &access().claim("client_id", "client-2").sign(),
            true,
        );
        is("/client", &id, false);
    }
}

#[test]
fn c08_a_token_of_the_wrong_use_is_refused() {
    let rig = Rig::standard();
    is_refused(&rig, &id().sign(), "wrong_token_use");
    for (value, reason) in [
        (json!("id"), "wrong_token_use"),
        (json!("ACCESS"), "wrong_token_use"),
        (json!("access "), "wrong_token_use"),
        (json!(""), "wrong_token_use"),
        (json!(["access"]), "invalid_claims"),
        (json!(1), "invalid_claims"),
        (Value::Null, "invalid_claims"),
    ] {
        is_refused(&rig, &access().claim("token_use", value).sign(), reason);
    }
    is_refused(
        &rig,
        &access().without("token_use").sign(),
        "invalid_claims",
    );
    let ids = Setup::standard()
        .pool("token_use = \"id\"")
        .routes("\"GET /me\" = {}")
        .start();
    let me = |token: &str| get("/me").bearer(token);
    assert_eq!(
        ids.forwards(&me(&id().sign())).header("x-user-email"),
        Some("jane@example.com")
    );
    let answer = ids.refuses(&me(&access().sign()), 401, "wrong_token_use");
    assert_eq!(
        answer.json()["detail"],
        "this is an access token; this route takes ID tokens"
    );
}

#[test]
fn c09_a_token_issued_to_another_client_is_refused() {
    let rig = Rig::standard();
    for (client, reason) in [
        (json!("client-3"), "wrong_client"),
        (json!("client-1 "), "wrong_client"),
        (json!("CLIENT-1"), "wrong_client"),
        (json!("client-"), "wrong_client"),
        (json!(""), "wrong_client"),
        (json!(["client-1"]), "invalid_claims"),
        (json!(1), "invalid_claims"),
        (Value::Null, "invalid_claims"),
    ] {
        is_refused(&rig, &access().claim("client_id", client).sign(), reason);
    }
    is_refused(
        &rig,
        &access().without("client_id").sign(),
        "invalid_claims",
    );
    rig.control();
    let ids = Setup::standard()
        .pool("token_use = \"id\"")
        .routes("\"GET /me\" = {}")
        .start();
    for (aud, reason) in [
        (json!("other"), "wrong_client"),
        (json!(["client-1", "foreign"]), "wrong_client"),
        (json!([]), "wrong_client"),
        (json!(""), "wrong_client"),
        (json!(1), "invalid_claims"),
        (json!(["client-1", 1]), "invalid_claims"),
        (Value::Null, "invalid_claims"),
    ] {
        ids.refuses(
            &get("/me").bearer(&id().claim("aud", aud).sign()),
            401,
            reason,
        );
    }
    ids.refuses(
        &get("/me").bearer(&id().claim("azp", "foreign").sign()),
        401,
        "wrong_client",
    );
    ids.refuses(
        &get("/me").bearer(&id().without("aud").sign()),
        401,
        "invalid_claims",
    );
    ids.forwards(&get("/me").bearer(&id().claim("aud", json!(["client-1"])).sign()));
}

#[test]
fn c09_audiences_are_met_where_they_are_asked_for() {
    let rig = Setup::standard()
        .pool("audiences = [\"https://orders.example.com\"]")
        .start();
    let with = |aud: Value| access().claim("aud", aud).sign();
    rig.forwards(&orders(&with(json!("https://orders.example.com"))));
    rig.forwards(&orders(&with(json!([
        "https://other",
        "https://orders.example.com"
    ]))));
    is_refused(&rig, &access().sign(), "wrong_audience");
    is_refused(
        &rig,
        &with(json!("https://orders.example.com/")),
        "wrong_audience",
    );
    is_refused(&rig, &with(json!([])), "wrong_audience");
}

#[test]
fn c10_scopes_are_compared_whole() {
    let rig = Rig::standard();
    let tokens = [
        "orders/readwrite",
        "orders/rea",
        "xorders/read",
        "orders/READ",
        "orders/read/x",
        "orders%2Fread",
        "orders/*",
        "*",
        "orders",
        "",
    ];
    are_refused(
        &rig,
        tokens.map(|scope| access().scope(scope).sign()),
        "insufficient_scope",
    );
}

#[test]
fn c11_only_a_blank_separates_scopes() {
    let rig = Rig::standard();
    for scope in [
        "openid\torders/read",
        "openid\norders/read",
        "openid,orders/read",
        "openid\u{a0}orders/read",
        "openid\u{2003}orders/read",
        "orders/read,",
        "orders/read\0",
        "\"orders/read\"",
    ] {
        is_refused(&rig, &access().scope(scope).sign(), "insufficient_scope");
    }
    for scope in [
        json!(["orders/read"]),
        json!({"orders/read": true}),
        json!(1),
        Value::Null,
        json!(true),
    ] {
        is_refused(
            &rig,
            &access().claim("scope", scope).sign(),
            "invalid_claims",
        );
    }
    for scope in ["openid  orders/read", " orders/read", "orders/read "] {
        rig.forwards(&orders(&access().scope(scope).sign()));
    }
    let many: Vec<String> = (0..800).map(|number| format!("s/{number}")).collect();
    is_refused(
        &rig,
        &access().scope(&many.join(" ")).sign(),
        "insufficient_scope",
    );
}

#[test]
fn c12_all_scopes_are_all_of_them() {
    let rig = Setup::standard()
        .routes(
            "\"GET /all\" = { all_scopes = [\"a/1\", \"a/2\"] }\n\"GET /any\" = [\"a/1\", \"a/2\"]",
        )
        .start();
    let sent = |target: &str, scope: &str| get(target).bearer(&access().scope(scope).sign());
    for scope in ["a/1", "a/2", "a/1 a/1", "openid"] {
        let answer = rig.refuses(&sent("/all", scope), 403, "insufficient_scope");
        assert!(
            answer
                .header("www-authenticate")
                .contains("scope=\"a/1 a/2\"")
        );
    }
    rig.forwards(&sent("/all", "a/2 a/1"));
    rig.forwards(&sent("/any", "a/1"));
    rig.forwards(&sent("/any", "a/2"));
    rig.refuses(&sent("/any", "a/3"), 403, "insufficient_scope");
}

#[test]
fn c13_a_token_without_scopes_has_none() {
    let rig = Rig::standard();
    let tokens = [
        access().without("scope").sign(),
        access().scope("aws.cognito.signin.user.admin").sign(),
    ];
    are_refused(&rig, tokens, "insufficient_scope");
}

#[test]
fn c14_groups_are_compared_whole() {
    let rig = Rig::standard();
    let with = |groups: Value| {
        get("/admin/x").bearer(
            &access()
                .scope("admin/all")
                .claim("cognito:groups", groups)
                .sign(),
        )
    };
    for groups in [
        json!(["Admin"]),
        json!(["a,admin"]),
        json!(["admin "]),
        json!("a,admin"),
        json!("[admin]"),
        json!([]),
    ] {
        rig.refuses(&with(groups), 403, "missing_group");
    }
    for groups in [
        json!([["admin"]]),
        json!({"admin": true}),
        json!([1]),
        json!(1),
    ] {
        rig.refuses(&with(groups), 401, "invalid_claims");
    }
    // One string is a list of one.
    rig.forwards(&with(json!("admin")));
    rig.forwards(&with(json!(["staff", "admin"])));
    rig.refuses(
        &get("/admin/x").bearer(&access().groups(&["admin"]).sign()),
        403,
        "insufficient_scope",
    );
    rig.refuses(
        &get("/admin/x").bearer(&access().scope("admin/all").sign()),
        403,
        "missing_group",
    );
}

#[test]
fn c15_a_remembered_token_opens_no_other_route() {
    let rig = Rig::standard();
    let token = access().sign();
    for _order in 0..3 {
        rig.forwards(&orders(&token));
        rig.refuses(&get("/admin/x").bearer(&token), 403, "insufficient_scope");
        rig.refuses(&post("/orders/1").bearer(&token), 403, "insufficient_scope");
    }
    let before = rig.upstream.requests().len();
    std::thread::scope(|scope| {
        for worker in 0..16 {
            let (rig, token) = (&rig, &token);
            scope.spawn(move || {
                for turn in 0..4 {
                    let (request, status) = match (worker + turn) % 3 {
                        0 => (orders(token), 200),
                        1 => (get("/admin/x").bearer(token), 403),
                        _ => (post("/orders/1").bearer(token), 403),
                    };
                    assert_eq!(rig.send(&request).status, status);
                }
            });
        }
    });
    let passed = (0..16)
        .flat_map(|worker| (0..4).map(move |turn| (worker + turn) % 3))
        .filter(|kind| *kind == 0);
    assert_eq!(rig.upstream.requests().len(), before + passed.count());
}

#[test]
fn c17_only_verified_tokens_are_remembered_and_no_more_than_the_limit() {
    let rig = Setup::standard()
        .also("[tokens]\ncache_entries = 8")
        .start();
    let token = access();
    for number in 0..64_u8 {
        let mut signature = vec![number; 256];
        signature[0] = 1;
        is_refused(&rig, &token.with_signature(&signature), "bad_signature");
    }
    assert_eq!(rig.gate.metric("portcullis_token_cache_entries"), Some(0.0));
    for number in 0..32 {
        rig.forwards(&orders(&access().claim("jti", number.to_string()).sign()));
    }
    let entries = rig.gate.metric("portcullis_token_cache_entries").unwrap();
    assert!((1.0..=8.0).contains(&entries), "{entries}");
    no_key_was_fetched(&rig);
}

#[test]
fn c17_the_cache_answers_for_a_token_seen_before() {
    let rig = Rig::standard();
    let token = access().sign();
    for _ in 0..3 {
        rig.forwards(&orders(&token));
    }
    assert_eq!(
        rig.gate
            .metric("portcullis_token_cache_requests_total{result=\"hit\"}"),
        Some(2.0)
    );
    assert_eq!(
        rig.gate
            .metric("portcullis_token_cache_requests_total{result=\"miss\"}"),
        Some(1.0)
    );
    let off = Setup::standard()
        .also("[tokens]\ncache_entries = 0")
        .start();
    for _ in 0..3 {
        off.forwards(&orders(&token));
    }
    assert_eq!(off.gate.metric("portcullis_token_cache_entries"), Some(0.0));
}

#[test]
fn c18_an_address_means_what_the_rule_says_of_it() {
    let rig = Setup::standard()
        .pool("token_use = \"id\"")
        .routes("\"GET /me\" = { claims = { email_verified = true } }\n\"GET /any\" = {}")
        .start();
    let me = |token: Token| get("/me").bearer(&token.sign());
    rig.forwards(&me(id()));
    for verified in [
        json!(false),
        json!("true"),
        json!(1),
        Value::Null,
        json!([false]),
    ] {
        rig.refuses(
            &me(id().claim("email_verified", verified)),
            403,
            "claim_mismatch",
        );
    }
    rig.refuses(&me(id().without("email_verified")), 403, "claim_mismatch");
    for email in ["a@b@c", "Jane@Example.com", "jane@example.com\0@evil.com"] {
        let recorded = rig.forwards(&get("/any").bearer(&id().claim("email", email).sign()));
        assert_eq!(
            recorded.header("x-user-email"),
            Some(email.replace('\0', "%00").as_str())
        );
    }
    for name in IDENTITY {
        let recorded = rig.forwards(&get("/public").header(name, "forged"));
        assert_eq!(recorded.all_alike(name), Vec::<&str>::new());
    }
}
