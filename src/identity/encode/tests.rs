//! A value is one line of printable ASCII and decodes to what the token said.

use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Encoder, Separator};

fn encoded(text: &str) -> String {
    let mut line = Encoder::default();
    line.push(text, Separator::NONE);
    line.finish().to_str().expect("ASCII").to_owned()
}

fn joined(items: &[Value], separator: &str) -> String {
    let mut line = Encoder::default();
    line.push_list(items, separator);
    line.finish().to_str().expect("ASCII").to_owned()
}

fn decoded(text: &str) -> String {
    percent_decode_str(text)
        .decode_utf8()
        .expect("UTF-8")
        .into_owned()
}

#[test]
fn h08_nothing_unprintable_gets_through() {
    let cases = [
        ("jane.doe@example.com", "jane.doe@example.com"),
        ("\"a\", b; =?utf-8?", "\"a\", b; =?utf-8?"),
        ("a\r\nX-Admin: 1", "a%0D%0AX-Admin: 1"),
        ("a\n b", "a%0A b"),
        ("a\0b\u{7f}\t", "a%00b%7F%09"),
        ("100%41", "100%2541"),
        ("Zo\u{eb} \u{1f600}", "Zo%C3%AB %F0%9F%98%80"),
        ("\u{202e}evil", "%E2%80%AEevil"),
        ("\u{a0}nbsp", "%C2%A0nbsp"),
        ("  two ", "%20%20two%20"),
        ("   ", "%20%20%20"),
    ];
    for (claim, header) in cases {
        assert_eq!(encoded(claim), header);
        assert_eq!(decoded(header), claim);
    }
}

#[test]
fn h08_a_long_value_is_one_long_line() {
    assert_eq!(encoded(&"x\n".repeat(4096)), "x%0A".repeat(4096));
}

#[test]
fn c14_an_item_cannot_pass_for_two() {
    let list = [json!("a,admin"), json!(" admin"), json!("b")];
    assert_eq!(joined(&list, ","), "a%2Cadmin,%20admin,b");
    assert_eq!(joined(&list, ", "), "a%2Cadmin, %20admin, b");
    assert_eq!(joined(&list, "|"), "a,admin|%20admin|b");
    assert_eq!(joined(&[json!("a|"), json!("b")], "||"), "a%7C||b");
}

#[test]
fn items_that_are_no_strings_are_json_and_empty_ones_are_left_out() {
    let list = [
        json!(1),
        json!(true),
        json!(null),
        json!(""),
        json!(["x", "y"]),
        json!({"k": "\u{e9}"}),
    ];
    assert_eq!(joined(&list, ","), r#"1,true,["x"%2C"y"],{"k":"\u00e9"}"#);
}

#[test]
fn json_is_compact_and_ascii() {
    let mut line = Encoder::default();
    line.push_json(
        &json!({"name": "Zo\u{eb} \u{1f600}\u{7f}\n\"%", "n": [1, 2.5, null]}),
        Separator::NONE,
    );
    insta::assert_snapshot!(
        line.finish().to_str().expect("ASCII"),
        @r#"{"n":[1,2.5,null],"name":"Zo\u00eb \ud83d\ude00\u007f\n\"%25"}"#
    );
}

fn separators() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just(","),
        Just(", "),
        Just("|"),
        Just("||"),
        Just(" "),
        Just(";,"),
        Just("--")
    ]
}

proptest! {
    #[test]
    fn a_value_decodes_to_what_it_was(text in "\\PC*|[\\x00-\\xff]*|[ %,a]*") {
        let line = encoded(&text);
        prop_assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        prop_assert_eq!(line.trim(), &line);
        prop_assert_eq!(decoded(&line), text);
    }

    #[test]
    fn a_list_splits_into_what_it_was(
        items in proptest::collection::vec("[ ,|;a%-]{1,5}|\\PC{1,5}", 1..6),
        separator in separators(),
    ) {
        let values: Vec<Value> = items.iter().map(|item| json!(item)).collect();
        let line = joined(&values, separator);
        prop_assert_eq!(line.trim(), &line);
        let split: Vec<String> = line.split(separator).map(decoded).collect();
        prop_assert_eq!(split, items);
    }

    #[test]
    fn json_in_a_header_is_the_same_json(text in "\\PC*|[\\x00-\\xff]*") {
        let value = json!({ "k": [&text] });
        let mut line = Encoder::default();
        line.push_json(&value, Separator::NONE);
        let line = line.finish();
        let line = line.to_str().expect("ASCII");
        prop_assert_eq!(serde_json::from_str::<Value>(&decoded(line)).expect("JSON"), value);
    }
}
