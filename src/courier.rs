//! The courier: a call of the service's own, sent to the destination it is configured for, with a token.
//!
//! Read from the top: `serve` → `choose` (which destination, or none) → `forward` (headers rewritten, a token shown, sent; a 401
//! answered with a new token once) → the answer with its record. A client's words choose among destinations and never make
//! one; a token leaves inside an `Outgoing`, which can go to its own destination alone.

mod forward;
mod forward_proxy;
mod relay;
mod retry;

use std::net::IpAddr;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Response};

use crate::clock::Clock;
use crate::front::{Answer, Line, Received};
use crate::http::via;
use crate::net::conn::Arrival;
use crate::outbound::{Named, Way};
use crate::policy::permit::{Head, check_head};
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::session::Channel;
use crate::snapshot::{Live, Snapshot};
use crate::telemetry::Telemetry;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

const CROSS_SITE: Refusal = Refusal::new(
    Reason::CrossSite,
    "another site's page may not call through this listener",
);

/// One listener of the courier, as a worker serves it.
pub struct Courier {
    /// The configuration that is live.
    pub live: Arc<Live>,
    /// Where it is told of.
    pub telemetry: Arc<Telemetry>,
    /// The time.
    pub clock: Clock,
    /// Which worker this is, for its own connections to destinations.
    pub worker: usize,
    /// The NAME of its `[outbound.NAME]`: also its label in metrics and logs.
    pub name: &'static str,
    /// The address it listens on; none on a Unix socket.
    pub address: Option<IpAddr>,
    /// What this process calls itself in `Via`.
    pub via: HeaderValue,
}

/// Serves one request that came over `line`. Never fails: whatever goes wrong is an answer.
///
/// No `async fn`, which would hold its arguments twice: hyper moves what is returned here to its place, for each request.
pub fn serve(
    courier: Arc<Courier>,
    line: Arc<Line>,
    arrival: Arrival,
) -> impl Future<Output = Response<Answer>> + Send {
    let snapshot = courier.live.load();
    let mut received = Received::new(&courier.telemetry, courier.name, arrival);
    let chosen = choose(&courier, &snapshot, &received);
    async move {
        let answered = match &chosen {
            Ok(destination) => {
                received.exchange.route = Some(destination.name().clone());
                let call = forward::Call {
                    courier: &courier,
                    snapshot: &snapshot,
                    line: &line,
                    destination,
                };
                let request = (&mut received.parts, &mut received.body);
                forward::forward(&call, request, &mut received.exchange).await
            }
            Err(refusal) => Err(refusal.clone()),
        };
        let response = answered.unwrap_or_else(|refusal| received.refuse(&refusal));
        received.answer(response, &line)
    }
}

/// Where this request may go. Sync: nothing is connected to before it is known.
fn choose(courier: &Courier, snapshot: &Snapshot, received: &Received) -> Result<Named, Refusal> {
    let parts = &received.parts;
    let outbound = snapshot.outbound(courier.name).ok_or(Refusal::new(
        Reason::NoRoute,
        "this listener is no longer configured",
    ))?;
    let address = received.exchange.client.map(|client| client.ip());
    let certified = received.tls.is_some(); // no listener here speaks TLS with who has shown no certificate
    if !outbound.admits(address, certified) {
        return Err(Refusal::new(
            Reason::NoRoute,
            "this listener does not serve you: your address is not among its clients, or you have shown no certificate",
        ));
    }
    if parts.method == Method::CONNECT {
        return Err(Refusal::new(
            Reason::NoRoute,
            "CONNECT is not served: a token can't be put into what is encrypted from end to end; call http:// instead",
        ));
    }
    let host = check_head(&Head {
        method: &parts.method,
        uri: &parts.uri,
        version: parts.version,
        headers: &parts.headers,
        fragment: received.fragment,
        has_body: received.has_body,
        scheme: "http",
        certificate: None,
        channel: Channel::default(),
        renewed: None,
    })?;
    check_site(parts)?;
    check_via(courier, parts)?;
    let destination = match &outbound.way {
        Way::Relay(destination) => {
            relay::check_host(courier, outbound, &host)?;
            relay::check_origin(outbound, parts, &host)?;
            Named::Listed(destination.clone())
        }
        Way::Proxy(proxied) => forward_proxy::choose(proxied, parts)?,
    };
    destination.check_allowed(parts)?;
    Ok(destination)
}

/// A page of another site, in a browser on this host, is no client of ours (X15).
fn check_site(parts: &Parts) -> Result<(), Refusal> {
    let cross = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"cross-site");
    match parts.headers.get_all(SEC_FETCH_SITE).iter().any(cross) {
        false => Ok(()),
        true => Err(CROSS_SITE),
    }
}

/// A request that has been here comes round again: some destination leads back to this process (X18).
fn check_via(courier: &Courier, parts: &Parts) -> Result<(), Refusal> {
    match via::names(&parts.headers, &courier.via) {
        false => Ok(()),
        true => Err(Refusal::new(
            Reason::UpstreamProtocol,
            "this request has been here before: its destination leads back to this listener",
        )),
    }
}
