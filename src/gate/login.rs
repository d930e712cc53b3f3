//! Browser sign-in: what the gate does for a visitor beside deciding. Nobody's session is kept here; it is in their cookie.
//!
//! A visit is one request of a browser: how it came (`channel`), its session renewed when that is due, and the cookies that
//! its answer takes along. Whoever navigates to a route with `login = true` and has no session is sent to the pool's pages;
//! `endpoints` is where they come back to, and where they leave. Without `[login]` there is no visit, and nothing is done.

mod accept;
mod channel;
mod endpoints;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use super::Gate;
use crate::clock::Timestamp;
use crate::credential::sign_in::{Settled, SignIn};
use crate::front::Content;
use crate::http::browser;
use crate::policy::Admission;
use crate::policy::route::Route;
use crate::policy::session::Sessions;
use crate::reason::Reason;
use crate::refusal::{Hint, Refusal};
use crate::session::{Channel, Session, State};
use crate::snapshot::Snapshot;
use crate::telemetry::Exchange;
use crate::token::Principal;
pub(super) use endpoints::answer;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// When whoever could not be renewed may come back.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// Who signed in so short a time ago is not sent again for a stronger sign-in: the pool gives none, and would send them back.
const JUST_NOW: Timestamp = 30.0;

const UNAVAILABLE: Refusal = Refusal::new(
    Reason::TokenUnavailable,
    "the sign-in service can't be reached at the moment",
);
const NOT_OVER_HTTP: &str = "this route asks for a token or a session, and browsers sign in over https alone: this request came over plain \
     http, and no trusted proxy said otherwise";

/// One request of a browser.
pub(super) struct Visit<'s> {
    snapshot: &'s Arc<Snapshot>,
    sign_in: &'s Arc<SignIn>,
    sessions: &'s Sessions,
    /// What the browser calls us.
    origin: Cow<'s, str>,
    channel: Channel,
    /// The session in place of the one in its cookies.
    renewed: Option<Arc<Session>>,
    /// The one in its cookies is over.
    ended: bool,
    /// Renewing was tried: once is enough for one request.
    tried: bool,
    /// The pool could not be asked while the session's token was still good.
    unasked: bool,
    /// What the browser is sent to the pool's pages for.
    errand: Option<Errand>,
    /// What the answer takes along.
    cookies: Vec<HeaderValue>,
}

/// What a browser is sent to the pool's pages for.
enum Errand {
    /// To sign in.
    SignIn,
    /// To sign in again, for what the route asks of a sign-in.
    StepUp(Hint),
}

/// Whether a session's tokens must be renewed before there is an answer.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Due {
    /// They are still good.
    Soon,
    /// They are not any more.
    Now,
}

