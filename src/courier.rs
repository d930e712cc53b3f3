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
use http::{HeaderName, HeaderValue, Method, Response, Version};
use http_body::Body as _;

use crate::clock::Clock;
use crate::front::{self, Answer, Line};
use crate::http::{browser, via};
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
        front::level(&mut parts);
    }
    let has_body = !body.is_end_stream();
    let seen = Seen {
        client: client.map(|client| client.ip()),
        certified: tls.is_some(), // no listener here speaks TLS with who has shown no certificate
        fragment,
        has_body,
    };
    let scheme = tls.map_or("http", |_| "https");
    let mut exchange = front::record(&courier.telemetry, courier.name, client, scheme, &parts);
    let page = browser::wants_page(&parts.method, &parts.headers);
    let mut body = Some(body);

    let chosen = choose(&courier, &snapshot, &parts, &seen);
    let parts = Box::new(parts);
    async move {
        let answered = match &chosen {
            Ok(destination) => {
                exchange.route = Some(destination.name().clone());
                let call = forward::Call {
                    courier: &courier,
                    snapshot: &snapshot,
                    line: &line,
                    destination,
                };
                forward::forward(&call, parts, &mut body, &mut exchange).await
            }
            Err(refusal) => Err(refusal.clone()),
        };
        let mut response = answered.unwrap_or_else(|refusal| {
            exchange.reason = Some(refusal.reason);
            front::refuse(&refusal, &exchange.request_id, page, has_body)
        });
        front::connect(&mut response, multiplexed, closing);
        exchange.status = response.status().as_u16();
        let unread = body.filter(|_| multiplexed && has_body); // `forward` has not taken it
        response.map(|content| Answer::new(content, exchange, tally, &line).before(unread))
    }
}

/// What the connection has shown of a request beside its head.
struct Seen {
    client: Option<IpAddr>,
    /// Whether the client has shown a certificate.
    certified: bool,
    /// Whether the target had a `#`.
    fragment: bool,
    has_body: bool,
}

/// Where this request may go. Sync: nothing is connected to before it is known.
fn choose(
    courier: &Courier,
    snapshot: &Snapshot,
    parts: &Parts,
    seen: &Seen,
) -> Result<Named, Refusal> {
    let outbound = snapshot.outbound(courier.name).ok_or(Refusal::new(
        Reason::NoRoute,
        "this listener is no longer configured",
    ))?;
    if !outbound.admits(seen.client, seen.certified) {
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
        fragment: seen.fragment,
        has_body: seen.has_body,
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
