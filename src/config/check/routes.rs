//! `[defaults]` and `[routes]`, in every form a route can be written.
//!
//! A key that a route doesn't set is looked for in `[defaults]`. Requirements from there hold on `authenticated` routes: a
//! route whose own `access` opens it is open. A requirement of its own on such a route is a fault.

mod certificate;
mod coverage;
pub(super) use coverage::covers;
mod narrower;
mod prefix;
mod shorthand;

use std::sync::Arc;

use super::identity::{self, Globals, Plans};
use super::pools::Pools;
use super::upstreams::Upstreams;
use super::{login, patterns, rules, server};
use crate::config::fault::Fault;
use crate::config::inspection::Inspection;
use crate::config::model::{Login, Paths};
use crate::config::raw::item::Item;
use crate::config::raw::table::Table;
use crate::config::raw::{Span, Value};
use crate::policy::path::Kinds;
use crate::policy::route::{Access, Mode, Pattern, Route, RouteTable};
use crate::policy::rule::Rule;

/// What routes refer to.
pub(super) struct Around<'c> {
    /// All pools.
    pub(super) pools: &'c Pools,
    /// All upstreams.
    pub(super) upstreams: &'c Upstreams,
    /// The headers that every route has.
    pub(super) globals: &'c Globals,
    /// `[paths]`
    pub(super) paths: Paths,
    /// Whether there is a `[login]`, be it good or not.
    pub(super) has_login: bool,
    /// `[login]`, if it is good.
    pub(super) login: Option<&'c Login>,
    /// Whether a request for any host at all is taken.
    pub(super) any_host: bool,
    /// Whether the gate asks clients for certificates.
    pub(super) client_certificates: bool,
}

/// A route and where its key stands.
pub(super) struct Placed {
    pub(super) route: Route,
    pub(super) span: Span,
}

/// Reads every route.
pub(super) fn routes(table: Table<'_>, defaults: &Table<'_>, around: &Around<'_>) -> Vec<Route> {
    let at = table.at;
    let mut plans = Plans::new(around.globals);
    // Read once by itself, so that its faults are told even where there is no route.
    read(
        &Arc::from("[defaults]"),
        None,
        defaults.clone(),
        around,
        &mut plans,
    );
    let mut placed: Vec<Placed> = Vec::new();
    for item in table.names() {
        let pattern = patterns::pattern(item);
        let sugar;
        let (own, span) = match &item.node.value {
            Value::Table(entries) => (entries.as_slice(), item.span()),
            _ => {
                sugar = shorthand::entries(item).unwrap_or_default();
                (sugar.as_slice(), item.span())
            }
        };
        let name: Arc<str> = Arc::from(item.key);
        let table = Table::new(format!("route `{name}`"), "routes.*", Some(span), own, at)
            .with_fallback(defaults.entries);
        if let Some(route) = read(&name, pattern, table, around, &mut plans) {
            let span = item.key_span.clone();
            placed.push(Placed { route, span });
        }
    }
    login::routes(&placed, around.login, at);
    coverage::hosts(&placed, around, at);
    let routes: Vec<Route> = placed.iter().map(|placed| placed.route.clone()).collect();
    for conflict in conflicts(&routes, around.paths) {
        let (first, second) = (&placed[conflict.first], &placed[conflict.second]);
        at.tell(
            Fault::at(
                second.span.clone(),
                "two routes cannot be told apart",
                "takes the same requests",
            )
            .with_related(first.span.clone(), "as this one")
            .with_help("parameter names and a trailing slash make no difference"),
        );
    }
    routes
}

/// The route that takes every request, with nothing of `[defaults]`.
pub(super) fn catch_all(around: &Around<'_>, at: &Inspection<'_>) -> Option<Route> {
    let table = Table::new("", "routes.*", None, &[], at);
    let pattern = Pattern::parse("/{*rest}").ok();
    let mut plans = Plans::new(around.globals);
    read(&Arc::from("none"), pattern, table, around, &mut plans)
}

