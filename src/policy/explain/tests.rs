//! What an explanation must not do to the terminal it is read on. What it tells is tested with `cli::explain`.

use serde_json::json;

use super::text::{safe, shown};
use super::*;

#[test]
fn x16_what_a_token_says_cannot_steer_a_terminal() {
    assert_eq!(safe("a\u{1b}[31m\r\nb"), r"a\u{1b}[31m\r\nb");
    assert_eq!(safe("evil\u{202e}txt"), r"evil\u{202e}txt");
    assert_eq!(safe("Zoë \"O'Hara\" C:\\x"), "Zoë \"O'Hara\" C:\\x");
    assert_eq!(shown(&json!({"a": "\u{1b}"})), r#"{"a":"\u001b"}"#);
}

#[test]
fn a_string_is_told_from_what_looks_like_it() {
    for (value, text) in [
        (json!("staff"), "staff"),
        (json!("true"), r#""true""#),
        (json!(true), "true"),
        (json!("1"), r#""1""#),
        (json!(1), "1"),
        (json!(""), r#""""#),
        (json!("two words"), r#""two words""#),
        (json!(["a", "b c", null]), r#"a "b c" null"#),
    ] {
        assert_eq!(shown(&value), text);
    }
}

#[test]
fn the_pool_of_bare_claims_is_that_of_their_issuer() {
    let trust = crate::token::mint::trust();
    for (claims, pool) in [
        (json!({}), 0),
        (json!({"iss": crate::token::mint::ISSUER_B}), 1),
        (json!({"iss": "https://elsewhere.example"}), 0),
        (json!({"iss": 1}), 0),
    ] {
        let claims = Claims::parse(claims.to_string().as_bytes());
        assert_eq!(
            claims.map(|claims| vouching_pool(&claims, &trust)),
            Ok(pool)
        );
    }
}
