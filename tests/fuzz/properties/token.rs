//! A token: whatever `verify` finds good was signed by us as it stands, and its claims hold, judged from their JSON alone.

use portcullis::token::verify::{Verdict, verify};
use serde_json::Value;

use super::standing::{self, COGNITO, NOW, PARTNER};

/// After the first byte, a header and a payload with a line end between them, which are signed; or, if that byte says so, a
/// token's own text, which nobody signed.
pub fn check(bytes: &[u8]) {
    let Some((bits, rest)) = bytes.split_first() else {
        return;
    };
    if bits & 1 == 1 {
        if let Ok(token) = std::str::from_utf8(rest) {
            assert!(!is_good(token), "nobody signed {token:?}");
        }
        return;
    }
    let mut halves = rest.splitn(2, |byte| *byte == b'\n');
    let (Some(header), Some(payload)) = (halves.next(), halves.next()) else {
        return;
    };
    // An RSA signature takes long to make: only for what might be a token of that pool.
    let cognito = String::from_utf8_lossy(payload).contains(COGNITO);
    let token = match (
        cognito,
        std::str::from_utf8(header),
        std::str::from_utf8(payload),
    ) {
        (true, Ok(header), Ok(payload)) => {
            let keys = standing::keys();
            let kid = serde_json::Value::from(keys.access.kid()).to_string();
            keys.access
                .sign_text(&header.replace("\"@kid\"", &kid), payload)
        }
        _ => standing::ed_token(header, payload),
    };
    let policy = standing::policy();
    let verdict = verify(&token, &policy.trust, standing::ring(), NOW, true);
    let Verdict::Good(principal) = verdict else {
        assert!(
            !matches!(verdict, Verdict::NeedKeys(_)),
            "the keys were refreshed already"
        );
        return;
    };
    let claims: Value = serde_json::from_slice(payload).expect("good claims are JSON");
    holds(&claims, cognito);
    assert_eq!(claims["sub"].as_str(), principal.sub.as_deref());
    assert_eq!(Value::Object(principal.claims.clone().into_map()), claims);
    spoilt(&token);
}

/// What every good token of the two pools says.
fn holds(claims: &Value, cognito: bool) {
    let issuers: &[&str] = match cognito {
        true => &[
            COGNITO,
            "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC123xyz",
        ],
        false => &[PARTNER],
    };
    assert!(
        issuers.iter().any(|issuer| claims["iss"] == *issuer),
        "{}",
        claims["iss"]
    );
    assert!(
        claims["exp"]
            .as_f64()
            .is_some_and(|exp| exp > NOW && exp < 253_402_300_800.0),
        "{}",
        claims["exp"]
    );
    for (name, ahead) in [("nbf", 0.0), ("iat", 60.0)] {
        let begun = |value: &Value| value.as_f64().is_some_and(|time| time <= NOW + ahead);
        assert!(
            claims.get(name).is_none_or(begun),
            "{name} lies in the future"
        );
    }
    assert!(claims["token_use"] == "access" || (!cognito && claims.get("token_use").is_none()));
    assert_eq!(claims["client_id"], "client-1");
    for name in ["sub", "jti", "azp"] {
        assert!(
            claims.get(name).is_none_or(Value::is_string),
            "{name} is no string"
        );
    }
    let ours = |audience: &Value| audience == "orders";
    let met = ours(&claims["aud"])
        || claims["aud"]
            .as_array()
            .is_some_and(|audiences| audiences.iter().any(ours));
    assert!(cognito || met, "the audience is another");
}

/// The same token with less of a signature, another one, or spelt otherwise.
fn spoilt(token: &str) {
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    let others = [
        format!("{signed}."),
        signed.to_owned(),
        format!("{signed}.{first}{}", &signature[1..]),
        format!("{signed}.{}", &signature[..signature.len() - 4]),
        format!("{token}="),
        format!("{token}\n"),
        format!(" {token}"),
        format!("{token}.{signature}"),
        format!(
            "{}.{signature}",
            signed.split_once('.').map_or("", |(header, _)| header)
        ),
    ];
    for other in others {
        assert!(!is_good(&other), "{other:?} is no spelling of it");
    }
}

