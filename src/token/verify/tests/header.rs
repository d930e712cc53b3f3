//! Structure, header, key and signature: the rows J01 to J18.

use std::sync::Arc;

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use super::{Untouched, no_keys, outcome, verdict};
use crate::refusal::Hint;
use crate::token::mint::{
    ISSUER_C, NOW, Ring, a1, a2, access, b1, b64, but, ed, key_set, p256, p384, ring, trust,
};
use crate::token::trust::PoolKind;
use crate::token::verify::{Verdict, verify};

/// The usual header with these changes; null takes a member away.
fn header(changes: Value) -> String {
    but(json!({"kid": a1().kid, "alg": "RS256"}), changes).to_string()
}

/// Good claims, signed by the right key, under this header.
fn under(header: &str) -> String {
    a1().seal("RS256", header, access().to_string())
}

#[test]
fn a_good_token_is_good() {
    assert_eq!(outcome(&a1().token(&access())), "good");
    // As Cognito writes it: slashes escaped in kid and iss.
    let header = header(json!({})).replace('/', "\\/");
    let payload = access().to_string().replace('/', "\\/");
    assert_eq!(outcome(&a1().seal("RS256", &header, payload)), "good");
}

#[test]
fn j01_alg_none_is_refused() {
    for alg in [
        "none", "None", "nOnE", "NONE", "none ", "", "RS256 ", "rs256", "ES512",
    ] {
        let signed = under(&header(json!({ "alg": alg })));
        let (message, signature) = signed.rsplit_once('.').expect("a token");
        for token in [
            signed.clone(),
            format!("{message}."),
            format!("{message}.{signature}"),
        ] {
            let verdict = verdict(&token, &trust(), &Untouched, false);
            assert_eq!(verdict, "unsupported_algorithm", "{alg:?}");
        }
        assert_eq!(
            verdict(message, &trust(), &Untouched, false),
            "malformed_token"
        );
    }
    for alg in [
        json!(null),
        json!(5),
        json!(["RS256"]),
        json!({}),
        json!(true),
    ] {
        let text = format!(r#"{{"kid":"a1","alg":{alg}}}"#);
        let verdict = verdict(&under(&text), &trust(), &Untouched, false);
        assert_eq!(verdict, "malformed_token", "{alg}");
    }
    let absent = under(&header(json!({"alg": null})));
    assert_eq!(
        verdict(&absent, &trust(), &Untouched, false),
        "malformed_token"
    );
}

#[test]
fn j02_hmac_with_the_public_key_is_refused() {
    let der = a1().public_der();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----",
        b64(&der)
    );
    let jwk = a1().jwk("RS256");
    let modulus = jwk["n"].as_str().expect("n").as_bytes().to_vec();
    let secrets = [
        der,
        pem.clone().into_bytes(),
        format!("{pem}\n").into_bytes(),
        format!(" {pem}").into_bytes(),
        jwk.to_string().into_bytes(),
        modulus,
        Vec::new(),
    ];
    for (alg, algorithm) in [
        ("HS256", hmac::HMAC_SHA256),
        ("HS384", hmac::HMAC_SHA384),
        ("HS512", hmac::HMAC_SHA512),
    ] {
        for secret in &secrets {
            let text = header(json!({ "alg": alg }));
            let message = format!(
                "{}.{}",
                b64(text.as_bytes()),
                b64(access().to_string().as_bytes())
            );
            let tag = hmac::sign(&hmac::Key::new(algorithm, secret), message.as_bytes());
            let token = format!("{message}.{}", b64(tag.as_ref()));
            let verdict = verdict(&token, &trust(), &Untouched, false);
            assert_eq!(verdict, "unsupported_algorithm");
        }
    }
}

