//! What the two fronts do alike: the gate, which lets in, and the courier, which calls out.
//!
//! A request's head made ready, a refusal's answer, an answer's body with its record, a WebSocket's tunnel. Nothing here
//! decides whether something may be forwarded.

mod answer;
pub mod outward;
mod tunnel;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode, header};

use crate::http::{forwarded, problem, trace};
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::telemetry::metrics::NO_ROUTE;
use crate::telemetry::{Exchange, Telemetry};
pub use answer::{Answer, Content};
pub use tunnel::{Asked, Line, join};

const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// So many lines may repeat a name before a map of headers is made anew without them.
const REPEATED: usize = 16;

/// Brings the head of an HTTP/2 request into the form that one of HTTP/1.1 has.
pub fn level(parts: &mut Parts) {
    name_host(parts);
    // Cookies in a thousand crumbs are one line, and the room that they took is not kept as long as the request (R07).
    let headers = &mut parts.headers;
    if headers.len() - headers.keys_len() > REPEATED {
        outward::join_cookies(headers);
        let crumbs = std::mem::take(headers);
        headers.reserve(crumbs.keys_len());
        headers.extend(crumbs);
    }
}

/// Over HTTP/2 the host is in `:authority`, and a `Host` need not be there (RFC 9113 §8.3.1). One that says something else
/// stays, and is refused with the head.
fn name_host(parts: &mut Parts) {
    let authority = parts.uri.authority();
    let Some(authority) = authority.filter(|_| !parts.headers.contains_key(header::HOST)) else {
        return;
    };
    if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
        parts.headers.insert(header::HOST, host);
    }
}

/// The record of a request, begun with what its head says: its id, and the trace that it belongs to.
pub fn record(
    telemetry: &Arc<Telemetry>,
    listener: &'static str,
    client: Option<SocketAddr>,
    scheme: &'static str,
    parts: &Parts,
) -> Box<Exchange> {
    let request_id = forwarded::request_id(&parts.headers);
    let (method, uri) = (parts.method.clone(), parts.uri.clone());
    let mut exchange = Exchange::begin(telemetry, listener, client, request_id, method, uri);
    exchange.scheme = scheme;
    exchange.trace = Some(trace::read(&parts.headers, telemetry.traces.begun()));
    exchange
}

/// Says whether the connection closes behind this answer, where that is said in a header.
pub fn connect<B>(response: &mut Response<B>, multiplexed: bool, closing: bool) {
    if multiplexed {
        response.headers_mut().remove(header::CONNECTION); // RFC 9113 §8.2.2
    } else if closing && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().insert(header::CONNECTION, CLOSE);
    }
}

/// The answer to a refused request. One whose body was not read ends its connection, as a limit that was crossed does.
pub fn refuse(
    refusal: &Refusal,
    request_id: &HeaderValue,
    page: bool,
    has_body: bool,
) -> Response<Content> {
    let mut response = problem::answer(refusal, request_id, page).map(Content::Whole);
    if has_body || matches!(refusal.reason, Reason::BadRequest) {
        response.headers_mut().insert(header::CONNECTION, CLOSE);
    }
    response
}

/// What is written to a client whose head never became a request: 408 and 431.
pub fn final_answer(
    telemetry: &Telemetry,
    listener: &'static str,
    client: Option<SocketAddr>,
    reason: Reason,
) -> Bytes {
    let detail = match reason {
        Reason::HeadersTooLarge => "the request's head is larger than this service takes",
        _ => "the request's head did not arrive in time",
    };
    let request_id = forwarded::request_id(&http::HeaderMap::new());
    let response = problem::answer(&Refusal::new(reason, detail), &request_id, false);
    telemetry.metrics.begin(listener);
    telemetry
        .metrics
        .end(listener, NO_ROUTE, reason.status(), 0.0, None);
    telemetry.metrics.refused(NO_ROUTE, reason);
    let told = request_id.to_str().unwrap_or("");
    telemetry.recent.refused_head(listener, reason, told);
    telemetry
        .access
        .record_head(listener, client, request_id, reason);
    render(&response)
}

fn render(response: &Response<Bytes>) -> Bytes {
    let status = response.status();
    let mut text = format!(
        "HTTP/1.1 {} {}\r\n",
        status.as_str(),
        status.canonical_reason().unwrap_or("")
    )
    .into_bytes();
    for (name, value) in response.headers() {
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b"connection: close\r\n\r\n");
    text.extend_from_slice(response.body());
    Bytes::from(text)
}
