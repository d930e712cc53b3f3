//! The gate's decision on one request: head → path → route → token → rule. The line to read first.
//!
//! Sync and pure. A [`Permit`] can be made here alone, and nothing is sent to an upstream without one: forwarding
//! without a decision does not compile. Every early return on this page refuses.

use std::sync::Arc;

use http::{HeaderMap, Method, Uri, Version, header};

use super::path::{self, Case, Kinds, Readings};
use super::route::{self, Access, Found, Host, Mode, Route, RouteTable};
use crate::clock::Timestamp;
use crate::http::browser;
use crate::identity::{self, Overrides};
use crate::reason::Reason;
use crate::refusal::{Hint, Refusal};
use crate::token::Principal;
use crate::token::cache::TokenCache;
use crate::token::find::{self, Place, Sources};
use crate::token::keys::Keys;
use crate::token::trust::Trust;
use crate::token::verify::{Verdict, verify};

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

/// The head of a request, as far as the decision needs it.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The method, as sent.
    pub method: &'a Method,
    /// The target, as sent, but for a fragment.
    pub uri: &'a Uri,
    /// The protocol's version.
    pub version: Version,
    /// The headers, as sent.
    pub headers: &'a HeaderMap,
    /// Whether the target had a `#`, which `http::Uri` drops without a word.
    pub fragment: bool,
    /// Whether a body follows.
    pub has_body: bool,
    /// `http` or `https`, as this connection is seen by the client.
    pub scheme: &'a str,
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
    audit: Option<Reason>,
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
        self.audit
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

/// Decides on one request. `refreshed` says that `NeedKeys` was answered before and acted upon.
pub fn admit<'p>(
    head: &Head<'_>,
    policy: &'p Policy,
    keys: &dyn Keys,
    cache: &TokenCache,
    now: Timestamp,
    refreshed: bool,
) -> Admission<'p> {
    let host = match check_head(head) {
        Ok(host) => host,
        Err(refusal) => return Admission::Refuse(None, None, refusal),
    };
    let readings = match path::read(head.uri.path(), policy.table.admitted()) {
        Ok(readings) if !head.fragment => readings,
        Ok(_) => {
            return Admission::Refuse(
                None,
                None,
                ambiguous("the target has a fragment, which some servers cut off and others read"),
            );
        }
        Err(refusal) => return Admission::Refuse(None, None, refusal),
    };
    let preflight = policy.cors.then(|| requested_method(head)).flatten();
    let method = preflight.unwrap_or(head.method.as_str());
    let route = match find_route(policy, method, &host, &readings) {
        Ok(route) => route,
        Err(refusal) => return Admission::Refuse(None, None, refusal),
    };
    let target = match rewrite(route, head.uri.path(), policy.case, policy.table.admitted()) {
        Ok(target) => target,
        Err(refusal) => return Admission::Refuse(Some(route), None, refusal),
    };
    let mut permit = Permit {
        route,
        principal: None,
        place: None,
        audit: None,
        preflight: preflight.is_some(),
        overrides: Overrides::Strip,
        target,
    };
    if permit.preflight {
        return Admission::Permit(permit);
    }
    match check_token(
        head,
        policy,
        &readings,
        keys,
        cache,
        now,
        refreshed,
        &mut permit,
    ) {
        Ok(None) => {}
        Ok(Some(pool)) => return Admission::NeedKeys(pool),
        Err(refusal) if route.mode == Mode::Audit && refusal.reason.is_auditable() => {
            permit.audit = Some(refusal.reason)
        }
        Err(refusal) => return Admission::Refuse(Some(route), permit.principal, refusal),
    }
    if may_override(head, policy, &host, &readings, &permit, now) {
        permit.overrides = Overrides::Keep;
    }
    Admission::Permit(permit)
}

