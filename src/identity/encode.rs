//! Claims as header text: one line of printable ASCII, whatever the token says (threat H08), that decodes to what it said.
//!
//! Percent-encoded as UTF-8 are: bytes outside 0x20-0x7E, `%`, blanks at either end of the value or of an item in a list,
//! and in an item the byte that its separator begins with, so that no item can pass for two.

use std::io;

use http::HeaderValue;
use percent_encoding::{AsciiSet, CONTROLS, percent_encode_byte, utf8_percent_encode};
use serde::Serialize;
use serde_json::Value;

/// Encoded wherever they stand: non-ASCII bytes always are.
const NEVER_PLAIN: &AsciiSet = &CONTROLS.add(b'%');

/// A byte that an item may not hold plainly.
#[derive(Clone, Copy)]
pub(super) struct Separator(Option<u8>);

impl Separator {
    /// The value is no item of a list.
    pub(super) const NONE: Separator = Separator(None);
    /// Between lines of one name.
    pub(super) const COMMA: Separator = Separator(Some(b','));
}

/// A header value in the making.
#[derive(Default)]
pub(super) struct Encoder(String);

impl Encoder {
    /// Adds a text.
    pub(super) fn push(&mut self, text: &str, separator: Separator) {
        // What is not ASCII is encoded anyway.
        let Some(byte) = separator.0.filter(u8::is_ascii) else {
            return self.0.extend(utf8_percent_encode(text, NEVER_PLAIN));
        };
        for (index, piece) in text.split(char::from(byte)).enumerate() {
            if index > 0 {
                self.0.push_str(percent_encode_byte(byte));
            }
            self.0.extend(utf8_percent_encode(piece, NEVER_PLAIN));
        }
    }

    /// Adds a value: a string as it is, everything else as JSON. Tells whether there was anything to add.
    pub(super) fn push_item(&mut self, value: &Value, separator: Separator) -> bool {
        match value {
            Value::Null => return false,
            Value::String(text) if text.is_empty() => return false,
            Value::String(text) => self.push(text, separator),
            _ => self.push_json(value, separator),
        }
        true
    }

    /// Adds the items of a list with `separator` between them. Tells whether there were any.
    pub(super) fn push_list(&mut self, items: &[Value], separator: &str) -> bool {
        let first = Separator(separator.bytes().next());
        let mut any = false;
        for item in items {
            let mut text = Encoder::default();
            if !text.push_item(item, first) {
                continue;
            }
            if any {
                self.push(separator, Separator::NONE);
            }
            self.0.push_str(&text.close());
            any = true;
        }
        any
    }

    /// Adds compact JSON in ASCII.
    pub(super) fn push_json(&mut self, value: &Value, separator: Separator) {
        let mut json = Vec::new();
        value
            .serialize(&mut serde_json::Serializer::with_formatter(
                &mut json, Ascii,
            ))
            .expect("a JSON value is written to memory");
        let json = String::from_utf8(json).expect("JSON in ASCII");
        self.push(&json, separator);
    }

    /// The value, its ends encoded.
    pub(super) fn finish(self) -> HeaderValue {
        HeaderValue::try_from(self.close()).expect("printable ASCII alone was written")
    }

    /// The text with the blanks at its ends encoded: HTTP takes them for padding (RFC 9110 §5.5).
    fn close(self) -> String {
        const BLANK: char = ' ';
        let text = self.0;
        if !text.starts_with(BLANK) && !text.ends_with(BLANK) {
            return text;
        }
        let inner = text.trim_start_matches(BLANK);
        let leading = text.len() - inner.len();
        let inner = inner.trim_end_matches(BLANK);
        let trailing = text.len() - leading - inner.len();
        let encoded = percent_encode_byte(b' ');
        [&encoded.repeat(leading), inner, &encoded.repeat(trailing)].concat()
    }
}

/// Compact JSON whose strings have everything outside printable ASCII as `\u` escapes.
struct Ascii;

impl serde_json::ser::Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for char in fragment.chars() {
            match char {
                ' '..='~' => writer.write_all(&[char as u8])?,
                _ => {
                    for unit in char.encode_utf16(&mut [0; 2]) {
                        write!(writer, "\\u{unit:04x}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
