//! The gate: a request from outside, decided on and handed to the upstream with the headers it may trust.
//!
//! Read from the top: `serve` → `admit` (the decision, `policy`) → `forward` (headers rewritten, sent) → the answer with its
//! record. Nothing of a refused request reaches the upstream, not even a connection: without a `Permit` there is no `send`.

mod body;
mod cors;
mod forward;
mod upgrade;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode, Version, header};
use http_body::Body as _;
use hyper::body::Incoming;

use crate::clock::Clock;
use crate::http::{browser, forwarded, problem, trace};
use crate::identity::ClientCertificate;
use crate::net::conn::Arrival;
use crate::net::tls::Secured;
use crate::policy::permit::{Head, Permit};
use crate::policy::{Admission, admit};
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::snapshot::{Live, Snapshot};
use crate::telemetry::{Exchange, Telemetry};
pub use body::Answer;
pub use upgrade::Line;

/// The label of this front in metrics and logs.
pub const LISTENER: &str = "gate";

const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// What a worker's connections share.
pub struct Gate {
    /// The configuration that is live.
    pub live: Arc<Live>,
    /// Where it is told of.
    pub telemetry: Arc<Telemetry>,
    /// The time.
    pub clock: Clock,
    /// Which worker this is, for its own connections to upstreams.
    pub worker: usize,
}

/// What the connection has shown of a request beside its head.
struct Seen<'a> {
    /// The connection.
    line: &'a Line,
    /// Whether its target had a `#`.
    fragment: bool,
    /// Whether a body follows.
    has_body: bool,
    /// `http` or `https`.
    scheme: &'static str,
    /// The client's certificate, verified.
    certificate: Option<&'a ClientCertificate>,
}

impl<'a> Seen<'a> {
    fn of(line: &'a Line, fragment: bool, tls: Option<&'a Secured>, body: &Incoming) -> Seen<'a> {
        Seen {
            line,
            fragment,
            has_body: !body.is_end_stream(),
            scheme: tls.map_or("http", |_| "https"),
            certificate: tls.and_then(|tls| tls.certificate.as_ref()),
        }
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

/// Serves one request that came over `line`. Never fails: whatever goes wrong is an answer.
pub async fn serve(gate: &Gate, line: &Line, arrival: Arrival) -> Response<Answer> {
    let snapshot = gate.live.load();
    let Arrival {
        request,
        fragment,
        client,
        tls,
        tally,
        closing,
    } = arrival;
    let (mut parts, body) = request.into_parts();
    let multiplexed = parts.version >= Version::HTTP_2;
    if multiplexed {
        name_host(&mut parts);
    }
    let seen = Seen::of(line, fragment, tls.as_deref(), &body);
    let request_id = forwarded::request_id(&mut parts.headers);
    let mut exchange = Exchange::begin(
        &gate.telemetry,
        LISTENER,
        client,
        request_id,
        parts.method.clone(),
        parts.uri.clone(),
    );
    exchange.scheme = seen.scheme;
    exchange.trace = Some(trace::read(&parts.headers, gate.telemetry.traces.begun()));
    let page = browser::wants_page(&parts.method, &parts.headers);
    let cors = cors::Page::of(snapshot.config.cors.as_ref(), &parts.headers);

    let answered = match decide(gate, &snapshot, &parts, &seen, &mut exchange).await {
        Ok(permit) if permit.is_preflight() && cors.answers_preflights() => {
            Ok(cors.preflight(&parts))
        }
        Ok(permit) => forward::forward(gate, &snapshot, permit, &seen, parts, body, &mut exchange)
            .await
            .map(|mut answer| {
                cors.replace(answer.headers_mut());
                answer
            }),
        Err(refusal) => Err(refusal),
    };
    let mut response = answered.unwrap_or_else(|refusal| {
        exchange.reason = Some(refusal.reason);
        let mut response = refuse(&refusal, &exchange.request_id, page, seen.has_body);
        cors.expose_refusal(response.headers_mut());
        response
    });
    if multiplexed {
        response.headers_mut().remove(header::CONNECTION); // RFC 9113 §8.2.2
    } else if closing && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().insert(header::CONNECTION, CLOSE);
    }
    exchange.status = response.status().as_u16();
    response.map(|content| Answer::new(content, exchange, tally, line))
}

/// The decision, with one visit to the pool for keys it did not have.
async fn decide<'s>(
    gate: &Gate,
    snapshot: &'s Snapshot,
    parts: &Parts,
    seen: &Seen<'_>,
    exchange: &mut Exchange,
) -> Result<Permit<'s>, Refusal> {
    let head = Head {
        method: &parts.method,
        uri: &parts.uri,
        version: parts.version,
        headers: &parts.headers,
        fragment: seen.fragment,
        has_body: seen.has_body,
        scheme: seen.scheme,
        certificate: seen.certificate,
    };
    let mut refreshed = false;
    loop {
        let now = gate.clock.now();
        match admit(
            &head,
            &snapshot.policy,
            &snapshot.keys,
            &snapshot.cache,
            now,
            refreshed,
        ) {
            Admission::Permit(permit) => {
                exchange.route = Some(permit.route().name.clone());
                exchange.principal = permit.principal().cloned();
                exchange.audit = permit.audit();
                return Ok(permit);
            }
            Admission::Refuse(route, principal, refusal) => {
                exchange.route = route.map(|route| route.name.clone());
                exchange.principal = principal;
                return Err(refusal);
            }
            Admission::NeedKeys(pool) => {
                if let Some(ring) = snapshot.keys.ring(pool) {
                    ring.refreshed().await;
                }
            }
        }
        refreshed = true;
    }
}

/// The answer to a refused request. One whose body was not read ends its connection, as a limit that was crossed does.
fn refuse(
    refusal: &Refusal,
    request_id: &HeaderValue,
    page: bool,
    has_body: bool,
) -> Response<body::Content> {
    let mut response = problem::answer(refusal, request_id, page).map(body::Content::Whole);
    if has_body || matches!(refusal.reason, Reason::BadRequest) {
        response.headers_mut().insert(header::CONNECTION, CLOSE);
    }
    response
}

/// What is written to a client whose head never became a request: 408 and 431.
pub fn final_answer(telemetry: &Telemetry, client: Option<SocketAddr>, reason: Reason) -> Bytes {
    let detail = match reason {
        Reason::HeadersTooLarge => "the request's head is larger than this service takes",
        _ => "the request's head did not arrive in time",
    };
    let mut headers = http::HeaderMap::new();
    let request_id = forwarded::request_id(&mut headers);
    let response = problem::answer(&Refusal::new(reason, detail), &request_id, false);
    telemetry.metrics.begin(LISTENER);
    telemetry.metrics.end(
        LISTENER,
        crate::telemetry::metrics::NO_ROUTE,
        reason.status(),
        0.0,
        None,
    );
    telemetry
        .metrics
        .refused(crate::telemetry::metrics::NO_ROUTE, reason);
    let told = request_id.to_str().unwrap_or("");
    telemetry.recent.refused_head(LISTENER, reason, told);
    telemetry
        .access
        .record_head(LISTENER, client, request_id, reason);
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
