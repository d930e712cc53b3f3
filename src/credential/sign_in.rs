//! Signing people in: the calls that a code, a refresh token and a sign-out need, at the pool's own token endpoint.
//!
//! What comes back is not believed here: the gate verifies it. No token is ever in a log, a fault or `Debug`. A renewal is a task
//! of its own: a refresh token may be good once, and the request that asked may be gone before the answer is there.

mod renewals;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::client::Client;
use super::fault::{Fault, Kind};
use super::oauth::{Endpoint, member};
use super::token::is_visible;
use crate::clock::Timestamp;
use crate::config::model::Login;
use crate::config::model::credentials::{ClientAuth, TokenEndpoint};
use crate::fetch::{FetchFault, Fetcher};
use crate::secret::Secret;
use crate::session::SIGN_IN_SECONDS;
use crate::token::claims::Claims;

pub use renewals::{Renewals, Settled};

/// The most `state`s that are remembered as used.
const MOST_SPENT: usize = 10_000;

/// `[login]` at run time.
pub struct SignIn {
    settings: Arc<Login>,
    client: Client,
    tokens: Endpoint,
    revocation: Endpoint,
    /// Renewals under way, and those that have just been made.
    pub renewals: Arc<Renewals>,
    /// Sign-ins that came back, until they would be too old anyway.
    spent: Mutex<HashMap<String, Timestamp>>,
}

/// What the token endpoint gave. `Debug` shows none of it.
pub struct Tokens {
    /// The access token.
    pub access: Secret,
    /// The ID token.
    pub identity: Option<Secret>,
    /// The refresh token.
    pub refresh: Option<Secret>,
}

/// Why there are no tokens: a sentence for the log, without a secret.
#[derive(Debug)]
pub enum Denied {
    /// The code or the refresh token is not, or no longer, good.
    Refused(String),
    /// Another time it may be better.
    Unavailable(String),
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn")
            .field("domain", &self.settings.domain)
            .finish_non_exhaustive()
    }
}

impl From<Fault> for Denied {
    fn from(fault: Fault) -> Denied {
        match fault.kind {
            Kind::Grant => Denied::Refused(fault.to_string()),
            _ => Denied::Unavailable(fault.to_string()),
        }
    }
}

impl SignIn {
    /// Prepares it; nothing is called yet. What `old` remembers of renewals is carried over: a change of the session key must
    /// not have a refresh token used twice.
    pub fn new(settings: &Arc<Login>, old: Option<&SignIn>) -> Result<SignIn, FetchFault> {
        let fetcher = Arc::new(Fetcher::new(&settings.fetch)?);
        let endpoint = |path: &str| {
            let endpoint = TokenEndpoint {
                url: format!("{}{path}", settings.domain),
                auth: ClientAuth::Basic,
                parameters: Vec::new(),
            };
            Endpoint::new(&endpoint, Arc::clone(&fetcher))
        };
        Ok(SignIn {
            client: Client::new(&settings.client),
            tokens: endpoint("/oauth2/token"),
            revocation: endpoint("/oauth2/revoke"),
            renewals: old.map_or_else(Arc::default, |old| Arc::clone(&old.renewals)),
            spent: Mutex::new(old.map(SignIn::spent_so_far).unwrap_or_default()),
            settings: Arc::clone(settings),
        })
    }

    fn spent_so_far(&self) -> HashMap<String, Timestamp> {
        self.spent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What it was configured as.
    pub fn settings(&self) -> &Arc<Login> {
        &self.settings
    }

    /// Uses a sign-in's `state` up; tells whether nobody had before (L02).
    pub fn spend(&self, state: &str, now: Timestamp) -> bool {
        // Nothing panics while this is locked, and a map is never half changed.
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.len() >= MOST_SPENT {
            spent.retain(|_, at| now - *at < SIGN_IN_SECONDS as Timestamp);
        }
        if spent.len() >= MOST_SPENT {
            // Somebody plays. That a code is good once is the pool's to see to as well; nobody is kept from signing in.
            spent.clear();
        }
        spent.insert(state.to_owned(), now).is_none()
    }

    /// Trades a code for tokens (RFC 6749 §4.1.3, RFC 7636 §4.5).
    pub async fn exchange(
        &self,
        code: &str,
        verifier: &Secret,
        redirect_uri: &str,
    ) -> Result<Tokens, Denied> {
        self.ask(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier.expose()),
        ])
        .await
    }

    /// Renews tokens (RFC 6749 §6).
    pub async fn refresh(&self, refresh: &Secret) -> Result<Tokens, Denied> {
        self.ask(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.expose()),
        ])
        .await
    }

    async fn ask(&self, fields: &[(&str, &str)]) -> Result<Tokens, Denied> {
        let answer = self.tokens.ask(&self.client, fields, &[]).await?;
        Ok(read(&answer)?)
    }

    /// Tells the pool that a refresh token shall be good no more (RFC 7009).
    pub async fn revoke(&self, refresh: &Secret) -> Result<(), Denied> {
        let fields = [("token", refresh.expose())];
        Ok(self.revocation.tell(&self.client, &fields).await?)
    }
}

/// The tokens of an answer. Only a bearer token is one (RFC 6749 §7.1).
fn read(answer: &Claims) -> Result<Tokens, Fault> {
    let kind = member(answer, "token_type").and_then(Value::as_str);
    if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
        return Err(Fault::other(
            "the token endpoint issued a token whose token_type is not Bearer",
        ));
    }
    let token = |name: &'static str| match member(answer, name) {
        None => Ok(None),
        Some(Value::String(token)) if is_visible(token) => Ok(Some(Secret::new(token.clone()))),
        Some(_) => Err(Fault::other(format!(
            "the token endpoint answered with an {name} that is no token"
        ))),
    };
    let access = token("access_token")?;
    Ok(Tokens {
        access: access
            .ok_or_else(|| Fault::other("the token endpoint answered without a token"))?,
        identity: token("id_token")?,
        refresh: token("refresh_token")?,
    })
}
