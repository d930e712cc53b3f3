//! Credentials at run time: how the courier gets tokens, and the leases it hands out on them.
//!
//! A token per credential and set of scopes, shared by all requests: [`Credential::supply`] once, when a destination is built;
//! [`Supply::lease`] for each request. Fetches are made on one runtime, leases taken from any. No token and no secret is
//! ever in a log, a fault or `Debug`; a credential knows nothing of destinations, and a lease shows whose it is.

mod client;
mod cognito;
mod fault;
mod flight;
mod grant;
mod identity_pool;
mod lease;
mod life;
mod oauth;
mod refresh;
mod session;
pub mod sign_in;
pub(crate) mod srp;
mod state;
mod supply;
#[cfg(test)]
mod tests;
mod token;
mod user;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;

use crate::clock::{Clock, Timestamp};
use crate::config::model;
use crate::config::model::credentials::{Grant, UserToken};
use crate::fetch::{FetchFault, Fetcher};
use grant::{Issuer, Order};

pub use lease::{Lease, Unavailable};
pub use supply::{Supply, SupplyFacts};
pub use token::{AwsKeys, claims};

/// The credentials of one configuration, in its order.
#[derive(Default)]
pub struct Credentials(Vec<Arc<Credential>>);

/// Gives the fetcher for some settings.
type Fetchers<'a> = dyn FnMut(&Arc<model::Fetch>) -> Result<Arc<Fetcher>, FetchFault> + 'a;

/// One `[credentials.NAME]` at run time.
pub struct Credential {
    settings: Arc<model::Credential>,
    issuer: Arc<Issuer>,
    supplies: Mutex<BTreeMap<Wanted, Arc<Supply>>>,
    clock: Clock,
    runtime: Handle,
}

/// What tells one supply of a credential from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wanted {
    /// Sorted.
    scopes: Vec<String>,
    /// Which of a user's tokens.
    token: UserToken,
}

/// What can be told of a credential, for metrics and status. Never a token, never a secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Its name.
    pub name: Arc<str>,
    /// Its grant, as the configuration says it.
    pub grant: &'static str,
    /// Fetches that brought a token.
    pub fetches_ok: u64,
    /// Fetches that brought none.
    pub fetches_failed: u64,
    /// When the first of its tokens in hand expires; `None` when there is none.
    pub expires: Option<Timestamp>,
    /// Its supplies, by what they ask for.
    pub supplies: Vec<SupplyFacts>,
}

impl Credentials {
    /// Prepares all credentials; nothing is fetched yet. Their tasks run on `runtime`. Those of `old` whose settings are the
    /// same are carried over, with the tokens they have in hand.
    pub fn new(
        settings: &[Arc<model::Credential>],
        clock: &Clock,
        runtime: &Handle,
        old: Option<&Credentials>,
    ) -> Result<Credentials, FetchFault> {
        let mut made: Vec<(Arc<model::Fetch>, Arc<Fetcher>)> = Vec::new();
        // Most share `[fetch]`: one fetcher, and one reading of the machine's roots, is enough for them.
        Credentials::assemble(settings, clock, runtime, old, &mut |wanted| {
            if let Some((_, fetcher)) = made.iter().find(|(known, _)| known == wanted) {
                return Ok(Arc::clone(fetcher));
            }
            let fetcher = Arc::new(Fetcher::new(wanted)?);
            made.push((Arc::clone(wanted), Arc::clone(&fetcher)));
            Ok(fetcher)
        })
    }

    fn assemble(
        settings: &[Arc<model::Credential>],
        clock: &Clock,
        runtime: &Handle,
        old: Option<&Credentials>,
        fetcher: &mut Fetchers<'_>,
    ) -> Result<Credentials, FetchFault> {
        let mut credential = |settings: &Arc<model::Credential>, user: Option<&Arc<Credential>>| {
            let kept = old.and_then(|old| old.same(settings, user));
            if let Some(kept) = kept {
                return Ok(Arc::clone(kept));
            }
            let fetcher = fetcher(&settings.fetch)?;
            Ok(Arc::new(Credential {
                issuer: Arc::new(Issuer::new(settings, user, fetcher, clock)),
                settings: Arc::clone(settings),
                supplies: Mutex::default(),
                clock: clock.clone(),
                runtime: runtime.clone(),
            }))
        };
        // An identity pool's credential may stand before the user's that it needs: users first.
        let mut users = BTreeMap::new();
        for (index, settings) in settings.iter().enumerate() {
            if !matches!(settings.grant, Grant::IdentityPool(_)) {
                users.insert(index, credential(settings, None)?);
            }
        }
        let list = settings.iter().enumerate().map(|(index, settings)| {
            match (users.get(&index), &settings.grant) {
                (Some(made), _) => Ok(Arc::clone(made)),
                (None, Grant::IdentityPool(pool)) => {
                    credential(settings, users.get(&pool.credential))
                }
                (None, _) => credential(settings, None),
            }
        });
        list.collect::<Result<_, _>>().map(Credentials)
    }

