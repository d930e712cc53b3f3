//! From a decision back to everything it looked at.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, header};
use serde_json::{Map, Value, json};

use super::judge::Judge;
use super::request::Arrived;
use super::{
    Answer, Asked, Check, Explanation, HeaderSeen, Names, Outcome, RefusalSeen, RequestSeen,
    RouteSeen, Shown, TokenSeen, TokenState,
};
use crate::clock::Timestamp;
use crate::identity::{self, Overrides};
use crate::policy::path;
use crate::policy::permit::{Policy, Rehearsal};
use crate::policy::route::{self, Access, Found, Pattern, Route, Segment};
use crate::policy::session::Endpoint;
use crate::reason::Reason;
use crate::refusal::{Hint, Refusal};
use crate::token::Principal;
use crate::token::claims::Claims;
use crate::token::find::{self, Place};
use crate::token::trust::TokenUse;

/// Claims that tell whose token it is, were it good.
const TELLING: [&str; 4] = ["iss", "token_use", "client_id", "aud"];

/// A decision, and all that it was made from.
pub(super) struct Walk<'a> {
    pub(super) arrived: &'a Arrived,
    pub(super) policy: &'a Policy,
    pub(super) shown: Shown<'a>,
    pub(super) now: Timestamp,
    pub(super) rehearsal: &'a Rehearsal<'a>,
}

/// A request that no parser would take.
pub(super) fn unreadable(asked: &Asked, refusal: &Refusal) -> Explanation {
    Explanation {
        request: RequestSeen {
            method: asked.method.clone(),
            path: asked.path().to_owned(),
            host: host(&asked.headers),
            host_assumed: false,
        },
        route: None,
        token: TokenSeen::of_state(TokenState::Unread),
        checks: Vec::new(),
        headers: Vec::new(),
        answer: Answer::refused(refusal),
        notes: Vec::new(),
    }
}

