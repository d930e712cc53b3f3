//! Strict JSON: every name once, nothing after the end, no panic.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{ClaimName, Claims, ClaimsFault};

#[test]
fn c04_a_claim_twice_is_refused() {
    let twice = [
        r#"{"scope":"a","scope":"b"}"#,
        r#"{"scope":"a","scope":"a"}"#,
        r#"{"scope":"a","\u0073cope":"b"}"#,
        r#"{"\u0073cope":"a","scope":"b"}"#,
        r#"{"a":{"b":1,"c":[{"d":1,"d":2}]}}"#,
        r#"{"a":[[{"x":null,"x":null}]]}"#,
        r#"{"":1,"":2}"#,
    ];
    for json in twice {
        assert_eq!(
            Claims::parse(json.as_bytes()),
            Err(ClaimsFault::Duplicate),
            "{json}"
        );
    }
}

#[test]
fn one_name_in_several_objects_is_fine() {
    let json = br#"{"a":{"x":1},"b":{"x":1},"c":[{"x":1},{"x":1}],"x":1}"#;
    assert!(Claims::parse(json).is_ok());
}

#[test]
fn j18_what_is_no_json_object_is_refused() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
    let malformed: &[&[u8]] = &[
        b"",
        b" ",
        b"null",
        b"5",
        b"\"{}\"",
        b"[]",
        b"[{}]",
        b"{",
        b"{}x",
        b"{} {}",
        b"{}\0",
        b"\xef\xbb\xbf{}",
        b"{\"a\":\"\xff\"}",
        b"{\"\xc3\x28\":1}",
        br#"{"a":"\ud800"}"#,
        b"{\"a\":\"\n\"}",
        br#"{"a":01}"#,
        br#"{"a":NaN}"#,
        br#"{"a":1e999}"#,
        br#"{'a':1}"#,
        br#"{"a":1,}"#,
        deep.as_bytes(),
    ];
    for json in malformed {
        let shown = String::from_utf8_lossy(json);
        assert_eq!(Claims::parse(json), Err(ClaimsFault::Malformed), "{shown}");
    }
}

#[test]
fn claims_are_found_by_name_or_pointer() {
    let claims = Claims::parse(br#"{"a/b":1,"/c":2,"d":{"e":[{"f~":3}]},"n":null}"#);
    let claims = claims.expect("good claims");
    let find = |name: &str| claims.find(&ClaimName::new(name)).cloned();
    assert_eq!(find("a/b"), Some(json!(1)));
    assert_eq!(find("/a~1b"), Some(json!(1)));
    assert_eq!(find("/~1c"), Some(json!(2)));
    assert_eq!(find("/d/e/0/f~0"), Some(json!(3)));
    assert_eq!(find("/c"), None);
    assert_eq!(find("/"), None);
    assert_eq!(find("n"), None);
    assert_eq!(find("d/e"), None);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<u32>().prop_map(|n| json!(f64::from(n) / 8.0)),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_has_every_name_once_is_read_as_it_stands(value in any_json()) {
        let map: Map<String, Value> = [("value".to_owned(), value)].into_iter().collect();
        let parsed = Claims::parse(Value::Object(map.clone()).to_string().as_bytes());
        prop_assert_eq!(parsed, Ok(Claims::from(map)));
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Claims::parse(&bytes);
    }
}
