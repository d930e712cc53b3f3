//! What an app asks for when it sends a browser here, read and checked.
//!
//! Until the client and its address are known to be registered, there is nowhere to send a complaint to: it is shown here
//! (RFC 6749 §4.1.2.1).

use crate::demo::oauth;
use crate::demo::pool::DemoPool;
use crate::demo::users::{self, Client, PAGE_SCOPES};

/// An authorization request that can be granted.
pub(super) struct Asked {
    pub(super) client: &'static Client,
    pub(super) redirect_uri: String,
    pub(super) scopes: Vec<&'static str>,
    pub(super) state: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) challenge: Option<String>,
    pub(super) prompt: Prompt,
    pub(super) max_age: Option<u64>,
}

/// Whether the form is to be shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Prompt {
    /// If need be.
    Auto,
    /// Never.
    None,
    /// In any case.
    Login,
}

/// Why a request can't be granted, and who is told.
pub(super) enum Refused {
    /// The user: the app is unknown, or is not where it says.
    Here(&'static str),
    /// The app.
    There {
        redirect_uri: String,
        state: Option<String>,
        word: &'static str,
    },
}

impl Asked {
    pub(super) fn parse(pool: &DemoPool, query: &str) -> Result<Asked, Refused> {
        let client = one(query, "client_id").and_then(|id| users::client(&id));
        let client = client.ok_or(Refused::Here("invalid_request"))?;
        let redirect_uri = one(query, "redirect_uri").ok_or(Refused::Here("invalid_request"))?;
        if !pool.knows_callback(&redirect_uri) {
            return Err(Refused::Here("redirect_mismatch"));
        }
        let mut asked = Asked {
            client,
            redirect_uri,
            scopes: Vec::new(),
            state: one(query, "state"),
            nonce: one(query, "nonce"),
            challenge: one(query, "code_challenge"),
            prompt: Prompt::Auto,
            max_age: None,
        };
        match asked.settle(query) {
            Ok(()) => Ok(asked),
            Err(word) => Err(asked.refused(word)),
        }
    }

    fn settle(&mut self, query: &str) -> Result<(), &'static str> {
        match one(query, "response_type").as_deref() {
            Some("code") if self.client.signs_users_in() => {}
            Some("code" | "token") => return Err("unauthorized_client"), // no flow of this client
            _ => return Err("invalid_request"),
        }
        let method = one(query, "code_challenge_method");
        match (&self.challenge, method.as_deref()) {
            (None, None) => {}
            (Some(challenge), Some("S256")) if challenge.len() == 43 => {}
            _ => return Err("invalid_request"),
        }
        self.prompt = match one(query, "prompt").as_deref() {
            None => Prompt::Auto,
            Some("none") => Prompt::None,
            Some("login" | "select_account" | "consent") => Prompt::Login,
            Some(_) => return Err("invalid_request"),
        };
        self.max_age = match one(query, "max_age") {
            None => None,
            Some(age) => Some(age.parse().map_err(|_| "invalid_request")?),
        };
        let wanted = one(query, "scope").unwrap_or_default();
        self.scopes = oauth::scopes(PAGE_SCOPES, &wanted)?;
        Ok(())
    }

    pub(super) fn refused(&self, word: &'static str) -> Refused {
        Refused::There {
            redirect_uri: self.redirect_uri.clone(),
            state: self.state.clone(),
            word,
        }
    }
}

/// A parameter that is there once and says something. One that is there twice says nothing (RFC 6749 §3.1).
pub(super) fn one(query: &str, name: &str) -> Option<String> {
    let mut values = form_urlencoded::parse(query.as_bytes())
        .filter(|(known, _)| known == name)
        .map(|(_, value)| value.into_owned());
    let value = values.next().filter(|value| !value.is_empty())?;
    values.next().is_none().then_some(value)
}
