//! The record of one request, from its head to the end of its answer.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderValue, Method, Uri};

use super::Telemetry;
use super::metrics::NO_ROUTE;
use crate::http::trace::Trace;
use crate::policy::learn::{Lessons, Observation};
use crate::reason::Reason;
use crate::token::Principal;

/// What is told of one request when it ends, which is when this is dropped.
pub struct Exchange {
    telemetry: Arc<Telemetry>,
    /// `gate`, `admin`, or the name of an outbound listener.
    pub listener: &'static str,
    /// When its head was there.
    pub started: Instant,
    /// The client's address; none on a Unix socket.
    pub client: Option<SocketAddr>,
    /// `http` or `https`, as the client came.
    pub scheme: &'static str,
    /// Its id, as the upstream and the client see it.
    pub request_id: HeaderValue,
    /// Its method.
    pub method: Method,
    /// Its target; only the path is told.
    pub uri: Uri,
    /// The route that matched.
    pub route: Option<Arc<str>>,
    /// Who it was made for.
    pub principal: Option<Arc<Principal>>,
    /// Why it was refused.
    pub reason: Option<Reason>,
    /// Why it would have been refused, were its route not in audit.
    pub audit: Option<Reason>,
    /// The status of its answer; 0 while there is none.
    pub status: u16,
    /// Bytes of its body that came in.
    pub received: Option<Arc<AtomicU64>>,
    /// Bytes of its answer's body that went out.
    pub sent: u64,
    /// When it was forwarded.
    pub forwarded: Option<Instant>,
    /// From forwarding to the upstream's head.
    pub upstream: Option<Duration>,
    /// The trace it belongs to.
    pub trace: Option<Trace>,
}

impl Exchange {
    /// A request has come in.
    pub fn begin(
        telemetry: &Arc<Telemetry>,
        listener: &'static str,
        client: Option<SocketAddr>,
        request_id: HeaderValue,
        method: Method,
        uri: Uri,
    ) -> Box<Exchange> {
        telemetry.metrics.begin(listener);
        Box::new(Exchange {
            telemetry: telemetry.clone(),
            listener,
            started: Instant::now(),
            client,
            scheme: "http",
            request_id,
            method,
            uri,
            route: None,
            principal: None,
            reason: None,
            audit: None,
            status: 0,
            received: None,
            sent: 0,
            forwarded: None,
            upstream: None,
            trace: None,
        })
    }

    /// What `learn` takes from it.
    fn teach(&self, lessons: &Mutex<Lessons>, status: u16) {
        let mut lessons = lessons.lock().unwrap_or_else(PoisonError::into_inner);
        lessons.observe(&Observation {
            method: self.method.as_str(),
            path: self.uri.path(),
            route: self.route.as_deref(),
            principal: self.principal.as_deref(),
            refused: self.reason.or(self.audit),
            status,
        });
    }

    /// Bytes of the request's body so far.
    pub fn received(&self) -> u64 {
        self.received
            .as_ref()
            .map_or(0, |received| received.load(Ordering::Relaxed))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let route = self.route.as_deref().unwrap_or(NO_ROUTE);
        let metrics = &self.telemetry.metrics;
        // nginx's word for a client that went away before there was an answer.
        let status = if self.status == 0 { 499 } else { self.status };
        let upstream = self.upstream.map(|time| time.as_secs_f64());
        metrics.end(
            self.listener,
            route,
            status,
            self.started.elapsed().as_secs_f64(),
            upstream,
        );
        if let Some(reason) = self.reason {
            metrics.refused(route, reason);
            self.telemetry.recent.refused(self, reason);
        }
        if let (Some(reason), Some(route)) = (self.audit, &self.route) {
            let client = self.principal.as_deref();
            let client = client.and_then(|principal| principal.client_id.as_deref());
            metrics.audited(route, reason);
            self.telemetry.audits.audited(route, reason, client);
        }
        if let Some(lessons) = &self.telemetry.lessons
            && self.listener == super::GATE
        {
            self.teach(lessons, status);
        }
        if let Some(trace) = &self.trace {
            self.telemetry.traces.record(self, trace, status);
        }
        self.telemetry.access.record(self, status);
    }
}
