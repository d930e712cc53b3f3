//! The counters, read back for the status page: there is one place that counts, and it is the metrics.

use std::collections::BTreeMap;

use prometheus::IntCounterVec;
use prometheus::core::Collector as _;
use prometheus::proto::Metric;

use super::Metrics;
use crate::reason::Reason;
use crate::telemetry::rates::Totals;

/// What happened on one route since the process began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteCounts {
    /// Requests answered.
    pub requests: u64,
    /// Requests refused, by reason.
    pub refusals: BTreeMap<Reason, u64>,
    /// Requests let through that would have been refused, by reason.
    pub audited: BTreeMap<Reason, u64>,
}

impl Metrics {
    /// Counts by route; what matched none is under [`super::NO_ROUTE`].
    pub fn routes(&self) -> BTreeMap<String, RouteCounts> {
        let mut routes: BTreeMap<String, RouteCounts> = BTreeMap::new();
        each(&self.requests, |sample, count| {
            routes
                .entry(label(sample, "route").to_owned())
                .or_default()
                .requests += count;
        });
        by_reason(&self.refusals, |route, reason, count| {
            let counts = routes.entry(route.to_owned()).or_default();
            *counts.refusals.entry(reason).or_default() += count;
        });
        by_reason(&self.audit_refusals, |route, reason, count| {
            let counts = routes.entry(route.to_owned()).or_default();
            *counts.audited.entry(reason).or_default() += count;
        });
        routes
    }

    /// Answers by listener and route, then by status.
    pub fn answers(&self) -> BTreeMap<(String, String), BTreeMap<String, u64>> {
        let mut answers: BTreeMap<(String, String), BTreeMap<String, u64>> = BTreeMap::new();
        each(&self.requests, |sample, count| {
            let of = |name| label(sample, name).to_owned();
            let codes = answers.entry((of("listener"), of("route"))).or_default();
            *codes.entry(of("code")).or_default() += count;
        });
        answers
    }

    /// Counts over all routes.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        each(&self.requests, |_, count| totals.requests += count);
        by_reason(&self.refusals, |_, reason, count| {
            *totals.refusals.entry(reason).or_default() += count;
        });
        each(&self.audit_refusals, |_, count| totals.audited += count);
        totals
    }

    /// Requests being answered and connections open, over all listeners.
    pub fn now(&self) -> (u64, u64) {
        let sum = |gauges: &prometheus::IntGaugeVec| {
            gauges
                .collect()
                .iter()
                .flat_map(|family| family.get_metric())
                .map(|sample| sample.get_gauge().get_value() as u64)
                .sum()
        };
        (sum(&self.in_flight), sum(&self.connections))
    }
}

fn each(counters: &IntCounterVec, mut tell: impl FnMut(&Metric, u64)) {
    for family in counters.collect() {
        for sample in family.get_metric() {
            tell(sample, sample.get_counter().get_value() as u64);
        }
    }
}

fn by_reason(counters: &IntCounterVec, mut tell: impl FnMut(&str, Reason, u64)) {
    each(counters, |sample, count| {
        if let Some(reason) = Reason::parse(label(sample, "reason")) {
            tell(label(sample, "route"), reason, count);
        }
    });
}

fn label<'s>(sample: &'s Metric, name: &str) -> &'s str {
    sample
        .get_label()
        .iter()
        .find(|label| label.name() == name)
        .map_or("", |label| label.value())
}
