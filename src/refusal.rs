//! A decision against a request: the reason, one helpful sentence, and what the challenge needs to say.
//!
//! Made by the policy core and by the fronts, turned into an answer by `http::problem` alone. The sentence is for the
//! person who called: it never repeats a token, a secret, a claim's value or a byte of the request.

use std::borrow::Cow;
use std::time::Duration;

use crate::reason::Reason;

/// Why a request was refused, and what to tell the client about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The stable word.
    pub reason: Reason,
    /// One sentence for the person who called. Secret-free, request-free.
    pub detail: Cow<'static, str>,
    /// What has to be said beside status and body.
    pub hint: Hint,
}

/// What an answer carries beside its status and body.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Hint {
    /// Nothing more.
    #[default]
    None,
    /// Space-separated scopes that would have been enough (RFC 6750 §3, `scope`).
    Scope(String),
    /// Space-separated authentication contexts (RFC 9470 §3, `acr_values`).
    AcrValues(String),
    /// Greatest age of the sign-in that would do (RFC 9470 §3, `max_age`).
    MaxAge(Duration),
    /// The methods that this pattern takes, for `Allow` (RFC 9110 §10.2.1): comma-separated.
    Allow(String),
    /// When to come back, for `Retry-After`.
    RetryAfter(Duration),
}

impl Refusal {
    /// A refusal with nothing beside its sentence.
    pub const fn new(reason: Reason, detail: &'static str) -> Refusal {
        Refusal {
            reason,
            detail: Cow::Borrowed(detail),
            hint: Hint::None,
        }
    }

    /// The same with a hint.
    pub fn with(self, hint: Hint) -> Refusal {
        Refusal { hint, ..self }
    }
}

#[cfg(test)]
mod tests;
