//! The gate's decision on one request: head → path → route → token → rule. The line to read first.
//!
//! Sync and pure. A [`Permit`] can be made here alone, and nothing is sent to an upstream without one: forwarding
//! without a decision does not compile. Every early return on this page refuses.

pub(super) mod allowed;
mod head;
mod overrides;
mod rehearsal;
mod rewrite;

use std::borrow::Cow;
use std::sync::Arc;

use http::header;

use super::path::{self, Case, Readings};
use super::route::{Access, Found, Host, Mode, Route, RouteTable};
use crate::clock::Timestamp;
use crate::http::browser;
use crate::identity::{self, Overrides, Proof};
use crate::reason::Reason;
use crate::refusal::{Hint, Refusal};
use crate::token::Principal;
use crate::token::cache::TokenCache;
use crate::token::find::{self, Place, Sources};
use crate::token::keys::Keys;
use crate::token::trust::Trust;
use crate::token::verify::{Verdict, verify};
use allowed::{check_allowed, check_certificate};
use head::requested_method;
pub use head::{Head, check_head};
use overrides::may_override;
pub use rehearsal::{Rehearsal, rehearse};
use rewrite::rewrite;

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
}

/// What is decided.
#[derive(Debug)]
pub enum Admission<'p> {
    /// Forward it.
    Permit(Permit<'p>),
    /// The pool with this index must refresh its keys; then ask once more, with `refreshed`.
    NeedKeys(usize),
    /// Refuse it. The route is there if one was found, the principal if a token of it verified.
    Refuse(Option<&'p Route>, Option<Arc<Principal>>, Refusal),
}

/// The right to forward one request. Made by [`admit`] alone.
#[derive(Debug)]
pub struct Permit<'p> {
    route: &'p Route,
    principal: Option<Arc<Principal>>,
    place: Option<&'p Place>,
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
struct Means<'a> {
    keys: &'a dyn Keys,
    cache: &'a TokenCache,
    refreshed: bool,
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
        Ok(located) => located,
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

/// Where a request goes, before it is asked who sent it.
struct Located<'p, 'h> {
    route: &'p Route,
    host: Cow<'h, str>,
    readings: Readings<'h>,
    preflight: bool,
}

/// Head → path → route.
fn locate<'p, 'h>(head: &Head<'h>, policy: &'p Policy) -> Result<Located<'p, 'h>, Refusal> {
    let host = check_head(head)?;
    let readings = path::read(head.uri.path(), policy.table.admitted())?;
    if head.fragment {
        return Err(ambiguous(
            "the target has a fragment, which some servers cut off and others read",
        ));
    }
    let preflight = policy.cors.then(|| requested_method(head)).flatten();
    let method = preflight.unwrap_or(head.method.as_str());
    let route = find_route(policy, method, &host, &readings)?;
    Ok(Located {
        route,
        host,
        readings,
        preflight: preflight.is_some(),
    })
}

fn find_route<'p>(
    policy: &'p Policy,
    method: &str,
    host: &str,
    readings: &Readings<'_>,
) -> Result<&'p Route, Refusal> {
    if !policy.hosts.is_empty() && !policy.hosts.iter().any(|known| known.matches(host)) {
        return Err(Refusal::new(
            Reason::NoRoute,
            "this service does not answer for that host",
        ));
    }
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

const MISSING_TOKEN: Refusal = Refusal::new(
    Reason::MissingToken,
    "this route asks for a token: send it as \"Authorization: Bearer <access token>\"",
);
const CLAIMS_AND_TOKEN: Refusal = Refusal::new(
    Reason::MultipleTokens,
    "the request carries a token beside the claims that stand for one",
);
const CROSS_SITE: Refusal = Refusal::new(
    Reason::CrossSite,
    "a token in a cookie is not taken from another site's page; send it in the Authorization header",
);

/// Token → rule → identity. `Ok(Some(pool))` asks for that pool's keys. What a good token proves goes into `permit`
/// as soon as it is proved, so that audit can hand it on even when the rule refuses.
fn check_token<'p>(
    head: &Head<'_>,
    policy: &'p Policy,
    readings: &Readings<'_>,
    evidence: Evidence<'_>,
    now: Timestamp,
    permit: &mut Permit<'p>,
) -> Result<Option<usize>, Refusal> {
    let route = permit.route;
    let proof = |principal| Proof {
        principal,
        certificate: head.certificate,
    };
    match route.access {
        Access::Public => return Ok(None),
        Access::Certificate => {
            return identity::check(&route.headers, proof(None)).map(|()| None);
        }
        Access::Authenticated | Access::Optional => {}
    }
    let found = find::find(&policy.sources, head.headers, head.uri.query())?;
    let principal = match (found, evidence) {
        (None, Evidence::Token(_)) => {
            return match route.access {
                Access::Authenticated => Err(MISSING_TOKEN),
                _ => Ok(None),
            };
        }
        (None, Evidence::Claims(proved)) => proved.clone()?,
        (Some(_), Evidence::Claims(_)) => return Err(CLAIMS_AND_TOKEN),
        (Some(found), Evidence::Token(means)) => {
            permit.place = Some(found.place);
            if matches!(found.place, Place::Cookie(_)) && !may_use_cookie(head, policy) {
                return Err(CROSS_SITE);
            }
            match recall_or_verify(&found.token, &policy.trust, means, now) {
                Verdict::Good(principal) => principal,
                Verdict::NeedKeys(pool) => return Ok(Some(pool)),
                Verdict::Refuse(refusal) => return Err(refusal),
            }
        }
    };
    let principal = permit.principal.insert(principal);
    check_allowed(route, principal)?;
    check_rule(route, principal, readings, now)?;
    identity::check(&route.headers, proof(Some(principal)))?;
    Ok(None)
}

/// Who the token speaks for, from memory where it was verified before.
fn recall_or_verify(token: &str, trust: &Trust, means: Means<'_>, now: Timestamp) -> Verdict {
    let Means {
        keys,
        cache,
        refreshed,
    } = means;
    let digest = TokenCache::digest(token);
    if let Some(principal) = cache.recall(&digest, trust, keys, now) {
        return Verdict::Good(principal);
    }
    let verdict = verify(token, trust, keys, now, refreshed);
    if let Verdict::Good(principal) = &verdict {
        cache.remember(digest, principal.clone());
    }
    verdict
}

fn check_rule(
    route: &Route,
    principal: &Principal,
    readings: &Readings<'_>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let first: &str = &readings.first;
    route
        .rule
        .check(principal, &|name| route.pattern.parameter(first, name), now)
}

fn may_use_cookie(head: &Head<'_>, policy: &Policy) -> bool {
    let ours = policy.external_origin.clone().or_else(|| {
        let host = head.headers.get(header::HOST)?.to_str().ok()?;
        Some(format!("{}://{}", head.scheme, host.to_ascii_lowercase()))
    });
    browser::may_use_cookie(
        head.method,
        head.headers,
        ours.as_deref().unwrap_or(""),
        &policy.cross_site,
    )
}

#[cfg(test)]
mod tests;
