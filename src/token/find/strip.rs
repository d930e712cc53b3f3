//! Takes the token out of a request where it was found, and leaves every other byte as it was.
//!
//! Reads cookies and parameters by the same rules as the search, so that what was found is what is removed.

use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderValue};

use super::Place;

/// Removes the token from `headers` where it was found in a header or a cookie (other cookies stay as they are).
pub fn strip(place: &Place, headers: &mut HeaderMap) {
    match place {
        Place::Authorization => {
            headers.remove(AUTHORIZATION);
        }
        Place::Header(name) => {
            headers.remove(name);
        }
        Place::Cookie(name) => strip_cookie(name, headers),
        Place::Query(_) => {}
    }
}

/// `query` without the parameter that held the token, everything else byte for byte; `None` when nothing is left.
pub fn strip_query(place: &Place, query: &str) -> Option<String> {
    let Place::Query(name) = place else {
        return Some(query.to_owned());
    };
    let is_token = |pair: &&str| {
        form_urlencoded::parse(pair.as_bytes())
            .next()
            .is_some_and(|(key, _)| key == *name)
    };
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_token(pair)).collect();
    let kept = kept.join("&");
    (!kept.is_empty()).then_some(kept)
}

/// The value of a cookie pair that has this name.
pub(super) fn cookie_value<'a>(pair: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let equals = pair.iter().position(|byte| *byte == b'=')?;
    let (key, value) = pair.split_at(equals);
    (key.trim_ascii() == name.as_bytes()).then(|| value[1..].trim_ascii())
}

fn strip_cookie(name: &str, headers: &mut HeaderMap) {
    let kept: Vec<HeaderValue> = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| without_cookie(line, name))
        .collect();
    headers.remove(COOKIE);
    for line in kept {
        headers.append(COOKIE, line);
    }
}

/// A Cookie line without the pairs of this name; `None` when nothing is left of it.
fn without_cookie(line: &HeaderValue, name: &str) -> Option<HeaderValue> {
    let pairs: Vec<&[u8]> = line.as_bytes().split(|byte| *byte == b';').collect();
    let kept: Vec<&[u8]> = pairs
        .iter()
        .filter(|pair| cookie_value(pair, name).is_none())
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
