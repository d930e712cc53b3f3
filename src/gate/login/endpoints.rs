//! Where browsers come back to from the pool's pages, and where they leave.
//!
//! Everything a callback says may be made up. What counts is a state cookie that this very browser holds, opened once; the
//! code is worth something only with the verifier in it, and the ID token only with its nonce (L02-L05).

use std::borrow::Cow;

use http::request::Parts;
use http::{Method, Response, StatusCode};

use super::{UNAVAILABLE, Visit, accept, named, redirect};
use crate::credential::sign_in::Denied;
use crate::front::Content;
use crate::gate::Gate;
use crate::http::browser;
use crate::policy::session::{Endpoint, Occasion};
use crate::reason::Reason;
use crate::refusal::{Hint, Refusal};
use crate::session::{Channel, NOT_BEGUN, Said};
use crate::telemetry::Exchange;
use crate::token::trust::PoolKind;

const fn bad(detail: &'static str) -> Refusal {
    Refusal::new(Reason::BadRequest, detail)
}

const NOWHERE: Refusal = Refusal::new(Reason::NoRoute, "nobody signs in here");
const NOT_HTTPS: Refusal =
    bad("browsers sign in over https alone, and this request came over plain http");
const NO_CODE: Refusal = bad("the sign-in service sent no code");
const DENIED: Refusal = bad("the sign-in service did not sign you in");
const CODE_REFUSED: Refusal =
    bad("the sign-in can't be completed: its code is not, or no longer, good");
const TOO_LARGE: Refusal = Refusal::new(
    Reason::HeadersTooLarge,
    "this sign-in brought more than a browser's cookies can hold",
);
const CROSS_SITE: Refusal = Refusal::new(
    Reason::CrossSite,
    "signing out is for pages of this very service: POST, or a link on one of its pages",
);

/// Answers a request for one of our own paths.
pub(in crate::gate) async fn answer(
    gate: &Gate,
    visit: Option<&mut Visit<'_>>,
    endpoint: Endpoint,
    parts: &Parts,
    exchange: &mut Exchange,
) -> Result<Response<Content>, Refusal> {
    let visit = visit.ok_or(NOWHERE)?; // there is one wherever there are such paths
    // Boxed: not a part of what every request of the gate carries.
    let response = match (endpoint, &parts.method) {
        (Endpoint::Callback, &Method::GET) => {
            Box::pin(callback(gate, visit, parts, exchange)).await
        }
        (Endpoint::Logout, &Method::GET | &Method::POST) => {
            Box::pin(log_out(gate, visit, parts)).await
        }
        (Endpoint::Callback, _) => Err(wrong_method("GET")),
        (Endpoint::Logout, _) => Err(wrong_method("GET, POST")),
    };
    response.map(|response| named(response, exchange))
}

fn wrong_method(allow: &str) -> Refusal {
    let detail = "this path is known, but it does not take this method";
    Refusal::new(Reason::MethodNotAllowed, detail).with(Hint::Allow(allow.to_owned()))
}

async fn callback(
    gate: &Gate,
    visit: &mut Visit<'_>,
    parts: &Parts,
    exchange: &mut Exchange,
) -> Result<Response<Content>, Refusal> {
    if visit.channel == Channel::Plain {
        return Err(NOT_HTTPS);
    }
    let said = Said::read(parts.uri.query().unwrap_or_default())?;
    let (now, jar) = (gate.clock.now(), &visit.sessions.jar);
    let state = jar
        .state(&said.state, &parts.headers, visit.channel, now)
        .filter(|state| visit.sign_in.spend(&state.id))
        .ok_or(NOT_BEGUN)?;
    visit.cookies.extend(jar.end(&state, visit.channel));
    if let Some(error) = &said.error {
        // Never repeated: whoever made the link wrote it.
        let error = known(error);
        tracing::info!(error, "a sign-in was denied");
        return Err(DENIED);
    }
    let code = said.code.ok_or(NO_CODE)?;
    let redirect_uri = visit.redirect_uri();
    let tokens = visit
        .sign_in
        .exchange(&code, &state.verifier, &redirect_uri)
        .await
        .map_err(refused)?;
    let occasion = Occasion::SignIn {
        nonce: &state.nonce,
    };
    let accepted = accept::accept(visit.snapshot, &gate.clock, &tokens, occasion).await;
    let (session, principal) = accepted.inspect_err(|refusal| {
        let (reason, detail) = (refusal.reason, &refusal.detail);
        tracing::warn!(%reason, %detail, "a sign-in brought no good tokens");
    })?;
    exchange.principal = Some(principal);
    if !visit.give(&session, &parts.headers, gate.clock.now()) {
        return Err(TOO_LARGE);
    }
    redirect(StatusCode::FOUND, &state.back).ok_or(NOT_BEGUN)
}

