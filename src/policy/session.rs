//! What a browser's session proves, and what tokens make one. Pure: renewing and signing in are the gate's.
//!
//! An access token out of a session is verified like any other, and remembered like any other: under the digest of its
//! cookie and of the keys that seal, so that a key which is taken out of the configuration takes its sessions with it.

use aws_lc_rs::digest::{Context, SHA256};
use http::HeaderMap;
use serde_json::Value;

use super::permit::{Head, Means};
use crate::clock::Timestamp;
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::secret::Secret;
use crate::session::{Channel, Jar, Session};
use crate::token::Principal;
use crate::token::cache::Digest;
use crate::token::claims::Claims;
use crate::token::keys::Keys;
use crate::token::trust::{TokenUse, Trust};
use crate::token::verify::{SignedIn, Verdict, verify, verify_session};

/// Claims of an ID token that are of the sign-in alone.
const OF_THE_SIGN_IN: [&str; 2] = ["nonce", "at_hash"];

/// The sessions of browsers, as the configuration has them.
#[derive(Debug)]
pub struct Sessions {
    /// Their cookies.
    pub jar: Jar,
    /// The index of the pool that people sign in at.
    pub pool: usize,
    /// The app client that they sign in through.
    pub client_id: String,
    /// How long a session lasts, in seconds.
    pub lifetime: Timestamp,
    /// Where the pool's pages send a browser back to.
    pub callback_path: String,
    /// Where one signs out.
    pub logout_path: String,
    /// What an ID token of a sign-in must meet: that of the pool, for this one client.
    pub identity_trust: Trust,
}

/// What the gate answers itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `callback_path`
    Callback,
    /// `logout_path`
    Logout,
}

/// Tokens that a sign-in or a renewal brought.
#[derive(Clone, Copy)]
pub struct Brought<'t> {
    /// The access token.
    pub access: &'t str,
    /// The ID token: a renewal need not bring one.
    pub identity: Option<&'t str>,
    /// The refresh token, if there is one: with rotation, a new one.
    pub refresh: Option<&'t Secret>,
}

/// What brought them.
#[derive(Clone, Copy)]
pub enum Occasion<'s> {
    /// A sign-in that was begun with this nonce.
    SignIn {
        /// What the ID token must repeat.
        nonce: &'s str,
    },
    /// The renewal of this session.
    Renewal(&'s Session),
}

/// What became of tokens.
pub enum Acceptance {
    /// A session.
    Good(Box<Session>, std::sync::Arc<Principal>),
    /// The pool with this index must refresh its keys; then ask once more, with `refreshed`.
    NeedKeys(usize),
    /// They are not good.
    Refuse(Refusal),
}

/// Why a session's token may be refused, and the session be good all the same.
const MAY_RECOVER: [Reason; 2] = [Reason::Expired, Reason::KeysUnavailable];

const NO_ID_TOKEN: Refusal = Refusal::new(Reason::InvalidClaims, "the sign-in brought no ID token");
const WRONG_NONCE: Refusal = Refusal::new(
    Reason::InvalidClaims,
    "the ID token does not belong to this sign-in",
);
/// A renewal that brings somebody else's tokens ends the session.
pub const WRONG_SUBJECT: Refusal =
    Refusal::new(Reason::InvalidClaims, "the tokens are not all of one user");
const WRONG_CLIENT: Refusal = Refusal::new(
    Reason::WrongClient,
    "the token was issued to a client that is not accepted here",
);

impl Sessions {
    /// What of signing in and out a path is for. To the letter: nothing else is ever answered in an upstream's place.
    pub fn endpoint(&self, path: &str) -> Option<Endpoint> {
        if path == self.callback_path {
            Some(Endpoint::Callback)
        } else if path == self.logout_path {
            Some(Endpoint::Logout)
        } else {
            None
        }
    }

    /// Who the session of a request speaks for: `None` when there is none that opens, or its time is over.
    pub(super) fn read(
        &self,
        head: &Head<'_>,
        trust: &Trust,
        means: Means<'_>,
        now: Timestamp,
    ) -> Option<Verdict> {
        if let Some(session) = head.renewed {
            return self.verify(session, trust, means, now);
        }
        let sealed = self.jar.sealed(head.headers, head.channel)?;
        let digest = self.digest(&sealed, head.channel);
        if let Some(principal) = means.cache.recall(&digest, trust, means.keys, now) {
            let started = principal.signed_in.as_ref()?.started;
            let holds = self.lasts(started, now) && self.is_ours(&principal);
            return holds.then_some(Verdict::Good(principal));
        }
        let session = self.jar.open(&sealed, head.channel)?;
        let verdict = self.verify(&session, trust, means, now)?;
        if let Verdict::Good(principal) = &verdict {
            means.cache.remember(digest, principal.clone());
        }
        Some(verdict)
    }

    /// The session that a request carries, with its tokens: for renewing it, or for ending it.
    pub fn open(&self, headers: &HeaderMap, channel: Channel, now: Timestamp) -> Option<Session> {
        let session = self
            .jar
            .open(&self.jar.sealed(headers, channel)?, channel)?;
        self.lasts(session.started as Timestamp, now)
            .then_some(session)
    }

