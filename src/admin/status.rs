//! `/status`: everything an operator may want to know, as one JSON object. Never a token, a secret, a key or a query.
//!
//! Names and addresses come from the configuration, counts from the metrics. Client ids are those of verified tokens.

mod outbound;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Admin;
use crate::clock::Timestamp;
use crate::config::model::Purpose;
use crate::credential::Facts;
use crate::policy::route::{Access, Mode};
use crate::reason::Reason;
use crate::snapshot::Snapshot;
use crate::telemetry::metrics::{NO_ROUTE, RouteCounts};
use crate::telemetry::rates::{STEP, Step};
use crate::telemetry::{logs, recent};

/// The whole status.
pub(super) fn status(admin: &Admin, snapshot: &Snapshot) -> Value {
    let now = admin.clock.now();
    let telemetry = &admin.telemetry;
    let counts = telemetry.metrics.routes();
    let steps = telemetry.rates.steps();
    let causes = admin.readiness.state().err().unwrap_or_default();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "time": time(now),
        "started": time(telemetry.started),
        "uptime_seconds": (now - telemetry.started).max(0.0).round(),
        "ready": causes.is_empty(),
        "causes": causes,
        "learning": snapshot.config.purpose == Purpose::Learn,
        "configuration": configuration(admin, snapshot),
        "listeners": admin.listeners.iter().map(|(name, address)| json!({ "name": name, "address": address })).collect::<Value>(),
        "pools": pools(snapshot, now),
        "credentials": snapshot.credentials.iter().map(|one| credential(&one.facts())).collect::<Value>(),
        "routes": routes(snapshot, &counts),
        "outbound": outbound::outbound(&snapshot.config, &telemetry.metrics.answers()),
        "counters": counters(admin, snapshot),
        "rates": rates(&steps),
        "reasons": reasons(&counts, &steps),
        "refusals": telemetry.recent.list().iter().map(refused).collect::<Value>(),
        "audit": audit(admin, snapshot, &counts),
    })
}

fn configuration(admin: &Admin, snapshot: &Snapshot) -> Value {
    let facts = admin.status.facts();
    let refused = facts
        .last
        .and_then(|offer| Some((offer.at, offer.refused?)));
    let refused = refused.map(|(at, why)| json!({ "time": time(at), "fault": why }));
    json!({
        "hash": facts.hash,
        "loaded": time(facts.taken),
        "reloads_accepted": facts.reloads_ok,
        "reloads_refused": facts.reloads_refused,
        "last_refused": refused,
        "restart_needed": facts.restart,
        "warnings": snapshot.config.warnings,
    })
}

fn pools(snapshot: &Snapshot, now: Timestamp) -> Value {
    let rings = snapshot.keys.iter();
    rings
        .map(|ring| {
            let facts = ring.facts();
            let pool = ring.pool();
            json!({
                "name": ring.name(),
                "issuers": pool.trust.issuers,
                "required": pool.required,
                "serving": facts.serving,
                "keys": facts.kids,
                "keys_from_file": facts.from_file,
                "keys_age_seconds": facts.age.map(f64::round),
                "keys_serve_for_seconds": facts.age.map(|age| (pool.max_stale.as_secs_f64() - age).max(0.0).round()),
                "last_success": facts.last_success.map(time),
                "last_success_seconds_ago": facts.last_success.map(|at| (now - at).round()),
                "refreshes_ok": facts.refreshes_ok,
                "refreshes_failed": facts.refreshes_failed,
                "last_fault": facts.last_fault,
            })
        })
        .collect()
}

/// A credential with what it has in hand, by the scopes that are asked for.
fn credential(facts: &Facts) -> Value {
    let tokens = facts.supplies.iter().map(|supply| {
        json!({
            "scopes": supply.scopes,
            "expiry": supply.expires.map(time),
            "last_fault": supply.last_fault,
        })
    });
    let last_fault = facts
        .supplies
        .iter()
        .find_map(|supply| supply.last_fault.as_deref());
    json!({
        "name": &*facts.name,
        "grant": facts.grant,
        "token_expiry": facts.expires.map(time),
        "fetches_ok": facts.fetches_ok,
        "fetches_failed": facts.fetches_failed,
        "last_fault": last_fault,
        "tokens": tokens.collect::<Value>(),
    })
}

/// Every route in the configuration's order, and what matched none.
fn routes(snapshot: &Snapshot, counts: &BTreeMap<String, RouteCounts>) -> Value {
    let nothing = RouteCounts::default();
    let config = &snapshot.config;
    let configured = config.routes.iter().map(|route| {
        let counts = counts.get(&*route.name).unwrap_or(&nothing);
        let access = match route.access {
            Access::Authenticated => "authenticated",
            Access::Public => "public",
            Access::Optional => "optional",
            Access::Certificate => "certificate",
        };
        let mode = match route.mode {
            Mode::Enforce => "enforce",
            Mode::Audit => "audit",
        };
        json!({
            "name": &*route.name,
            "access": access,
            "mode": mode,
            "login": route.login,
            "upstream": config.upstreams.get(route.upstream).map(|upstream| &upstream.name),
            "requests": counts.requests,
            "refusals": by_reason(&counts.refusals),
            "would_refuse": by_reason(&counts.audited),
        })
    });
    let none = counts.get(NO_ROUTE).map(|counts| {
        json!({
            "name": NO_ROUTE,
            "requests": counts.requests,
            "refusals": by_reason(&counts.refusals),
            "would_refuse": by_reason(&counts.audited),
        })
    });
    configured.chain(none).collect()
}

