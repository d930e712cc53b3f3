//! From tokens to a session: verified by the very code that verifies everybody's, with one visit to the pool for missing keys.

use std::sync::Arc;

use crate::clock::Clock;
use crate::credential::sign_in::{Denied, Settled, Tokens};
use crate::policy::session::{Acceptance, Brought, Occasion};
use crate::refusal::Refusal;
use crate::secret::Secret;
use crate::session::Session;
use crate::snapshot::Snapshot;
use crate::token::Principal;
use crate::token::verify::NO_KEYS;

/// The session that these tokens make, and whose it is.
pub(super) async fn accept(
    snapshot: &Snapshot,
    clock: &Clock,
    tokens: &Tokens,
    occasion: Occasion<'_>,
) -> Result<(Box<Session>, Arc<Principal>), Refusal> {
    let Some(sessions) = &snapshot.policy.sessions else {
        return Err(NO_KEYS);
    };
    let brought = Brought {
        access: tokens.access.expose(),
        identity: tokens.identity.as_ref().map(Secret::expose),
        refresh: tokens.refresh.as_ref(),
    };
    let (trust, keys) = (&snapshot.policy.trust, &snapshot.keys);
    let mut refreshed = false;
    loop {
        match sessions.accept(trust, keys, brought, occasion, clock.now(), refreshed) {
            Acceptance::Good(session, principal) => return Ok((session, principal)),
            Acceptance::Refuse(refusal) => return Err(refusal),
            Acceptance::NeedKeys(pool) => {
                if let Some(ring) = keys.ring(pool) {
                    ring.refreshed().await;
                }
            }
        }
        refreshed = true;
    }
}

/// Renews a session. It needs nobody to wait for it, and says what came of it in the log, without a token.
pub(super) fn renewal(
    snapshot: &Arc<Snapshot>,
    clock: &Clock,
    session: Session,
    refresh: Secret,
) -> impl Future<Output = Settled> + Send + 'static {
    let (snapshot, clock) = (Arc::clone(snapshot), clock.clone());
    async move {
        let Some(sign_in) = &snapshot.sign_in else {
            return Settled::Unavailable;
        };
        let tokens = match sign_in.refresh(&refresh).await {
            Ok(tokens) => tokens,
            Err(Denied::Refused(why)) => {
                tracing::info!(why, "a session is over: it can't be renewed");
                return Settled::Ended;
            }
            Err(Denied::Unavailable(why)) => {
                tracing::warn!(why, "a session could not be renewed");
                return Settled::Unavailable;
            }
        };
        match accept(&snapshot, &clock, &tokens, Occasion::Renewal(&session)).await {
            Ok((session, _)) => {
                tracing::debug!("a session was renewed");
                Settled::Renewed(Arc::from(session))
            }
            Err(refusal) => {
                let (reason, detail) = (refusal.reason, refusal.detail);
                tracing::warn!(%reason, %detail, "a session is over: its renewal brought no good tokens");
                Settled::Ended
            }
        }
    }
}
