//! From a permit to the upstream's answer: strip what may not pass, set what is known, send, and tell what failed.
//!
//! The order matters and is tested (H01-H06): hop-by-hop first, so that a `Connection` header can name none of ours; then
//! everything a client could forge; our own headers last.

use std::borrow::Cow;
use std::time::Instant;

use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use hyper::body::Incoming;

use super::{Gate, Seen};
use crate::config::model::{Authorization, HostHeader};
use crate::front::outward::{self, Wishes, check_length, join_cookies};
use crate::front::{self, Asked, Content};
use crate::http::{forwarded, hop};
use crate::identity::{self, Proof};
use crate::net::body::RequestBody;
use crate::policy::permit::Permit;
use crate::policy::route::Access;
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::snapshot::Snapshot;
use crate::telemetry::Exchange;
use crate::token::find::{self, Place};
use crate::upstream::{self, Caller, Upstream};

/// Tells the upstream why a request on an audit route would have been refused.
const AUDIT: HeaderName = HeaderName::from_static("x-portcullis-audit");

/// About as many headers are added to a request.
const OURS: usize = 8;

/// Forwards one permitted request; takes its body and its headers.
pub(super) async fn forward(
    gate: &Gate,
    snapshot: &Snapshot,
    permit: &Permit<'_>,
    seen: &Seen<'_>,
    (parts, body): (&mut Parts, &mut Option<Incoming>),
    exchange: &mut Exchange,
) -> Result<Response<Content>, Refusal> {
    let upstream = &snapshot.upstreams[permit.route().upstream];
    let Outgoing {
        request,
        asked,
        ours,
    } = prepare(snapshot, permit, seen, (parts, body), exchange)?;
    let sent = Instant::now();
    exchange.forwarded = Some(sent);
    let caller = Caller {
        worker: gate.worker,
        pins: &seen.line.pins,
    };
    let answer = upstream::send(upstream, caller, permit, request).await;
    exchange.upstream = Some(sent.elapsed());
    let mut answer =
        answer.map_err(|fault| outward::refusal(upstream, &fault, &outward::SERVICE))?;
    if let (StatusCode::SWITCHING_PROTOCOLS, Some(asked)) = (answer.status(), asked) {
        let until = permit
            .principal()
            .filter(|_| !snapshot.config.tokens.streams_outlive_token)
            .map(|principal| principal.expires + principal.pool.leeway);
        let tunnel = front::join(asked, &mut answer, gate.clock.clone(), until)
            .map_err(|fault| outward::refusal(upstream, &fault, &outward::SERVICE))?;
        return Ok(answer.map(|_| Content::Tunnel(Box::new(tunnel))));
    }
    hop::strip(answer.headers_mut());
    if rewrites_location(upstream) {
        point_back(answer.headers_mut(), upstream, ours.as_deref());
    }
    Ok(answer.map(Content::Upstream))
}

/// A request as the upstream gets it, and what is remembered for its answer.
struct Outgoing {
    request: Box<Request<RequestBody>>,
    /// The WebSocket that is asked for.
    asked: Option<Asked>,
    /// What the request calls us, where a redirect may have to say it.
    ours: Option<String>,
}