fn conflicts(routes: &[Route], paths: Paths) -> Vec<crate::policy::route::Conflict> {
    RouteTable::compile(routes, paths.case, paths.allow)
        .err()
        .unwrap_or_default()
}

/// Reads one route; without a pattern (its own was wrong, or this is `[defaults]`) for its faults alone.
fn read(
    name: &Arc<str>,
    pattern: Option<Pattern>,
    mut table: Table<'_>,
    around: &Around<'_>,
    plans: &mut Plans<'_>,
) -> Option<Route> {
    let access = table.or("access", access, Access::Authenticated);
    let rule = match access {
        Access::Authenticated => rules::rule(&mut table, pattern.as_ref()),
        Access::Optional | Access::Public | Access::Certificate => {
            pointless(
                &mut table,
                &rules::KEYS,
                "only an `authenticated` route has requirements",
            );
            Rule::default()
        }
    };
    let client_cert = certificate::read(&mut table, access, around.client_certificates);
    let narrowed = narrower::read(&mut table, access, around.pools);
    let headers = table.optional("headers", |item| {
        item.table("`headers`", "identity.headers")
    });
    let headers = headers.map(identity::written).unwrap_or_default();
    let headers = plans.of(name, &headers, &table);
    let login = login(&mut table, access, around);
    let upstream = table.or("upstream", |item| around.upstreams.named(item), 0);
    let strip_prefix = table.optional("strip_prefix", |item| {
        prefix::strip(item, pattern.as_ref(), around.paths.case)
    });
    let add_prefix = table.optional("add_prefix", prefix::add);
    let mode = table.or("mode", mode, Mode::Enforce);
    let timeout = table.optional("timeout", Item::limit);
    let body_bytes = table.optional("body_bytes", Item::allowance);
    let method_override = table.or("method_override", Item::boolean, false);
    let allow_paths = table.or("allow_paths", server::kinds, Kinds::NONE);
    table.finish();
    Some(Route {
        name: name.clone(),
        pattern: pattern?,
        access,
        pools: narrowed.pools,
        token_use: narrowed.token_use,
        client_ids: narrowed.client_ids,
        login,
        rule,
        client_cert,
        mode,
        upstream,
        strip_prefix,
        add_prefix,
        headers,
        timeout,
        body_bytes,
        method_override,
        allow_paths,
    })
}

/// Tells keys of a route's own that have no meaning there: who wrote them believes that they protect something.
fn pointless(table: &mut Table<'_>, keys: &[&'static str], why: &str) {
    for key in keys {
        let Some(item) = table.own(key) else { continue };
        // A shorthand has no key to point at: its value is the requirement.
        table.at.tell(
            Fault::at(
                item.key_span.clone(),
                "this route asks for something, and is open",
                why,
            )
            .with_help("set `access = \"authenticated\"`, or leave this out"),
        );
    }
}

fn access(item: Item<'_>) -> Option<Access> {
    item.one_of(&[
        ("authenticated", Access::Authenticated),
        ("public", Access::Public),
        ("optional", Access::Optional),
        ("certificate", Access::Certificate),
    ])
}

fn mode(item: Item<'_>) -> Option<Mode> {
    item.one_of(&[("enforce", Mode::Enforce), ("audit", Mode::Audit)])
}

/// `login`
fn login(table: &mut Table<'_>, access: Access, around: &Around<'_>) -> bool {
    let own = table.own("login").is_some();
    let item = table.take("login");
    let asked = item.and_then(|item| Some((item, login::asked(item, access, own)?)));
    let Some((item, true)) = asked else {
        return false;
    };
    if !around.has_login {
        item.refuse_with_help::<()>(
            "this route lets browsers sign in, and there is no [login]",
            "expected a [login] table",
            "pool, domain, client_id and session_key are all it needs",
        );
    }
    true
}