fn by_reason(counts: &BTreeMap<Reason, u64>) -> Value {
    counts
        .iter()
        .map(|(reason, count)| (reason.as_str().to_owned(), Value::from(*count)))
        .collect()
}

fn counters(admin: &Admin, snapshot: &Snapshot) -> Value {
    let telemetry = &admin.telemetry;
    let totals = telemetry.metrics.totals();
    let (in_flight, connections) = telemetry.metrics.now();
    let (hits, misses) = snapshot.cache.counts();
    let (sent, dropped) = telemetry.traces.counts();
    json!({
        "requests": totals.requests,
        "refusals": totals.refusals.values().sum::<u64>(),
        "would_refuse": totals.audited,
        "in_flight": in_flight,
        "connections": connections,
        "token_cache": { "entries": snapshot.cache.len(), "hits": hits, "misses": misses },
        "refusals_not_listed": telemetry.recent.missed(),
        "audit_clients_not_counted": telemetry.audits.missed(),
        "log_lines_lost": logs::lost(),
        "spans": { "sent": sent, "dropped": dropped },
    })
}

fn rates(steps: &[Step]) -> Value {
    json!({
        "step_seconds": STEP.as_secs(),
        "requests": steps.iter().map(|step| step.requests).collect::<Vec<_>>(),
        "refusals": steps.iter().map(|step| step.refusals.values().sum::<u64>()).collect::<Vec<_>>(),
        "would_refuse": steps.iter().map(|step| step.audited).collect::<Vec<_>>(),
    })
}

/// Every reason that was met, with what to do about it: first those of the last minutes.
fn reasons(counts: &BTreeMap<String, RouteCounts>, steps: &[Step]) -> Value {
    let mut met: BTreeMap<Reason, (u64, u64)> = BTreeMap::new();
    for (reason, count) in counts.values().flat_map(|counts| &counts.refusals) {
        met.entry(*reason).or_default().0 += count;
    }
    for (reason, count) in steps.iter().flat_map(|step| &step.refusals) {
        met.entry(*reason).or_default().1 += count;
    }
    let mut met: Vec<(Reason, (u64, u64))> = met.into_iter().collect();
    met.sort_by_key(|(reason, (all, lately))| (std::cmp::Reverse((*lately, *all)), *reason));
    met.into_iter()
        .map(|(reason, (all, lately))| {
            json!({
                "reason": reason.as_str(),
                "status": reason.status(),
                "title": reason.title(),
                "hint": reason.hint(),
                "requests": all,
                "lately": lately,
            })
        })
        .collect()
}

fn refused(refused: &recent::Refused) -> Value {
    json!({
        "time": stamp(refused.at),
        "reason": refused.reason.as_str(),
        "status": refused.reason.status(),
        "hint": refused.reason.hint(),
        "listener": refused.listener,
        "route": refused.route.as_deref(),
        "method": refused.method,
        "path": refused.path,
        "client_id": refused.client_id,
        "request_id": refused.request_id,
    })
}

/// For each route in audit: what turning it on would refuse, and to whom.
fn audit(admin: &Admin, snapshot: &Snapshot, counts: &BTreeMap<String, RouteCounts>) -> Value {
    let nothing = RouteCounts::default();
    let unrouted = snapshot.policy.unrouted.iter();
    let routes = snapshot.config.routes.iter().chain(unrouted);
    routes
        .filter(|route| route.mode == Mode::Audit && route.access != Access::Public)
        .map(|route| {
            let counts = counts.get(&*route.name).unwrap_or(&nothing);
            let reasons: Vec<Value> = counts
                .audited
                .iter()
                .map(|(reason, count)| met(admin, &route.name, *reason, *count))
                .collect();
            json!({
                "route": &*route.name,
                "requests": counts.requests,
                "would_refuse": counts.audited.values().sum::<u64>(),
                "reasons": reasons,
            })
        })
        .collect()
}

fn met(admin: &Admin, route: &str, reason: Reason, count: u64) -> Value {
    let met = admin.telemetry.audits.met(route, reason);
    let clients = met.iter().flat_map(|met| &met.clients);
    let clients: Vec<Value> = clients
        .map(|(client, requests)| json!({ "client_id": client, "requests": requests }))
        .collect();
    json!({
        "reason": reason.as_str(),
        "hint": reason.hint(),
        "requests": count,
        "clients": clients,
        "other_clients": met.as_ref().map_or(0, |met| met.others),
        "no_verified_token": met.as_ref().map_or(0, |met| met.unverified),
    })
}

/// RFC 3339 in UTC.
fn time(at: Timestamp) -> String {
    format!("{:.0}", instant(at))
}

/// The same with milliseconds.
fn stamp(at: Timestamp) -> String {
    format!("{:.3}", instant(at))
}

fn instant(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond((at * 1e3) as i64).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}
