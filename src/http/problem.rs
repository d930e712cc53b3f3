//! The only builder of refusals: problem+json (RFC 9457), challenges (RFC 6750 §3, RFC 9470 §3), a page for a browser.
//!
//! An answer is made of the table in `reason`, the refusal's own sentence and the request id; nothing of the request is
//! repeated. All the same every text is written for the place it goes to: JSON, HTML or a quoted-string (threat H18).

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::reason::Reason;
use crate::refusal::{Hint, Refusal};

mod page;

/// In front of a reason's word in `type`: a name to compare, not an address to visit (RFC 9457 §3.1.1).
const TYPE: &str = "urn:portcullis:reason:";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// For 503 when nobody knows better: about the time that a refresh takes.
const RETRY_SOON: Duration = Duration::from_secs(1);

/// The answer to a refused request. `html` says that a browser is navigating (see `browser::wants_page`);
/// `request_id` is repeated in the body and in `X-Request-Id`.
pub fn answer(refusal: &Refusal, request_id: &HeaderValue, html: bool) -> Response<Bytes> {
    let id = request_id.to_str().unwrap_or_default();
    let (media, body) = match html {
        true => ("text/html; charset=utf-8", page::render(refusal, id)),
        false => ("application/problem+json", document(refusal, id)),
    };
    let mut answer = Response::new(Bytes::from(body));
    *answer.status_mut() = StatusCode::from_u16(refusal.reason.status())
        .expect("every status of the table is a status");
    let length = answer.body().len();

    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if html {
        headers.insert(header::CONTENT_SECURITY_POLICY, page::POLICY);
    }
    headers.insert(REQUEST_ID, request_id.clone());
    insert_what_the_status_asks(refusal, headers);
    answer
}

/// `WWW-Authenticate`, `Allow`, `Retry-After`: each status asks for its own.
fn insert_what_the_status_asks(refusal: &Refusal, headers: &mut HeaderMap) {
    match (refusal.reason.status(), refusal.reason) {
        (401, _) | (_, Reason::InsufficientScope) => {
            headers.insert(header::WWW_AUTHENTICATE, challenge(refusal));
        }
        (405, _) => {
            // Owed even when no method is allowed (RFC 9110 §15.5.6); it is empty then (§10.2.1).
            let methods = match &refusal.hint {
                Hint::Allow(methods) => HeaderValue::from_str(methods).ok(),
                _ => None,
            };
            headers.insert(
                header::ALLOW,
                methods.unwrap_or(HeaderValue::from_static("")),
            );
        }
        (503, _) => {
            let wait = match refusal.hint {
                Hint::RetryAfter(wait) => wait,
                _ => RETRY_SOON,
            };
            // Whole seconds (RFC 9110 §10.2.3), never so few that the client comes too early.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        _ => {}
    }
}

/// `WWW-Authenticate` (RFC 6750 §3; RFC 9470 §3 for step-up).
fn challenge(refusal: &Refusal) -> HeaderValue {
    let error = match refusal.reason {
        // RFC 6750 §3.1: who sent no token made no error.
        Reason::MissingToken => return HeaderValue::from_static(r#"Bearer realm="portcullis""#),
        Reason::InsufficientScope => "insufficient_scope",
        Reason::StepUpRequired => "insufficient_user_authentication",
        _ => "invalid_token",
    };
    let mut text = String::with_capacity(192);
    text.push_str(r#"Bearer realm="portcullis", error=""#);
    text.push_str(error);
    text.push_str(r#"", error_description=""#);
    push_quoted(&mut text, &refusal.detail);
    text.push('"');
    match &refusal.hint {
        Hint::Scope(scopes) => {
            text.push_str(r#", scope=""#);
            push_quoted(&mut text, scopes);
            text.push('"');
        }
        Hint::AcrValues(values) => {
            text.push_str(r#", acr_values=""#);
            push_quoted(&mut text, values);
            text.push('"');
        }
        Hint::MaxAge(age) => {
            let _ = write!(text, r#", max_age="{}""#, age.as_secs());
        }
        Hint::None | Hint::Allow(_) | Hint::RetryAfter(_) => {}
    }
    HeaderValue::try_from(text).expect("printable ASCII alone was written")
}

/// Writes what `error_description` and `scope` may hold (RFC 6750 §3): printable ASCII without `"` and `\`.
fn push_quoted(text: &mut String, value: &str) {
    text.extend(value.chars().map(|char| match char {
        '"' => '\'',
        '\\' => '/',
        ' '..='~' => char,
        _ => '?',
    }));
}

/// The problem document (RFC 9457), with `reason` and `request_id` as extension members.
fn document(refusal: &Refusal, request_id: &str) -> String {
    let reason = refusal.reason;
    let mut json = String::with_capacity(512);
    json.push_str(r#"{"type":""#);
    json.push_str(TYPE);
    json.push_str(reason.as_str());
    json.push_str(r#"","title":""#);
    push_json(&mut json, reason.title());
    let _ = write!(json, r#"","status":{},"detail":""#, reason.status());
    push_json(&mut json, &refusal.detail);
    json.push_str(r#"","reason":""#);
    json.push_str(reason.as_str());
    json.push_str(r#"","request_id":""#);
    push_json(&mut json, request_id);
    json.push_str("\"}\n");
    json
}

/// Writes the inside of a JSON string (RFC 8259 §7).
fn push_json(json: &mut String, text: &str) {
    let special = |byte: u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    let mut rest = text;
    // What needs no escape, which is nearly always all of it, goes in one piece.
    while let Some(at) = rest.bytes().position(special) {
        let (plain, tail) = rest.split_at(at);
        json.push_str(plain);
        let _ = match tail.as_bytes()[0] {
            byte @ (b'"' | b'\\') => write!(json, "\\{}", char::from(byte)),
            byte => write!(json, "\\u{byte:04x}"),
        };
        rest = &tail[1..];
    }
    json.push_str(rest);
}

#[cfg(test)]
mod tests;