#[test]
fn j03_a_cognito_pool_takes_rs256_alone() {
    for alg in ["RS384", "RS512", "PS256", "PS384", "PS512"] {
        let token = a1().token_of(alg, &access());
        assert_eq!(
            verdict(&token, &trust(), &Untouched, false),
            "unsupported_algorithm",
            "{alg}"
        );
    }
    for (alg, signer) in [("ES256", p256()), ("ES384", p384()), ("EdDSA", ed())] {
        let token = signer.token_of(alg, &access());
        assert_eq!(
            verdict(&token, &trust(), &Untouched, false),
            "unsupported_algorithm",
            "{alg}"
        );
    }
}

#[test]
fn other_issuers_sign_as_their_keys_say() {
    let claims = but(access(), json!({"iss": ISSUER_C}));
    let good = [
        ("ES256", p256()),
        ("ES384", p384()),
        ("EdDSA", ed()),
        ("PS256", a2()),
    ];
    for (alg, signer) in good {
        assert_eq!(outcome(&signer.token_of(alg, &claims)), "good", "{alg}");
    }
    assert_eq!(outcome(&ed().token_of("Ed25519", &claims)), "good");
}

#[test]
fn j04_the_header_must_agree_with_the_key() {
    let claims = but(access(), json!({"iss": ISSUER_C}));
    for alg in ["RS256", "RS384", "PS384", "PS512", "ES256"] {
        assert_eq!(
            outcome(&a2().token_of(alg, &claims)),
            "unsupported_algorithm",
            "{alg}"
        );
    }
    assert_eq!(
        outcome(&p256().token_of("ES384", &claims)),
        "unsupported_algorithm"
    );
    assert_eq!(
        outcome(&p256().token_of("EdDSA", &claims)),
        "unsupported_algorithm"
    );
    // The header says what the key says, but the signature is made otherwise.
    let text = json!({"kid": "a2", "alg": "PS256"}).to_string();
    assert_eq!(
        outcome(&a2().seal("RS256", &text, claims.to_string())),
        "bad_signature"
    );
}

#[test]
fn j05_a_wrong_signature_is_refused() {
    let token = a1().token(&access());
    let (message, signature) = token.rsplit_once('.').expect("a token");
    let bytes = a1().sign("RS256", message.as_bytes());
    assert_eq!(
        b64(&bytes),
        signature,
        "PKCS#1 signatures are deterministic"
    );

    let mut wrong: Vec<Vec<u8>> = vec![
        Vec::new(),
        vec![0],
        vec![0; 256],
        vec![0xff; 256],
        bytes[..255].to_vec(),
        bytes[1..].to_vec(),
        [&bytes[..], &[0]].concat(),
        [&[0], &bytes[..]].concat(),
        a2().sign("RS256", message.as_bytes()),
        a1().sign("RS256", b"another message"),
        a1().sign("RS512", message.as_bytes()),
        a1().sign("PS256", message.as_bytes()),
        vec![1; 5000],
    ];
    wrong.extend((0..256).map(|at| {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        flipped
    }));
    for signature in wrong {
        let token = format!("{message}.{}", b64(&signature));
        assert_eq!(
            outcome(&token),
            "bad_signature",
            "{} bytes",
            signature.len()
        );
    }
}

#[test]
fn j05_a_wrong_ecdsa_signature_is_refused() {
    let claims = but(access(), json!({"iss": ISSUER_C}));
    let token = p256().token_of("ES256", &claims);
    let (message, _) = token.rsplit_once('.').expect("a token");
    let good = p256().sign("ES256", message.as_bytes());
    let order = b"\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\
                  \xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51";
    let mut below = *order;
    below[31] -= 1;
    for half in [[0; 32], *order, below] {
        for other in [&good[..32], &good[32..], &half] {
            for signature in [[&half, other].concat(), [other, &half].concat()] {
                let token = format!("{message}.{}", b64(&signature));
                assert_eq!(outcome(&token), "bad_signature");
            }
        }
    }
}

