//! The head of a request, and what is refused about it before its path is looked at.
//!
//! Nothing here repairs: a head that two servers could take for two requests is refused (threats P11 to P13, P15, P17).

use std::borrow::Cow;

use http::{HeaderMap, Method, Uri, Version, header};

use crate::identity::ClientCertificate;
use crate::policy::route;
use crate::reason::Reason;
use crate::refusal::{Hint, Refusal};
use crate::session::{Channel, Session};

/// So many header lines a head may have (R07, R08). Over HTTP/1.1 hyper takes no more, and `net::wire` looks before it; over HTTP/2
/// nobody else counts.
pub const MOST_LINES: usize = 100;
const TOO_MANY_LINES: Refusal = Refusal::new(
    Reason::HeadersTooLarge,
    "the request's head has more lines than this service takes",
);

/// The head of a request, as far as the decision needs it.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The method, as sent.
    pub method: &'a Method,
    /// The target, as sent, but for a fragment.
    pub uri: &'a Uri,
    /// The protocol's version.
    pub version: Version,
    /// The headers, as sent.
    pub headers: &'a HeaderMap,
    /// Whether the target had a `#`, which `http::Uri` drops without a word.
    pub fragment: bool,
    /// Whether a body follows.
    pub has_body: bool,
    /// `http` or `https`, as this connection is seen by the client.
    pub scheme: &'a str,
    /// The client's certificate, verified.
    pub certificate: Option<&'a ClientCertificate>,
    /// How the browser came, if it is one.
    pub channel: Channel,
    /// A session that takes the place of the one in its cookies: its tokens were renewed.
    pub renewed: Option<&'a Session>,
}

/// RFC 9112 §3.2, and what hyper lets pass: P11, P12, P13, P15 in the threat table. Answers the host, normalised.
pub fn check_head<'a>(head: &Head<'a>) -> Result<Cow<'a, str>, Refusal> {
    let bad = |detail| Err(Refusal::new(Reason::BadRequest, detail));
    if head.headers.len() > MOST_LINES {
        return Err(TOO_MANY_LINES);
    }
    if matches!(*head.method, Method::CONNECT | Method::TRACE) {
        return Err(Refusal::new(
            Reason::MethodNotAllowed,
            "CONNECT and TRACE are never forwarded",
        )
        .with(Hint::Allow(
            "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS".to_owned(),
        )));
    }
    if !route::is_method(head.method.as_str()) {
        return bad("the method is not an upper-case word of at most 32 characters");
    }
    let authority = head.uri.authority().map(http::uri::Authority::as_str);
    if head.uri.scheme().is_none() && authority.is_some() || !head.uri.path().starts_with('/') {
        return bad("the target starts with neither a slash nor a scheme");
    }
    let mut lines = head.headers.get_all(header::HOST).iter();
    let line = match lines.next().map(|line| line.to_str()) {
        Some(Err(_)) => return bad("the Host header is not ASCII"),
        Some(Ok(line)) => Some(line),
        None => None,
    };
    if lines.next().is_some() {
        return bad("the request has more than one Host header");
    }
    let host = match (line, authority) {
        (Some(line), Some(authority)) if !line.eq_ignore_ascii_case(authority) => {
            return bad("the target and the Host header name different hosts");
        }
        (Some(host), _) | (None, Some(host))
            if line.is_some() || head.version >= Version::HTTP_2 =>
        {
            host
        }
        _ if head.version < Version::HTTP_11 => return Ok("".into()),
        _ => return bad("the request has no Host header"),
    };
    route::normalise_host(host).ok_or_else(|| {
        Refusal::new(
            Reason::BadRequest,
            "the Host header is not one host with an optional port",
        )
    })
}

/// The method a CORS preflight asks for (Fetch standard, CORS-preflight request). One with a body is none (P17).
pub(super) fn requested_method<'a>(head: &Head<'a>) -> Option<&'a str> {
    if head.method != Method::OPTIONS || head.has_body || !head.headers.contains_key(header::ORIGIN)
    {
        return None;
    }
    let mut lines = head
        .headers
        .get_all(header::ACCESS_CONTROL_REQUEST_METHOD)
        .iter();
    let method = lines.next()?.to_str().ok()?;
    (lines.next().is_none() && route::is_method(method)).then_some(method)
}
