//! Secrets compare whole and never show.

use proptest::prelude::*;

use super::Secret;

#[test]
fn debug_shows_a_fixed_word_at_any_depth() {
    let secret = Secret::new("hunter2".to_owned());
    assert_eq!(format!("{secret:?}"), "(secret)");
    assert_eq!(format!("{:#?}", Some(&secret)), "Some(\n    (secret),\n)");
    assert_eq!(secret.clone().expose(), "hunter2");
}

#[test]
fn a_beginning_or_an_extension_is_another_secret() {
    let secret = |text: &str| Secret::new(text.to_owned());
    assert_ne!(secret("abc"), secret("ab"));
    assert_ne!(secret("ab"), secret("abc"));
    assert_ne!(secret(""), secret("a"));
    assert_ne!(secret("a"), secret(""));
    assert_eq!(secret(""), secret(""));
}

proptest! {
    #[test]
    fn secrets_are_equal_exactly_when_their_texts_are(a in "[ab\u{e9}]{0,4}", b in "[ab\u{e9}]{0,4}") {
        prop_assert_eq!(Secret::new(a.clone()) == Secret::new(b.clone()), a == b);
    }
}
