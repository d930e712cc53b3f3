//! What `tests/fuzz` asserts of any bytes, held here over its seeds and over mutations of them, with no fuzzer at hand.

use proptest::prelude::*;
use proptest::sample::{Index, select};

#[path = "../fuzz/properties/lib.rs"]
mod properties;

use properties::{authorization, configuration, head, jwks, path, session, token};

/// What a mutation may put in: bytes that mean something somewhere.
const PIECES: [&[u8]; 32] = [
    b"/",
    b"..",
    b"%2e",
    b"%2F",
    b"%252e",
    b"\\",
    b";",
    b"#",
    b"?",
    b"%",
    b"\r\n",
    b"\n",
    b"\0",
    b" ",
    b"\t",
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"=",
    b".",
    b"Bearer ",
    b"session=",
    b"null",
    b"-1",
    b"1e400",
    b"\\u0041",
    b"${SECRET}",
    b"\xc3\xa9",
];

/// Puts a piece in, takes a stretch out, changes a byte, or copies a stretch to elsewhere.
#[derive(Clone, Debug)]
enum Change {
    Insert(Index, &'static [u8]),
    Remove(Index, usize),
    Replace(Index, u8),
    Repeat(Index, usize, Index),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len() + 1;
        match self {
            Change::Insert(at, piece) => {
                let at = at.index(length);
                bytes.splice(at..at, piece.iter().copied());
            }
            Change::Remove(at, long) => {
                let at = at.index(length);
                bytes.drain(at..(at + long).min(length - 1));
            }
            Change::Replace(at, byte) => {
                if let Some(known) = bytes.get_mut(at.index(length)) {
                    *known = *byte;
                }
            }
            Change::Repeat(at, long, to) => {
                let at = at.index(length);
                let piece = bytes[at..(at + long).min(length - 1)].to_vec();
                let to = to.index(length);
                bytes.splice(to..to, piece);
            }
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        (at(), select(&PIECES[..])).prop_map(|(at, piece)| Change::Insert(at, piece)),
        (at(), 1..40usize).prop_map(|(at, long)| Change::Remove(at, long)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Replace(at, byte)),
        (at(), 1..40usize, at()).prop_map(|(at, long, to)| Change::Repeat(at, long, to)),
    ]
}

/// Every seed as it is, then so many that were changed a little.
fn hold(check: fn(&[u8]), seeds: Vec<Vec<u8>>, cases: u32) {
    seeds.iter().for_each(|seed| check(seed));
    let changed =
        (select(seeds), prop::collection::vec(change(), 1..5)).prop_map(|(mut seed, changes)| {
            changes.iter().for_each(|change| change.apply(&mut seed));
            seed
        });
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(cases));
    let held = runner.run(&changed, |bytes| {
        check(&bytes);
        Ok(())
    });
    if let Err(fault) = held {
        panic!("{fault}");
    }
}

#[test]
fn any_path_is_read_one_way_or_refused() {
    hold(path::check, path::seeds(), 3000);
}

#[test]
fn any_head_is_decided_on_as_it_stands() {
    hold(head::check, head::seeds(), 1000);
}

#[test]
fn any_token_is_found_in_one_place_and_taken_from_there() {
    hold(authorization::check, authorization::seeds(), 3000);
}

#[test]
fn any_token_that_is_good_was_signed_as_it_stands() {
    hold(token::check, token::seeds(), 500);
}

#[test]
fn any_cookie_opens_as_what_was_sealed_or_not_at_all() {
    hold(session::check, session::seeds(), 1000);
}

#[test]
fn any_key_that_is_taken_is_fit_to_verify() {
    hold(jwks::check, jwks::seeds(), 500);
}

#[test]
fn any_configuration_is_whole_or_refused_without_a_secret() {
    hold(configuration::check, configuration::seeds(), 300);
}
