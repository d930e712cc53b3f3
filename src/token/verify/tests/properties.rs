//! No text panics, and no change of a good token is good.

use proptest::prelude::*;

use super::{outcome, verdict};
use crate::token::mint::{a1, access, b64, ring, trust};

#[test]
fn j05_no_byte_of_a_token_can_be_changed() {
    let token = a1().token(&access());
    let (trust, ring) = (trust(), ring());
    assert_eq!(verdict(&token, &trust, &ring, true), "good");
    for at in 0..token.len() {
        for replacement in ['A', 'B', '_', '.', '=', ' ', '\0'] {
            let mut changed = token.clone();
            changed.replace_range(at..=at, replacement.encode_utf8(&mut [0; 4]));
            if changed != token {
                assert_ne!(
                    verdict(&changed, &trust, &ring, true),
                    "good",
                    "{at} {replacement:?}"
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_verification_panic(text in "\\PC{0,300}") {
        prop_assert_ne!(outcome(&text), "good");
    }

    #[test]
    fn no_three_segments_make_it_panic(
        header in prop::collection::vec(any::<u8>(), 0..60),
        payload in prop::collection::vec(any::<u8>(), 0..120),
        signature in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let token = format!("{}.{}.{}", b64(&header), b64(&payload), b64(&signature));
        prop_assert_ne!(outcome(&token), "good");
    }

    #[test]
    fn no_header_or_claims_get_a_wrong_signature_through(
        alg in "RS256|ES256|EdDSA|none|HS256|.{0,6}",
        kid in "a1\\+/=|.{0,6}",
        claims in "\"(exp|nbf|aud|scope|sub|token_use)\":(1|\"a\"|\\[\\]|null|\\{\\}|9e99)",
        signature in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let header = serde_json::json!({"alg": alg, "kid": kid}).to_string();
        let payload = format!("{{\"iss\":\"{}\",{claims}}}", crate::token::mint::ISSUER_A);
        let token = format!("{}.{}.{}", b64(header.as_bytes()), b64(payload.as_bytes()), b64(&signature));
        prop_assert_ne!(outcome(&token), "good");
    }

    #[test]
    fn no_claims_under_a_right_signature_make_it_panic(
        name in "exp|nbf|iat|aud|scope|sub|token_use|client_id|azp|cognito:groups|jti|.{0,4}",
        value in "[0-9]{1,20}|-1|1e[0-9]{1,3}|\"[a-z ]{0,9}\"|\\[\"a\"\\]|\\[\\[\\]\\]|null|true|\\{\"a\":1\\}",
    ) {
        let name = serde_json::Value::from(name);
        let payload = format!("{{\"iss\":\"{}\",{name}:{value}}}", crate::token::mint::ISSUER_A);
        let header = serde_json::json!({"alg": "RS256", "kid": a1().kid}).to_string();
        prop_assert_ne!(outcome(&a1().seal("RS256", &header, payload)), "good");
    }

    #[test]
    fn no_change_of_a_good_token_is_good(at in any::<prop::sample::Index>(), byte in 0u8..128) {
        let mut bytes = a1().token(&access()).into_bytes();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        let token = String::from_utf8(bytes).expect("ASCII");
        prop_assert_ne!(outcome(&token), "good");
    }
}
