//! The gate: a request from outside, decided on and handed to the upstream with the headers it may trust.
//!
//! Read from the top: `serve` → `admit` (the decision, `policy`) → `forward` (headers rewritten, sent) → the answer with its
//! record. Nothing of a refused request reaches the upstream, not even a connection: without a `Permit` there is no `send`.

mod cors;
mod forward;
mod login;

use std::sync::Arc;

use http::Response;
use http::request::Parts;

use crate::clock::Clock;
use crate::front::{Answer, Line, Received};
use crate::identity::ClientCertificate;
use crate::net::conn::Arrival;
use crate::policy::permit::{Head, Permit};
use crate::policy::session::Endpoint;
use crate::policy::{Admission, admit};
use crate::refusal::Refusal;
use crate::snapshot::{Live, Snapshot};
use crate::telemetry::{Exchange, Telemetry};
use login::Visit;

/// The label of this front in metrics and logs.
pub const LISTENER: &str = crate::telemetry::GATE;

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
    /// The client's certificate, verified.
    certificate: Option<&'a ClientCertificate>,
}

/// Serves one request that came over `line`. Never fails: whatever goes wrong is an answer.
///
/// No `async fn`, which would hold its arguments twice: hyper moves what is returned here to its place, for each request.
pub fn serve(
    gate: Arc<Gate>,
    line: Arc<Line>,
    arrival: Arrival,
) -> impl Future<Output = Response<Answer>> + Send {
    let snapshot = gate.live.load();
    let mut received = Received::new(&gate.telemetry, LISTENER, arrival);
    async move {
        let (parts, body) = (&mut received.parts, &mut received.body);
        let exchange = &mut received.exchange;
        let seen = Seen {
            line: &line,
            fragment: received.fragment,
            has_body: received.has_body,
            certificate: received
                .tls
                .as_ref()
                .and_then(|tls| tls.certificate.as_ref()),
        };
        let cors = cors::Page::of(snapshot.config.cors.as_ref(), &parts.headers);
        let mut visit = Visit::begin(&snapshot, parts, exchange.scheme, exchange.client);

        let decided = decide(&gate, &snapshot, parts, &seen, &mut visit, exchange).await;
        let answered = match &decided {
            Ok(Decision::Own(endpoint)) => {
                login::answer(&gate, visit.as_deref_mut(), *endpoint, parts, exchange).await
            }
            Ok(Decision::Forward(permit)) if permit.is_preflight() && cors.answers_preflights() => {
                Ok(cors.preflight(parts))
            }
            Ok(Decision::Forward(permit)) => {
                forward::forward(&gate, &snapshot, permit, &seen, (parts, body), exchange)
                    .await
                    .map(|mut answer| {
                        cors.replace(answer.headers_mut());
                        answer
                    })
            }
            Err(refusal) => login::depart(&gate, visit.as_deref_mut(), parts, refusal, exchange),
        };
        let mut response = answered.unwrap_or_else(|refusal| {
            let mut response = received.refuse(&refusal);
            cors.expose_refusal(response.headers_mut());
            response
        });
        if let Some(visit) = visit {
            visit.leave(response.headers_mut());
        }
        received.answer(response, &line)
    }
}

/// What is done with a request that is not refused.
enum Decision<'s> {
    /// The upstream gets it.
    Forward(Permit<'s>),
    /// It is for us.
    Own(Endpoint),
}

/// The decision, with one visit to the pool for keys it did not have, and one for a session whose time is nearly over.
async fn decide<'s>(
    gate: &Gate,
    snapshot: &'s Arc<Snapshot>,
    parts: &Parts,
    seen: &Seen<'_>,
    visit: &mut Option<Box<Visit<'s>>>,
    exchange: &mut Exchange,
) -> Result<Decision<'s>, Refusal> {
    let mut refreshed = false;
    loop {
        let head = Head {
            method: &parts.method,
            uri: &parts.uri,
            version: parts.version,
            headers: &parts.headers,
            fragment: seen.fragment,
            has_body: seen.has_body,
            scheme: exchange.scheme,
            certificate: seen.certificate,
            channel: visit.as_deref().map(Visit::channel).unwrap_or_default(),
            renewed: visit.as_deref().and_then(Visit::renewed),
        };
        let now = gate.clock.now();
        let (keys, cache) = (&snapshot.keys, &snapshot.cache);
        let admission = admit(&head, &snapshot.policy, keys, cache, now, refreshed);
        if let Some(visit) = visit
            && let Some(due) = visit.due(&admission, now)
        {
            exchange.route = admission.route().map(|route| route.name.clone());
            visit.renew(gate, &parts.headers, due).await?;
            continue;
        }
        match admission {
            Admission::Permit(permit) => {
                exchange.route = Some(permit.route().name.clone());
                exchange.principal = permit.principal().cloned();
                exchange.audit = permit.audit();
                return Ok(Decision::Forward(permit));
            }
            Admission::Own(endpoint) => return Ok(Decision::Own(endpoint)),
            Admission::Refuse(route, principal, mut refusal) => {
                if let (Some(visit), Some(route)) = (visit, route) {
                    visit.refused(route, principal.as_deref(), &mut refusal, now);
                }
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