impl Walk<'_> {
    /// What a browser would see that nobody else does.
    fn about_browsers(&self) -> Option<&'static str> {
        let takes_sessions = self.rehearsal.route().is_some_and(|route| route.login);
        let reason = self.rehearsal.refusal().map(|refusal| refusal.reason);
        match (self.rehearsal.endpoint(), reason) {
            (Some(Endpoint::Callback), _) => {
                Some("browsers come back here from the pool's pages, with a code")
            }
            (Some(Endpoint::Logout), _) => Some("browsers sign out here"),
            (None, Some(Reason::MissingToken)) if takes_sessions => {
                Some("a browser that navigates here is sent to sign in")
            }
            (None, Some(Reason::StepUpRequired)) if takes_sessions => {
                Some("a browser with a session that navigates here is sent to sign in again")
            }
            _ => None,
        }
    }

    pub(super) fn explanation(&self, names: &Names) -> Explanation {
        let route = self.rehearsal.route();
        Explanation {
            request: RequestSeen {
                method: self.arrived.method.as_str().to_owned(),
                path: self.arrived.path.clone(),
                host: host(&self.arrived.headers),
                host_assumed: self.arrived.host_assumed,
            },
            route: route.map(|route| self.route(route)),
            token: self.token(),
            checks: route.map(|route| self.checks(route)).unwrap_or_default(),
            headers: self.headers(),
            answer: self.answer(names),
            notes: self.notes(),
        }
    }

    fn route(&self, route: &Route) -> RouteSeen {
        let reading = self.reading();
        let parameters = parameter_names(&route.pattern)
            .filter_map(|name| {
                let value = route.pattern.parameter(&reading, name)?;
                Some((name.to_owned(), json!(value)))
            })
            .collect();
        RouteSeen {
            name: route.name.to_string(),
            access: route.access.as_str(),
            mode: route.mode.as_str(),
            parameters,
        }
    }

    /// The first reading of the path, which is the one the decision takes parameters from.
    fn reading(&self) -> String {
        path::read(self.arrived.uri.path(), self.policy.table.admitted())
            .map(|readings| readings.first.into_owned())
            .unwrap_or_default()
    }

    /// A route of the pattern that does not take the method.
    fn other_methods(&self) -> Option<&str> {
        let Hint::Allow(methods) = &self.rehearsal.refusal()?.hint else {
            return None;
        };
        let method = methods.split(", ").next()?;
        let host = self.arrived.headers.get(header::HOST)?.to_str().ok()?;
        let host = route::normalise_host(host)?;
        let (table, routes) = (&self.policy.table, &self.policy.routes);
        let readings = path::read(self.arrived.uri.path(), table.admitted()).ok()?;
        let Found::Route(index) = table.find(routes, method, &host, &readings) else {
            return None;
        };
        let route = routes.get(index)?;
        (!route.pattern.methods.is_empty()).then_some(&*route.name)
    }

    /// Whether the decision came to look for a token at all.
    fn looks_at_token(&self) -> bool {
        let route = self.rehearsal.route();
        let refused_before = self.rehearsal.refusal().is_some_and(|refusal| {
            // The path of a known route can still be refused, when its prefix is taken away.
            refusal.reason == Reason::AmbiguousPath
        });
        let asks = |route: &Route| {
            !matches!(route.access, Access::Public | Access::Certificate)
                && !asks_certificate(route)
        };
        route.is_some_and(asks) && !self.rehearsal.is_preflight() && !refused_before
    }

    fn token(&self) -> TokenSeen {
        if !self.looks_at_token() {
            return TokenSeen::of_state(TokenState::Unread);
        }
        let by_claims = matches!(self.shown, Shown::Claims(..));
        let (headers, query) = (&self.arrived.headers, self.arrived.uri.query());
        let found = find::find(&self.policy.sources, headers, query)
            .ok()
            .flatten();
        let place = found.as_ref().map(|found| place(found.place));
        if let Some(principal) = self.rehearsal.principal() {
            let session = principal.signed_in.as_ref();
            let place = place.or_else(|| session.map(|_| "session cookie".to_owned()));
            let state = match by_claims {
                true => TokenState::Claims,
                false => TokenState::Verified,
            };
            return TokenSeen {
                place,
                ..self.verified(state, principal)
            };
        }
        let why = self
            .rehearsal
            .refusal()
            .or(self.rehearsal.audited())
            .map(|refusal| refusal.reason);
        if matches!(why, None | Some(Reason::MissingToken)) {
            return TokenSeen::of_state(TokenState::Absent);
        }
        let claims = match (self.shown, &found) {
            (Shown::Claims(claims, _), _) => Some(claims.clone()),
            (Shown::Token(..), Some(found)) => unverified(&found.token),
            (Shown::Token(..), None) => None,
        };
        let claims = claims.unwrap_or_default();
        let expires = claims.get("exp").and_then(Value::as_f64);
        TokenSeen {
            place,
            expires_in: expires.map(|expires| (expires - self.now) as i64),
            says: telling(&claims),
            ..TokenSeen::of_state(TokenState::Refused)
        }
    }

    fn verified(&self, state: TokenState, principal: &Principal) -> TokenSeen {
        TokenSeen {
            pool: Some(principal.pool.name.to_string()),
            token_use: Some(use_word(principal.token_use)),
            kind: Some(principal.kind().as_str()),
            client_id: principal.client_id.clone(),
            sub: principal.sub.clone(),
            expires_in: Some((principal.expires - self.now) as i64),
            scopes: principal.scopes.clone(),
            groups: principal.groups.clone(),
            ..TokenSeen::of_state(state)
        }
    }

    /// Everything that the route asks of a token, in the order in which the decision asks it.
    fn checks(&self, route: &Route) -> Vec<Check> {
        let principal = self.rehearsal.principal().map(Arc::as_ref);
        let nobody_asked = route.access == Access::Optional && principal.is_none();
        if !self.looks_at_token() || nobody_asked {
            return Vec::new();
        }
        let reading = self.reading();
        let judge = Judge {
            route,
            principal,
            reading: &reading,
            now: self.now,
        };
        let mut checks = judge.narrowed(&self.policy.trust);
        checks.extend(judge.rule(&route.rule));
        checks.extend(judge.required_headers());
        checks
    }

    fn headers(&self) -> Vec<HeaderSeen> {
        if self.rehearsal.refusal().is_some() || self.rehearsal.is_preflight() {
            return Vec::new();
        }
        let mut headers = Vec::new();
        if let (Some(route), Some(principal)) = (self.rehearsal.route(), self.rehearsal.principal())
        {
            // In audit a plan that isn't whole sets nothing.
            for (name, value) in identity::render(&route.headers, principal).unwrap_or_default() {
                headers.push(HeaderSeen {
                    name: name.to_string(),
                    value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
                });
            }
        }
        if let Some(refusal) = self.rehearsal.audited() {
            headers.push(HeaderSeen {
                name: "x-portcullis-audit".to_owned(),
                value: refusal.reason.to_string(),
            });
        }
        headers
    }

    fn answer(&self, names: &Names) -> Answer {
        if let Some(refusal) = self.rehearsal.refusal() {
            return Answer::refused(refusal);
        }
        if self.rehearsal.endpoint().is_some() {
            return Answer::of(Outcome::Login);
        }
        if self.rehearsal.is_preflight() && names.answers_preflights {
            return Answer {
                status: Some(204),
                ..Answer::of(Outcome::Preflight)
            };
        }
        let upstream = self
            .rehearsal
            .route()
            .and_then(|route| names.upstreams.get(route.upstream));
        let path = self.rehearsal.target().unwrap_or(self.arrived.uri.path());
        Answer {
            audit: self.rehearsal.audited().map(RefusalSeen::of),
            upstream: upstream.map(|(name, _)| name.clone()),
            address: upstream.map(|(_, address)| address.clone()),
            path: Some(path.to_owned()),
            ..Answer::of(Outcome::Forward)
        }
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let minds_host = !self.policy.hosts.is_empty()
            || (self.policy.routes.iter()).any(|route| route.pattern.host.is_some());
        if self.arrived.host_assumed && minds_host {
            notes.push(
                "no host was named, so one is assumed: name it in a URL or in a Host header"
                    .to_owned(),
            );
        }
        if self.rehearsal.is_preflight() {
            notes.push(
                "this is a CORS preflight: it is matched by the method it asks for".to_owned(),
            );
        }
        notes.extend(self.about_browsers().map(str::to_owned));
        if self.rehearsal.route().is_some_and(asks_certificate) {
            notes.push("it asks for a client certificate: none can be shown here".to_owned());
        }
        if let Some(name) = self.other_methods() {
            notes.push(format!(
                "the most specific pattern decides: it is that of \"{name}\""
            ));
        }
        let overrides = &identity::METHOD_OVERRIDES;
        let forwarded = self.rehearsal.refusal().is_none();
        if forwarded && (overrides.iter()).any(|name| self.arrived.headers.contains_key(*name)) {
            notes.push(match self.rehearsal.overrides() {
                Overrides::Keep => {
                    "the method override passes: what it asks for is allowed here too".to_owned()
                }
                Overrides::Strip => "the method override is removed".to_owned(),
            });
        }
        notes
    }
}