/// RFC 9112 §3.2, and what hyper lets pass: P11, P12, P13, P15 in the threat table. Answers the host, normalised.
fn check_head<'a>(head: &Head<'a>) -> Result<std::borrow::Cow<'a, str>, Refusal> {
    let bad = |detail| Err(Refusal::new(Reason::BadRequest, detail));
    if matches!(*head.method, Method::CONNECT | Method::TRACE) {
        return Err(Refusal::new(
            Reason::MethodNotAllowed,
            "CONNECT and TRACE are never forwarded",
        )
        .with(Hint::Allow(
            "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS".to_owned(),
        )));
    }
    if !route::is_method(head.method.as_str()) {
        return bad("the method is not an upper-case word of at most 32 characters");
    }
    let authority = head.uri.authority().map(http::uri::Authority::as_str);
    if head.uri.scheme().is_none() && authority.is_some() || !head.uri.path().starts_with('/') {
        return bad("the target starts with neither a slash nor a scheme");
    }
    let mut lines = head.headers.get_all(header::HOST).iter();
    let line = match lines.next().map(|line| line.to_str()) {
        Some(Err(_)) => return bad("the Host header is not ASCII"),
        Some(Ok(line)) => Some(line),
        None => None,
    };
    if lines.next().is_some() {
        return bad("the request has more than one Host header");
    }
    let host = match (line, authority) {
        (Some(line), Some(authority)) if !line.eq_ignore_ascii_case(authority) => {
            return bad("the target and the Host header name different hosts");
        }
        (Some(host), _) | (None, Some(host))
            if line.is_some() || head.version >= Version::HTTP_2 =>
        {
            host
        }
        _ if head.version < Version::HTTP_11 => return Ok("".into()),
        _ => return bad("the request has no Host header"),
    };
    route::normalise_host(host).ok_or_else(|| {
        Refusal::new(
            Reason::BadRequest,
            "the Host header is not one host with an optional port",
        )
    })
}

/// The method a CORS preflight asks for (Fetch standard, CORS-preflight request). One with a body is none (P17).
fn requested_method<'a>(head: &Head<'a>) -> Option<&'a str> {
    if head.method != Method::OPTIONS || head.has_body || !head.headers.contains_key(header::ORIGIN)
    {
        return None;
    }
    let mut lines = head
        .headers
        .get_all(header::ACCESS_CONTROL_REQUEST_METHOD)
        .iter();
    let method = lines.next()?.to_str().ok()?;
    (lines.next().is_none() && route::is_method(method)).then_some(method)
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

/// Token → rule → identity. `Ok(Some(pool))` asks for that pool's keys. What a good token proves goes into `permit`
/// as soon as it is proved, so that audit can hand it on even when the rule refuses.
#[allow(clippy::too_many_arguments)] // the whole of one decision; a struct would only hide the list
fn check_token<'p>(
    head: &Head<'_>,
    policy: &'p Policy,
    readings: &Readings<'_>,
    keys: &dyn Keys,
    cache: &TokenCache,
    now: Timestamp,
    refreshed: bool,
    permit: &mut Permit<'p>,
) -> Result<Option<usize>, Refusal> {
    let route = permit.route;
    if route.access == Access::Public {
        return Ok(None);
    }
    let Some(found) = find::find(&policy.sources, head.headers, head.uri.query())? else {
        return match route.access {
            Access::Optional | Access::Public => Ok(None),
            Access::Authenticated => Err(Refusal::new(
                Reason::MissingToken,
                "this route asks for a token: send it as \"Authorization: Bearer <access token>\"",
            )),
        };
    };
    permit.place = Some(found.place);
    if matches!(found.place, Place::Cookie(_)) && !may_use_cookie(head, policy) {
        return Err(Refusal::new(
            Reason::CrossSite,
            "a token in a cookie is not taken from another site's page; send it in the Authorization header",
        ));
    }
    let digest = TokenCache::digest(&found.token);
    let principal = match cache.recall(&digest, &policy.trust, keys, now) {
        Some(principal) => principal,
        None => match verify(&found.token, &policy.trust, keys, now, refreshed) {
            Verdict::Good(principal) => {
                cache.remember(digest, principal.clone());
                principal
            }
            Verdict::NeedKeys(pool) => return Ok(Some(pool)),
            Verdict::Refuse(refusal) => return Err(refusal),
        },
    };
    let principal = permit.principal.insert(principal);
    check_allowed(route, principal)?;
    check_rule(route, principal, readings, now)?;
    identity::check(&route.headers, principal)?;
    Ok(None)
}

