//! One pass over a path's bytes: what can never be read, which kinds of ambiguity there are, whether to decode at all.
//!
//! Works on bytes, allocates only to decode. A byte or an encoding that is not known to be harmless is refused here:
//! this is the one place that says what is harmless (RFC 3986 §3.3; the rest is what servers do in its spite).

use super::{Kinds, ambiguous};
use crate::refusal::Refusal;

const CONTROL: &str = "the path has a control character or a blank; a space is written %20";
const ENCODED_CONTROL: &str = "the path has a percent-encoded control character";
const FRAGMENT: &str = "the path has a number sign; one that is meant literally is written %23";
const QUESTION: &str = "the path has a question mark; one that is meant literally is written %3F";
const NOT_ASCII: &str =
    "the path has a byte outside ASCII; other letters are percent-encoded as UTF-8";
const MALFORMED: &str = "the path has a percent sign that two hexadecimal digits do not follow";
const NOT_UTF8: &str = "the path's percent-encoding is not UTF-8";
const TOO_DEEP: &str = "the path is percent-encoded too many times over";

/// How many times over a path may be encoded, beyond the once that is ordinary, for us to see through to the end of it.
/// Without a limit `%252525…` would take as many passes as it has bytes.
const DEPTH_MAX: usize = 4;

#[derive(Clone, Copy, PartialEq)]
enum Class {
    Plain,
    Slash,
    Percent,
    Semicolon,
    Backslash,
    Fragment,
    Question,
    Control,
    NotAscii,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Plain; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            0..=b' ' | 0x7F => Class::Control,
            0x80.. => Class::NotAscii,
            b'/' => Class::Slash,
            b'%' => Class::Percent,
            b';' => Class::Semicolon,
            b'\\' => Class::Backslash,
            b'#' => Class::Fragment,
            b'?' => Class::Question,
            _ => Class::Plain,
        };
        byte += 1;
    }
    classes
};

/// What one pass saw.
#[derive(Clone, Copy, Default)]
pub(super) struct Seen {
    /// Kinds of ambiguity that show without decoding, and encoded slashes and backslashes.
    pub(super) kinds: Kinds,
    /// Whether anything is percent-encoded.
    pub(super) encoded: bool,
}

impl Seen {
    fn note(&mut self, kind: Kinds) {
        self.kinds = self.kinds.union(kind);
    }
}

/// Looks at every byte of a path that starts with a slash.
pub(super) fn scan(path: &[u8]) -> Result<Seen, Refusal> {
    let mut seen = Seen::default();
    let (mut start, mut at) = (1, 1);
    while let Some(byte) = path.get(at) {
        match CLASSES[usize::from(*byte)] {
            Class::Plain => {}
            Class::Slash => {
                match &path[start..at] {
                    b"" => seen.note(Kinds::DOUBLE_SLASH),
                    b"." | b".." => seen.note(Kinds::DOT_SEGMENTS),
                    _ => {}
                }
                start = at + 1;
            }
            Class::Percent => {
                seen.encoded = true;
                match triplet(path, at) {
                    None => return Err(ambiguous(MALFORMED)),
                    Some(0..=0x1F | 0x7F) => return Err(ambiguous(ENCODED_CONTROL)),
                    Some(b'/') => seen.note(Kinds::ENCODED_SLASH),
                    Some(b'\\') => seen.note(Kinds::BACKSLASH),
                    Some(_) => {}
                }
                at += 2;
            }
            Class::Semicolon => seen.note(Kinds::SEMICOLON),
            Class::Backslash => seen.note(Kinds::BACKSLASH),
            Class::Fragment => return Err(ambiguous(FRAGMENT)),
            Class::Question => return Err(ambiguous(QUESTION)),
            Class::Control => return Err(ambiguous(CONTROL)),
            Class::NotAscii => return Err(ambiguous(NOT_ASCII)),
        }
        at += 1;
    }
    // An empty last segment is a trailing slash, which is nobody's ambiguity.
    if matches!(&path[start..], b"." | b"..") {
        seen.note(Kinds::DOT_SEGMENTS);
    }
    Ok(seen)
}

/// What becomes of an encoded slash.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Slash {
    /// It stays `%2F`: segments were split before.
    Kept,
    /// It is a separator.
    Decoded,
}

/// Decodes once. A percent sign without two digits stays as it is: `scan` refuses one in a request, so here it can only
/// be the literal one of an earlier decoding.
pub(super) fn decode(text: &str, slash: Slash) -> Result<String, Refusal> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (byte, triplet(bytes, at)) {
            (b'%', Some(0..=0x1F | 0x7F)) => return Err(ambiguous(ENCODED_CONTROL)),
            (b'%', Some(value)) => {
                if value == b'/' && slash == Slash::Kept {
                    decoded.extend_from_slice(b"%2F");
                } else {
                    decoded.push(value);
                }
                at += 3;
            }
            _ => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    // Overlong forms like %c0%ae are not UTF-8 either (RFC 3629 §3; threat P02).
    String::from_utf8(decoded).map_err(|_| ambiguous(NOT_UTF8))
}

/// Whether a path that was decoded once still has, under any number of further layers, what would have been refused.
/// A percent sign alone, or an encoded letter (`%41`), is no such thing: those stay literal.
pub(super) fn is_nested(once: &str) -> Result<bool, Refusal> {
    if !once.contains('%') {
        return Ok(false);
    }
    let mut text = once.to_owned();
    let mut nested = false;
    for _ in 0..DEPTH_MAX {
        let bytes = text.as_bytes();
        let mut layered = false;
        for at in memchr::memchr_iter(b'%', bytes) {
            if is_unicode_escape(&bytes[at..]) {
                return Err(ambiguous(MALFORMED));
            }
            let value = triplet(bytes, at);
            layered |= value.is_some();
            nested |= matches!(value, Some(b'.' | b'/' | b'\\'));
        }
        if !layered {
            return Ok(nested);
        }
        text = decode(&text, Slash::Decoded)?;
    }
    Err(ambiguous(TOO_DEEP))
}

/// `%u002e`, which IIS once decoded.
fn is_unicode_escape(bytes: &[u8]) -> bool {
    matches!(bytes, [b'%', b'u' | b'U', digits @ ..]
        if digits.len() >= 4 && digits[..4].iter().all(u8::is_ascii_hexdigit))
}

/// The value of the two digits behind `at`, where a percent sign stands.
fn triplet(bytes: &[u8], at: usize) -> Option<u8> {
    let digit = |offset: usize| char::from(*bytes.get(at + offset)?).to_digit(16);
    u8::try_from(digit(1)? * 16 + digit(2)?).ok()
}
