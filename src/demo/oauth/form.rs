//! What comes by form: its fields, and the client that shows itself with them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE};

use super::Error;
use crate::demo::users::{self, Client};

/// The client that asks, known by its secret if it has one.
pub(super) fn client(headers: &HeaderMap, form: &Form) -> Result<&'static Client, Error> {
    let (id, secret) = credentials(headers, form)?;
    users::client(&id)
        .filter(|client| client.secret == secret.as_deref())
        .ok_or("invalid_client")
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
pub(in crate::demo) struct Form(Vec<(String, String)>);

impl Form {
    pub(in crate::demo) fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Form, Error> {
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

    pub(in crate::demo) fn field(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value)
    }
}
