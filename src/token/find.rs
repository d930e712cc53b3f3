//! Where a request carries its token: exactly one place, or it is refused.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName};

use crate::refusal::Refusal;

/// Where tokens are looked for (`[tokens]`).
#[derive(Clone, Debug, PartialEq)]
pub struct Sources {
    /// In the configuration's order.
    pub places: Vec<Place>,
    /// Whether `Authorization: <jwt>` without a scheme is taken too.
    pub raw_authorization: bool,
}

/// One place to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `Authorization: Bearer <jwt>`.
    Authorization,
    /// Another header that holds the token alone (a `Bearer ` before it is taken too).
    Header(HeaderName),
    /// A cookie by its name.
    Cookie(String),
    /// A query parameter by its name.
    Query(String),
}

/// A token and where it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Found<'a> {
    /// Its text. Never logged.
    pub token: Cow<'a, str>,
    /// The place it was found in.
    pub place: &'a Place,
}

/// Finds the one token of a request: `Ok(None)` when there is none, a refusal (`multiple_tokens`,
/// `malformed_authorization`, `malformed_token`) when there are several, or when one is no token.
pub fn find<'a>(
    sources: &'a Sources,
    headers: &'a HeaderMap,
    query: Option<&'a str>,
) -> Result<Option<Found<'a>>, Refusal> {
    let _ = (sources, headers, query);
    todo!()
}

/// Removes the token from `headers` where it was found in a header or a cookie (other cookies stay as they are).
pub fn strip(place: &Place, headers: &mut HeaderMap) {
    let _ = (place, headers);
    todo!()
}

/// `query` without the parameter that held the token, everything else byte for byte; `None` when nothing is left.
pub fn strip_query(place: &Place, query: &str) -> Option<String> {
    let _ = (place, query);
    todo!()
}