/// Whether the decision asks for a certificate before it looks for a token.
fn asks_certificate(route: &Route) -> bool {
    route.access == Access::Certificate || route.client_cert.is_some()
}

fn host(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(header::HOST)?;
    host.to_str().ok().map(str::to_owned)
}

fn place(place: &Place) -> String {
    match place {
        Place::Authorization => "Authorization header".to_owned(),
        Place::Header(name) => format!("header {name}"),
        Place::Cookie(name) => format!("cookie {name}"),
        Place::Query(name) => format!("query parameter {name}"),
    }
}

pub(super) const fn use_word(token_use: TokenUse) -> &'static str {
    match token_use {
        TokenUse::Access => "access",
        TokenUse::Id => "id",
    }
}

/// What a token says of itself, with nothing verified.
fn unverified(token: &str) -> Option<Claims> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    Claims::parse(&payload).ok()
}

fn telling(claims: &Claims) -> Map<String, Value> {
    let told = TELLING.iter().filter_map(|name| {
        let value = claims.get(name)?;
        Some(((*name).to_owned(), value.clone()))
    });
    told.collect()
}

fn parameter_names(pattern: &Pattern) -> impl Iterator<Item = &str> {
    pattern.segments.iter().filter_map(|segment| match segment {
        Segment::Literal(_) => None,
        Segment::Parameter(name) | Segment::Rest(name) => Some(name.as_str()),
    })
}
