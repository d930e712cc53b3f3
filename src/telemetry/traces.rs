//! Spans on their way to a collector: one for each request, one for its call to the upstream.
//!
//! Workers append what they know and go on; `export` sends it. What a collector doesn't take in time is dropped and
//! counted. A span holds what the access log holds: no token, no query, no header.

mod otlp;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Exchange;
use super::access::cut;
use crate::clock::{Clock, Timestamp};
use crate::config::model::Telemetry;
use crate::http::trace::{Begun, Trace};
use crate::reason::Reason;

pub use otlp::render;

/// Requests whose spans may wait; beyond them they are dropped, and counted.
const WAITING: usize = 4_096;
/// Bytes of a path that are told.
const PATH_BYTES: usize = 512;

/// One request that was sampled.
#[derive(Clone, Debug)]
pub struct Traced {
    trace: Trace,
    ended: Timestamp,
    lasted: Duration,
    /// Until the call to the upstream began, and what it took until its head.
    call: Option<(Duration, Duration)>,
    scheme: &'static str,
    method: Box<str>,
    path: Box<str>,
    route: Option<Arc<str>>,
    status: u16,
    reason: Option<Reason>,
    audit: Option<Reason>,
    client: Option<IpAddr>,
    client_id: Option<Box<str>>,
}

/// What waits for the collector.
pub struct Traces {
    waiting: Mutex<Vec<Traced>>,
    sent: AtomicU64,
    dropped: AtomicU64,
    /// Whether there is a collector, for those who have something to tell.
    on: AtomicBool,
    /// Whether a span tells the client's id.
    subject: AtomicBool,
    collector: Mutex<Option<String>>,
}

impl Traces {
    /// Nothing yet, for the collector that these settings name.
    pub fn new(settings: &Telemetry) -> Traces {
        let traces = Traces {
            waiting: Mutex::default(),
            sent: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            on: AtomicBool::new(false),
            subject: AtomicBool::new(false),
            collector: Mutex::default(),
        };
        traces.restyle(settings);
        traces
    }

    /// For the collector that these settings name, from now on.
    pub fn restyle(&self, settings: &Telemetry) {
        let collector = settings.otlp_endpoint.clone();
        self.on.store(collector.is_some(), Ordering::Relaxed);
        self.subject.store(settings.log_subject, Ordering::Relaxed);
        *lock(&self.collector) = collector;
    }

    /// The collector, if there is one: its URL without `/v1/traces`.
    pub fn collector(&self) -> Option<String> {
        lock(&self.collector).clone()
    }

    /// Whether a trace that begins here is recorded: all are, where there is a collector.
    pub fn begun(&self) -> Begun {
        match self.on.load(Ordering::Relaxed) {
            true => Begun::Sampled,
            false => Begun::Unsampled,
        }
    }

    /// A sampled request has ended.
    pub(super) fn record(&self, exchange: &Exchange, trace: &Trace, status: u16) {
        if !trace.sampled || self.begun() == Begun::Unsampled {
            return;
        }
        let subject = self.subject.load(Ordering::Relaxed);
        let principal = exchange.principal.as_deref().filter(|_| subject);
        let traced = Traced {
            trace: *trace,
            ended: Clock::System.now(),
            lasted: exchange.started.elapsed(),
            call: exchange
                .forwarded
                .zip(exchange.upstream)
                .map(|(at, lasted)| (at.saturating_duration_since(exchange.started), lasted)),
            scheme: exchange.scheme,
            method: cut(exchange.method.as_str(), 32).into(),
            path: cut(exchange.uri.path(), PATH_BYTES).into(),
            route: exchange.route.clone(),
            status,
            reason: exchange.reason,
            audit: exchange.audit,
            client: exchange.client.map(|client| client.ip().to_canonical()),
            client_id: principal
                .and_then(|principal| principal.client_id.as_deref())
                .map(|client| cut(client, 128).into()),
        };
        self.push(traced);
    }

    fn push(&self, traced: Traced) {
        let spans = traced.spans();
        let mut waiting = lock(&self.waiting);
        if waiting.len() < WAITING {
            waiting.push(traced);
        } else {
            drop(waiting);
            self.dropped.fetch_add(spans, Ordering::Relaxed);
        }
    }

    /// Takes what waits, at most `most` requests, the oldest first.
    pub fn take(&self, most: usize) -> Vec<Traced> {
        let mut waiting = lock(&self.waiting);
        let most = waiting.len().min(most);
        waiting.drain(..most).collect()
    }

    /// What was taken has been sent, or could not be.
    pub fn settle(&self, batch: &[Traced], sent: bool) {
        let spans = batch.iter().map(Traced::spans).sum();
        let counter = if sent { &self.sent } else { &self.dropped };
        counter.fetch_add(spans, Ordering::Relaxed);
    }

    /// Spans sent, and spans dropped.
    pub fn counts(&self) -> (u64, u64) {
        (
            self.sent.load(Ordering::Relaxed),
            self.dropped.load(Ordering::Relaxed),
        )
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Traced {
    /// How many spans it makes.
    fn spans(&self) -> u64 {
        1 + u64::from(self.call.is_some())
    }
}
