//! The admin and probes listeners: is it alive, is it ready, what does it count, whom does it refuse and why.
//!
//! GET only; no secret is told and no state changed. Admin answers to a loopback Host, or to one of `[server] hosts`: a page
//! of another site that a browser was rebound to must not read it (X15). Probes has what a kubelet and Prometheus need.

mod page;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;

use crate::clock::Clock;
use crate::net::conn::Arrival;
use crate::policy::route::{Host, normalise_host};
use crate::ready::Readiness;
use crate::reload::Status;
use crate::snapshot::{Live, Snapshot};
use crate::telemetry::{Telemetry, logs};

/// What both listeners answer from.
pub struct Admin {
    /// The time.
    pub clock: Clock,
    /// The snapshot that is live.
    pub live: Arc<Live>,
    /// Metrics.
    pub telemetry: Arc<Telemetry>,
    /// Whether traffic may come.
    pub readiness: Arc<Readiness>,
    /// Every listener's name and address, for people.
    pub listeners: Vec<(&'static str, String)>,
    /// What is known of the configuration.
    pub status: Arc<Status>,
}

/// Which of the two listeners a request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Loopback: everything, with causes.
    Admin,
    /// For kubelet and Prometheus: no causes.
    Probes,
}

/// Serves one request of an operator.
pub async fn serve(admin: &Admin, kind: Kind, arrival: Arrival) -> Response<Full<Bytes>> {
    let (request, tally) = (arrival.request, arrival.tally);
    let response = match (request.method(), request.uri().path()) {
        _ if kind == Kind::Admin && !is_known(&request, admin) => text(
            StatusCode::FORBIDDEN,
            "this listener answers only to a loopback Host, or one of [server] hosts\n",
        ),
        (&Method::GET | &Method::HEAD, path) => answer(admin, kind, path),
        _ => {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "GET only\n");
            response
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        }
    };
    tally.end();
    response
}

fn answer(admin: &Admin, kind: Kind, path: &str) -> Response<Full<Bytes>> {
    match path {
        "/livez" => text(StatusCode::OK, "ok\n"),
        "/readyz" => match (admin.readiness.state(), kind) {
            (Ok(()), _) => text(StatusCode::OK, "ready\n"),
            (Err(_), Kind::Probes) => text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
            (Err(causes), Kind::Admin) => text(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("not ready: {}\n", causes.join("; ")),
            ),
        },
        "/metrics" => {
            let snapshot = admin.live.load();
            observe(&admin.telemetry, &snapshot);
            let metrics = admin.telemetry.metrics.render();
            typed("text/plain; version=0.0.4; charset=utf-8", metrics)
        }
        "/status" if kind == Kind::Admin => {
            let status = status::status(admin, &admin.live.load());
            typed("application/json", format!("{status:#}\n"))
        }
        "/" if kind == Kind::Admin => page::page(),
        _ => text(
            StatusCode::NOT_FOUND,
            match kind {
                Kind::Admin => "/, /status, /livez, /readyz and /metrics are here\n",
                Kind::Probes => "/livez, /readyz and /metrics are here\n",
            },
        ),
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = typed("text/plain; charset=utf-8", body);
    *response.status_mut() = status;
    response
}

/// An answer that no cache keeps and no other site may embed, frame or read.
fn typed(kind: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// Whether the one host that is asked for is a loopback one, or one that the configuration names. Over HTTP/2 it is in
/// `:authority`; where there are both, both count.
fn is_known<B>(request: &http::Request<B>, admin: &Admin) -> bool {
    let mut lines = request.headers().get_all(header::HOST).iter();
    let (line, None) = (lines.next(), lines.next()) else {
        return false;
    };
    let authority = request.uri().authority().map(|named| named.as_str());
    let line = line.map(|line| line.to_str().unwrap_or(""));
    let mut named = line.into_iter().chain(authority).peekable();
    named.peek().is_some()
        && named.all(|host| is_ours(host, &admin.live.load().config.server.hosts))
}

fn is_ours(host: &str, ours: &[Host]) -> bool {
    let Some(host) = normalise_host(host) else {
        return false;
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
        || ours.iter().any(|known| known.matches(&host))
}

/// Brings the metrics that are read rather than counted up to date.
fn observe(telemetry: &Telemetry, snapshot: &Snapshot) {
    let metrics = &telemetry.metrics;
    for ring in snapshot.keys.iter() {
        let facts = ring.facts();
        let refreshes = (facts.refreshes_ok, facts.refreshes_failed);
        metrics.observe_keys(ring.name(), refreshes, facts.kids.len(), facts.last_success);
    }
    for credential in snapshot.credentials.iter() {
        let facts = credential.facts();
        let fetches = (facts.fetches_ok, facts.fetches_failed);
        metrics.observe_credential(&facts.name, fetches, facts.expires);
    }
    metrics.observe_cache(snapshot.cache.counts(), snapshot.cache.len());
    metrics.observe_log(logs::lost());
    metrics.observe_spans(telemetry.traces.counts());
}
