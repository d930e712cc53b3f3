//! The gate: a request from outside, decided on and handed to the upstream with the headers it may trust.
//!
//! Read from the top: `serve` → `admit` (the decision, `policy`) → `forward` (headers rewritten, sent) → the answer with its
//! record. Nothing of a refused request reaches the upstream, not even a connection: without a `Permit` there is no `send`.

mod body;
mod cors;
mod forward;
mod upgrade;

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::Body as _;

use crate::clock::Clock;
use crate::http::{browser, forwarded, problem, trace};
use crate::net::conn::Arrival;
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

/// Serves one request that came over `line`. Never fails: whatever goes wrong is an answer.
pub async fn serve(gate: &Gate, line: &Line, arrival: Arrival) -> Response<Answer> {
    let snapshot = gate.live.load();
    let Arrival {
        request,
        fragment,
        client,
        tally,
        closing,
    } = arrival;
    let (mut parts, body) = request.into_parts();
    let request_id = forwarded::request_id(&mut parts.headers);
    let mut exchange = Exchange::begin(
        &gate.telemetry,
        LISTENER,
        client,
        request_id,
        parts.method.clone(),
        parts.uri.clone(),
    );
    exchange.trace = Some(trace::read(&parts.headers, gate.telemetry.traces.begun()));
    let page = browser::wants_page(&parts.method, &parts.headers);
    let cors = cors::Page::of(snapshot.config.cors.as_ref(), &parts.headers);
    let has_body = !body.is_end_stream();

    let answered = match decide(gate, &snapshot, &parts, fragment, has_body, &mut exchange).await {
        Ok(permit) if permit.is_preflight() && cors.answers_preflights() => {
            Ok(cors.preflight(&parts))
        }
        Ok(permit) => forward::forward(gate, line, &snapshot, permit, parts, body, &mut exchange)
            .await
            .map(|mut answer| {
                cors.replace(answer.headers_mut());
                answer
            }),
        Err(refusal) => Err(refusal),
    };
    let mut response = answered.unwrap_or_else(|refusal| {
        exchange.reason = Some(refusal.reason);
        let mut response = refuse(&refusal, &exchange.request_id, page, has_body);
        cors.expose_refusal(response.headers_mut());
        response
    });
    if closing && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    exchange.status = response.status().as_u16();
    response.map(|content| Answer::new(content, exchange, tally, line))
}

/// The decision, with one visit to the pool for keys it did not have.
async fn decide<'s>(
    gate: &Gate,
    snapshot: &'s Snapshot,
    parts: &Parts,
    fragment: bool,
    has_body: bool,
    exchange: &mut Exchange,
) -> Result<Permit<'s>, Refusal> {
    let head = Head {
        method: &parts.method,
        uri: &parts.uri,
        version: parts.version,
        headers: &parts.headers,
        fragment,
        has_body,
        scheme: "http",
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
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// What is written to a client whose head never became a request: 408 and 431.
pub fn final_answer(telemetry: &Telemetry, reason: Reason) -> Bytes {
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
    let request_id = request_id.to_str().unwrap_or("");
    telemetry.recent.refused_head(LISTENER, reason, request_id);
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
