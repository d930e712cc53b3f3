//! Takes the token out of a request where it was found, and leaves every other byte as it was.
//!
//! Reads cookies and parameters by the same rules as the search, so that what was found is what is removed.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::Place;
use crate::http::cookies;

/// Removes the token from `headers` where it was found in a header or a cookie (other cookies stay as they are).
pub fn strip(place: &Place, headers: &mut HeaderMap) {
    match place {
        Place::Authorization => {
            headers.remove(AUTHORIZATION);
        }
        Place::Header(name) => {
            headers.remove(name);
        }
        Place::Cookie(name) => cookies::strip(headers, |known| known == name.as_bytes()),
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