    /// The credential with these settings, for the same user: an identity pool's holds on to its user's.
    fn same(
        &self,
        settings: &model::Credential,
        user: Option<&Arc<Credential>>,
    ) -> Option<&Arc<Credential>> {
        let kept = self.named(&settings.name)?;
        let same_user = user.is_none_or(|user| self.0.iter().any(|old| Arc::ptr_eq(old, user)));
        (*kept.settings == *settings && same_user).then_some(kept)
    }

    /// The credential with this index in the configuration.
    pub fn at(&self, index: usize) -> Option<&Arc<Credential>> {
        self.0.get(index)
    }

    /// The credential with this name.
    pub fn named(&self, name: &str) -> Option<&Arc<Credential>> {
        self.0
            .iter()
            .find(|credential| *credential.settings.name == *name)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Credential>> {
        self.0.iter()
    }
}

impl Credential {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// What it was configured as.
    pub fn settings(&self) -> &Arc<model::Credential> {
        &self.settings
    }

    /// The supply of tokens with these scopes (in any order; none is whatever the client may have): always the same one.
    pub fn supply(&self, scopes: &[String]) -> Arc<Supply> {
        let token = match &self.settings.grant {
            Grant::User(user) => user.token,
            Grant::Refresh(refresh) => refresh.token,
            Grant::ClientCredentials(..) | Grant::IdentityPool(_) => UserToken::Access,
        };
        self.supply_of(scopes, token)
    }

    /// A token with these scopes: at once, or shared with all who wait for it.
    pub async fn lease(&self, scopes: &[String]) -> Result<Lease, Unavailable> {
        self.supply(scopes).lease().await
    }

    /// The supply of a user's ID tokens, whatever the credential's own `token` is.
    fn id_tokens(&self) -> Arc<Supply> {
        self.supply_of(&[], UserToken::Id)
    }

    fn supply_of(&self, scopes: &[String], token: UserToken) -> Arc<Supply> {
        let mut scopes = scopes.to_vec();
        scopes.sort();
        scopes.dedup();
        // Nothing panics while this is locked, and a map is never half changed.
        let mut supplies = self.supplies.lock().unwrap_or_else(PoisonError::into_inner);
        let supply = supplies
            .entry(Wanted { scopes, token })
            .or_insert_with_key(|wanted| {
                let order = Order::new(&self.issuer, &self.settings, wanted.clone());
                Arc::new(Supply::start(
                    Arc::clone(&self.settings.name),
                    wanted.scopes.clone(),
                    order,
                    self.clock.clone(),
                    &self.runtime,
                ))
            });
        Arc::clone(supply)
    }

    /// What can be told of it now.
    pub fn facts(&self) -> Facts {
        let supplies: Vec<SupplyFacts> = self
            .supplies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .map(|supply| supply.facts())
            .collect();
        Facts {
            name: Arc::clone(&self.settings.name),
            grant: self.settings.grant.as_str(),
            fetches_ok: supplies.iter().map(|supply| supply.fetches_ok).sum(),
            fetches_failed: supplies.iter().map(|supply| supply.fetches_failed).sum(),
            expires: (supplies.iter().filter_map(|supply| supply.expires)).reduce(f64::min),
            supplies,
        }
    }
}

/// A number from 0 to 1. It only spreads timers: nobody gains by guessing it.
fn chance() -> f64 {
    let random = std::hash::RandomState::new().build_hasher().finish();
    (random >> 11) as f64 / (1u64 << 53) as f64
}
