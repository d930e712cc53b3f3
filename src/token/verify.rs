//! From the text of a token to the principal it speaks for.

use std::sync::Arc;

use super::claims::Claims;
use super::keys::Keys;
use super::trust::{Pool, TokenUse, Trust};
use crate::clock::Timestamp;
use crate::refusal::Refusal;

/// Who a verified token speaks for. Only `verify` makes one (and policy trials without a token, by `Principal::of_claims`).
#[derive(Debug)]
pub struct Principal {
    /// The pool that vouches for it.
    pub pool: Arc<Pool>,
    /// That pool's index in the snapshot it was verified under.
    pub pool_index: usize,
    /// What the token is for.
    pub token_use: TokenUse,
    /// `exp`, in seconds since the epoch.
    pub expires: Timestamp,
    /// `kid` and thumbprint of the key that signed it.
    pub key: (String, [u8; 32]),
    /// Who, if the token says so.
    pub sub: Option<String>,
    /// The client the token was issued to: the client claim of an access token, `aud` of an ID token.
    pub client_id: Option<String>,
    /// Its scopes, split at single spaces.
    pub scopes: Vec<String>,
    /// Its groups.
    pub groups: Vec<String>,
    /// Everything it says.
    pub claims: Claims,
    /// The identity headers of the first plan it was rendered with, encoded once.
    pub rendered: crate::identity::Rendered,
}

/// What became of a token.
#[derive(Debug)]
pub enum Verdict {
    /// Good.
    Good(Arc<Principal>),
    /// Its pool (by index) has no key with that `kid`, or no keys at all: refresh, then ask once more.
    NeedKeys(usize),
    /// Bad.
    Refuse(Refusal),
}

/// Verifies `token` against `trust`. `refreshed` says that the keys were refreshed (or could not be) since `NeedKeys` was
/// answered for this token: the second time, a key that is still missing is `unknown_key`, no keys are `keys_unavailable`.
pub fn verify(
    token: &str,
    trust: &Trust,
    keys: &dyn Keys,
    now: Timestamp,
    refreshed: bool,
) -> Verdict {
    let _ = (token, trust, keys, now, refreshed);
    todo!()
}
