//! What is legal but suspicious: one sentence each, told at start and by `check`. A warning never repeats a value.

use std::net::IpAddr;

use super::routes::covers;
use crate::config::inspection::Inspection;
use crate::config::model::Config;
use crate::policy::route::{Access, Mode, Route, Segment};
use crate::policy::rule::{Requirement, Rule};
use crate::token::trust::{Clients, Uses};

/// Notes every warning.
pub(super) fn review(config: &Config, at: &Inspection<'_>) {
    server(config, at);
    for pool in &config.pools {
        let name = &pool.trust.name;
        if pool.trust.client_ids == Clients::Any {
            at.warn(format!(
                "[pools.{name}] takes tokens of any client: whoever may create an app client of that pool is let in"
            ));
        }
        if pool.trust.leeway > 60.0 {
            at.warn(format!(
                "[pools.{name}] has a leeway of more than a minute: expired tokens stay good for that long"
            ));
        }
    }
    if config.routes.is_empty() {
        at.warn("there is no route: every request is refused with 403 no_route");
    }
    for route in &config.routes {
        if route.mode == Mode::Audit && route.access != Access::Public {
            at.warn(format!(
                "route \"{}\" is in audit mode: what its rule refuses is let through",
                route.name
            ));
        }
        never_met(config, route, at);
        catch_all(config, route, at);
    }
}

fn server(config: &Config, at: &Inspection<'_>) {
    if !config.server.admin.ip().is_loopback() {
        at.warn(
            "`admin` listens beyond loopback: `probes` is the listener for kubelet and Prometheus",
        );
    }
    let everyone = |ip: IpAddr, prefix: u8| prefix == 0 && ip.is_unspecified();
    if config
        .server
        .trusted_proxies
        .iter()
        .any(|net| everyone(net.network(), net.prefix_len()))
    {
        at.warn(
            "`trusted_proxies` trusts every peer: any client can say which host and scheme it used",
        );
    }
}

/// ID tokens carry no scope: where no other token is taken, a scope can never be there.
fn never_met(config: &Config, route: &Route, at: &Inspection<'_>) {
    let asks = route.rule.requirements.iter().any(asks_scope);
    let takes_access = config
        .pools
        .iter()
        .enumerate()
        .filter(|(at, _)| route.pools.as_ref().is_none_or(|named| named.contains(at)))
        .any(|(_, pool)| pool.trust.token_use != Uses::Id);
    if asks && (!takes_access || route.token_use == Some(Uses::Id)) {
        at.warn(format!(
            "route \"{}\" asks for a scope and takes ID tokens alone, which carry none: nobody can pass",
            route.name
        ));
    }
}

/// Whether a requirement cannot be met without a scope.
fn asks_scope(requirement: &Requirement) -> bool {
    let in_rule = |rule: &Rule| rule.requirements.iter().any(asks_scope);
    match requirement {
        Requirement::AnyScope(_) | Requirement::AllScopes(_) => true,
        Requirement::AnyOf(rules) => rules.iter().all(in_rule),
        _ => false,
    }
}

/// A public catch-all opens everything that nobody wrote a route for, now and later.
fn catch_all(config: &Config, route: &Route, at: &Inspection<'_>) {
    let is_open = route.access == Access::Public
        && matches!(route.pattern.segments.last(), Some(Segment::Rest(_)));
    let protects = config.routes.iter().any(|other| {
        other.access != Access::Public && covers(&route.pattern, &other.pattern, config.paths.case)
    });
    if is_open && protects {
        at.warn(format!(
            "route \"{}\" is public and takes every path below it, beside routes that ask for a token: \
             whatever no other route names is open",
            route.name
        ));
    }
}