impl<'s> Visit<'s> {
    /// The visit that a request is, where there is a `[login]`.
    pub(super) fn begin(
        snapshot: &'s Arc<Snapshot>,
        parts: &Parts,
        scheme: &str,
        peer: Option<SocketAddr>,
    ) -> Option<Box<Visit<'s>>> {
        let sign_in = snapshot.sign_in.as_ref()?;
        let server = &snapshot.config.server;
        let (origin, channel) = channel::of(server, &parts.headers, scheme, peer);
        Some(Box::new(Visit {
            snapshot,
            sign_in,
            sessions: snapshot.policy.sessions.as_ref()?,
            origin,
            channel,
            renewed: None,
            ended: false,
            tried: false,
            unasked: false,
            errand: None,
            cookies: Vec::new(),
        }))
    }

    /// How the browser came, for the decision: once its session is over, it has none.
    pub(super) fn channel(&self) -> Channel {
        match self.ended {
            true => Channel::Plain,
            false => self.channel,
        }
    }

    /// The session that takes the place of the one in its cookies.
    pub(super) fn renewed(&self) -> Option<&Session> {
        self.renewed.as_deref()
    }

    /// Whether a decision shows that the session's tokens must be renewed first, so that it is made on the newest.
    pub(super) fn due(&self, admission: &Admission<'_>, now: Timestamp) -> Option<Due> {
        let (route, principal, reason) = match admission {
            _ if self.tried => return None,
            Admission::Permit(permit) => (permit.route(), permit.principal(), permit.audit()),
            Admission::Refuse(Some(route), principal, refusal) => {
                (*route, principal.as_ref(), Some(refusal.reason))
            }
            _ => return None,
        };
        let renew = principal.and_then(|principal| principal.renew);
        match route.login {
            true if renew.is_some_and(|at| at <= now) => Some(Due::Soon),
            true if principal.is_none() && reason == Some(Reason::Expired) => Some(Due::Now),
            _ => None,
        }
    }

    /// Renews the session in a request's cookies; the decision is to be made anew.
    ///
    /// # Errors
    /// Its tokens are no longer good, and nobody can say at the moment whether it goes on.
    pub(super) async fn renew(
        &mut self,
        gate: &Gate,
        headers: &HeaderMap,
        due: Due,
    ) -> Result<(), Refusal> {
        self.tried = true;
        let now = gate.clock.now();
        let Some(session) = self.sessions.open(headers, self.channel, now) else {
            return Ok(()); // what has expired is another token
        };
        let Some(refresh) = session.refresh.clone() else {
            self.end(headers);
            return Ok(());
        };
        let renewal = || accept::renewal(self.snapshot, &gate.clock, session.clone(), refresh);
        match self.sign_in.renewals.join(&session, renewal).await {
            Settled::Renewed(session) => match self.give(&session, headers, gate.clock.now()) {
                true => self.renewed = Some(session),
                false => self.end(headers),
            },
            Settled::Ended => self.end(headers),
            Settled::Unavailable if due == Due::Soon => self.unasked = true,
            Settled::Unavailable => return Err(UNAVAILABLE.with(Hint::RetryAfter(RETRY_AFTER))),
        }
        Ok(())
    }

    /// Gives the browser a session with the answer. Tells whether it has room for it.
    fn give(&mut self, session: &Session, headers: &HeaderMap, now: Timestamp) -> bool {
        let left = self.sessions.left(session, now);
        let given = self.sessions.jar.give(session, left, headers, self.channel);
        let fits = given.is_some();
        if !fits {
            tracing::error!("a session is too large for cookies: its tokens hold too much");
        }
        self.cookies.extend(given.into_iter().flatten());
        fits
    }

    fn end(&mut self, headers: &HeaderMap) {
        self.ended = true;
        let cleared = self.sessions.jar.clear(headers, self.channel);
        self.cookies.extend(cleared);
    }

    /// Notes what a refused request may be sent to sign in for.
    pub(super) fn refused(
        &mut self,
        route: &Route,
        principal: Option<&Principal>,
        refusal: &mut Refusal,
        now: Timestamp,
    ) {
        if self.unasked && refusal.reason == Reason::Expired {
            *refusal = UNAVAILABLE.with(Hint::RetryAfter(RETRY_AFTER)); // it ran out while the pool was asked
        }
        let session = principal.and_then(|principal| principal.signed_in.as_ref());
        self.errand = match (refusal.reason, session) {
            _ if !route.login => None,
            (Reason::MissingToken, _) if self.channel == Channel::Plain => {
                refusal.detail = NOT_OVER_HTTP.into();
                None
            }
            (Reason::MissingToken, _) => Some(Errand::SignIn),
            (Reason::StepUpRequired, Some(session)) if now - session.started > JUST_NOW => {
                Some(Errand::StepUp(refusal.hint.clone()))
            }
            _ => None,
        };
    }

    /// Sends a browser that navigates to the pool's pages, if there is a reason to; everyone else gets the refusal (L14).
    fn depart(&mut self, parts: &Parts, now: Timestamp) -> Option<Response<Content>> {
        let errand = self.errand.take()?;
        if !browser::navigates(&parts.method, &parts.headers) {
            return None;
        }
        let target = parts
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let state = State::begin(target, now)?;
        let jar = &self.sessions.jar;
        let begun = jar.begin(&state, &parts.headers, self.channel, now)?;
        // A session that opens no more is of no use to anybody.
        if matches!(errand, Errand::SignIn) && !self.ended {
            self.cookies.extend(jar.clear(&parts.headers, self.channel));
        }
        self.cookies.extend(begun);
        redirect(StatusCode::FOUND, &self.authorize(&state, &errand))
    }

    /// The pool's page for a sign-in (RFC 6749 §4.1.1, RFC 7636 §4.3, OpenID Connect Core §3.1.2.1).
    fn authorize(&self, state: &State, errand: &Errand) -> String {
        let login = self.sign_in.settings();
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &login.client.id)
            .append_pair("redirect_uri", &self.redirect_uri())
            .append_pair("scope", &login.scopes.join(" "))
            .append_pair("state", &state.id)
            .append_pair("nonce", &state.nonce)
            .append_pair("code_challenge", &state.challenge())
            .append_pair("code_challenge_method", "S256");
        if let Errand::StepUp(hint) = errand {
            query.append_pair("prompt", "login");
            match hint {
                Hint::AcrValues(values) => query.append_pair("acr_values", values),
                Hint::MaxAge(age) => query.append_pair("max_age", &age.as_secs().to_string()),
                _ => &mut query,
            };
        }
        format!("{}/oauth2/authorize?{}", login.domain, query.finish())
    }

    fn redirect_uri(&self) -> String {
        format!("{}{}", self.origin, self.sessions.callback_path)
    }

    /// Lays what the visit brings into an answer. A cache that kept it would give one person's session to another.
    pub(super) fn leave(self, headers: &mut HeaderMap) {
        if self.cookies.is_empty() {
            return;
        }
        headers.insert(header::CACHE_CONTROL, NO_STORE);
        for cookie in self.cookies {
            headers.append(header::SET_COOKIE, cookie);
        }
    }
}

/// What becomes of a refusal: a way to the pool's pages, if there is a reason for one, and someone who would go.
pub(super) fn depart(
    gate: &Gate,
    visit: Option<&mut Visit<'_>>,
    parts: &Parts,
    refusal: &Refusal,
    exchange: &mut Exchange,
) -> Result<Response<Content>, Refusal> {
    let departure = visit.and_then(|visit| visit.depart(parts, gate.clock.now()));
    let departure = departure.ok_or_else(|| refusal.clone())?;
    exchange.reason = Some(refusal.reason);
    Ok(named(departure, exchange))
}

/// An answer of ours tells the request's id, as a refusal does.
fn named(mut response: Response<Content>, exchange: &Exchange) -> Response<Content> {
    let id = exchange.request_id.clone();
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// An answer that sends a browser elsewhere; nothing if no header can hold where.
fn redirect(status: StatusCode, location: &str) -> Option<Response<Content>> {
    let mut response = Response::new(Content::Whole(bytes::Bytes::new()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, HeaderValue::try_from(location).ok()?);
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    // The address of this page holds a code, or what one was looking at.
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    Some(response)
}
