//! Placeholders: replaced once, escaped plainly, every obstacle told.

use super::{Unresolved, interpolate};

fn env(name: &str) -> Option<String> {
    match name {
        "A" => Some("1".to_owned()),
        "AGAIN" => Some("${A}".to_owned()),
        _ => None,
    }
}

#[test]
fn placeholders_are_replaced_once() {
    for (text, whole) in [
        ("plain", "plain"),
        ("${A}", "1"),
        ("x${A}y${A}", "x1y1"),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("$A $ $$ {A}", "$A $ $$ {A}"),
        ("$${A", "${A"),
        // What a variable holds is not read again.
        ("${AGAIN}", "${A}"),
    ] {
        assert_eq!(interpolate(text, &env).as_deref(), Ok(whole), "{text}");
    }
}

#[test]
fn every_obstacle_is_told() {
    assert_eq!(
        interpolate("${B} ${} ${9} ${A} ${C", &env),
        Err(vec![
            Unresolved::Unset("B".to_owned()),
            Unresolved::NoName(String::new()),
            Unresolved::NoName("9".to_owned()),
            Unresolved::Unclosed,
        ])
    );
}