#[test]
fn j06_only_three_segments_are_a_token() {
    let token = a1().token(&access());
    let segments: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = segments[..] else {
        unreachable!("a token has three segments")
    };
    let malformed = [
        String::new(),
        header.to_owned(),
        format!("{header}.{payload}"),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{signature}"),
        format!("{token}.{signature}.{signature}"),
        format!("{token}.{token}"),
        format!(".{payload}.{signature}"),
        format!("{header}..{signature}"),
        "..".to_owned(),
        ".".repeat(1000),
        ".".repeat(1_000_000),
    ];
    for token in malformed {
        assert_eq!(
            verdict(&token, &trust(), &Untouched, false),
            "malformed_token"
        );
    }
}

#[test]
fn j07_a_token_has_one_spelling() {
    let token = a1().token(&access());
    let segments: Vec<&str> = token.split('.').collect();
    for at in 0..3 {
        let segment = segments[at];
        let respelt = [
            format!("{segment}="),
            format!("{segment}=="),
            format!("{segment} "),
            format!(" {segment}"),
            format!("{segment}\n"),
            format!("\t{segment}"),
            format!("{segment}%3D"),
            format!("{}+{}", &segment[..9], &segment[9..]),
            format!("{}/{}", &segment[..9], &segment[9..]),
            format!("{} {}", &segment[..9], &segment[9..]),
            format!("{segment}\0"),
            format!("{segment}é"),
        ];
        for text in respelt {
            let mut segments = segments.clone();
            segments[at] = &text;
            let verdict = outcome(&segments.join("."));
            assert!(
                matches!(verdict, "malformed_token" | "bad_signature"),
                "{text:?}: {verdict}"
            );
        }
    }
    // A 256-byte signature ends in a character with four unused bits.
    let last = token.as_bytes()[token.len() - 1];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let value = alphabet
        .iter()
        .position(|byte| *byte == last)
        .expect("base64url");
    for unused in 1..16 {
        let other = char::from(alphabet[value | unused]);
        let token = format!("{}{other}", &token[..token.len() - 1]);
        assert_eq!(outcome(&token), "malformed_token");
    }
}

#[test]
fn j08_other_serialisations_are_refused() {
    let token = a1().token(&access());
    let segments: Vec<&str> = token.split('.').collect();
    let json = json!({
        "protected": segments[0], "payload": segments[1], "signature": segments[2],
        "signatures": [{"protected": segments[0], "signature": segments[2]}],
    });
    assert_eq!(outcome(&json.to_string()), "malformed_token");
    assert_eq!(outcome(&b64(token.as_bytes())), "malformed_token");
}

#[test]
fn j09_nested_and_j10_encrypted_tokens_are_refused() {
    let inner = a1().token(&access());
    let nested = a1().seal("RS256", &header(json!({"cty": "JWT"})), inner.as_bytes());
    assert_eq!(outcome(&nested), "malformed_token");
    assert_eq!(
        outcome(&under(&header(json!({"cty": "JWT"})))),
        "malformed_token"
    );
    let jwe = json!({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2_147_483_648u32, "zip": "DEF"});
    let five = format!("{}.AAAA.AAAA.AAAA.AAAA", b64(jwe.to_string().as_bytes()));
    assert_eq!(
        verdict(&five, &trust(), &Untouched, false),
        "malformed_token"
    );
    for member in [json!({"enc": "A128GCM"}), json!({"zip": "DEF"})] {
        assert_eq!(outcome(&under(&header(member))), "malformed_token");
    }
}

#[test]
fn j11_keys_of_the_header_are_not_followed() {
    let attacker = crate::token::mint::rsa("evil");
    let members = json!({
        "jku": "https://evil.example/jwks.json", "x5u": "https://evil.example/cert.pem",
        "jwk": attacker.jwk("RS256"), "x5c": ["MIIB"], "x5t": "AAAA",
    });
    let forged = attacker.seal("RS256", &header(members.clone()), access().to_string());
    assert_eq!(outcome(&forged), "bad_signature");
    let unknown = but(members.clone(), json!({"kid": "evil"}));
    let forged = attacker.seal("RS256", &header(unknown), access().to_string());
    assert_eq!(outcome(&forged), "unknown_key");
    assert_eq!(
        outcome(&under(&header(members))),
        "good",
        "they are ignored, not believed"
    );
}

