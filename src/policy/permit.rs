//! The gate's decision on one request: head → path → route → token → rule. The line to read first.
//!
//! Sync and pure. A [`Permit`] can be made here alone, and nothing is sent to an upstream without one: forwarding
//! without a decision does not compile. Every early return on this page refuses.

pub(super) mod allowed;
mod head;
mod overrides;
mod rehearsal;
mod rewrite;
mod token;

use std::borrow::Cow;
use std::sync::Arc;

use super::path::{self, Case, Readings};
use super::route::{Found, Host, Mode, Route, RouteTable};
use super::session::{Endpoint, Sessions};
use crate::clock::Timestamp;
use crate::identity::Overrides;
use crate::reason::Reason;
use crate::refusal::{Hint, Refusal};
use crate::token::Principal;
use crate::token::cache::TokenCache;
use crate::token::find::{Place, Sources};
use crate::token::keys::Keys;
use crate::token::trust::Trust;
use allowed::check_certificate;
use head::requested_method;
pub use head::{Head, MOST_LINES, check_head};
use overrides::may_override;
pub use rehearsal::{Rehearsal, rehearse};
use rewrite::rewrite;
use token::check_token;

/// Everything a decision is made from, compiled from one configuration.
#[derive(Debug)]
pub struct Policy {
    /// If not empty, requests for other hosts find no route.
    pub hosts: Vec<Host>,
    /// The routes, in the configuration's order.
    pub routes: Vec<Route>,
    /// Their table.
    pub table: RouteTable,
    /// Answers for what no route takes: in `learn` alone, and in audit. Else that is refused.
    pub unrouted: Option<Route>,
    /// How letter case in paths is taken.
    pub case: Case,
    /// Where tokens are looked for.
    pub sources: Sources,
    /// Whose tokens are taken.
    pub trust: Trust,
    /// Whether preflights are matched by the method they ask for (`[cors]` is set).
    pub cors: bool,
    /// Origins that may send cookie-borne tokens across sites.
    pub cross_site: Vec<String>,
    /// What browsers call us, if the configuration says so.
    pub external_origin: Option<String>,
    /// The sessions of browsers, where there is a `[login]`.
    pub sessions: Option<Sessions>,
}

/// What is decided.
#[derive(Debug)]
pub enum Admission<'p> {
    /// Forward it.
    Permit(Permit<'p>),
    /// The gate answers it itself: it belongs to signing in or out.
    Own(Endpoint),
    /// The pool with this index must refresh its keys; then ask once more, with `refreshed`.
    NeedKeys(usize),
    /// Refuse it. The route is there if one was found, the principal if a token of it verified.
    Refuse(Option<&'p Route>, Option<Arc<Principal>>, Refusal),
}

impl<'p> Admission<'p> {
    /// The route, if one was found.
    pub fn route(&self) -> Option<&'p Route> {
        match self {
            Admission::Permit(permit) => Some(permit.route),
            Admission::Refuse(route, ..) => *route,
            Admission::NeedKeys(_) | Admission::Own(_) => None,
        }
    }
}

/// The right to forward one request. Made by [`admit`] alone.
#[derive(Debug)]
pub struct Permit<'p> {
    route: &'p Route,
    principal: Option<Arc<Principal>>,
    place: Option<&'p Place>,
    by_cookie: bool,
    audit: Option<Refusal>,
    preflight: bool,
    overrides: Overrides,
    target: Option<String>,
}

impl<'p> Permit<'p> {
    /// The route that answers.
    pub fn route(&self) -> &'p Route {
        self.route
    }

    /// Who the verified token speaks for.
    pub fn principal(&self) -> Option<&Arc<Principal>> {
        self.principal.as_ref()
    }

    /// Where the token was found, to be removed from there.
    pub fn place(&self) -> Option<&'p Place> {
        self.place
    }

    /// Why it would have been refused, where the route is in audit.
    pub fn audit(&self) -> Option<Reason> {
        self.audit.as_ref().map(|refusal| refusal.reason)
    }

    /// Whether it is a CORS preflight: it carries nothing that identifies.
    pub fn is_preflight(&self) -> bool {
        self.preflight
    }

    /// Whether method-override headers may pass.
    pub fn overrides(&self) -> Overrides {
        self.overrides
    }

    /// The path for the upstream, where the route rewrites it.
    pub fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }
}

/// What a request shows for who it speaks for.
#[derive(Clone, Copy)]
enum Evidence<'a> {
    /// The token in its head, and what that is verified with.
    Token(Means<'a>),
    /// In place of one, what a token with bare claims would prove. Only a rehearsal takes it: no signature was seen.
    Claims(&'a Result<Arc<Principal>, Refusal>),
}

/// What a token is verified with.
#[derive(Clone, Copy)]
pub(super) struct Means<'a> {
    pub(super) keys: &'a dyn Keys,
    pub(super) cache: &'a TokenCache,
    pub(super) refreshed: bool,
}

