//! The demo pool's keys and tokens, in Cognito's shapes.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use super::{Key, Keys, uuid};

/// The claims of `token`, if `jwk` made its signature.
fn verified(token: &str, jwk: &Value) -> Option<Value> {
    let text = |name: &str| jwk[name].as_str().expect("a JWK member is a string");
    let key = DecodingKey::from_rsa_components(text("n"), text("e")).expect("a whole JWK");
    let mut validation = Validation::new(Algorithm::RS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    jsonwebtoken::decode::<Value>(token, &key, &validation)
        .ok()
        .map(|token| token.claims)
}

fn segment(token: &str, index: usize) -> String {
    let part = token
        .split('.')
        .nth(index)
        .expect("a token has three parts");
    let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64url");
    String::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn signatures_verify_with_the_published_key_of_that_use_alone() {
    let keys = Keys::generate();
    let claims = json!({ "sub": "a", "iss": "https://example.com/a" });
    let token = keys.access.sign(&claims);
    assert_eq!(verified(&token, &keys.access.jwk()), Some(claims));
    assert_eq!(verified(&token, &keys.id.jwk()), None);
}

#[test]
fn the_key_set_is_two_keys_with_exactly_the_members_of_cognitos() {
    let keys = Keys::generate();
    let set = keys.jwks();
    let jwks = set["keys"].as_array().expect("an array");
    assert_eq!(jwks.len(), 2);
    for jwk in jwks {
        let members: Vec<_> = jwk.as_object().expect("an object").keys().collect();
        assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]);
        assert_eq!((&jwk["alg"], &jwk["kty"]), (&json!("RS256"), &json!("RSA")));
        assert_eq!((&jwk["use"], &jwk["e"]), (&json!("sig"), &json!("AQAB")));
        let modulus = URL_SAFE_NO_PAD
            .decode(jwk["n"].as_str().expect("a string"))
            .expect("base64url");
        assert_eq!((modulus.len(), modulus[0] & 0x80), (256, 0x80));
        let kid = jwk["kid"].as_str().expect("a string");
        assert_eq!(STANDARD.decode(kid).expect("base64").len(), 32);
    }
    assert_ne!(keys.access.kid(), keys.id.kid());
}

#[test]
fn the_header_is_written_as_cognito_writes_it() {
    let mut key = Key::generate();
    key.kid = "a/b+c=".to_owned();
    let token = key.sign(&json!({ "iss": "https://example.com" }));
    assert_eq!(segment(&token, 0), r#"{"kid":"a\/b+c=","alg":"RS256"}"#);
    assert_eq!(segment(&token, 1), r#"{"iss":"https:\/\/example.com"}"#);
    let header = jsonwebtoken::decode_header(&token).expect("a header");
    assert_eq!(header.kid.as_deref(), Some("a/b+c="));
}

#[test]
fn uuids_are_version_4_and_differ() {
    let many: BTreeSet<String> = (0..64).map(|_| uuid()).collect();
    assert_eq!(many.len(), 64);
    for uuid in many {
        let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{uuid}");
        assert_eq!(uuid.as_bytes()[14], b'4', "{uuid}");
        assert!(b"89ab".contains(&uuid.as_bytes()[19]), "{uuid}");
    }
}
