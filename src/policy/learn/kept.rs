//! Which routes of the configuration `learn` leaves as they are: a table of scopes and groups can't say what they say.

use std::sync::Arc;

use crate::identity::Plan;
use crate::policy::route::Route;
use crate::policy::rule::{Requirement, Rule};

/// Whether a route has anything beside its pattern and a rule of scopes and groups: an access, a host, an upstream, a
/// prefix, a claim, a certificate… `plain` is a route that has nothing at all.
pub fn is_kept(route: &Route, plain: &Route) -> bool {
    let reduced = Route {
        name: plain.name.clone(),
        pattern: plain.pattern.clone(),
        rule: plain.rule.clone(),
        mode: plain.mode,
        headers: Arc::new(Plan {
            route: plain.headers.route.clone(),
            ..(*route.headers).clone()
        }),
        ..route.clone()
    };
    reduced != *plain || route.pattern.host.is_some() || !is_carried(&route.rule)
}

/// Whether a rule asks for scopes and groups alone.
fn is_carried(rule: &Rule) -> bool {
    rule.requirements
        .iter()
        .all(|requirement| match requirement {
            Requirement::AnyScope(_)
            | Requirement::AllScopes(_)
            | Requirement::AnyGroup(_)
            | Requirement::AllGroups(_) => true,
            Requirement::AnyOf(rules) => rules.iter().all(is_carried),
            _ => false,
        })
}
