//! What is live: one immutable snapshot, compiled from one configuration, swapped whole. The only home of `arc_swap` here.
//!
//! A request loads it once and uses it to its end, so it is judged by one configuration however often that changes. What a
//! snapshot needs lives as long as it does: a pool that was removed is refreshed until the last request that knows it ends.

mod carry;
#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::runtime::Handle;

use crate::clock::{Clock, Timestamp};
use crate::config::compile;
use crate::config::model::{self, Config, JwksSource};
use crate::credential::Credentials;
use crate::credential::sign_in::SignIn;
use crate::fetch::{FetchFault, Fetcher};
use crate::identity::Reserved;
use crate::net::client_tls::TlsFault;
use crate::net::tls::{CertificateFault, Certificates};
use crate::outbound::{Destination, Outbound, OutboundFault};
use crate::policy::permit::Policy;
use crate::pool::keyring::{KeyRing, KeyRings};
use crate::pool::refresh::PoolTask;
use crate::ready::Readiness;
use crate::telemetry::logs;
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
    /// The gate's certificates, where it speaks TLS.
    pub certificates: Option<Arc<Certificates>>,
    /// The upstreams, by the configuration's index.
    pub upstreams: Vec<Arc<Upstream>>,
    /// How the courier gets tokens.
    pub credentials: Credentials,
    /// The courier's listeners, in the configuration's order.
    pub outbound: Vec<Outbound>,
    /// Where browsers sign in, where they do.
    pub sign_in: Option<Arc<SignIn>>,
    refreshing: Vec<Refreshing>,
}

/// How the keys of a pool are kept fresh, in the pools' order.
enum Refreshing {
    /// They come from a file alone.
    Nothing,
    /// Not yet.
    Prepared(Arc<Fetcher>),
    /// By this task, which ends with the last snapshot that has it.
    Running(Arc<PoolTask>),
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

    /// Requests that come from now on are judged by this one; the one before comes back.
    pub fn swap(&self, snapshot: Snapshot) -> Arc<Snapshot> {
        self.0.swap(Arc::new(snapshot))
    }
}

