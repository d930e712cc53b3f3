//! A user who signed in elsewhere: a refresh token from the configuration, and whatever it is rotated to.
//!
//! A rotated token is on disk before the tokens that came with it are used: the old one is worth nothing any more.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::Wanted;
use super::client::{Client, Kept};
use super::cognito::Api;
use super::fault::Fault;
use super::oauth::{Endpoint, member};
use super::session::Door;
use super::state::StateFile;
use super::token::Issued;
use crate::clock::Clock;
use crate::config::model::credentials::{self as model, UserToken};
use crate::fetch::Fetcher;
use crate::secret::Secret;

/// The `refresh_token` grant (RFC 6749 §6, or the pool's own API).
pub(super) struct Refresh {
    credential: Arc<str>,
    via: Via,
    client: Client,
    configured: Kept,
    state: Option<StateFile>,
    clock: Clock,
    /// The newest token and the configured one that it descends from. One renewal at a time.
    newest: Mutex<Option<(Secret, Secret)>>,
}

enum Via {
    Endpoint(Endpoint),
    Pool(Door),
}

impl Refresh {
    pub(super) fn new(
        credential: &Arc<str>,
        refresh: &model::Refresh,
        fetcher: Arc<Fetcher>,
        clock: Clock,
    ) -> Refresh {
        Refresh {
            credential: Arc::clone(credential),
            via: match &refresh.via {
                model::Via::Endpoint(endpoint) => Via::Endpoint(Endpoint::new(endpoint, fetcher)),
                model::Via::Pool(pool) => Via::Pool(Door(Api::new(&pool.endpoint, fetcher))),
            },
            client: Client::new(&refresh.client),
            configured: Kept::new(&refresh.refresh_token),
            state: refresh.state_file.clone().map(StateFile::new),
            clock,
            newest: Mutex::new(None),
        }
    }

    pub(super) async fn issue(&self, wanted: &Wanted) -> Result<Issued, Fault> {
        let mut newest = self.newest.lock().await;
        let configured = self.configured.read();
        // One that was configured anew goes before all that came from the old one.
        let known = newest
            .as_ref()
            .filter(|(_, origin)| *origin == configured)
            .map(|(token, _)| token.clone())
            .or_else(|| self.state.as_ref()?.load(&configured));
        let token = known.unwrap_or_else(|| configured.clone());
        let (issued, rotated) = self.renew(&token, wanted).await?;
        if let Some(rotated) = rotated.filter(|rotated| *rotated != token) {
            self.keep(&rotated, &configured);
            *newest = Some((rotated, configured));
        }
        Ok(issued)
    }

    async fn renew(
        &self,
        token: &Secret,
        wanted: &Wanted,
    ) -> Result<(Issued, Option<Secret>), Fault> {
        match &self.via {
            Via::Pool(door) => {
                let result = door.renew(&self.client, token, None).await?;
                let issued = result.token(wanted.token, &door.0.source(), &self.clock)?;
                Ok((issued, result.refresh_token()))
            }
            Via::Endpoint(endpoint) => {
                let fields = [
                    ("grant_type", "refresh_token"),
                    ("refresh_token", token.expose()),
                ];
                let answer = endpoint.ask(&self.client, &fields, &wanted.scopes).await?;
                let name = match wanted.token {
                    UserToken::Access => "access_token",
                    UserToken::Id => "id_token",
                };
                let issued = endpoint.token(name, &answer, &self.clock)?;
                let rotated = member(&answer, "refresh_token").and_then(|token| token.as_str());
                let rotated = rotated.filter(|token| !token.is_empty());
                Ok((issued, rotated.map(|token| Secret::new(token.to_owned()))))
            }
        }
    }

    fn keep(&self, rotated: &Secret, configured: &Secret) {
        match &self.state {
            None => tracing::warn!(
                credential = &*self.credential,
                "the refresh token was rotated and there is no state_file: after a restart the configured one is good no more"
            ),
            Some(state) => {
                if let Err(error) = state.store(rotated, configured) {
                    tracing::error!(
                        credential = &*self.credential,
                        %error,
                        "the rotated refresh token could not be written to state_file: after a restart the configured one is good no more"
                    );
                }
            }
        }
    }
}
