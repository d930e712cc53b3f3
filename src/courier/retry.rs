//! The exchange with a destination, and the one second try: a 401 gives the token up, and the request goes out again with a new
//! one where its body can be had again.
//!
//! Never a storm (X12): once for a request, not for a token younger than 10 s, and all who were refused share one fetch.

use http::request::Parts;
use http::{Response, StatusCode};

use super::forward::Call;
use crate::credential::Unavailable;
use crate::front::outward;
use crate::net::body::RequestBody;
use crate::reason::Reason;
use crate::refusal::{Hint, Refusal};
use crate::upstream::{Caller, Reply};

/// A body of at most so many bytes is kept for a second try.
const KEPT_BYTES: usize = 64 * 1024;

/// Sends a request with what the destination is to be shown.
pub(super) async fn send(
    call: &Call<'_>,
    parts: Parts,
    body: RequestBody,
    websocket: bool,
) -> Result<Response<Reply>, Refusal> {
    let lease = call.destination.lease().await.map_err(unavailable)?;
    let Some(lease) = lease else {
        let outgoing = call.destination.authorize(None, parts)?;
        return exchange(call, outgoing, body, websocket).await;
    };
    let again = parts.clone();
    let (body, replay) = body.kept(KEPT_BYTES);
    let outgoing = call.destination.authorize(Some(&lease), parts)?;
    let answer = exchange(call, outgoing, body, websocket).await?;
    if answer.status() != StatusCode::UNAUTHORIZED || !lease.reject() {
        return Ok(answer);
    }
    let Some(body) = replay.and_then(|replay| replay.again()) else {
        return Ok(answer);
    };
    drop(answer);
    let lease = call.destination.lease().await.map_err(unavailable)?;
    let outgoing = call.destination.authorize(lease.as_ref(), again)?;
    exchange(call, outgoing, body, websocket).await
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
