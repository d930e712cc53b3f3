//! The pool's token endpoint: `client_credentials` as Cognito grants it.
//!
//! The answer never has a `scope` or a refresh token, and every error is a 400 with a word of RFC 6749 §5.2.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::pool::DemoPool;
use super::serve::{self, Answer};
use super::users::{self, Client};

/// Why no token is given: a word of RFC 6749 §5.2.
type Error = &'static str;

/// Answers `POST /oauth2/token`.
pub fn answer(pool: &DemoPool, headers: &HeaderMap, body: &[u8]) -> Answer {
    match grant(headers, body) {
        Ok((client, scopes)) => {
            let token = pool.access_token(client.id, &scopes, None, |_| {});
            let body = json!({
                "access_token": token, "expires_in": pool.lifetime(), "token_type": "Bearer",
            });
            serve::json(StatusCode::OK, &body)
        }
        Err(error) => serve::json(StatusCode::BAD_REQUEST, &json!({ "error": error })),
    }
}

fn grant(headers: &HeaderMap, body: &[u8]) -> Result<(&'static Client, Vec<&'static str>), Error> {
    let form = Form::parse(headers, body)?;
    let grant_type = form.field("grant_type").ok_or("invalid_request")?;
    let (id, secret) = credentials(headers, &form)?;
    let client = users::client(&id).ok_or("invalid_client")?;
    if client.secret != secret.as_deref() {
        return Err("invalid_client");
    }
    if grant_type != "client_credentials" {
        return Err("unsupported_grant_type");
    }
    if client.signs_users_in() {
        return Err("unauthorized_client");
    }
    let scopes = scopes(client, form.field("scope").unwrap_or_default())?;
    Ok((client, scopes))
}

/// The scopes asked for; none asked is all that the client may have, any other is refused.
fn scopes(client: &'static Client, asked: &str) -> Result<Vec<&'static str>, Error> {
    let mut granted = Vec::new();
    for word in asked.split_ascii_whitespace() {
        let mut allowed = client.scopes.iter().copied();
        let scope = allowed
            .find(|scope| *scope == word)
            .ok_or("invalid_scope")?;
        if !granted.contains(&scope) {
            granted.push(scope);
        }
    }
    if granted.is_empty() {
        granted.extend(client.scopes);
    }
    Ok(granted)
}

/// Client id and secret from `Authorization: Basic` or from the body, never from both (RFC 6749 §2.3).
fn credentials(headers: &HeaderMap, form: &Form) -> Result<(String, Option<String>), Error> {
    let (id, secret) = (form.field("client_id"), form.field("client_secret"));
    let Some(basic) = headers.get(AUTHORIZATION) else {
        let id = id.ok_or("invalid_request")?;
        return Ok((id.to_owned(), secret.map(str::to_owned)));
    };
    let (user, password) = basic
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, encoded)| STANDARD.decode(encoded.trim()).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|pair| {
            let (user, password) = pair.split_once(':')?;
            Some((user.to_owned(), password.to_owned()))
        })
        .ok_or("invalid_client")?;
    if secret.is_some() || id.is_some_and(|id| id != user) {
        return Err("invalid_request");
    }
    Ok((user, Some(password)))
}

/// The fields of a form, none of them twice (RFC 6749 §3.2).
struct Form(Vec<(String, String)>);

impl Form {
    fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Form, Error> {
        let is_form = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .is_some_and(|kind| {
                kind.trim()
                    .eq_ignore_ascii_case("application/x-www-form-urlencoded")
            });
        let mut fields: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(body).into_owned() {
            if !is_form || fields.iter().any(|(known, _)| *known == name) {
                return Err("invalid_request");
            }
            fields.push((name, value));
        }
        Ok(Form(fields))
    }

    fn field(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value)
    }
}

#[cfg(test)]
mod tests;