fn refused(denied: Denied) -> Refusal {
    match denied {
        Denied::Refused(why) => {
            tracing::warn!(why, "a sign-in could not be completed");
            CODE_REFUSED
        }
        Denied::Unavailable(why) => {
            tracing::error!(why, "a sign-in could not be completed");
            UNAVAILABLE.with(Hint::RetryAfter(super::RETRY_AFTER))
        }
    }
}

/// The words of RFC 6749 §4.1.2.1 and OpenID Connect Core §3.1.2.6.
fn known(error: &str) -> &'static str {
    const ERRORS: [&str; 11] = [
        "access_denied",
        "invalid_request",
        "unauthorized_client",
        "unsupported_response_type",
        "invalid_scope",
        "server_error",
        "temporarily_unavailable",
        "interaction_required",
        "login_required",
        "account_selection_required",
        "consent_required",
    ];
    let known = ERRORS.into_iter().find(|known| *known == error);
    known.unwrap_or("another error")
}

/// Signs out here, at the token endpoint and at the pool's pages. Another site's page can't (L12): neither by an image nor by
/// a form.
async fn log_out(
    gate: &Gate,
    visit: &mut Visit<'_>,
    parts: &Parts,
) -> Result<Response<Content>, Refusal> {
    let cross_site = &visit.snapshot.policy.cross_site;
    let may = match parts.method {
        Method::GET => browser::is_same_origin(&parts.headers),
        _ => browser::may_use_cookie(&parts.method, &parts.headers, &visit.origin, cross_site),
    };
    if !may {
        return Err(CROSS_SITE);
    }
    let now = gate.clock.now();
    let session = visit.sessions.open(&parts.headers, visit.channel, now);
    visit.end(&parts.headers);
    if let Some(session) = &session {
        visit.sign_in.renewals.end(session);
    }
    if let Some(refresh) = session.and_then(|session| session.refresh)
        && let Err(Denied::Refused(why) | Denied::Unavailable(why)) =
            visit.sign_in.revoke(&refresh).await
    {
        tracing::warn!(why, "a refresh token could not be revoked");
    }
    redirect(StatusCode::SEE_OTHER, &farewell(visit)).ok_or(CROSS_SITE)
}

/// The pool's own sign-out. Cognito's takes `logout_uri` and nothing of RP-initiated logout; other issuers know that alone.
fn farewell(visit: &Visit<'_>) -> String {
    let login = visit.sign_in.settings();
    let root = || Cow::Owned(format!("{}/", visit.origin));
    let after = login
        .after_logout
        .as_deref()
        .map_or_else(root, Cow::Borrowed);
    let mut query = form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("client_id", &login.client.id)
        .append_pair("logout_uri", &after);
    let pool = visit.snapshot.policy.trust.pools.get(login.pool);
    if pool.is_some_and(|pool| pool.kind == PoolKind::Issuer) {
        query.append_pair("post_logout_redirect_uri", &after);
    }
    format!("{}/logout?{}", login.domain, query.finish())
}
