//! From the text of a token to the principal it speaks for.
//!
//! One straight line: structure → header → issuer → key → signature → claims. Nothing a token says about itself chooses
//! how it is checked: its algorithm must be the key's, its key comes from its issuer's own set, and `jku`, `x5u`, `jwk`
//! and `x5c` are never followed (RFC 8725 §3). jsonwebtoken checks the signature alone; every claim is checked by us.

mod compact;
mod rules;
#[cfg(test)]
mod tests;
mod trial;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::claims::{ClaimName, Claims, ClaimsFault};
use super::keys::{KeySet, Keys, VerifyKey};
use super::trust::{Pool, PoolKind, TokenUse, Trust};
use crate::clock::Timestamp;
use crate::reason::Reason;
use crate::refusal::{Hint, Refusal};

use compact::{Compact, Header};
use rules::Standing;
pub use trial::trial;

/// When a client may come back after `keys_unavailable`.
const KEYS_RETRY_AFTER: Duration = Duration::from_secs(10);

/// Who a verified token speaks for. Only [`verify()`] makes one, and [`trial()`] for policy tried without a token.
pub struct Principal {
    /// The pool that vouches for it.
    pub pool: Arc<Pool>,
    /// That pool's index in the snapshot it was verified under.
    pub pool_index: usize,
    /// What the token is for.
    pub token_use: TokenUse,
    /// `exp`, in seconds since the epoch.
    pub expires: Timestamp,
    /// The key that signed it; none of what was tried without a token.
    pub key: Option<Arc<VerifyKey>>,
    /// Who, if the token says so.
    pub sub: Option<String>,
    /// The client the token was issued to: the client claim of an access token; `azp` of an ID token, else its `aud`.
    pub client_id: Option<String>,
    /// Its scopes, split at single spaces.
    pub scopes: Vec<String>,
    /// Its groups.
    pub groups: Vec<String>,
    /// Everything it says.
    pub claims: Claims,
    /// Where its token came from, if that was a browser's session.
    pub signed_in: Option<SignedIn>,
    /// From when on a session's tokens are to be renewed.
    pub renew: Option<Timestamp>,
    /// The identity headers of the first plan it was rendered with, encoded once.
    pub rendered: crate::identity::Rendered,
}

/// What a session says of its principal, beside the access token.
#[derive(Clone)]
pub struct SignedIn {
    /// When one signed in.
    pub started: Timestamp,
    /// Whether its tokens can be renewed.
    pub renewable: bool,
    /// What the ID token says: for identity headers alone, where the access token says nothing.
    pub identity: Claims,
}

/// Whether a principal is a person or a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Someone signed in.
    User,
    /// A client acts for itself (the client credentials grant).
    Machine,
}

impl Kind {
    /// The word, as in `@kind`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::User => "user",
            Kind::Machine => "machine",
        }
    }
}

impl Principal {
    /// A user when the token names one (`username`, `cognito:username`), or when its `sub` is another than its client;
    /// else a machine. Cognito's client-credentials tokens have no `username`, and the client's id as their `sub`.
    pub fn kind(&self) -> Kind {
        let named = ["username", "cognito:username"]
            .iter()
            .any(|name| self.claims.get(name).is_some_and(|value| !value.is_null()));
        match named || (self.sub.is_some() && self.sub != self.client_id) {
            true => Kind::User,
            false => Kind::Machine,
        }
    }

    /// The same with these claims alone.
    pub(super) fn reduced(&self, kept: &BTreeSet<Box<str>>) -> Principal {
        Principal {
            pool: Arc::clone(&self.pool),
            pool_index: self.pool_index,
            token_use: self.token_use,
            expires: self.expires,
            key: self.key.clone(),
            sub: self.sub.clone(),
            client_id: self.client_id.clone(),
            scopes: self.scopes.clone(),
            groups: self.groups.clone(),
            claims: self.claims.only(|name, _| kept.contains(name)),
            signed_in: self.signed_in.clone(),
            renew: self.renew,
            rendered: Default::default(),
        }
    }

    /// What a claim is for an identity header: the access token's, else the ID token's of the same session.
    pub fn told(&self, name: &ClaimName) -> Option<&Value> {
        let identity = self.signed_in.as_ref().map(|session| &session.identity);
        (self.claims.find(name)).or_else(|| identity?.find(name))
    }

    fn new(
        (pool_index, pool): (usize, &Arc<Pool>),
        key: Option<Arc<VerifyKey>>,
        standing: Standing,
        claims: Claims,
    ) -> Principal {
        Principal {
            pool: Arc::clone(pool),
            pool_index,
            token_use: standing.token_use,
            expires: standing.expires,
            key,
            sub: standing.sub,
            client_id: standing.client_id,
            scopes: standing.scopes,
            groups: standing.groups,
            claims,
            signed_in: None,
            renew: None,
            rendered: Default::default(),
        }
    }
}

impl fmt::Debug for Principal {
    /// Without its claims: they are someone's personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("pool", &self.pool.name)
            .field("token_use", &self.token_use)
            .field("expires", &self.expires)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
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
    match check(token, trust, keys, now, refreshed) {
        Ok(principal) => Verdict::Good(Arc::new(principal)),
        Err(Stop::NeedKeys(pool)) => Verdict::NeedKeys(pool),
        Err(Stop::Refuse(refusal)) => Verdict::Refuse(refusal),
    }
}

