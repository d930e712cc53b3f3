//! A token a row: what it is, and the reason it is refused for.

mod claims;
mod header;
mod kind;
mod properties;
mod wycheproof;

use super::{Verdict, verify};
use crate::token::keys::Keys;
use crate::token::mint::{NOW, Ring, ring, trust};
use crate::token::trust::Trust;

/// `good`, `need keys`, or the reason.
fn verdict(token: &str, trust: &Trust, keys: &dyn Keys, refreshed: bool) -> &'static str {
    match verify(token, trust, keys, NOW, refreshed) {
        Verdict::Good(_) => "good",
        Verdict::NeedKeys(_) => "need keys",
        Verdict::Refuse(refusal) => refusal.reason.as_str(),
    }
}

/// The same with the usual pools and keys, refreshed.
fn outcome(token: &str) -> &'static str {
    verdict(token, &trust(), &ring(), true)
}

/// Keys that must not be asked for.
struct Untouched;

impl Keys for Untouched {
    fn of(&self, _: usize) -> Option<std::sync::Arc<crate::token::keys::KeySet>> {
        unreachable!("a token that can't be good asks for no keys")
    }
}

/// Nothing has been fetched yet.
fn no_keys() -> Ring {
    Ring(Vec::new())
}
