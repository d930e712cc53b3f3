//! Where a request carries its token: exactly one place, or it is refused.
//!
//! A request with two tokens is refused before either is read, for the one that is checked here need not be the one the
//! service behind would use. Nothing is repaired: what might be a token to another parser (a comma, two blanks, a tab,
//! quotes) is malformed here, never absent. An empty cookie or parameter is malformed too: fail closed.

mod strip;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::http::cookies;
use crate::reason::Reason;
use crate::refusal::Refusal;

pub use strip::{strip, strip_query};

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
#[derive(Clone, PartialEq)]
pub struct Found<'r, 's> {
    /// Its text, out of the request. Never logged.
    pub token: Cow<'r, str>,
    /// The place it was found in, out of the configuration.
    pub place: &'s Place,
}

impl std::fmt::Debug for Found<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Found")
            .field("place", self.place)
            .finish_non_exhaustive()
    }
}

const TWO_AUTHORIZATIONS: Refusal = Refusal::new(
    Reason::MultipleTokens,
    "the request has more than one Authorization header",
);
const TWO_TOKENS: Refusal = Refusal::new(
    Reason::MultipleTokens,
    "the request carries a token in more than one place; send it once",
);
const BAD_AUTHORIZATION: Refusal = Refusal::new(
    Reason::MalformedAuthorization,
    "the Authorization header must read \"Bearer\", one blank, and the token",
);
const NOT_A_TOKEN: Refusal = Refusal::new(
    Reason::MalformedToken,
    "what stands in the token's place is empty or holds characters that no token has",
);

/// Finds the one token of a request: `Ok(None)` when there is none, a refusal (`multiple_tokens`,
/// `malformed_authorization`, `malformed_token`) when there are several, or when one is no token.
pub fn find<'r, 's>(
    sources: &'s Sources,
    headers: &'r HeaderMap,
    query: Option<&'r str>,
) -> Result<Option<Found<'r, 's>>, Refusal> {
    // Whatever their schemes and wherever tokens are looked for: which of the two another server reads is anyone's guess.
    let mut authorizations = headers.get_all(AUTHORIZATION).iter();
    let authorization = authorizations.next();
    if authorizations.next().is_some() {
        return Err(TWO_AUTHORIZATIONS);
    }
    let mut found = None;
    for place in &sources.places {
        let token = match place {
            Place::Authorization => in_authorization(authorization, sources.raw_authorization)?,
            Place::Header(name) => in_header(headers, name)?,
            Place::Cookie(name) => in_cookies(headers, name)?,
            Place::Query(name) => in_query(query, name)?,
        };
        if let Some(token) = token {
            if found.is_some() {
                return Err(TWO_TOKENS);
            }
            found = Some(Found { token, place });
        }
    }
    Ok(found)
}

/// RFC 6750 §2.1, RFC 9110 §11.6.2. Another scheme is no token; a `Bearer` that another parser might read otherwise is
/// malformed.
fn in_authorization(
    value: Option<&HeaderValue>,
    raw: bool,
) -> Result<Option<Cow<'_, str>>, Refusal> {
    let Some(value) = value else {
        return Ok(None);
    };
    let bytes = value.as_bytes();
    let end = bytes
        .iter()
        .position(|&byte| !is_tchar(byte))
        .unwrap_or(bytes.len());
    let (scheme, rest) = bytes.split_at(end);
    if scheme.eq_ignore_ascii_case(b"bearer") {
        let token = rest.strip_prefix(b" ").filter(|token| is_b64token(token));
        let token = token.and_then(|token| std::str::from_utf8(token).ok()); // it is ASCII
        return token
            .map(|token| Some(Cow::Borrowed(token)))
            .ok_or(BAD_AUTHORIZATION);
    }
    let text = value.to_str().map_err(|_| BAD_AUTHORIZATION)?;
    if scheme.is_empty() {
        // Nothing, or a leading blank that a more lenient server would skip to find a Bearer behind it.
        return Err(BAD_AUTHORIZATION);
    }
    Ok((raw && looks_like_a_jwt(text)).then_some(Cow::Borrowed(text)))
}

fn in_header<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<Cow<'a, str>>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(TWO_TOKENS);
    }
    let text = value.to_str().map_err(|_| NOT_A_TOKEN)?;
    let token = match text.split_at_checked("Bearer ".len()) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer ") => token,
        _ => text,
    };
    token_of(Cow::Borrowed(token)).map(Some)
}

fn in_cookies<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<Cow<'a, str>>, Refusal> {
    let mut values = cookies::pairs(headers).filter(|(known, _)| *known == name.as_bytes());
    let Some((_, value)) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(TWO_TOKENS);
    }
    // Other cookies may hold any bytes; the token's may not.
    let value = std::str::from_utf8(value).map_err(|_| NOT_A_TOKEN)?;
    token_of(Cow::Borrowed(value)).map(Some)
}

fn in_query<'a>(query: Option<&'a str>, name: &str) -> Result<Option<Cow<'a, str>>, Refusal> {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let mut values = pairs.filter(|(key, _)| key == name).map(|(_, value)| value);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(TWO_TOKENS);
    }
    token_of(value).map(Some)
}

fn token_of(text: Cow<'_, str>) -> Result<Cow<'_, str>, Refusal> {
    match is_b64token(text.as_bytes()) {
        true => Ok(text),
        false => Err(NOT_A_TOKEN),
    }
}

/// RFC 6750 §2.1: `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
fn is_b64token(text: &[u8]) -> bool {
    let padding = text.iter().rev().take_while(|&&byte| byte == b'=').count();
    let body = &text[..text.len() - padding];
    // To the end, without a branch: a token is a thousand bytes on every request, and this becomes an instruction of the
    // vector unit for each step. A byte's distances from what is allowed are all above 0 if it is none of it.
    let farthest = body.iter().fold(0, |farthest: u8, &byte| {
        let letter = (byte | 0x20).wrapping_sub(b'a').saturating_sub(25);
        // `-` `.` `/` and the digits stand together.
        let digit = byte.wrapping_sub(b'-').saturating_sub(12);
        let mark = (byte ^ b'_').min(byte ^ b'~').min(byte ^ b'+');
        farthest.max(letter.min(digit).min(mark))
    });
    !body.is_empty() && farthest == 0
}

/// RFC 9110 §5.6.2.
fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Three parts of base64url with dots between; the last may be empty, so that an unsigned token is told what is wrong.
fn looks_like_a_jwt(text: &str) -> bool {
    let base64url = |part: &str| {
        part.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let mut parts = text.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(header), Some(payload), Some(signature), None) => {
            !header.is_empty()
                && !payload.is_empty()
                && [header, payload, signature].into_iter().all(base64url)
        }
        _ => false,
    }
}
