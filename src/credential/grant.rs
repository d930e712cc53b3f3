//! Which grant a credential has, and the one place where all of them begin and end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::fault::Fault;
use super::identity_pool::IdentityPool;
use super::oauth::ClientCredentials;
use super::refresh::Refresh;
use super::token::Issued;
use super::user::User;
use super::{Credential, Wanted};
use crate::clock::Clock;
use crate::config::model;
use crate::config::model::credentials::Grant;
use crate::fetch::Fetcher;

/// A whole fetch may take this many times one call's timeout: a refresh that fails, then a sign-in in two steps.
const CALLS: u32 = 4;

/// Whatever a credential's tokens come from.
pub(super) enum Issuer {
    ClientCredentials(ClientCredentials),
    User(User),
    Refresh(Refresh),
    IdentityPool(IdentityPool),
}

impl Issuer {
    /// `user` is the credential that an identity pool's refers to.
    pub(super) fn new(
        settings: &model::Credential,
        user: Option<&Arc<Credential>>,
        fetcher: Arc<Fetcher>,
        clock: &Clock,
    ) -> Issuer {
        let name = &settings.name;
        let clock = clock.clone();
        match &settings.grant {
            Grant::ClientCredentials(endpoint, client) => Issuer::ClientCredentials(
                ClientCredentials::new(name, endpoint, client, fetcher, clock),
            ),
            Grant::User(user) => Issuer::User(User::new(name, user, fetcher, clock)),
            Grant::Refresh(refresh) => Issuer::Refresh(Refresh::new(name, refresh, fetcher, clock)),
            Grant::IdentityPool(pool) => {
                Issuer::IdentityPool(IdentityPool::new(pool, user.cloned(), fetcher, clock))
            }
        }
    }
}

/// Something that issues tokens.
pub(super) trait Issue: Send + 'static {
    /// Fetches one; ends within a few fetch timeouts.
    fn issue(&self) -> impl Future<Output = Result<Issued, Fault>> + Send;
}

/// What one supply asks of an issuer.
pub(super) struct Order {
    issuer: Arc<Issuer>,
    wanted: Wanted,
    patience: Duration,
}

impl Order {
    pub(super) fn new(issuer: &Arc<Issuer>, settings: &model::Credential, wanted: Wanted) -> Order {
        Order {
            issuer: Arc::clone(issuer),
            wanted,
            patience: settings.fetch.timeout.saturating_mul(CALLS),
        }
    }
}

impl Issue for Order {
    async fn issue(&self) -> Result<Issued, Fault> {
        let issuing = async {
            match &*self.issuer {
                Issuer::ClientCredentials(client) => client.issue(&self.wanted.scopes).await,
                Issuer::User(user) => user.issue(self.wanted.token).await,
                Issuer::Refresh(refresh) => refresh.issue(&self.wanted).await,
                Issuer::IdentityPool(pool) => pool.issue().await,
            }
        };
        let over = || {
            let patience = self.patience;
            Err(Fault::other(format!("no token came within {patience:?}")))
        };
        tokio::time::timeout(self.patience, issuing)
            .await
            .unwrap_or_else(|_| over())
    }
}
