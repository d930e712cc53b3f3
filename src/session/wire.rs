//! What is under a seal, as bytes: every field with its length before it, so that no two contents have one encoding (L09).
//!
//! A token is base64url in parts; sealed, all of it is encoded once more. So its parts go in decoded, where that can be undone
//! to the letter: a cookie has little room.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// In front of a token: kept as it is.
const PLAIN: u8 = 0;
/// In front of a token: its parts, decoded.
const PARTS: u8 = 1;

/// Fields in the making. Their memory is overwritten at the end.
#[derive(Default)]
pub(super) struct Writer(Zeroizing<Vec<u8>>);

impl Writer {
    /// A field.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.put_number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// A number.
    pub(super) fn put_number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_be_bytes()[2..]);
    }

    /// A token: its text comes back to the letter.
    pub(super) fn put_token(&mut self, token: &str) {
        let parts: Option<Vec<Vec<u8>>> = token.split('.').map(decode).collect();
        match parts {
            Some(parts) => {
                self.put(&[PARTS]);
                self.put_number(parts.len() as u64);
                parts.iter().for_each(|part| self.put(part));
            }
            None => {
                self.put(&[PLAIN]);
                self.put(token.as_bytes());
            }
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A part's bytes, if they are encoded to the very same text again.
fn decode(part: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    (URL_SAFE_NO_PAD.encode(&bytes) == part).then_some(bytes)
}

/// Fields being read. What is not there is `None`, and so is what has another form.
pub(super) struct Reader<'b>(pub(super) &'b [u8]);

impl<'b> Reader<'b> {
    pub(super) fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_at_checked(6)?;
        self.0 = rest;
        Some(
            number
                .iter()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        )
    }

    pub(super) fn bytes(&mut self) -> Option<&'b [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn text(&mut self) -> Option<&'b str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    pub(super) fn token(&mut self) -> Option<String> {
        match self.bytes()? {
            [PLAIN] => self.text().map(str::to_owned),
            [PARTS] => {
                let mut token = String::new();
                for index in 0..self.number()? {
                    if index > 0 {
                        token.push('.');
                    }
                    URL_SAFE_NO_PAD.encode_string(self.bytes()?, &mut token);
                }
                Some(token)
            }
            _ => None,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.0.is_empty()
    }
}