fn prepare(
    snapshot: &Snapshot,
    permit: &Permit<'_>,
    seen: &Seen<'_>,
    (parts, body): (&mut Parts, &mut Option<Incoming>),
    exchange: &mut Exchange,
) -> Result<Outgoing, Refusal> {
    let limit = permit
        .route()
        .body_bytes
        .unwrap_or(snapshot.config.limits.body_bytes);
    let length = check_length(&parts.headers, limit)?;
    let (body, received) =
        RequestBody::new(body.take(), limit, snapshot.config.limits.body_timeout);
    exchange.received = received;

    let upstream = &snapshot.upstreams[permit.route().upstream];
    let target = target(permit, &parts.uri, to_empty(snapshot, permit))?;
    let wishes = Wishes::of(parts, &body, upstream.protocol());
    rewrite(snapshot, permit, seen, &mut parts.headers, exchange)?;
    let asked = wishes.repeat(&mut parts.headers);
    if let Some(length) = length {
        parts
            .headers
            .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    let ours = rewrites_location(upstream).then(|| ours(&parts.headers));
    parts.uri = Uri::from(target);
    Ok(Outgoing {
        request: Box::new(Request::from_parts(outward::take(parts), body)),
        asked,
        ours: ours.flatten(),
    })
}

/// Where tokens are taken out: where the one that was verified stood; of a preflight, which proves nothing, everywhere.
fn to_empty<'a>(snapshot: &'a Snapshot, permit: &Permit<'a>) -> &'a [Place] {
    let config = &snapshot.config;
    match (permit.place(), config.identity.authorization) {
        _ if permit.is_preflight() => &config.tokens.sources.places,
        (Some(place), Authorization::Strip) => std::slice::from_ref(place),
        _ => &[],
    }
}

/// The target for the upstream: byte for byte what was matched, but for a prefix the route rewrites and a token in the query.
fn target(permit: &Permit<'_>, uri: &Uri, to_empty: &[Place]) -> Result<PathAndQuery, Refusal> {
    let mut query = uri.query().map(Cow::Borrowed);
    for place in to_empty {
        if let (Place::Query(_), Some(whole)) = (place, &query) {
            query = find::strip_query(place, whole).map(Cow::Owned);
        }
    }
    if permit.target().is_none()
        && !to_empty
            .iter()
            .any(|place| matches!(place, Place::Query(_)))
    {
        // An absolute-form target becomes origin-form; its path and query stay as they are.
        return Ok(uri
            .path_and_query()
            .cloned()
            .unwrap_or(PathAndQuery::from_static("/")));
    }
    let mut text = permit.target().unwrap_or(uri.path()).to_owned();
    if let Some(query) = query {
        text.push('?');
        text.push_str(&query);
    }
    PathAndQuery::try_from(text).map_err(|_| {
        Refusal::new(
            Reason::AmbiguousPath,
            "the path can't be rewritten as this route says",
        )
    })
}

fn rewrite(
    snapshot: &Snapshot,
    permit: &Permit<'_>,
    seen: &Seen<'_>,
    headers: &mut HeaderMap,
    exchange: &mut Exchange,
) -> Result<(), Refusal> {
    let config = &snapshot.config;
    let host = headers
        .get(header::HOST)
        .cloned()
        .unwrap_or(HeaderValue::from_static(""));
    let trusted = config.server.trusts(exchange.client);
    headers.reserve(OURS); // grown once, and not for each
    hop::strip(headers);
    join_cookies(headers);
    if let Some(sessions) = &snapshot.policy.sessions {
        sessions.jar.strip(headers);
    }
    headers.remove(header::EXPECT); // answered here: 100 goes out when the upstream begins to read
    identity::strip(&snapshot.reserved, headers, permit.overrides());
    for place in to_empty(snapshot, permit) {
        find::strip(place, headers);
    }
    if permit.is_preflight() {
        headers.remove(header::COOKIE);
        headers.remove(header::AUTHORIZATION);
    }
    forwarded::apply(
        &forwarded::Origin {
            peer: seen.line.peer.as_ref(),
            trusted,
            scheme: exchange.scheme,
            host: &host,
        },
        headers,
    );
    headers.insert(REQUEST_ID, exchange.request_id.clone());
    if let Some(trace) = &exchange.trace {
        trace.apply(headers);
    }
    let proof = Proof {
        principal: permit.principal().map(|principal| &**principal),
        certificate: seen.certificate,
    };
    let by_certificate =
        permit.route().access == Access::Certificate && proof.certificate.is_some();
    if proof.principal.is_some() || by_certificate {
        // A required header that has no value was refused by the policy; in audit none is set.
        let applied = identity::apply(&permit.route().headers, proof, headers);
        if permit.audit().is_none() {
            applied?;
        }
    }
    if let Some(reason) = permit.audit() {
        headers.insert(AUDIT, HeaderValue::from_static(reason.as_str()));
    }
    Ok(())
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Whether what the service calls itself must not reach the client.
fn rewrites_location(upstream: &Upstream) -> bool {
    upstream.settings().host_header == HostHeader::Upstream
}

/// What this request calls us, as an origin: from the headers that the upstream gets, so that a trusted proxy has its say.
fn ours(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = text(forwarded::PROTO).filter(|scheme| matches!(*scheme, "http" | "https"))?;
    Some(format!("{scheme}://{}", text(header::HOST)?))
}

/// `host_header = "upstream"`: a redirect to the upstream's own address is turned into one to ours.
fn point_back(headers: &mut HeaderMap, upstream: &Upstream, ours: Option<&str>) {
    let Some(location) = headers
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok())
    else {
        return;
    };
    let (Some(ours), Some(rest)) = (ours, upstream.strip_origin(location)) else {
        return;
    };
    if let Ok(value) = HeaderValue::from_str(&format!("{ours}{rest}")) {
        headers.insert(header::LOCATION, value);
    }
}
