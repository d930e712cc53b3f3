//! Every metric of the contract, and the text Prometheus reads. The only home of the `prometheus` crate.
//!
//! No label takes a value from a request: routes are labelled by their key (`none` when unmatched), codes and reasons come
//! from closed sets, so the number of series is bounded by the configuration whatever is sent (R13).

use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder,
};

use crate::reason::Reason;

mod counts;

pub use counts::RouteCounts;

/// The label of a request that no route matched.
pub const NO_ROUTE: &str = "none";

/// Seconds. From a cache hit's fraction of a millisecond to the longest poll.
const BUCKETS: [f64; 13] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// The program's metrics.
pub struct Metrics {
    registry: Registry,
    families: Vec<(String, String, &'static str)>,
    requests: IntCounterVec,
    request_duration: HistogramVec,
    upstream_duration: HistogramVec,
    refusals: IntCounterVec,
    audit_refusals: IntCounterVec,
    in_flight: IntGaugeVec,
    /// Open connections, by listener.
    pub connections: IntGaugeVec,
    /// Answers of the cache of verified tokens: `hit`, `miss`.
    pub token_cache_requests: IntCounterVec,
    /// Verified tokens remembered.
    pub token_cache_entries: IntGauge,
    /// Key refreshes by pool: `ok`, `failed`.
    pub jwks_refreshes: IntCounterVec,
    /// When each pool's keys were last fetched.
    pub jwks_last_success: GaugeVec,
    /// How many keys each pool has.
    pub jwks_keys: IntGaugeVec,
    credential_fetches: IntCounterVec,
    credential_expiry: GaugeVec,
    /// Spans for the collector: `sent`, `dropped`.
    trace_spans: IntCounterVec,
    /// Lines of log that could not be written.
    log_lines_lost: IntCounter,
    config_reloads: IntCounterVec,
    config_last_reload: Gauge,
}

/// Registers a family and notes it, so that it shows even before its first sample.
struct Families {
    registry: Registry,
    list: Vec<(String, String, &'static str)>,
}

impl Families {
    fn add<C: Collector + Clone + 'static>(
        &mut self,
        kind: &'static str,
        made: prometheus::Result<C>,
    ) -> prometheus::Result<C> {
        let family = made?;
        for description in family.desc() {
            self.list
                .push((description.fq_name.clone(), description.help.clone(), kind));
        }
        self.registry.register(Box::new(family.clone()))?;
        Ok(family)
    }

