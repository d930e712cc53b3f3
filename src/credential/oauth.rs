//! A token endpoint (RFC 6749): `client_credentials`, and the form that refreshing uses too.
//!
//! The client shows its secret in the header or in the form, never in both (§2.3). Cognito's answer doesn't say which scopes
//! were granted; the token does, and one that has fewer than were asked for is told of.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, StatusCode};
use serde_json::Value;

use super::client::{Attempt, Client};
use super::fault::{Fault, Kind};
use super::token::{self, Issued};
use crate::clock::Clock;
use crate::config::model::credentials::{self as model, ClientAuth, TokenEndpoint};
use crate::fetch::post::Answer;
use crate::fetch::{Fetcher, Post, shown};
use crate::token::claims::{ClaimName, Claims};

/// The `client_credentials` grant (RFC 6749 §4.4).
pub(super) struct ClientCredentials {
    credential: Arc<str>,
    endpoint: Endpoint,
    client: Client,
    clock: Clock,
}

impl ClientCredentials {
    pub(super) fn new(
        credential: &Arc<str>,
        endpoint: &TokenEndpoint,
        client: &model::Client,
        fetcher: Arc<Fetcher>,
        clock: Clock,
    ) -> ClientCredentials {
        ClientCredentials {
            credential: Arc::clone(credential),
            endpoint: Endpoint::new(endpoint, fetcher),
            client: Client::new(client),
            clock,
        }
    }

    pub(super) async fn issue(&self, scopes: &[String]) -> Result<Issued, Fault> {
        let fields = [("grant_type", "client_credentials")];
        let answer = self.endpoint.ask(&self.client, &fields, scopes).await?;
        let issued = self.endpoint.token("access_token", &answer, &self.clock)?;
        self.tell_shortfall(scopes, &answer);
        Ok(issued)
    }

    /// Says which scopes were asked for and not granted: a destination would answer 403, and nothing else tell why.
    fn tell_shortfall(&self, scopes: &[String], answer: &Claims) {
        let missing = shortfall(scopes, answer);
        if !missing.is_empty() {
            tracing::warn!(
                credential = &*self.credential,
                ?missing,
                "the token lacks scopes that were asked for"
            );
        }
    }
}

/// The scopes that were asked for and that neither the token nor the answer names; none if nobody says what was granted.
fn shortfall<'s>(scopes: &'s [String], answer: &Claims) -> Vec<&'s str> {
    let own = member(answer, "access_token")
        .and_then(Value::as_str)
        .and_then(token::claims);
    let granted = own
        .as_ref()
        .and_then(|claims| member(claims, "scope"))
        .or_else(|| member(answer, "scope"));
    let Some(granted) = granted.and_then(Value::as_str) else {
        return Vec::new();
    };
    let is_granted = |scope: &&str| granted.split(' ').any(|granted| granted == *scope);
    scopes
        .iter()
        .map(String::as_str)
        .filter(|scope| !is_granted(scope))
        .collect()
}

/// A token endpoint.
pub(super) struct Endpoint {
    settings: TokenEndpoint,
    fetcher: Arc<Fetcher>,
}

impl Endpoint {
    pub(super) fn new(settings: &TokenEndpoint, fetcher: Arc<Fetcher>) -> Endpoint {
        Endpoint {
            settings: settings.clone(),
            fetcher,
        }
    }

    /// Posts these fields with the client's secrets, one after the other while the client isn't believed.
    pub(super) async fn ask(
        &self,
        client: &Client,
        fields: &[(&str, &str)],
        scopes: &[String],
    ) -> Result<Claims, Fault> {
        for attempt in client.attempts() {
            let post = self.form(client, &attempt, fields, &scopes.join(" "));
            let outcome = match self.fetcher.post(&self.settings.url, post).await {
                Ok(answer) => self.read(&answer),
                Err(fault) => Err(fault.into()),
            };
            if let Some(settled) = client.settle(&attempt, outcome) {
                return settled;
            }
        }
        // The last attempt always settles, and there is one at least.
        Err(Fault::other("the client has no secret to try"))
    }

    /// Posts these fields where nothing but a status comes back; an answer that says why it is none is a fault.
    pub(super) async fn tell(&self, client: &Client, fields: &[(&str, &str)]) -> Result<(), Fault> {
        for attempt in client.attempts() {
            let post = self.form(client, &attempt, fields, "");
            let outcome = match self.fetcher.post(&self.settings.url, post).await {
                Ok(answer) if answer.status == StatusCode::OK => Ok(()),
                Ok(answer) => self.read(&answer).map(drop),
                Err(fault) => Err(fault.into()),
            };
            if let Some(settled) = client.settle(&attempt, outcome) {
                return settled;
            }
        }
        Err(Fault::other("the client has no secret to try"))
    }

