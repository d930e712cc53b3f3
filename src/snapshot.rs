//! What is live: one immutable snapshot, compiled from one configuration, swapped whole. The only home of `arc_swap` here.
//!
//! A request loads it once and uses it to its end, so it is judged by one configuration however often that changes.

use std::io;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::clock::Clock;
use crate::config::compile;
use crate::config::model::Config;
use crate::identity::Reserved;
use crate::policy::permit::Policy;
use crate::pool::keyring::{KeyRing, KeyRings};
use crate::token::cache::TokenCache;
use crate::upstream::Upstream;

/// Everything one request needs to know.
pub struct Snapshot {
    /// What it was compiled from.
    pub config: Arc<Config>,
    /// The decision.
    pub policy: Policy,
    /// The pools' keys.
    pub keys: KeyRings,
    /// Verified tokens.
    pub cache: Arc<TokenCache>,
    /// Headers no client may send.
    pub reserved: Reserved,
    /// The upstreams, by the configuration's index.
    pub upstreams: Vec<Arc<Upstream>>,
}

/// The snapshot that is live.
pub struct Live(ArcSwap<Snapshot>);

impl Live {
    /// Begins with this one.
    pub fn new(snapshot: Snapshot) -> Live {
        Live(ArcSwap::from_pointee(snapshot))
    }

    /// The one that is live now.
    pub fn load(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }
}

/// Why a checked configuration can't run on this machine.
#[derive(Debug, thiserror::Error)]
pub enum BuildFault {
    /// Its routes collide; `check` tells which.
    #[error("two routes can't be told apart")]
    Routes,
    /// Keys can't be had from a file, or fetching can't be set up.
    #[error("{0}")]
    Keys(String),
}

impl Snapshot {
    /// Compiles a configuration for `workers` workers. `read` gives the bytes of a file.
    pub fn build(
        config: Config,
        workers: usize,
        clock: &Clock,
        read: &dyn Fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<Snapshot, BuildFault> {
        let policy = compile::policy(&config).map_err(|_| BuildFault::Routes)?;
        let rings = config
            .pools
            .iter()
            .map(|pool| KeyRing::new(pool.clone(), clock.clone(), read).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|fault| BuildFault::Keys(fault.to_string()))?;
        let plans = config.routes.iter().chain(&policy.unrouted);
        let plans = plans.map(|route| &*route.headers);
        Ok(Snapshot {
            reserved: Reserved::new(plans, &config.identity.remove),
            policy,
            keys: KeyRings::new(rings, clock.clone()),
            cache: Arc::new(TokenCache::new(config.tokens.cache_entries)),
            upstreams: config
                .upstreams
                .iter()
                .map(|settings| Arc::new(Upstream::new(settings.clone(), workers)))
                .collect(),
            config: Arc::new(config),
        })
    }
}
