//! The exchange with a destination, and the one second try: a 401 gives the token up, and the request goes out again with a new
//! one where its body can be had again.
//!
//! Never a storm (X12): once for a request, not for a token younger than 10 s, and all who were refused share one fetch.

use http::request::Parts;
use http::{HeaderValue, Response, StatusCode, header};

use super::forward::Call;
use crate::credential::Unavailable;
use crate::front::outward;
use crate::http::sigv4::Payload;
use crate::net::body::{BodyCause, RequestBody};
use crate::reason::Reason;
use crate::refusal::{Hint, Refusal};
use crate::upstream::{Caller, Reply};

/// A body of at most so many bytes is kept for a second try.
const KEPT_BYTES: usize = 64 * 1024;

/// The largest body that is read to be signed: what API Gateway takes at most.
const SIGNED_BYTES: usize = 10 * 1024 * 1024;

const TOO_LARGE_TO_SIGN: Refusal = Refusal::new(
    Reason::BodyTooLarge,
    "the request's body is larger than the 10 MiB that can be signed for this service",
);

/// Sends a request with what the destination is to be shown.
pub(super) async fn send(
    call: &Call<'_>,
    mut parts: Box<Parts>,
    mut body: RequestBody,
    websocket: bool,
) -> Result<Response<Reply>, Refusal> {
    if call.destination.reads_bodies() {
        body = read(&mut parts, body).await?;
    }
    let payload = payload(&body);
    let authorize = |lease: Option<&_>, parts| {
        let now = call.courier.clock.now();
        call.destination.authorize(lease, parts, payload, now)
    };
    let lease = call.destination.lease().await.map_err(unavailable)?;
    let Some(lease) = lease else {
        return exchange(call, authorize(None, parts)?, body, websocket).await;
    };
    let again = parts.clone();
    let (body, replay) = body.kept(KEPT_BYTES);
    let outgoing = authorize(Some(&lease), parts)?;
    let answer = exchange(call, outgoing, body, websocket).await?;
    if answer.status() != StatusCode::UNAUTHORIZED || !lease.reject() {
        return Ok(answer);
    }
    let Some(body) = replay.and_then(|replay| replay.again()) else {
        return Ok(answer);
    };
    drop(answer);
    let lease = call.destination.lease().await.map_err(unavailable)?;
    let outgoing = authorize(lease.as_ref(), again)?;
    exchange(call, outgoing, body, websocket).await
}

/// The body, read before it is sent: a signature holds its hash. It is sent with its length, however it came.
async fn read(parts: &mut Parts, body: RequestBody) -> Result<RequestBody, Refusal> {
    let body = body
        .read_whole(SIGNED_BYTES)
        .await
        .map_err(|cause| match cause {
            BodyCause::TooLarge => TOO_LARGE_TO_SIGN,
            cause => outward::broken(cause),
        })?;
    if let RequestBody::Whole(whole) = &body {
        let length = HeaderValue::from(whole.bytes().len());
        parts.headers.insert(header::CONTENT_LENGTH, length);
    }
    Ok(body)
}

/// What a signature says of it.
fn payload(body: &RequestBody) -> Payload {
    match body {
        RequestBody::Empty => Payload::Empty,
        RequestBody::Whole(whole) => Payload::of(whole.bytes()),
        RequestBody::Streaming(_) | RequestBody::Kept(_) => Payload::Streaming,
    }
}

async fn exchange(
    call: &Call<'_>,
    outgoing: crate::outbound::Outgoing<'_>,
    body: RequestBody,
    websocket: bool,
) -> Result<Response<Reply>, Refusal> {
    let caller = Caller {
        worker: call.courier.worker,
        pins: &call.line.pins,
    };
    let upstream = call.destination.upstream(websocket);
    outgoing
        .send(caller, body, websocket)
        .await
        .map_err(|fault| outward::refusal(upstream, &fault, &outward::DESTINATION))
}

/// What the client is told; why is told in the log by the credential itself, once for each fetch.
fn unavailable(unavailable: Unavailable) -> Refusal {
    Refusal::new(
        Reason::TokenUnavailable,
        "no token for this call can be had at the moment; the sidecar's log says why",
    )
    .with(Hint::RetryAfter(unavailable.wait))
}