    fn form(
        &self,
        client: &Client,
        attempt: &Attempt,
        fields: &[(&str, &str)],
        scopes: &str,
    ) -> Post {
        let mut form = fields.to_vec();
        if !scopes.is_empty() {
            form.push(("scope", scopes));
        }
        let further = self.settings.parameters.iter();
        form.extend(further.map(|(name, value)| (name.as_str(), value.expose())));
        match (&attempt.secret, self.settings.auth) {
            (Some(secret), ClientAuth::Basic) => {
                Post::form(form).with_authorization(basic(&client.id, secret.expose()))
            }
            (Some(secret), ClientAuth::Post) => {
                form.push(("client_id", &client.id));
                form.push(("client_secret", secret.expose()));
                Post::form(form)
            }
            // A public client says who it is (RFC 6749 §3.2.1).
            (None, _) => {
                form.push(("client_id", &client.id));
                Post::form(form)
            }
        }
    }

    fn read(&self, answer: &Answer) -> Result<Claims, Fault> {
        let source = shown(&self.settings.url);
        // Names that stand twice are refused: which of two tokens counts is nobody's guess.
        let members = Claims::parse(&answer.body);
        if answer.status == StatusCode::OK {
            return members.map_err(|_| {
                Fault::other(format!("{source} answered 200 with what is no JSON object"))
            });
        }
        let error = members
            .ok()
            .and_then(|members| member(&members, "error").and_then(Value::as_str).map(known));
        Err(refusal(&source, answer, error))
    }

    /// The token that stands under this name in an answer.
    pub(super) fn token(
        &self,
        name: &str,
        answer: &Claims,
        clock: &Clock,
    ) -> Result<Issued, Fault> {
        let source = shown(&self.settings.url);
        token::bearer(
            member(answer, name),
            member(answer, "token_type"),
            member(answer, "expires_in"),
            &source,
            clock.now(),
        )
    }
}

/// A member by its name; null is none.
pub(super) fn member<'c>(members: &'c Claims, name: &str) -> Option<&'c Value> {
    members.find(&ClaimName::new(name))
}

/// RFC 6749 §2.3.1: both halves are form-encoded first, so that a colon or a letter beyond ASCII can be in them.
fn basic(id: &str, secret: &str) -> HeaderValue {
    let encode =
        |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let pair = STANDARD.encode(format!("{}:{}", encode(id), encode(secret)));
    HeaderValue::try_from(format!("Basic {pair}")).expect("base64 is fit for a header")
}

/// The error words of RFC 6749 §5.2 and §4.1.2.1, and what they mean for whoever configured this.
const ERRORS: [(&str, Kind, &str); 9] = [
    (
        "invalid_client",
        Kind::Client,
        "client_id or client_secret is wrong, or `client_auth` is not what it expects",
    ),
    (
        "invalid_grant",
        Kind::Grant,
        "the refresh token is not, or no longer, good",
    ),
    (
        "invalid_scope",
        Kind::Other,
        "the client may not have one of the scopes",
    ),
    (
        "unauthorized_client",
        Kind::Other,
        "the client may not use this grant",
    ),
    (
        "unsupported_grant_type",
        Kind::Other,
        "this grant is not known there",
    ),
    ("invalid_request", Kind::Other, "it wants other form fields"),
    ("access_denied", Kind::Other, "it was denied there"),
    ("server_error", Kind::Other, "something failed there"),
    ("temporarily_unavailable", Kind::Other, "it is overloaded"),
];

type Known = Option<&'static (&'static str, Kind, &'static str)>;

fn known(word: &str) -> Known {
    ERRORS.iter().find(|(known, ..)| *known == word)
}

fn refusal(source: &str, answer: &Answer, error: Option<Known>) -> Fault {
    let status = answer.status.as_u16();
    let fault = match (error, status) {
        (Some(Some((word, kind, hint))), _) => {
            Fault::new(*kind, format!("{source} answered {status} {word}: {hint}"))
        }
        // An endpoint that answers 401 in its own words means the client all the same (RFC 6749 §5.2).
        (_, 401) => Fault::new(
            Kind::Client,
            format!("{source} answered 401: client_id or client_secret is wrong"),
        ),
        (Some(None), _) => Fault::other(format!("{source} answered {status} with another error")),
        (None, _) => Fault::other(format!("{source} answered {status}")),
    };
    fault.with_retry_after(answer.retry_after)
}
