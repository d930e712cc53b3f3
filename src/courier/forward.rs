//! From a destination to its answer: what ends here is taken out, what is ours is put in, sent, and a refused token replaced.
//!
//! What came in with an inbound user's token, under the names that the gate looks for tokens, does not leave (X06).

use std::time::Instant;

use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Response, StatusCode, Uri, header};
use hyper::body::Incoming;

use super::{Courier, retry};
use crate::front::outward::{self, Wishes, check_length, join_cookies};
use crate::front::{self, Content, Line};
use crate::http::hop;
use crate::net::body::RequestBody;
use crate::outbound::Destination;
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::snapshot::Snapshot;
use crate::telemetry::Exchange;
use crate::token::find::{self, Place};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// One request and where it goes.
pub(super) struct Call<'a> {
    pub(super) courier: &'a Courier,
    pub(super) snapshot: &'a Snapshot,
    pub(super) line: &'a Line,
    pub(super) destination: &'a Destination,
}

/// Forwards one request; takes its body and its headers.
pub(super) async fn forward(
    call: &Call<'_>,
    (parts, body): (&mut Parts, &mut Option<Incoming>),
    exchange: &mut Exchange,
) -> Result<Response<Content>, Refusal> {
    let limits = &call.snapshot.config.limits;
    let length = check_length(&parts.headers, limits.body_bytes)?;
    let (body, received) = RequestBody::new(body.take(), limits.body_bytes, limits.body_timeout);
    exchange.received = received;

    let wishes = Wishes::of(parts, &body, call.destination.upstream(false).protocol());
    let websocket = wishes.websocket();
    rewrite(call, parts, exchange)?;
    let asked = wishes.repeat(&mut parts.headers);
    if let Some(length) = length {
        parts
            .headers
            .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    let sent = Instant::now();
    exchange.forwarded = Some(sent);
    let outgoing = Box::new(outward::take(parts));
    let answer = retry::send(call, outgoing, body, websocket).await;
    exchange.upstream = Some(sent.elapsed());
    let mut answer = answer?;
    if let (StatusCode::SWITCHING_PROTOCOLS, Some(asked)) = (answer.status(), asked) {
        let upstream = call.destination.upstream(websocket);
        let tunnel = front::join(asked, &mut answer, call.courier.clock.clone(), None)
            .map_err(|fault| outward::refusal(upstream, &fault, &outward::DESTINATION))?;
        return Ok(answer.map(|_| Content::Tunnel(Box::new(tunnel))));
    }
    hop::strip(answer.headers_mut());
    Ok(answer.map(Content::Upstream))
}

/// Target and headers as they leave, but for what is shown to the destination and its `Host`.
fn rewrite(call: &Call<'_>, parts: &mut Parts, exchange: &Exchange) -> Result<(), Refusal> {
    let headers = &mut parts.headers;
    hop::strip(headers);
    join_cookies(headers);
    if let Some(sessions) = &call.snapshot.policy.sessions {
        sessions.jar.strip(headers);
    }
    headers.remove(header::EXPECT); // answered here: 100 goes out when the destination begins to read
    headers.remove(header::HOST); // the destination's own is set as it is sent
    let mut target = parts.uri.path_and_query().cloned();
    if call.destination.is_shown_something() {
        for place in &call.snapshot.config.tokens.sources.places {
            find::strip(place, headers);
            if let Some(stripped) = without(place, target.as_ref()) {
                target = Some(stripped?);
            }
        }
    }
    headers.insert(REQUEST_ID, exchange.request_id.clone());
    if let Some(trace) = &exchange.trace {
        trace.apply(headers);
    }
    headers.append(header::VIA, call.courier.via.clone());
    parts.uri = Uri::from(target.unwrap_or(PathAndQuery::from_static("/")));
    Ok(())
}

/// The target without the token at this place; none where there is no token.
fn without(place: &Place, target: Option<&PathAndQuery>) -> Option<Result<PathAndQuery, Refusal>> {
    let (path, query) = target.and_then(|target| Some((target.path(), target.query()?)))?;
    let Place::Query(_) = place else { return None };
    let stripped = find::strip_query(place, query);
    let text = match &stripped {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let refused = |_| {
        Refusal::new(
            Reason::BadRequest,
            "the target can't be sent without the token in it",
        )
    };
    Some(PathAndQuery::try_from(text).map_err(refused))
}