/// Why a checked configuration can't run on this machine.
#[derive(Debug, thiserror::Error)]
pub enum BuildFault {
    /// Its routes collide; `check` tells which.
    #[error("two routes can't be told apart")]
    Routes,
    /// The gate can't speak TLS.
    #[error("[server] tls: {0}")]
    Certificates(#[from] CertificateFault),
    /// An upstream's TLS can't be set up.
    #[error("upstream {0}: {1}")]
    Upstream(String, TlsFault),
    /// Keys can't be had from a file, or fetching can't be set up.
    #[error("{0}")]
    Keys(String),
    /// Its log level is none.
    #[error("{0}")]
    Telemetry(String),
    /// A credential's fetches can't be set up.
    #[error("[credentials]: {0}")]
    Credentials(String),
    /// An outbound listener can't be had.
    #[error(transparent)]
    Outbound(#[from] OutboundFault),
    /// Signing in can't be set up.
    #[error("[login]: {0}")]
    SignIn(FetchFault),
}

impl Snapshot {
    /// Compiles a configuration for `workers` workers. `read` gives the bytes of a file. Nothing is fetched yet.
    pub fn build(
        config: Config,
        workers: usize,
        clock: &Clock,
        read: &dyn Fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<Snapshot, BuildFault> {
        Snapshot::compile(config, None, workers, clock, read)
    }

    /// Compiles the configuration that is to follow this one, with every part of this one whose settings are equal.
    pub fn rebuild(
        &self,
        mut config: Config,
        workers: usize,
        clock: &Clock,
        read: &dyn Fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<Snapshot, BuildFault> {
        carry::keep_equal(&mut config, &self.config);
        Snapshot::compile(config, Some(self), workers, clock, read)
    }

    fn compile(
        mut config: Config,
        old: Option<&Snapshot>,
        workers: usize,
        clock: &Clock,
        read: &dyn Fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<Snapshot, BuildFault> {
        logs::filter(&config.telemetry).map_err(BuildFault::Telemetry)?;
        let policy = compile::policy(&config).map_err(|_| BuildFault::Routes)?;
        let (rings, refreshing) = keys(&config, old, clock, read)?;
        let known = old.and_then(|old| old.certificates.as_ref());
        let certificates = listener(config.server.tls.as_ref(), known, clock, read)?;
        let credentials = credentials(&config, old, clock)?;
        let listening = &|settings: &model::Outbound| {
            let known = old.and_then(|old| old.outbound(&settings.name)?.certificates.as_ref());
            listener(settings.tls.as_ref(), known, clock, read)
        };
        let outbound = outbound(&config, old, &credentials, workers, listening)?;
        warn_of_expired(&mut config.warnings, &certificates, &outbound, clock.now());
        let plans = config.routes.iter().chain(&policy.unrouted);
        let plans = plans.map(|route| &*route.headers);
        Ok(Snapshot {
            reserved: Reserved::new(plans, &config.identity.remove),
            policy,
            certificates,
            keys: KeyRings::new(rings, clock.clone()),
            cache: cache(&config, old),
            upstreams: upstreams(&config, old, workers)?,
            credentials,
            outbound,
            sign_in: sign_in(&config, old)?,
            config: Arc::new(config),
            refreshing,
        })
    }

    /// The courier's listener of this name.
    pub fn outbound(&self, name: &str) -> Option<&Outbound> {
        self.outbound
            .iter()
            .find(|outbound| outbound.name() == name)
    }

    /// Closes connections of this worker, to upstreams and destinations, that have been idle for too long.
    pub fn sweep(&self, worker: usize) {
        let destinations = self.outbound.iter().flat_map(Outbound::upstreams);
        let all = self.upstreams.iter().chain(destinations);
        all.for_each(|upstream| upstream.sweep(worker));
    }

    /// Starts refreshing the keys of every pool that is new, on the current runtime; to be done before requests come. With
    /// `readiness`, that waits for the first keys of the pools that are required.
    ///
    /// # Panics
    /// Outside a runtime.
    pub fn start_refreshing(&mut self, readiness: Option<&Readiness>) {
        let pools = self.keys.iter().zip(&self.config.pools);
        for (refreshing, (ring, pool)) in self.refreshing.iter_mut().zip(pools) {
            if let Refreshing::Prepared(fetcher) = refreshing {
                let first = readiness
                    .filter(|_| pool.required)
                    .map(|ready| ready.wait_for(format!("keys of pool {}", ring.name())));
                let task = PoolTask::start(ring.clone(), fetcher.clone(), first);
                *refreshing = Refreshing::Running(Arc::new(task));
            }
        }
    }
}

/// What a listener speaks TLS with, if it does.
type Speaks = Result<Option<Arc<Certificates>>, CertificateFault>;

/// What a listener speaks TLS with; the same as before where nothing has changed.
fn listener(
    tls: Option<&model::Tls>,
    known: Option<&Arc<Certificates>>,
    clock: &Clock,
    read: &dyn Fn(&Path) -> io::Result<Vec<u8>>,
) -> Speaks {
    let Some(tls) = tls else {
        return Ok(None);
    };
    match known {
        Some(known) => known.renew(tls, read, clock.now()).map(Some),
        None => Certificates::load(tls, read).map(Arc::new).map(Some),
    }
}

/// A certificate that has expired is taken where there is no other, and told of: whoever connects may refuse it.
fn warn_of_expired(
    warnings: &mut Vec<String>,
    gate: &Option<Arc<Certificates>>,
    outbound: &[Outbound],
    now: Timestamp,
) {
    let courier = outbound.iter().map(|outbound| {
        let table = format!("[outbound.{}]", outbound.name());
        (table, outbound.certificates.as_ref())
    });
    let gate = ("[server]".to_owned(), gate.as_ref());
    for (table, certificates) in std::iter::once(gate).chain(courier) {
        if certificates.is_some_and(|certificates| certificates.have_expired(now)) {
            warnings.push(format!(
                "{table} tls: the certificate in cert_file has expired"
            ));
        }
    }
}

/// The ring of every pool, and what keeps it fresh.
fn keys(
    config: &Config,
    old: Option<&Snapshot>,
    clock: &Clock,
    read: &dyn Fn(&Path) -> io::Result<Vec<u8>>,
) -> Result<(Vec<Arc<KeyRing>>, Vec<Refreshing>), BuildFault> {
    let unusable = |fault: &dyn std::fmt::Display| BuildFault::Keys(fault.to_string());
    let (mut rings, mut refreshing) = (Vec::new(), Vec::new());
    for pool in &config.pools {
        let known = old.and_then(|old| {
            let mut rings = old.keys.iter().zip(&old.refreshing);
            rings.find(|(ring, _)| ring.name() == &*pool.trust.name)
        });
        if let Some((ring, task)) = known.filter(|(ring, _)| Arc::ptr_eq(ring.pool(), pool)) {
            rings.push(ring.clone());
            refreshing.push(task.again());
            continue;
        }
        let ring =
            KeyRing::new(pool.clone(), clock.clone(), read).map_err(|fault| unusable(&fault))?;
        if let Some((before, _)) = known {
            ring.inherit(before);
        }
        rings.push(Arc::new(ring));
        refreshing.push(match pool.jwks {
            JwksSource::None => Refreshing::Nothing,
            _ => {
                let fetcher = Fetcher::new(&pool.fetch).map_err(|fault| unusable(&fault))?;
                Refreshing::Prepared(Arc::new(fetcher))
            }
        });
    }
    Ok((rings, refreshing))
}

impl Refreshing {
    fn again(&self) -> Refreshing {
        match self {
            Refreshing::Nothing => Refreshing::Nothing,
            Refreshing::Prepared(fetcher) => Refreshing::Prepared(fetcher.clone()),
            Refreshing::Running(task) => Refreshing::Running(task.clone()),
        }
    }
}

/// What was verified under the old configuration is looked at again on each use, so all of it may stay.
fn cache(config: &Config, old: Option<&Snapshot>) -> Arc<TokenCache> {
    let entries = config.tokens.cache_entries;
    Arc::new(match old {
        Some(old) if old.config.tokens.cache_entries == entries => return old.cache.clone(),
        Some(old) => old.cache.resized(entries),
        None => TokenCache::new(entries),
    })
}

/// Where browsers sign in; the very same as before where nothing but the pools has changed.
fn sign_in(config: &Config, old: Option<&Snapshot>) -> Result<Option<Arc<SignIn>>, BuildFault> {
    let Some(login) = &config.login else {
        return Ok(None);
    };
    let known = old.and_then(|old| old.sign_in.as_ref());
    match known {
        Some(known) if known.settings() == login => Ok(Some(known.clone())),
        _ => SignIn::new(login, known.map(|known| &**known))
            .map(|made| Some(Arc::new(made)))
            .map_err(BuildFault::SignIn),
    }
}

fn upstreams(
    config: &Config,
    old: Option<&Snapshot>,
    workers: usize,
) -> Result<Vec<Arc<Upstream>>, BuildFault> {
    let before = old.map_or(&[][..], |old| &old.upstreams);
    let upstreams = config.upstreams.iter().map(|settings| {
        let known = before
            .iter()
            .find(|known| Arc::ptr_eq(known.settings(), settings));
        match known {
            Some(known) => Ok(known.clone()),
            None => Upstream::new(settings.clone(), workers)
                .map(Arc::new)
                .map_err(|fault| BuildFault::Upstream(settings.name.clone(), fault)),
        }
    });
    upstreams.collect()
}

/// The credentials, with the tokens in hand of those that stay as they were. Their tasks run on the current runtime.
fn credentials(
    config: &Config,
    old: Option<&Snapshot>,
    clock: &Clock,
) -> Result<Credentials, BuildFault> {
    let unusable = |fault: &dyn std::fmt::Display| BuildFault::Credentials(fault.to_string());
    if config.credentials.is_empty() {
        return Ok(Credentials::default());
    }
    let runtime = Handle::try_current().map_err(|fault| unusable(&fault))?;
    let old = old.map(|old| &old.credentials);
    Credentials::new(&config.credentials, clock, &runtime, old).map_err(|fault| unusable(&fault))
}

/// The courier's listeners, with the connections of destinations that stay as they were.
fn outbound(
    config: &Config,
    old: Option<&Snapshot>,
    credentials: &Credentials,
    workers: usize,
    certificates: &dyn Fn(&model::Outbound) -> Speaks,
) -> Result<Vec<Outbound>, BuildFault> {
    let known = |settings: &model::Upstream| {
        let before = old.map_or(&[][..], |old| &old.outbound);
        let destinations = before.iter().flat_map(Outbound::destinations);
        let mut connections = destinations.map(Destination::connections);
        connections
            .find(|upstream| **upstream.settings() == *settings)
            .cloned()
    };
    let made = config.outbound.iter().map(|settings| {
        let certificates = certificates(settings)
            .map_err(|fault| OutboundFault::Certificates(settings.name.clone(), fault))?;
        Outbound::new(settings, certificates, credentials, workers, &known)
    });
    Ok(made.collect::<Result<_, _>>()?)
}
