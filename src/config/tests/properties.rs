//! What must hold of any text at all.

use proptest::prelude::*;

use super::{POOL, machine};

/// Pieces of configurations, right and wrong, from which proptest builds texts.
const PIECES: [&str; 30] = [
    "[server]\n",
    "[routes]\n",
    "[pools.a]\n",
    "[identity.headers]\n",
    "[defaults]\n",
    "[upstream]\n",
    "[[tokens]]\n",
    "listen = ",
    "client_ids = ",
    "password = ",
    "\"GET /a/{id}\" = ",
    "X-User = ",
    "any_of = ",
    "url = ",
    "basic_auth = ",
    "\"",
    "'",
    "\"\"\"",
    "{",
    "}",
    "[",
    "]",
    "=",
    "\n",
    ",",
    "${NAME}",
    "$${",
    "hunter2",
    "\u{e9}\u{1F600}",
    "1",
];

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in ".*") {
        let _ = machine(&text).map_err(|faults| faults.render());
    }

    #[test]
    fn any_heap_of_pieces_is_read_without_panic(
        pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40)
    ) {
        let text = format!("{POOL}{}", pieces.concat());
        if let Err(faults) = machine(&text) {
            // Something is told of whatever is refused.
            prop_assert!(!faults.faults.is_empty());
            prop_assert!(faults.render().contains("error: "));
        }
    }

    #[test]
    fn x16_a_secret_never_shows_whatever_breaks_around_it(
        key in prop::sample::select(&["password", "client_secret", "session_key", "pasword"][..]),
        quote in prop::sample::select(&["\"", "'", "\"\"\"", ""][..]),
        before in prop::collection::vec(prop::sample::select(&PIECES[..27]), 0..6),
        broken in prop::sample::select(&["", "}", "]", "[", "\n= 1", "\n\"", "\nx = \n"][..]),
    ) {
        let before: String = before.concat();
        let text = format!("{before}\n{key} = {quote}hunter2{quote}{broken}\n[server]\nlisten = 1\n");
        if let Err(faults) = machine(&text) {
            prop_assert!(!faults.render().contains("hunter2"), "{}", faults.render());
        }
    }

    #[test]
    fn a_text_cut_off_anywhere_is_read_without_panic(end in 0usize..4000) {
        let example = include_str!("../../../config.example.toml");
        let end = (0..=end.min(example.len())).rev().find(|at| example.is_char_boundary(*at));
        let _ = machine(&example[..end.unwrap_or(0)]).map_err(|faults| faults.render());
    }
}
