//! Header names as a legacy server may read them: CGI, WSGI and their kin turn `X-User`, `X_User` and `x.user` into one
//! variable, so a name that must not be sent must not be sent in any of these spellings.
//!
//! Folded means: ASCII letters lower-case, every byte that is neither letter nor digit as `-`.

use http::{HeaderMap, HeaderName};

/// One byte of a name, folded.
pub(crate) const fn byte(byte: u8) -> u8 {
    match byte.is_ascii_alphanumeric() {
        true => byte.to_ascii_lowercase(),
        false => b'-',
    }
}

/// Whether `name`, folded, is `folded`.
pub(crate) fn is(name: &str, folded: &str) -> bool {
    name.len() == folded.len() && begins(name, folded)
}

/// Whether `name`, folded, begins with `folded`.
pub(crate) fn begins(name: &str, folded: &str) -> bool {
    let (name, folded) = (name.as_bytes(), folded.as_bytes());
    name.len() >= folded.len()
        && name
            .iter()
            .zip(folded)
            .all(|(&own, &want)| byte(own) == want)
}

/// Removes every header whose name `unwanted` picks, all its lines. Allocates only when there is one.
pub(crate) fn remove_where(headers: &mut HeaderMap, unwanted: impl Fn(&HeaderName) -> bool) {
    let found: Vec<HeaderName> = headers
        .keys()
        .filter(|name| unwanted(name))
        .cloned()
        .collect();
    for name in found {
        headers.remove(name);
    }
}
