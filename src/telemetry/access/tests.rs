//! One request is one line, in both formats, whatever it holds.

use proptest::prelude::*;

use super::{cut, is_plain, quoted};

#[test]
fn q12_what_could_end_a_line_or_turn_it_around_is_escaped() {
    assert_eq!(
        quoted("a\r\n\"b\\ \u{1b}\u{7f}\u{85}\u{2028}\u{202e}\u{feff} ü"),
        r#""a\u000d\u000a\"b\\ \u001b\u007f\u0085\u2028\u202e\ufeff ü""#
    );
}

#[test]
fn a_value_that_could_be_taken_for_another_field_is_quoted_in_text() {
    for value in ["a b", "a=b", "a\"b", "", "ü", "a\\b"] {
        assert!(!is_plain(value), "{value:?}");
    }
    assert!(is_plain("/orders/1"));
}

#[test]
fn what_is_cut_is_cut_between_characters() {
    assert_eq!(cut("aüb", 2), "a");
    assert_eq!(cut("aüb", 3), "aü");
    assert_eq!(cut("aüb", 9), "aüb");
}

proptest! {
    #[test]
    fn q12_a_quoted_text_is_json_on_one_line_and_reads_back(text in any::<String>()) {
        let quoted = quoted(&text);
        prop_assert!(!quoted.chars().any(super::is_troublesome));
        prop_assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text);
    }
}
