//! The canonical request: one spelling of a head that signer and service both arrive at.
//!
//! The request itself is not changed. Where a head can be spelt in several ways (`%7e`, `~`), both sides sign the one that is made
//! here; a mistake shows as `SignatureDoesNotMatch`, never as access for somebody else.

use std::borrow::Cow;

use http::header::{HeaderMap, HeaderName};
use percent_encoding::{
    AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode, utf8_percent_encode,
};

/// Everything but RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
const ENCODED_IN_PATH: &AsciiSet = &ENCODED.remove(b'/');

/// How a service reads a path before it is signed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum PathForm {
    /// Decoded, then encoded: S3, where `//` and `..` are names like any other.
    Once,
    /// Encoded on top of what it is: all others.
    Twice {
        /// Dot segments resolved, empty ones dropped.
        normalised: bool,
    },
}

/// What of a request is signed, beside its body.
pub(super) struct Head<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    /// Without the question mark.
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
}

/// The canonical request, and the names of the headers in it.
pub(super) fn request(
    head: &Head<'_>,
    form: PathForm,
    is_signed: fn(&HeaderName) -> bool,
    content: &[u8],
) -> (Vec<u8>, String) {
    let mut names: Vec<&HeaderName> = head.headers.keys().filter(|name| is_signed(name)).collect();
    names.sort_unstable_by_key(|name| name.as_str());
    let names_text = names
        .iter()
        .map(|name| name.as_str())
        .collect::<Vec<_>>()
        .join(";");

    let mut text = Vec::with_capacity(512);
    let mut line = |bytes: &[u8]| {
        text.extend_from_slice(bytes);
        text.push(b'\n');
    };
    line(head.method.as_bytes());
    line(path(head.path, form).as_bytes());
    line(query(head.query).as_bytes());
    for name in names {
        line(&header(name, head.headers));
    }
    line(b"");
    line(names_text.as_bytes());
    text.extend_from_slice(content);
    (text, names_text)
}

fn path(path: &str, form: PathForm) -> String {
    match form {
        PathForm::Once => {
            let decoded: Cow<'_, [u8]> = percent_decode_str(path).into();
            percent_encode(&decoded, ENCODED_IN_PATH).to_string()
        }
        PathForm::Twice { normalised: true } => {
            utf8_percent_encode(&normalised(path), ENCODED_IN_PATH).to_string()
        }
        PathForm::Twice { normalised: false } => {
            utf8_percent_encode(path, ENCODED_IN_PATH).to_string()
        }
    }
}

/// RFC 3986 §6.2.2.3, and empty segments dropped; a path that named a folder still does.
fn normalised(path: &str) -> Cow<'_, str> {
    if !path.contains("//") && !path.contains("/.") {
        return Cow::Borrowed(path);
    }
    let mut kept = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            name => kept.push(name),
        }
    }
    let folder = ["/", "/.", "/.."].iter().any(|end| path.ends_with(end)) && !kept.is_empty();
    let end = if folder { "/" } else { "" };
    Cow::Owned(format!("/{}{end}", kept.join("/")))
}

/// Every pair decoded as a form is, encoded, and sorted by what that gives.
fn query(query: &str) -> String {
    let encoded = |text: &str| {
        let spaced = text.replace('+', " ");
        let decoded: Cow<'_, [u8]> = percent_decode_str(&spaced).into();
        percent_encode(&decoded, ENCODED).to_string()
    };
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (encoded(name), encoded(value)))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

/// `name:value,value`, without blanks around a value and with single ones inside.
fn header(name: &HeaderName, headers: &HeaderMap) -> Vec<u8> {
    let mut line = name.as_str().as_bytes().to_vec();
    line.push(b':');
    for (index, value) in headers.get_all(name).iter().enumerate() {
        if index > 0 {
            line.push(b',');
        }
        let words = value.as_bytes().split(|byte| matches!(byte, b' ' | b'\t'));
        for (index, word) in words.filter(|word| !word.is_empty()).enumerate() {
            if index > 0 {
                line.push(b' ');
            }
            line.extend_from_slice(word);
        }
    }
    line
}
