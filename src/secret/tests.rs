//! Secrets compare whole and never show.

use proptest::prelude::*;

use super::{Secret, differ};

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

#[test]
fn q18_every_byte_of_a_guess_is_looked_at() {
    for guess in [
        "hunter2",
        "Hunter2",
        "hunter3",
        "xxxxxxx",
        "hunter2-and-more",
        "hu",
    ] {
        let mut looked_at = 0;
        differ(b"hunter2", guess.bytes().inspect(|_| looked_at += 1));
        assert_eq!(looked_at, guess.len(), "{guess}");
    }
}

proptest! {
    #[test]
    fn secrets_are_equal_exactly_when_their_texts_are(a in "[ab\u{e9}]{0,4}", b in "[ab\u{e9}]{0,4}") {
        prop_assert_eq!(Secret::new(a.clone()) == Secret::new(b.clone()), a == b);
    }
}
