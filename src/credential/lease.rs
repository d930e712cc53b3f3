//! A lease: a token that is good now, on loan from its credential. Nobody but a supply can make one.
//!
//! `Debug` shows no byte of the token. A destination checks that a lease is of its own credential before it uses it, so a token
//! can't reach an origin that it was not configured for (X06, X13).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use http::header::InvalidHeaderValue;

use super::supply::{Held, Shared};
use super::token::{AwsKeys, Token};
use crate::clock::Timestamp;
use crate::secret::Secret;

/// A token that was good when it was taken.
#[must_use = "a lease is taken to be used"]
#[derive(Clone)]
pub struct Lease {
    held: Arc<Held>,
    supply: Arc<Shared>,
}

impl Lease {
    pub(super) fn new(held: Arc<Held>, supply: Arc<Shared>) -> Lease {
        Lease { held, supply }
    }

    pub(super) fn is_of(&self, supply: &Arc<Shared>) -> bool {
        Arc::ptr_eq(&self.supply, supply)
    }

    /// The name of the credential.
    pub fn credential(&self) -> &str {
        &self.supply.credential
    }

    /// The token itself; `None` for AWS credentials.
    pub fn token(&self) -> Option<&Secret> {
        match &self.held.token {
            Token::Bearer(bearer) => Some(&bearer.token),
            Token::Aws(_) => None,
        }
    }

    /// The token behind `prefix`, as a header's value that is marked sensitive; `None` for AWS credentials. Only a prefix
    /// that no header can hold is an error.
    pub fn header(&self, prefix: &HeaderValue) -> Option<Result<HeaderValue, InvalidHeaderValue>> {
        let Token::Bearer(bearer) = &self.held.token else {
            return None;
        };
        if prefix == "Bearer " {
            return Some(Ok(bearer.header.clone()));
        }
        let value = [prefix.as_bytes(), bearer.token.expose().as_bytes()].concat();
        Some(HeaderValue::try_from(value).map(|mut value| {
            value.set_sensitive(true);
            value
        }))
    }

    /// AWS credentials, for signing; `None` for a bearer token.
    pub fn aws_keys(&self) -> Option<&AwsKeys> {
        match &self.held.token {
            Token::Bearer(_) => None,
            Token::Aws(keys) => Some(keys),
        }
    }

    /// When it expires.
    pub fn expires(&self) -> Timestamp {
        self.held.expires
    }

    /// The destination answered 401. The token is given up, unless it is younger than 10 s and another was given up a moment ago;
    /// whether another may be tried.
    pub fn reject(self) -> bool {
        self.supply.reject(&self.held)
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("credential", &self.supply.credential)
            .field("expires", &self.held.expires)
            .finish_non_exhaustive()
    }
}

/// No token is to be had: 503 `token_unavailable`. The sentence is for the log; no client ever sees it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("credential {credential}: {why}")]
pub struct Unavailable {
    credential: Arc<str>,
    why: Arc<str>,
    /// How long it is pointless to ask again: `Retry-After`.
    pub wait: Duration,
}

impl Unavailable {
    pub(super) fn new(credential: Arc<str>, why: Arc<str>, wait: Duration) -> Unavailable {
        Unavailable {
            credential,
            why,
            wait,
        }
    }
}
