//! How refusals, answers and tokens are told, before anything particular is known of them.

use serde_json::Map;

use super::{Answer, HintSeen, Outcome, RefusalSeen, TokenSeen, TokenState};
use crate::refusal::{Hint, Refusal};

impl TokenSeen {
    pub(super) fn of_state(state: TokenState) -> TokenSeen {
        TokenSeen {
            state,
            place: None,
            pool: None,
            token_use: None,
            kind: None,
            client_id: None,
            sub: None,
            expires_in: None,
            scopes: Vec::new(),
            groups: Vec::new(),
            says: Map::new(),
        }
    }
}

impl Answer {
    pub(super) fn of(outcome: Outcome) -> Answer {
        Answer {
            outcome,
            status: None,
            refusal: None,
            audit: None,
            upstream: None,
            address: None,
            path: None,
        }
    }

    pub(super) fn refused(refusal: &Refusal) -> Answer {
        Answer {
            status: Some(refusal.reason.status()),
            refusal: Some(RefusalSeen::of(refusal)),
            ..Answer::of(Outcome::Refuse)
        }
    }
}

impl RefusalSeen {
    pub(super) fn of(refusal: &Refusal) -> RefusalSeen {
        let hint = |name, value: &str| {
            let value = value.to_owned();
            Some(HintSeen { name, value })
        };
        RefusalSeen {
            status: refusal.reason.status(),
            reason: refusal.reason,
            detail: refusal.detail.to_string(),
            hint: match &refusal.hint {
                Hint::None => None,
                Hint::Scope(scopes) => hint("scope", scopes),
                Hint::AcrValues(values) => hint("acr_values", values),
                Hint::MaxAge(age) => hint("max_age", &age.as_secs().to_string()),
                Hint::Allow(methods) => hint("allow", methods),
                Hint::RetryAfter(wait) => hint("retry_after", &wait.as_secs().to_string()),
            },
        }
    }
}
