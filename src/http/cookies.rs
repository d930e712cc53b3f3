//! The cookies of a request, pair by pair (RFC 6265 §5.4), leniently as to blanks around names, as the servers behind are.
//!
//! HTTP/2 may spread them over several header lines (RFC 9113 §8.2.3). Who looks for a cookie and who takes it out read by
//! the same rules, so that what was found is what is removed; every other byte stays as it was.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// Name and value of every pair, in their order. What has no `=` is none.
pub fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    let lines = headers.get_all(COOKIE).iter();
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .filter_map(pair)
}

fn pair(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = text.iter().position(|byte| *byte == b'=')?;
    let (name, value) = text.split_at(equals);
    Some((name.trim_ascii(), value[1..].trim_ascii()))
}

/// Removes the cookies whose name is one of these.
pub fn strip(headers: &mut HeaderMap, is_one: impl Fn(&[u8]) -> bool) {
    if !pairs(headers).any(|(name, _)| is_one(name)) {
        return;
    }
    let kept: Vec<HeaderValue> = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| without(line, &is_one))
        .collect();
    headers.remove(COOKIE);
    for line in kept {
        headers.append(COOKIE, line);
    }
}

/// A Cookie line without the pairs of these names; `None` when nothing is left of it.
fn without(line: &HeaderValue, is_one: &impl Fn(&[u8]) -> bool) -> Option<HeaderValue> {
    let pairs: Vec<&[u8]> = line.as_bytes().split(|byte| *byte == b';').collect();
    let kept: Vec<&[u8]> = pairs
        .iter()
        .filter(|text| !pair(text).is_some_and(|(name, _)| is_one(name)))
        .copied()
        .collect();
    if kept.len() == pairs.len() {
        return Some(line.clone());
    }
    let kept = kept.join(&b';');
    let kept = kept.trim_ascii();
    // A part of a valid value is a valid value; were it not, the line would be dropped rather than passed on.
    (!kept.is_empty())
        .then(|| HeaderValue::from_bytes(kept).ok())
        .flatten()
}
