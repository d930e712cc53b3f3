//! A value that must never show: not in logs, errors, metrics, `Debug` or a core dump longer than needed.
//!
//! There is no `Display`, `Debug` prints a fixed word, equality takes the same time whatever differs, and the memory is
//! overwritten when the value is dropped. [`Secret::expose`] is the only way to the bytes: search for it in review.

use zeroize::{ZeroizeOnDrop, Zeroizing};

/// A secret string.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret into custody.
    pub fn new(value: String) -> Secret {
        Secret(Zeroizing::new(value))
    }

    /// The secret itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl ZeroizeOnDrop for Secret {}

impl PartialEq for Secret {
    /// Takes time by the length of `other` alone, so a guess learns nothing from a clock.
    fn eq(&self, other: &Secret) -> bool {
        let (mine, theirs) = (self.0.as_bytes(), other.0.as_bytes());
        !differ(mine, theirs.iter().copied()) && mine.len() == theirs.len()
    }
}

/// Whether what is guessed differs within its own length; every byte of it is looked at, whatever the first ones were.
fn differ(secret: &[u8], guess: impl Iterator<Item = u8>) -> bool {
    let differing = guess.enumerate().fold(0u8, |seen, (at, byte)| {
        seen | (byte ^ secret.get(at).copied().unwrap_or(!byte))
    });
    differing != 0
}

impl Eq for Secret {}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

#[cfg(test)]
mod tests;