    /// How many seconds a session still has.
    pub fn left(&self, session: &Session, now: Timestamp) -> u64 {
        (session.started as Timestamp + self.lifetime - now)
            .max(0.0)
            .ceil() as u64
    }

    fn lasts(&self, started: Timestamp, now: Timestamp) -> bool {
        now < started + self.lifetime
    }

    fn verify(
        &self,
        session: &Session,
        trust: &Trust,
        means: Means<'_>,
        now: Timestamp,
    ) -> Option<Verdict> {
        let started = session.started as Timestamp;
        if !self.lasts(started, now) {
            return None;
        }
        let signed_in = SignedIn {
            started,
            renewable: session.refresh.is_some(),
            identity: session.identity.clone(),
        };
        let access = session.access.expose();
        let verdict = verify_session(access, signed_in, trust, means.keys, now, means.refreshed);
        match &verdict {
            // Of another pool or client than people sign in at now: the configuration has changed.
            Verdict::Good(principal) if !self.is_ours(principal) => None,
            // Of a key or a pool that is trusted no more: only a new sign-in helps. What has expired may be renewed, and
            // keys may come back.
            Verdict::Refuse(refusal) if !MAY_RECOVER.contains(&refusal.reason) => None,
            _ => Some(verdict),
        }
    }

    fn is_ours(&self, principal: &Principal) -> bool {
        principal.pool_index == self.pool
            && principal.token_use == TokenUse::Access
            && principal.client_id.as_ref() == Some(&self.client_id)
    }

    fn digest(&self, sealed: &str, channel: Channel) -> Digest {
        let mut context = Context::new(&SHA256);
        context.update(self.jar.fingerprint());
        context.update(&[channel as u8]);
        context.update(sealed.as_bytes());
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        digest
    }

    /// The session that tokens make, once all of them are verified, and belong to each other and to the occasion.
    pub fn accept(
        &self,
        trust: &Trust,
        keys: &dyn Keys,
        brought: Brought<'_>,
        occasion: Occasion<'_>,
        now: Timestamp,
        refreshed: bool,
    ) -> Acceptance {
        let principal = match verify(brought.access, trust, keys, now, refreshed) {
            Verdict::Good(principal) => principal,
            Verdict::NeedKeys(pool) => return Acceptance::NeedKeys(pool),
            Verdict::Refuse(refusal) => return Acceptance::Refuse(refusal),
        };
        let identity = match brought.identity {
            None => None,
            Some(token) => match verify(token, &self.identity_trust, keys, now, refreshed) {
                Verdict::Good(identity) => Some(identity),
                Verdict::NeedKeys(pool) => return Acceptance::NeedKeys(pool),
                Verdict::Refuse(refusal) => return Acceptance::Refuse(refusal),
            },
        };
        match self.assemble(&principal, identity.as_deref(), brought, occasion, now) {
            Ok(session) => Acceptance::Good(Box::new(session), principal),
            Err(refusal) => Acceptance::Refuse(refusal),
        }
    }

    fn assemble(
        &self,
        access: &Principal,
        identity: Option<&Principal>,
        brought: Brought<'_>,
        occasion: Occasion<'_>,
        now: Timestamp,
    ) -> Result<Session, Refusal> {
        if !self.is_ours(access) {
            return Err(WRONG_CLIENT);
        }
        if identity.is_some_and(|identity| identity.pool_index != self.pool) {
            return Err(WRONG_CLIENT);
        }
        let sub = access.sub.as_deref().filter(|sub| !sub.is_empty());
        let sub = sub.ok_or(WRONG_SUBJECT)?;
        if identity.is_some_and(|identity| identity.sub.as_deref() != Some(sub)) {
            return Err(WRONG_SUBJECT);
        }
        let mut session = Session {
            started: now as u64,
            sub: sub.to_owned(),
            access: Secret::new(brought.access.to_owned()),
            refresh: brought.refresh.cloned(),
            identity: identity
                .map(|identity| beside(identity, access))
                .unwrap_or_default(),
        };
        match occasion {
            Occasion::SignIn { nonce } => {
                let identity = identity.ok_or(NO_ID_TOKEN)?;
                let told = identity.claims.get("nonce");
                if told.and_then(Value::as_str) != Some(nonce) {
                    return Err(WRONG_NONCE);
                }
            }
            Occasion::Renewal(before) => {
                if before.sub != sub {
                    return Err(WRONG_SUBJECT);
                }
                session.started = before.started;
                // Without rotation the old one stays good; without a new ID token what the last one said still holds.
                session.refresh = session.refresh.or_else(|| before.refresh.clone());
                if identity.is_none() {
                    session.identity = before.identity.clone();
                }
            }
        }
        Ok(session)
    }
}

/// What an ID token says that its access token does not say as well: the cookie has little room.
fn beside(identity: &Principal, access: &Principal) -> Claims {
    (identity.claims).only(|name, value| {
        access.claims.get(name) != Some(value) && !OF_THE_SIGN_IN.contains(&name)
    })
}