/// Good for its pool, but is it good here? (C07, C08, C09)
fn check_allowed(route: &Route, principal: &Principal) -> Result<(), Refusal> {
    let refuse = |detail| Err(Refusal::new(Reason::TokenNotAllowed, detail));
    if route
        .pools
        .as_ref()
        .is_some_and(|pools| !pools.contains(&principal.pool_index))
    {
        return refuse("tokens of this user pool are not accepted on this route");
    }
    if route
        .token_use
        .is_some_and(|uses| !uses.contains(principal.token_use))
    {
        return refuse("tokens of this use (access or ID) are not accepted on this route");
    }
    let client_known = |clients: &crate::token::trust::Clients| match &principal.client_id {
        Some(client) => clients.contains(client),
        None => *clients == crate::token::trust::Clients::Any,
    };
    if route
        .client_ids
        .as_ref()
        .is_some_and(|clients| !client_known(clients))
    {
        return refuse("tokens of this client are not accepted on this route");
    }
    Ok(())
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

/// The path for the upstream, where the route strips or adds a prefix. It is read again (P10): `/api../x` less `/api` is
/// another path than the one that was matched.
fn rewrite(
    route: &Route,
    path: &str,
    case: Case,
    admitted: Kinds,
) -> Result<Option<String>, Refusal> {
    if route.strip_prefix.is_none() && route.add_prefix.is_none() {
        return Ok(None);
    }
    let prefix = route
        .strip_prefix
        .as_deref()
        .unwrap_or("")
        .trim_end_matches('/');
    let rest = path
        .get(..prefix.len())
        .filter(|start| match case {
            Case::Insensitive => start.eq_ignore_ascii_case(prefix),
            Case::Guard | Case::Sensitive => *start == prefix,
        })
        .map(|_| &path[prefix.len()..])
        .filter(|rest| rest.is_empty() || rest.starts_with('/'))
        .ok_or(ambiguous(
            "the path does not spell the prefix that is removed here as the configuration does",
        ))?;
    let rewritten = format!(
        "{}{}",
        route
            .add_prefix
            .as_deref()
            .unwrap_or("")
            .trim_end_matches('/'),
        rest
    );
    let rewritten = if rewritten.is_empty() {
        "/".to_owned()
    } else {
        rewritten
    };
    path::read(&rewritten, admitted)?;
    Ok(Some(rewritten))
}

/// Whether the method that an override header names is allowed here too: the same pattern takes it, and the principal
/// meets what is asked for it (P16). More than one header, or more than one value, is never passed.
fn may_override(
    head: &Head<'_>,
    policy: &Policy,
    host: &str,
    readings: &Readings<'_>,
    permit: &Permit<'_>,
    now: Timestamp,
) -> bool {
    if !permit.route.method_override {
        return false;
    }
    let mut named = identity::METHOD_OVERRIDES
        .iter()
        .flat_map(|name| head.headers.get_all(*name));
    let (Some(method), None) = (
        named.next().and_then(|value| value.to_str().ok()),
        named.next(),
    ) else {
        return false;
    };
    if !route::is_method(method) {
        return false;
    }
    let Found::Route(index) = policy.table.find(&policy.routes, method, host, readings) else {
        return false;
    };
    let other = &policy.routes[index];
    if std::ptr::eq(other, permit.route) {
        return true;
    }
    match (&permit.principal, other.access) {
        (_, Access::Public) => true,
        (Some(principal), _) => {
            check_allowed(other, principal).is_ok()
                && check_rule(other, principal, readings, now).is_ok()
        }
        (None, Access::Optional) => true,
        (None, Access::Authenticated) => false,
    }
}
