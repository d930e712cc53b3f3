//! The pool's token endpoint, and the one that takes refresh tokens back, as Cognito answers.
//!
//! An answer never has a `scope`, one by `client_credentials` no refresh token, and every error is a word of RFC 6749 §5.2.

mod form;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::pool::DemoPool;
use super::serve::{self, Answer};
use super::sessions::{Code, Login};
use super::users::Client;
pub(super) use form::Form;

/// Why nothing is given: a word of RFC 6749 §5.2.
type Error = &'static str;

/// Answers `POST /oauth2/token`.
pub fn answer(pool: &DemoPool, headers: &HeaderMap, body: &[u8]) -> Answer {
    match grant(pool, headers, body) {
        Ok(tokens) => serve::json(StatusCode::OK, &tokens),
        Err(error) => refuse(StatusCode::BAD_REQUEST, error),
    }
}

fn refuse(status: StatusCode, error: Error) -> Answer {
    serve::json(status, &json!({ "error": error }))
}

fn grant(pool: &DemoPool, headers: &HeaderMap, body: &[u8]) -> Result<Value, Error> {
    let form = Form::parse(headers, body)?;
    let grant_type = form.field("grant_type").ok_or("invalid_request")?;
    let client = form::client(headers, &form)?;
    let grant = match grant_type {
        "client_credentials" => by_client,
        "authorization_code" => by_code,
        "refresh_token" => by_refresh_token,
        _ => return Err("unsupported_grant_type"),
    };
    if client.signs_users_in() == (grant_type == "client_credentials") {
        return Err("unauthorized_client");
    }
    grant(pool, client, &form)
}

fn by_client(pool: &DemoPool, client: &'static Client, form: &Form) -> Result<Value, Error> {
    let scopes = scopes(client.scopes, form.field("scope").unwrap_or_default())?;
    let token = pool.access_token(client.id, &scopes, None, |_| {});
    Ok(json!({ "access_token": token, "expires_in": pool.lifetime(), "token_type": "Bearer" }))
}

/// A code is spent by the first who shows it, right or wrong.
fn by_code(pool: &DemoPool, client: &'static Client, form: &Form) -> Result<Value, Error> {
    let code = form.field("code").ok_or("invalid_request")?;
    let redirect_uri = form.field("redirect_uri").ok_or("invalid_request")?;
    let code = pool.sessions().redeem(code, pool.now());
    let code = code.ok_or("invalid_grant")?;
    let good = code.login.client == client
        && code.redirect_uri == redirect_uri
        && meets(&code, form.field("code_verifier"));
    if !good {
        return Err("invalid_grant");
    }
    let mut tokens = issued(pool, &code.login);
    tokens["refresh_token"] = json!(pool.sessions().remember(code.login));
    Ok(tokens)
}

/// Whether the verifier is the one that the challenge was made of. One without the other is no proof either way.
fn meets(code: &Code, verifier: Option<&str>) -> bool {
    match (&code.challenge, verifier) {
        (None, None) => true,
        (Some(challenge), Some(verifier)) => {
            let digest = digest(&SHA256, verifier.as_bytes());
            (43..=128).contains(&verifier.len()) && *challenge == URL_SAFE_NO_PAD.encode(digest)
        }
        _ => false,
    }
}

fn by_refresh_token(pool: &DemoPool, client: &'static Client, form: &Form) -> Result<Value, Error> {
    let token = form.field("refresh_token").ok_or("invalid_request")?;
    let mut sessions = pool.sessions();
    let login = sessions.login_of(client, token).ok_or("invalid_grant")?;
    let next = pool.rotates().then(|| {
        sessions.forget(token);
        sessions.remember(login.clone())
    });
    drop(sessions);
    let mut tokens = issued(pool, &login);
    if let Some(next) = next {
        tokens["refresh_token"] = json!(next);
    }
    Ok(tokens)
}

/// The tokens of a user; an ID token only for who asked to know the user.
fn issued(pool: &DemoPool, login: &Login) -> Value {
    let tokens = pool.sign_in(login);
    let mut answer = json!({
        "access_token": tokens.access_token, "expires_in": pool.lifetime(), "token_type": "Bearer",
    });
    if login.scopes.contains(&"openid") {
        answer["id_token"] = json!(tokens.id_token);
    }
    answer
}

/// The scopes asked for; none asked is all that may be had, any other is refused.
pub(super) fn scopes(
    all: &'static [&'static str],
    asked: &str,
) -> Result<Vec<&'static str>, Error> {
    let mut granted = Vec::new();
    for word in asked.split_ascii_whitespace() {
        let mut allowed = all.iter().copied();
        let scope = allowed
            .find(|scope| *scope == word)
            .ok_or("invalid_scope")?;
        if !granted.contains(&scope) {
            granted.push(scope);
        }
    }
    if granted.is_empty() {
        granted.extend(all);
    }
    Ok(granted)
}

/// Answers `POST /oauth2/revoke`: a refresh token and all that came of its sign-in. One that is unknown is as good as
/// revoked (RFC 7009 §2.2).
pub fn revoke(pool: &DemoPool, headers: &HeaderMap, body: &[u8]) -> Answer {
    let revoked = Form::parse(headers, body).and_then(|form| {
        let client = form::client(headers, &form)?;
        let token = form.field("token").ok_or("invalid_request")?;
        if token.contains('.') {
            return Err("unsupported_token_type"); // an access or ID token
        }
        let mut sessions = pool.sessions();
        if let Some(login) = sessions.login_of(client, token) {
            sessions.revoke(&login);
        }
        Ok(())
    });
    match revoked {
        Ok(()) => serve::text(StatusCode::OK, ""),
        Err("invalid_client") => refuse(StatusCode::UNAUTHORIZED, "invalid_client"),
        Err(error) => refuse(StatusCode::BAD_REQUEST, error),
    }
}

#[cfg(test)]
mod tests;
