//! The admin and probes listeners: is it alive, is it ready, what does it count. GET only; no secret, no state changed.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;

use crate::net::conn::Arrival;
use crate::ready::Readiness;
use crate::reload::Status;
use crate::snapshot::{Live, Snapshot};
use crate::telemetry::{Metrics, Telemetry};

/// What both listeners answer from.
pub struct Admin {
    /// The snapshot that is live.
    pub live: Arc<Live>,
    /// Metrics.
    pub telemetry: Arc<Telemetry>,
    /// Whether traffic may come.
    pub readiness: Arc<Readiness>,
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
        _ if kind == Kind::Admin && !is_local(&request) => text(
            StatusCode::FORBIDDEN,
            "this listener answers only to a loopback Host\n",
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
            observe(&admin.telemetry.metrics, &snapshot);
            let mut response = text(StatusCode::OK, admin.telemetry.metrics.render());
            let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
        _ => text(
            StatusCode::NOT_FOUND,
            "/livez, /readyz and /metrics are here\n",
        ),
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// A page of another site that a browser was rebound to must not read this (X15): the Host has to be a loopback one.
fn is_local<B>(request: &http::Request<B>) -> bool {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or("");
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

/// Brings the metrics that are read rather than counted up to date.
fn observe(metrics: &Metrics, snapshot: &Snapshot) {
    for ring in snapshot.keys.iter() {
        let facts = ring.facts();
        let refreshes = (facts.refreshes_ok, facts.refreshes_failed);
        metrics.observe_keys(ring.name(), refreshes, facts.kids.len(), facts.last_success);
    }
    metrics.observe_cache(snapshot.cache.counts(), snapshot.cache.len());
}