/// Decides on one request. `refreshed` says that `NeedKeys` was answered before and acted upon.
pub fn admit<'p>(
    head: &Head<'_>,
    policy: &'p Policy,
    keys: &dyn Keys,
    cache: &TokenCache,
    now: Timestamp,
    refreshed: bool,
) -> Admission<'p> {
    let means = Means {
        keys,
        cache,
        refreshed,
    };
    decide(head, policy, Evidence::Token(means), now)
}

fn decide<'p>(
    head: &Head<'_>,
    policy: &'p Policy,
    evidence: Evidence<'_>,
    now: Timestamp,
) -> Admission<'p> {
    let Located {
        route,
        host,
        readings,
        preflight,
    } = match locate(head, policy) {
        Ok(Goal::Route(located)) => located,
        Ok(Goal::Own(endpoint)) => return Admission::Own(endpoint),
        Err(refusal) => return Admission::Refuse(None, None, refusal),
    };
    let admitted = policy.table.admitted();
    let target = match rewrite(route, head.uri.path(), &readings, policy.case, admitted) {
        Ok(target) => target,
        Err(refusal) => return Admission::Refuse(Some(route), None, refusal),
    };
    let mut permit = Permit {
        route,
        principal: None,
        place: None,
        by_cookie: false,
        audit: None,
        preflight,
        overrides: Overrides::Strip,
        target,
    };
    if permit.preflight {
        return Admission::Permit(permit);
    }
    let checked = check_certificate(route, head.certificate)
        .and_then(|()| check_token(head, policy, &readings, evidence, now, &mut permit));
    match checked {
        Ok(None) => {}
        Ok(Some(pool)) => return Admission::NeedKeys(pool),
        Err(refusal) if route.mode == Mode::Audit && refusal.reason.is_auditable() => {
            permit.audit = Some(refusal)
        }
        Err(refusal) => return Admission::Refuse(Some(route), permit.principal, refusal),
    }
    if may_override(head, policy, &host, &readings, &permit, now) {
        permit.overrides = Overrides::Keep;
    }
    Admission::Permit(permit)
}

/// Whom a request is for.
enum Goal<'p, 'h> {
    Route(Located<'p, 'h>),
    Own(Endpoint),
}

/// Where a request goes, before it is asked who sent it.
struct Located<'p, 'h> {
    route: &'p Route,
    host: Cow<'h, str>,
    readings: Readings<'h>,
    preflight: bool,
}

/// Head → path → route.
fn locate<'p, 'h>(head: &Head<'h>, policy: &'p Policy) -> Result<Goal<'p, 'h>, Refusal> {
    let host = check_head(head)?;
    let readings = path::read(head.uri.path(), policy.table.admitted())?;
    if head.fragment {
        return Err(ambiguous(
            "the target has a fragment, which some servers cut off and others read",
        ));
    }
    check_host(policy, &host)?;
    let sessions = policy.sessions.as_ref();
    if let Some(endpoint) = sessions.and_then(|sessions| sessions.endpoint(head.uri.path())) {
        return Ok(Goal::Own(endpoint));
    }
    let preflight = policy.cors.then(|| requested_method(head)).flatten();
    let method = preflight.unwrap_or(head.method.as_str());
    let route = find_route(policy, method, &host, &readings)?;
    Ok(Goal::Route(Located {
        route,
        host,
        readings,
        preflight: preflight.is_some(),
    }))
}

fn check_host(policy: &Policy, host: &str) -> Result<(), Refusal> {
    match policy.hosts.is_empty() || policy.hosts.iter().any(|known| known.matches(host)) {
        true => Ok(()),
        false => Err(Refusal::new(
            Reason::NoRoute,
            "this service does not answer for that host",
        )),
    }
}

fn find_route<'p>(
    policy: &'p Policy,
    method: &str,
    host: &str,
    readings: &Readings<'_>,
) -> Result<&'p Route, Refusal> {
    let found = policy.table.find(&policy.routes, method, host, readings);
    match (found, &policy.unrouted) {
        (Found::Route(index), _) => Ok(&policy.routes[index]),
        (Found::Ambiguous, _) => Err(ambiguous(
            "two servers could read this path differently and choose different routes",
        )),
        (_, Some(unrouted)) => Ok(unrouted),
        (Found::MethodNotAllowed(allow), None) => Err(Refusal::new(
            Reason::MethodNotAllowed,
            "this path is known, but it does not take this method",
        )
        .with(Hint::Allow(allow))),
        (Found::Nothing, None) => Err(Refusal::new(
            Reason::NoRoute,
            "no route of this service matches the request",
        )),
    }
}

const fn ambiguous(detail: &'static str) -> Refusal {
    Refusal::new(Reason::AmbiguousPath, detail)
}

#[cfg(test)]
mod tests;