#[test]
fn j12_crit_and_unencoded_payloads_are_refused() {
    let rows = [
        r#""crit":["bork"],"bork":1"#,
        r#""crit":["exp"]"#,
        r#""crit":[]"#,
        r#""crit":"exp""#,
        r#""crit":null"#,
        r#""crit":["b64"],"b64":false"#,
        r#""b64":false"#,
        r#""b64":true"#,
        r#""\u0063rit":["exp"]"#,
    ];
    for row in rows {
        let text = format!(r#"{{"kid":"{}","alg":"RS256",{row}}}"#, a1().kid);
        assert_eq!(outcome(&under(&text)), "malformed_token", "{row}");
    }
}

#[test]
fn j13_a_strange_kid_finds_no_key() {
    let kids = [
        "\0",
        "a\nb",
        "../../dev/null",
        "' or 1=1 --",
        "|id",
        "file:///etc/passwd",
        "https://evil.example/k",
        "ключ",
        "A1+/=",
        "a1+/= ",
        "a1",
        "b1",
    ];
    for kid in kids {
        let token = under(&header(json!({ "kid": kid })));
        assert_eq!(outcome(&token), "unknown_key", "{kid:?}");
        assert_eq!(
            verdict(&token, &trust(), &ring(), false),
            "need keys",
            "{kid:?}"
        );
    }
    for kid in ["null", "5", "{}", "[\"a1\"]", "true"] {
        let text = format!(r#"{{"kid":{kid},"alg":"RS256"}}"#);
        assert_eq!(
            verdict(&under(&text), &trust(), &Untouched, false),
            "malformed_token",
            "{kid}"
        );
    }
    let long = under(&header(json!({"kid": "k".repeat(65_536)})));
    assert_eq!(
        verdict(&long, &trust(), &Untouched, false),
        "malformed_token"
    );
}

#[test]
fn j14_without_a_kid_no_key_is_guessed() {
    for changes in [json!({"kid": null}), json!({"kid": ""})] {
        let token = under(&header(changes));
        assert_eq!(verdict(&token, &trust(), &Untouched, false), "unknown_key");
    }
}

#[test]
fn j15_a_token_of_another_type_is_refused() {
    for typ in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"] {
        assert_eq!(
            outcome(&under(&header(json!({ "typ": typ })))),
            "good",
            "{typ}"
        );
    }
    for typ in [
        json!("logout+jwt"),
        json!("dpop+jwt"),
        json!("JWT "),
        json!(""),
        json!("JOSE"),
        json!(5),
        json!(["JWT"]),
        json!(true),
    ] {
        let token = under(&header(json!({ "typ": typ })));
        assert_eq!(
            verdict(&token, &trust(), &Untouched, false),
            "malformed_token",
            "{typ}"
        );
    }
    let null = format!(r#"{{"kid":"{}","alg":"RS256","typ":null}}"#, a1().kid);
    assert_eq!(outcome(&under(&null)), "malformed_token");
}

#[test]
fn j16_a_header_name_twice_is_refused() {
    let kid = a1().kid;
    let rows = [
        format!(r#"{{"kid":"{kid}","alg":"none","alg":"RS256"}}"#),
        format!(r#"{{"kid":"{kid}","alg":"RS256","alg":"RS256"}}"#),
        format!(r#"{{"kid":"{kid}","alg":"RS256","\u0061lg":"none"}}"#),
        format!(r#"{{"kid":"x","kid":"{kid}","alg":"RS256"}}"#),
        format!(r#"{{"kid":"{kid}","alg":"RS256","jwk":{{"a":1,"a":2}}}}"#),
    ];
    for text in rows {
        assert_eq!(
            verdict(&under(&text), &trust(), &Untouched, false),
            "malformed_token",
            "{text}"
        );
    }
}

#[test]
fn j16_a_header_that_is_no_object_is_refused() {
    for text in [
        "",
        "[]",
        "null",
        "\"RS256\"",
        "{",
        "{}{}",
        "{\"alg\":\"RS256\"}x",
        "\u{feff}{}",
    ] {
        assert_eq!(
            verdict(&under(text), &trust(), &Untouched, false),
            "malformed_token",
            "{text}"
        );
    }
}

#[test]
fn j17_a_long_token_is_not_read() {
    let padded = |bytes: usize| {
        let claims = but(access(), json!({"pad": "x".repeat(bytes)}));
        a1().token(&claims)
    };
    let fits = padded(10_000);
    assert!(fits.len() < 16_384);
    assert_eq!(outcome(&fits), "good");
    for bytes in [16_000, 100_000, 1_000_000] {
        assert_eq!(
            verdict(&padded(bytes), &trust(), &Untouched, false),
            "malformed_token"
        );
    }
    for payload in [
        format!("{{\"a\":{}", "[".repeat(11_000)),
        format!("{{\"exp\":{}}}", "9".repeat(11_000)),
        format!("{{{}", "\"a\":{".repeat(2_000)),
    ] {
        let token = a1().seal("RS256", &header(json!({})), payload);
        assert!(token.len() < 16_384);
        assert_eq!(
            verdict(&token, &trust(), &Untouched, false),
            "malformed_token"
        );
    }
}

#[test]
fn j18_claims_that_are_no_unicode_are_refused() {
    let payloads: [&[u8]; 4] = [
        b"{\"sub\":\"\xff\xfe\"}",
        br#"{"sub":"\udc00\ud800"}"#,
        b"\xef\xbb\xbf{}",
        b"{\"sub\":\"a\0b\"}",
    ];
    for payload in payloads {
        let token = a1().seal("RS256", &header(json!({})), payload);
        assert_eq!(
            verdict(&token, &trust(), &Untouched, false),
            "malformed_token"
        );
    }
}

#[test]
fn keys_are_asked_for_once() {
    let token = a1().token(&access());
    assert_eq!(verdict(&token, &trust(), &no_keys(), false), "need keys");
    let Verdict::Refuse(refusal) = verify(&token, &trust(), &no_keys(), NOW, true) else {
        unreachable!("there are no keys")
    };
    assert_eq!(refusal.reason.as_str(), "keys_unavailable");
    assert!(matches!(refusal.hint, Hint::RetryAfter(after) if after.as_secs() > 0));

    let other = Ring(vec![Some(key_set(PoolKind::Cognito, &[a2().jwk("RS256")]))]);
    assert_eq!(verdict(&token, &trust(), &other, false), "need keys");
    assert_eq!(verdict(&token, &trust(), &other, true), "unknown_key");
    match verify(
        &b1().token(&but(access(), json!({"iss": ISSUER_C}))),
        &trust(),
        &ring(),
        NOW,
        false,
    ) {
        Verdict::NeedKeys(pool) => assert_eq!(pool, 2),
        verdict => unreachable!("{verdict:?}"),
    }
}

#[test]
fn the_key_is_told_by_the_principal() {
    let keys = ring();
    let Verdict::Good(principal) = verify(&a1().token(&access()), &trust(), &keys, NOW, false)
    else {
        unreachable!("a good token")
    };
    let set: &Arc<_> = keys.0[0].as_ref().expect("keys");
    let key = set.find(a1().kid).expect("the key");
    let signed_by = principal.key.as_ref();
    assert_eq!(signed_by.map(|key| key.thumbprint), Some(key.thumbprint));
    assert_eq!(signed_by.map(|key| &*key.kid), Some(a1().kid));
}