fn is_good(token: &str) -> bool {
    let policy = standing::policy();
    matches!(
        verify(token, &policy.trust, standing::ring(), NOW, true),
        Verdict::Good(_)
    )
}

/// Headers, right and wrong.
const HEADERS: [&str; 18] = [
    r#"{"kid":"@kid","alg":"RS256"}"#,
    r#"{"kid":"ed","alg":"EdDSA"}"#,
    r#"{"kid":"ed","alg":"EdDSA","typ":"at+jwt"}"#,
    r#"{"kid":"@kid","alg":"none"}"#,
    r#"{"kid":"@kid","alg":"HS256"}"#,
    r#"{"kid":"@kid","alg":"rs256"}"#,
    r#"{"kid":"ed","alg":"Ed25519"}"#,
    r#"{"alg":"EdDSA"}"#,
    r#"{"kid":"other","alg":"EdDSA"}"#,
    r#"{"kid":1,"alg":"EdDSA"}"#,
    r#"{"kid":"ed","alg":"EdDSA","crit":["exp"]}"#,
    r#"{"kid":"ed","alg":"EdDSA","b64":false}"#,
    r#"{"kid":"ed","alg":"EdDSA","jku":"https://evil.example/jwks"}"#,
    r#"{"kid":"ed","kid":"other","alg":"EdDSA"}"#,
    r#"{"kid":"ed","alg":"EdDSA","typ":"dpop+jwt"}"#,
    r#"{"kid":"ed","alg":"EdDSA","zip":"DEF"}"#,
    "[]",
    "",
];
/// What is put into good claims, or in place of one; as JSON members.
const CHANGES: [&str; 34] = [
    r#""exp":0"#,
    r#""exp":"1800003600""#,
    r#""exp":1e400"#,
    r#""exp":1.8e9"#,
    r#""exp":1800000000.5"#,
    r#""exp":null"#,
    r#""exp":253402300800"#,
    r#""nbf":1800000001"#,
    r#""nbf":1800000000"#,
    r#""iat":1800000061"#,
    r#""iat":"1""#,
    r#""iss":["https://id.partner.example"]"#,
    r#""iss":"https://id.partner.example/""#,
    r#""iss":null"#,
    r#""aud":[]"#,
    r#""aud":["orders","x"]"#,
    r#""aud":"x""#,
    r#""aud":[1]"#,
    r#""client_id":"client-2""#,
    r#""client_id":["client-1"]"#,
    r#""token_use":"id""#,
    r#""token_use":"Access""#,
    r#""scope":["orders/read"]"#,
    r#""scope":1"#,
    r#""scope":"  a  b""#,
    r#""sub":1"#,
    r#""jti":{}"#,
    r#""azp":"client-2""#,
    r#""cognito:groups":"staff""#,
    r#""cognito:groups":[1]"#,
    r#""\u0073cope":"admin/all""#,
    r#""a":{"b":1,"b":2}"#,
    r#""":"""#,
    r#""a":[[[[[[]]]]]]"#,
];

/// Good tokens, with every header, and with every change.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let mut add =
        |header: &str, payload: &str| seeds.push(format!("\0{header}\n{payload}").into_bytes());
    for (issuer, header) in [(COGNITO, HEADERS[0]), (PARTNER, HEADERS[1])] {
        let good = standing::claims(issuer);
        HEADERS
            .iter()
            .for_each(|header| add(header, &good.to_string()));
        for change in CHANGES {
            let name = change.split(':').next().unwrap_or("").trim_matches('"');
            let mut rest = good.clone();
            rest.as_object_mut().map(|claims| claims.remove(name));
            let members = rest.to_string();
            add(header, &format!("{{{change},{}", &members[1..]));
            add(header, &format!("{{{change},{}", &good.to_string()[1..]));
        }
    }
    let token = standing::ed_token(HEADERS[1].as_bytes(), b"{}");
    let texts = [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "eyJh.eyJz.",
        "e30.e30.e30",
        "e30=.e30.e30",
        "e31.e30.e30",
        &token,
    ];
    seeds.extend(texts.iter().map(|text| [b"\x01", text.as_bytes()].concat()));
    seeds
}