    fn counters(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> prometheus::Result<IntCounterVec> {
        self.add("counter", IntCounterVec::new(named(name, help), labels))
    }

    fn gauges(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> prometheus::Result<IntGaugeVec> {
        self.add("gauge", IntGaugeVec::new(named(name, help), labels))
    }

    fn histograms(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> prometheus::Result<HistogramVec> {
        let options = HistogramOpts::from(named(name, help)).buckets(BUCKETS.to_vec());
        self.add("histogram", HistogramVec::new(options, labels))
    }
}

fn named(name: &str, help: &str) -> Opts {
    Opts::new(format!("portcullis_{name}"), help)
}

impl Metrics {
    /// All families, empty. Fails only if two have one name.
    pub fn new() -> prometheus::Result<Metrics> {
        let mut families = Families {
            registry: Registry::new(),
            list: Vec::new(),
        };
        let build = families.gauges(
            "build_info",
            "The version that runs; always 1.",
            &["version"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        #[cfg(target_os = "linux")]
        families.registry.register(Box::new(
            prometheus::process_collector::ProcessCollector::for_self(),
        ))?;
        Ok(Metrics {
            requests: families.counters(
                "requests_total",
                "Requests answered.",
                &["listener", "route", "code"],
            )?,
            request_duration: families.histograms(
                "request_duration_seconds",
                "From a request's head to the end of its answer.",
                &["listener", "route"],
            )?,
            upstream_duration: families.histograms(
                "upstream_duration_seconds",
                "From forwarding a request to the head of its answer.",
                &["listener"],
            )?,
            refusals: families.counters(
                "refusals_total",
                "Requests refused.",
                &["route", "reason"],
            )?,
            audit_refusals: families.counters(
                "audit_refusals_total",
                "Requests let through by an audit route that would have been refused.",
                &["route", "reason"],
            )?,
            in_flight: families.gauges(
                "requests_in_flight",
                "Requests being answered.",
                &["listener"],
            )?,
            connections: families.gauges(
                "connections",
                "Open client connections.",
                &["listener"],
            )?,
            token_cache_requests: families.counters(
                "token_cache_requests_total",
                "Look-ups in the cache of verified tokens.",
                &["result"],
            )?,
            token_cache_entries: families.add(
                "gauge",
                IntGauge::with_opts(named("token_cache_entries", "Verified tokens remembered.")),
            )?,
            jwks_refreshes: families.counters(
                "jwks_refreshes_total",
                "Fetches of a pool's keys.",
                &["pool", "result"],
            )?,
            jwks_last_success: families.add(
                "gauge",
                GaugeVec::new(
                    named(
                        "jwks_last_success_timestamp_seconds",
                        "When a pool's keys were last fetched.",
                    ),
                    &["pool"],
                ),
            )?,
            jwks_keys: families.gauges(
                "jwks_keys",
                "Keys a pool's tokens are verified with.",
                &["pool"],
            )?,
            credential_fetches: families.counters(
                "credential_fetches_total",
                "Tokens asked for; Cognito bills those of machines.",
                &["credential", "result"],
            )?,
            credential_expiry: families.add(
                "gauge",
                GaugeVec::new(
                    named(
                        "credential_expiry_timestamp_seconds",
                        "When the first of a credential's tokens in hand expires.",
                    ),
                    &["credential"],
                ),
            )?,
            trace_spans: families.counters(
                "trace_spans_total",
                "Spans for the collector of traces.",
                &["result"],
            )?,
            log_lines_lost: families.add(
                "counter",
                IntCounter::with_opts(named(
                    "log_lines_lost_total",
                    "Lines of log that could not be written.",
                )),
            )?,
            config_reloads: families.counters(
                "config_reloads_total",
                "Configurations offered.",
                &["result"],
            )?,
            config_last_reload: families.add(
                "gauge",
                Gauge::with_opts(named(
                    "config_last_reload_timestamp_seconds",
                    "When the running configuration was taken.",
                )),
            )?,
            registry: families.registry,
            families: families.list,
        })
    }

    /// The process has started with a configuration. Both results of reloads show from then on, for alarms on their growth.
    pub fn started(&self, now: f64) {
        self.config_last_reload.set(now);
        for result in ["ok", "refused"] {
            self.config_reloads.with_label_values(&[result]);
        }
    }

    /// A request has begun.
    pub fn begin(&self, listener: &str) {
        self.in_flight.with_label_values(&[listener]).inc();
    }

    /// A request has ended: status, seconds in all, seconds until the upstream's head.
    pub fn end(
        &self,
        listener: &str,
        route: &str,
        status: u16,
        seconds: f64,
        upstream: Option<f64>,
    ) {
        let mut buffer = itoa::Buffer::new();
        self.requests
            .with_label_values(&[listener, route, buffer.format(status)])
            .inc();
        self.request_duration
            .with_label_values(&[listener, route])
            .observe(seconds);
        if let Some(seconds) = upstream {
            self.upstream_duration
                .with_label_values(&[listener])
                .observe(seconds);
        }
        self.in_flight.with_label_values(&[listener]).dec();
    }

    /// A request was refused.
    pub fn refused(&self, route: &str, reason: Reason) {
        self.refusals
            .with_label_values(&[route, reason.as_str()])
            .inc();
    }

    /// A request would have been refused.
    pub fn audited(&self, route: &str, reason: Reason) {
        self.audit_refusals
            .with_label_values(&[route, reason.as_str()])
            .inc();
    }

    /// What is known of a pool's keys: refreshes that brought some and that did not, how many there are, since when.
    pub fn observe_keys(
        &self,
        pool: &str,
        (ok, failed): (u64, u64),
        keys: usize,
        fetched: Option<f64>,
    ) {
        raise(&self.jwks_refreshes.with_label_values(&[pool, "ok"]), ok);
        raise(
            &self.jwks_refreshes.with_label_values(&[pool, "failed"]),
            failed,
        );
        self.jwks_keys.with_label_values(&[pool]).set(keys as i64);
        if let Some(at) = fetched {
            self.jwks_last_success.with_label_values(&[pool]).set(at);
        }
    }

    /// A pool is gone, and its series with it: an alarm for keys that nobody needs would never end.
    pub fn forget_pool(&self, pool: &str) {
        // What was never told can't be forgotten, and need not be.
        for result in ["ok", "failed"] {
            let _ = self.jwks_refreshes.remove_label_values(&[pool, result]);
        }
        let _ = self.jwks_keys.remove_label_values(&[pool]);
        let _ = self.jwks_last_success.remove_label_values(&[pool]);
    }

    /// What is known of a credential: fetches that brought a token and that did not, when the first in hand expires.
    pub fn observe_credential(&self, name: &str, (ok, failed): (u64, u64), expires: Option<f64>) {
        let fetches = &self.credential_fetches;
        raise(&fetches.with_label_values(&[name, "ok"]), ok);
        raise(&fetches.with_label_values(&[name, "failed"]), failed);
        match expires {
            Some(at) => self.credential_expiry.with_label_values(&[name]).set(at),
            None => {
                let _ = self.credential_expiry.remove_label_values(&[name]); // it may not have been there
            }
        }
    }

    /// A credential is gone, and its series with it.
    pub fn forget_credential(&self, name: &str) {
        for result in ["ok", "failed"] {
            let _ = self.credential_fetches.remove_label_values(&[name, result]);
        }
        let _ = self.credential_expiry.remove_label_values(&[name]);
    }

    /// A configuration was offered, and taken at that time (`Some`) or refused.
    pub fn reloaded(&self, taken: Option<f64>) {
        let result = if taken.is_some() { "ok" } else { "refused" };
        self.config_reloads.with_label_values(&[result]).inc();
        if let Some(now) = taken {
            self.config_last_reload.set(now);
        }
    }

    /// What is known of the cache of verified tokens: hits, misses, entries.
    pub fn observe_cache(&self, (hits, misses): (u64, u64), entries: usize) {
        raise(&self.token_cache_requests.with_label_values(&["hit"]), hits);
        raise(
            &self.token_cache_requests.with_label_values(&["miss"]),
            misses,
        );
        self.token_cache_entries.set(entries as i64);
    }

    /// What is known of spans: sent and dropped.
    pub fn observe_spans(&self, (sent, dropped): (u64, u64)) {
        raise(&self.trace_spans.with_label_values(&["sent"]), sent);
        raise(&self.trace_spans.with_label_values(&["dropped"]), dropped);
    }

    /// What is known of lost lines of log.
    pub fn observe_log(&self, lost: u64) {
        raise(&self.log_lines_lost, lost);
    }

    /// The text exposition format, version 0.0.4. A family without a sample shows its HELP and TYPE all the same.
    pub fn render(&self) -> String {
        let gathered = self.registry.gather();
        let mut text = TextEncoder::new()
            .encode_to_string(&gathered)
            .unwrap_or_default();
        for (name, help, kind) in &self.families {
            if !gathered.iter().any(|family| family.name() == name) {
                text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
            }
        }
        text
    }
}

/// Brings a counter up to what was counted elsewhere.
fn raise(counter: &IntCounter, counted: u64) {
    counter.inc_by(counted.saturating_sub(counter.get()));
}
