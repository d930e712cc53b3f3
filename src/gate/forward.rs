//! From a permit to the upstream's answer: strip what may not pass, set what is known, send, and tell what failed.
//!
//! The order matters and is tested (H01-H06): hop-by-hop first, so that a `Connection` header can name none of ours; then
//! everything a client could forge; our own headers last.

use std::borrow::Cow;
use std::time::Instant;

use http::request::Parts;
use http::uri::PathAndQuery;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, Version, header,
};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;

use super::body::Content;
use super::upgrade::{self, Asked};
use super::{Gate, Seen};
use crate::config::model::{Authorization, HostHeader};
use crate::http::websocket::Handshake;
use crate::http::{forwarded, hop};
use crate::identity::{self, Proof};
use crate::net::body::{BodyCause, RequestBody};
use crate::policy::permit::Permit;
use crate::policy::route::Access;
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::snapshot::Snapshot;
use crate::telemetry::Exchange;
use crate::token::find::{self, Place};
use crate::upstream::{self, Caller, SendFault, Upstream};

/// Tells the upstream why a request on an audit route would have been refused.
const AUDIT: HeaderName = HeaderName::from_static("x-portcullis-audit");

/// Forwards one permitted request.
pub(super) async fn forward(
    gate: &Gate,
    snapshot: &Snapshot,
    permit: Permit<'_>,
    seen: &Seen<'_>,
    mut parts: Parts,
    body: Incoming,
    exchange: &mut Exchange,
) -> Result<Response<Content>, Refusal> {
    let limit = permit
        .route()
        .body_bytes
        .unwrap_or(snapshot.config.limits.body_bytes);
    let length = check_length(&parts.headers, limit)?;
    let (body, received) = RequestBody::new(body, limit, snapshot.config.limits.body_timeout);
    exchange.received = received;

    let upstream = &snapshot.upstreams[permit.route().upstream];
    let target = target(&permit, &parts.uri, to_empty(snapshot, &permit))?;
    let wishes = Wishes::of(&mut parts, &body, upstream);
    rewrite(snapshot, &permit, seen, &mut parts.headers, exchange)?;
    let asked = wishes.repeat(&mut parts.headers);
    if let Some(length) = length {
        parts
            .headers
            .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    let rewrites_location = upstream.settings().host_header == HostHeader::Upstream;
    let ours = rewrites_location.then(|| ours(&parts.headers)).flatten();
    parts.uri = Uri::from(target);
    parts.version = Version::HTTP_11;

    let sent = Instant::now();
    exchange.forwarded = Some(sent);
    let pins = &seen.line.pins;
    let caller = Caller {
        worker: gate.worker,
        pins,
    };
    let request = Request::from_parts(parts, body);
    let answer = upstream::send(upstream, caller, &permit, request).await;
    exchange.upstream = Some(sent.elapsed());
    let mut answer = answer.map_err(|fault| refusal(upstream, &fault))?;
    if let (StatusCode::SWITCHING_PROTOCOLS, Some(asked)) = (answer.status(), asked) {
        let until = permit
            .principal()
            .filter(|_| !snapshot.config.tokens.streams_outlive_token)
            .map(|principal| principal.expires + principal.pool.leeway);
        let tunnel = upgrade::join(asked, &mut answer, gate.clock.clone(), until)
            .map_err(|fault| refusal(upstream, &fault))?;
        return Ok(answer.map(|_| Content::Tunnel(Box::new(tunnel))));
    }
    hop::strip(answer.headers_mut());
    if rewrites_location {
        point_back(answer.headers_mut(), upstream, ours.as_deref());
    }
    Ok(answer.map(Content::Upstream))
}

/// What a client asks for with headers that end here, and that we may ask for in our turn.
struct Wishes {
    websocket: Option<Asked>,
    trailers: bool,
}

impl Wishes {
    /// Read before `hop::strip`. A WebSocket needs HTTP/1.1 on both sides; trailers reach us over HTTP/2 alone.
    fn of(parts: &mut Parts, body: &RequestBody, upstream: &Upstream) -> Wishes {
        let http2 = upstream.settings().http2;
        let client = parts.extensions.remove::<OnUpgrade>();
        let handshake = client.zip(Handshake::read(
            &parts.method,
            parts.version,
            &parts.headers,
            !matches!(body, RequestBody::Empty),
        ));
        Wishes {
            websocket: handshake
                .filter(|_| !http2)
                .map(|(client, handshake)| Asked { handshake, client }),
            trailers: http2 && hop::takes_trailers(&parts.headers),
        }
    }

    /// Asks for the same. After `hop::strip`, and after everything that identifies is set.
    fn repeat(self, headers: &mut HeaderMap) -> Option<Asked> {
        if self.trailers {
            headers.insert(header::TE, HeaderValue::from_static("trailers"));
        }
        if let Some(asked) = &self.websocket {
            asked.handshake.ask(headers);
        }
        self.websocket
    }
}

/// The body's length if it is told, as a number: what is sent on is this number, not the client's spelling of it.
fn check_length(headers: &HeaderMap, limit: Option<u64>) -> Result<Option<u64>, Refusal> {
    let Some(told) = headers.get(header::CONTENT_LENGTH) else {
        return Ok(None);
    };
    // hyper has refused anything that is not one number.
    let length = told.to_str().ok().and_then(|text| text.parse::<u64>().ok());
    let length = length.ok_or(Refusal::new(
        Reason::BadRequest,
        "the Content-Length header is not a number",
    ))?;
    match limit {
        Some(limit) if length > limit => Err(TOO_LARGE),
        _ => Ok(Some(length)),
    }
}

const TOO_LARGE: Refusal = Refusal::new(
    Reason::BodyTooLarge,
    "the request's body is larger than this route takes",
);

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
    let peer = exchange.client.map(|client| client.ip().to_canonical());
    let trusted = config.server.trusts(exchange.client);
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
            peer,
            trusted,
            scheme: seen.scheme,
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

/// Over HTTP/2 a client may split its cookies into many lines; HTTP/1.1 has one (RFC 9113 §8.2.3, threat H14).
fn join_cookies(headers: &mut HeaderMap) {
    let mut lines = headers.get_all(header::COOKIE).iter();
    let (Some(first), Some(second)) = (lines.next(), lines.next()) else {
        return;
    };
    let mut joined = first.as_bytes().to_vec();
    for line in std::iter::once(second).chain(lines) {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(line.as_bytes());
    }
    // Header values joined by "; " are a header value.
    if let Ok(joined) = HeaderValue::from_bytes(&joined) {
        headers.insert(header::COOKIE, joined);
    }
}

/// What a client is told of a failed exchange; the cause is for the log.
fn refusal(upstream: &Upstream, fault: &SendFault) -> Refusal {
    let refusal = match fault {
        SendFault::Body(BodyCause::TooLarge) => return TOO_LARGE,
        SendFault::Body(BodyCause::Stalled) => {
            return Refusal::new(Reason::RequestTimeout, "the request's body stopped coming");
        }
        SendFault::Body(BodyCause::Broken) => {
            return Refusal::new(
                Reason::BadRequest,
                "the request's body broke off or is not framed as HTTP says",
            );
        }
        SendFault::Unreachable(_) => Refusal::new(
            Reason::UpstreamUnreachable,
            "the service behind this gate could not be reached",
        ),
        SendFault::Protocol(_) => Refusal::new(
            Reason::UpstreamProtocol,
            "the service behind this gate gave no valid answer",
        ),
        SendFault::Timeout => Refusal::new(
            Reason::UpstreamTimeout,
            "the service behind this gate did not answer in time",
        ),
    };
    tracing::warn!(upstream = upstream.settings().name, reason = %refusal.reason, "{fault}");
    refusal
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