/// The same for the access token of a session.
pub fn verify_session(
    token: &str,
    session: SignedIn,
    trust: &Trust,
    keys: &dyn Keys,
    now: Timestamp,
    refreshed: bool,
) -> Verdict {
    match check(token, trust, keys, now, refreshed) {
        Ok(principal) => Verdict::Good(Arc::new(Principal {
            renew: session.renewable.then(|| renewal(&principal)),
            signed_in: Some(session),
            ..principal
        })),
        Err(Stop::NeedKeys(pool)) => Verdict::NeedKeys(pool),
        Err(Stop::Refuse(refusal)) => Verdict::Refuse(refusal),
    }
}

/// When three quarters of a token's life are over; one that doesn't say when it began lives for five minutes more at least.
fn renewal(principal: &Principal) -> Timestamp {
    let began = principal.claims.get("iat").and_then(Value::as_f64);
    let life = began.map_or(1200.0, |began| (principal.expires - began).max(0.0));
    principal.expires - life / 4.0
}

/// Why verification went no further.
enum Stop {
    NeedKeys(usize),
    Refuse(Refusal),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Stop {
        Stop::Refuse(refusal)
    }
}

fn check(
    token: &str,
    trust: &Trust,
    keys: &dyn Keys,
    now: Timestamp,
    refreshed: bool,
) -> Result<Principal, Stop> {
    let compact = Compact::parse(token)?;
    let header = Header::parse(&compact.header)?;
    let claims = Claims::parse(&compact.payload).map_err(refuse_claims)?;
    let index = find_pool(&claims, trust)?;
    let pool = &trust.pools[index];
    if pool.kind == PoolKind::Cognito && header.algorithm != jsonwebtoken::Algorithm::RS256 {
        return Err(WRONG_ALGORITHM.into());
    }
    let kid = header.kid.as_deref().ok_or(NO_KID)?;
    let set = keys.of(index);
    let key = find_key(set.as_deref(), kid, index, refreshed)?;
    check_signature(&compact, &header, key)?;
    let standing = rules::check(&claims, pool, header.is_access_typ, now)?;
    let key = Some(Arc::clone(key));
    Ok(Principal::new((index, pool), key, standing, claims))
}

const WRONG_ALGORITHM: Refusal = Refusal::new(
    Reason::UnsupportedAlgorithm,
    "the token is not signed with the algorithm of its issuer's keys",
);
const NO_KID: Refusal = Refusal::new(
    Reason::UnknownKey,
    "the token does not say which key it was signed with",
);
const NOT_JSON: Refusal = Refusal::new(
    Reason::MalformedToken,
    "the token's payload is not a JSON object",
);
const CLAIM_TWICE: Refusal =
    Refusal::new(Reason::InvalidClaims, "a claim stands in the token twice");
const NO_ISSUER: Refusal = Refusal::new(
    Reason::InvalidClaims,
    "the token's iss is missing or not a string",
);
const UNKNOWN_ISSUER: Refusal = Refusal::new(
    Reason::UnknownIssuer,
    "the token comes from an issuer that is not configured here",
);
/// Nobody can say whether a token is good.
pub const NO_KEYS: Refusal = Refusal::new(
    Reason::KeysUnavailable,
    "the keys of the token's issuer are not available at the moment",
);
const UNKNOWN_KEY: Refusal = Refusal::new(
    Reason::UnknownKey,
    "the token was signed with a key that its issuer does not publish",
);
const BAD_SIGNATURE: Refusal = Refusal::new(
    Reason::BadSignature,
    "the token's signature does not verify",
);

fn refuse_claims(fault: ClaimsFault) -> Refusal {
    match fault {
        ClaimsFault::Malformed => NOT_JSON,
        ClaimsFault::Duplicate => CLAIM_TWICE,
    }
}

/// The pool of the token's `iss`: a string, byte for byte (C05). Nothing of the token is believed yet; this says only
/// whose keys it has to be signed with, and a token of one pool can't be signed with the keys of another (C06).
fn find_pool(claims: &Claims, trust: &Trust) -> Result<usize, Refusal> {
    match claims.get("iss") {
        Some(Value::String(issuer)) => trust.pool_of(issuer).ok_or(UNKNOWN_ISSUER),
        _ => Err(NO_ISSUER),
    }
}

fn find_key<'a>(
    set: Option<&'a KeySet>,
    kid: &str,
    pool: usize,
    refreshed: bool,
) -> Result<&'a Arc<VerifyKey>, Stop> {
    match (set.map(|set| set.find(kid)), refreshed) {
        (Some(Some(key)), _) => Ok(key),
        (_, false) => Err(Stop::NeedKeys(pool)),
        (Some(None), true) => Err(UNKNOWN_KEY.into()),
        (None, true) => Err(NO_KEYS.with(Hint::RetryAfter(KEYS_RETRY_AFTER)).into()),
    }
}

/// The header's algorithm must be the key's (RFC 8725 §3.1): the key decides, the header only agrees.
fn check_signature(compact: &Compact<'_>, header: &Header, key: &VerifyKey) -> Result<(), Refusal> {
    if header.algorithm != key.algorithm {
        return Err(WRONG_ALGORITHM);
    }
    let message = compact.signed.as_bytes();
    match jsonwebtoken::crypto::verify(compact.signature, message, &key.decoding, key.algorithm) {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(BAD_SIGNATURE),
    }
}
