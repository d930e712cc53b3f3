//! Whom tokens are trusted from: the pools, and what each asks of its own tokens.
//!
//! These are the settings that decide whether a token is *good*, whatever the route. What a route asks is in `policy`.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// A pool's trust settings. Compared by `Arc` identity in the token cache: a pool whose settings changed is a new one.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// Every `iss` it signs with: both of Cognito's forms, or the issuer, and `extra_issuers`.
    pub issuers: Vec<String>,
    /// Whether it was configured by `user_pool_id`.
    pub kind: PoolKind,
    /// `client_id` of access tokens, `aud` of ID tokens.
    pub client_ids: Clients,
    /// Which tokens it hands out for use here.
    pub token_use: Uses,
    /// If not empty, `aud` must hold one of them.
    pub audiences: Vec<String>,
    /// The claim that holds scopes.
    pub scope_claim: String,
    /// The claim that holds groups.
    pub groups_claim: String,
    /// The claim that holds an access token's client.
    pub client_claim: String,
    /// Clock skew allowed for `exp` and `nbf`, in seconds.
    pub leeway: f64,
    /// The claims that a remembered token keeps, by their names at the top; `None` is all. What no rule and no header asks for
    /// need not lie in memory: it is several times the rest, and someone's personal data.
    pub kept: Option<BTreeSet<Box<str>>>,
}

/// How a pool was configured; decides the algorithms and how the use of a token is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolKind {
    /// A Cognito user pool: RS256 alone, and `token_use` always present.
    Cognito,
    /// Any OIDC issuer, configured by URL.
    Issuer,
}

/// Which clients' tokens are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clients {
    /// Any client: written out in the configuration as `"any"`.
    Any,
    /// These, compared whole.
    These(Vec<String>),
}

impl Clients {
    /// Whether tokens of `client` are taken.
    pub fn contains(&self, client: &str) -> bool {
        match self {
            Clients::Any => true,
            Clients::These(clients) => clients.iter().any(|known| known == client),
        }
    }
}

/// Which uses of token are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uses {
    /// Access tokens alone.
    Access,
    /// ID tokens alone.
    Id,
    /// Both.
    Any,
}

impl Uses {
    /// Whether a token of this use is taken.
    pub const fn contains(self, token_use: TokenUse) -> bool {
        matches!(
            (self, token_use),
            (Uses::Any, _) | (Uses::Access, TokenUse::Access) | (Uses::Id, TokenUse::Id)
        )
    }
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenUse {
    /// An access token.
    Access,
    /// An ID token.
    Id,
}

/// All pools, and which `iss` belongs to which.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// The pools in the configuration's order; a pool's index is its identity within one snapshot.
    pub pools: Vec<Arc<Pool>>,
    by_issuer: HashMap<String, usize>,
}

impl Trust {
    /// Trust in these pools. Two pools with one `iss` are a configuration fault found earlier; the first would win here.
    pub fn new(pools: Vec<Arc<Pool>>) -> Trust {
        let mut by_issuer = HashMap::new();
        for (index, pool) in pools.iter().enumerate() {
            for issuer in &pool.issuers {
                by_issuer.entry(issuer.clone()).or_insert(index);
            }
        }
        Trust { pools, by_issuer }
    }

    /// The index of the pool that signs with `issuer`: exact bytes, nothing normalised.
    pub fn pool_of(&self, issuer: &str) -> Option<usize> {
        self.by_issuer.get(issuer).copied()
    }
}
