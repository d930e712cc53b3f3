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
use http::{HeaderValue, Response, StatusCode, Version, header};
use http_body::Body as _;
use hyper::body::Incoming;

use crate::http::{browser, forwarded, problem, trace};
use crate::net::conn::Arrival;
use crate::net::tls::Secured;
use crate::net::wire::Tally;
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
fn level(parts: &mut Parts) {
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

/// A request that has come in, with its record begun.
pub struct Received {
    /// Its head.
    pub parts: Parts,
    /// Its body, until it is taken to be sent on.
    pub body: Option<Incoming>,
    /// Whether it had a body when it came.
    pub has_body: bool,
    /// Whether its target had a `#`.
    pub fragment: bool,
    /// What TLS has shown of the client; none without TLS.
    pub tls: Option<Arc<Secured>>,
    /// What is told of it when it ends.
    pub exchange: Box<Exchange>,
    /// Whether it is one of many on its connection.
    multiplexed: bool,
    /// Whether a refusal is a page.
    page: bool,
    closing: bool,
    tally: Tally,
}

impl Received {
    /// Begins the record with what the head says: the request's id, and the trace that it belongs to.
    pub fn new(telemetry: &Arc<Telemetry>, listener: &'static str, arrival: Arrival) -> Received {
        let (mut parts, body) = arrival.request.into_parts();
        let multiplexed = parts.version >= Version::HTTP_2;
        if multiplexed {
            level(&mut parts);
        }
        let request_id = forwarded::request_id(&parts.headers);
        let (method, uri) = (parts.method.clone(), parts.uri.clone());
        let client = arrival.client;
        let mut exchange = Exchange::begin(telemetry, listener, client, request_id, method, uri);
        exchange.scheme = arrival.tls.as_ref().map_or("http", |_| "https");
        exchange.trace = Some(trace::read(&parts.headers, telemetry.traces.begun()));
        Received {
            page: browser::wants_page(&parts.method, &parts.headers),
            parts,
            has_body: !body.is_end_stream(),
            body: Some(body),
            fragment: arrival.fragment,
            tls: arrival.tls,
            exchange,
            multiplexed,
            closing: arrival.closing,
            tally: arrival.tally,
        }
    }

    /// The answer when it is refused. One whose body was not read ends its connection, as a limit that was crossed does.
    pub fn refuse(&mut self, refusal: &Refusal) -> Response<Content> {
        self.exchange.reason = Some(refusal.reason);
        let answer = problem::answer(refusal, &self.exchange.request_id, self.page);
        let mut response = answer.map(Content::Whole);
        if self.has_body || matches!(refusal.reason, Reason::BadRequest) {
            response.headers_mut().insert(header::CONNECTION, CLOSE);
        }
        response
    }

    /// The answer as it leaves: with the record, which ends with it.
    pub fn answer(mut self, mut response: Response<Content>, line: &Line) -> Response<Answer> {
        if self.multiplexed {
            response.headers_mut().remove(header::CONNECTION); // RFC 9113 §8.2.2
        } else if self.closing && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            response.headers_mut().insert(header::CONNECTION, CLOSE);
        }
        self.exchange.status = response.status().as_u16();
        let unread = self.body.filter(|_| self.multiplexed && self.has_body);
        response.map(|content| Answer::new(content, self.exchange, self.tally, line).before(unread))
    }
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
