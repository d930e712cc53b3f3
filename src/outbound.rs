//! The courier's listeners as they are live: each with its destinations, and what these are shown.
//!
//! What a client names chooses among the configured destinations and makes none: only `others = "pass"` reaches further, and
//! then nothing is shown there.

pub mod destination;
mod proxied;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;

use crate::config::model;
use crate::config::model::credentials::OutboundMode;
use crate::credential::Credentials;
use crate::net::client_tls::TlsFault;
use crate::net::tls::{CertificateFault, Certificates};
use crate::upstream::Upstream;
pub use destination::{Destination, Outgoing};
pub use proxied::{Named, Proxied};

/// One listener of the courier.
pub struct Outbound {
    settings: Arc<model::Outbound>,
    /// What it speaks TLS with, where it does.
    pub certificates: Option<Arc<Certificates>>,
    /// Where its requests go.
    pub way: Way,
}

/// Where requests go.
pub enum Way {
    /// All to one destination.
    Relay(Arc<Destination>),
    /// Where they say, if that is configured.
    Proxy(Proxied),
}

/// Why a listener can't be had.
#[derive(Debug, thiserror::Error)]
pub enum OutboundFault {
    /// A destination's TLS can't be set up.
    #[error("[outbound.{0}]: {1}")]
    Tls(Arc<str>, TlsFault),
    /// What it is to show is not there.
    #[error("[outbound.{0}]: its credential is not configured")]
    Credential(Arc<str>),
    /// It can't speak TLS to its callers.
    #[error("[outbound.{0}] tls: {1}")]
    Certificates(Arc<str>, CertificateFault),
}

impl Outbound {
    /// A listener as it is configured. `known` gives an upstream that is there already, with its connections.
    pub fn new(
        settings: &Arc<model::Outbound>,
        certificates: Option<Arc<Certificates>>,
        credentials: &Credentials,
        workers: usize,
        known: &dyn Fn(&model::Upstream) -> Option<Arc<Upstream>>,
    ) -> Result<Outbound, OutboundFault> {
        let making = destination::Making {
            listener: &settings.name,
            credentials,
            workers,
            known,
        };
        let way = match &settings.mode {
            OutboundMode::Relay(destination) => Way::Relay(Arc::new(making.make(destination)?)),
            OutboundMode::ForwardProxy {
                destinations,
                others,
            } => {
                let list = destinations.iter().map(|one| making.make(one));
                let list = list.collect::<Result<Vec<_>, _>>()?;
                Way::Proxy(Proxied::new(list, *others, !settings.remote))
            }
        };
        Ok(Outbound {
            settings: settings.clone(),
            certificates,
            way,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Whether this client may call it. `certified` says that it has shown a certificate, which was verified. Asked of every
    /// request, for a listener's address, and a connection, may be older than these settings (X14).
    pub fn admits(&self, client: Option<IpAddr>, certified: bool) -> bool {
        let model::Outbound {
            remote,
            clients,
            tls,
            ..
        } = &*self.settings;
        let client = client.map(|client| client.to_canonical());
        let is_near = client.is_none_or(|client| client.is_loopback());
        let is_listed =
            client.is_some_and(|client| clients.iter().any(|network| network.contains(&client)));
        (*remote || is_near) && (clients.is_empty() || is_listed) && (tls.is_none() || certified)
    }

    /// Whether this is one of the further names that it may be called by.
    pub fn is_called(&self, host: &str) -> bool {
        self.settings.hosts.iter().any(|known| known.matches(host))
    }

    /// Whether it may be called by any name: whoever calls has verified whom it speaks to, and has said itself who it is. A page
    /// that was rebound to this address (X15) fails at the first of the two: no certificate here has its site's name.
    pub fn takes_any_name(&self) -> bool {
        self.settings.tls.is_some() && self.settings.hosts.is_empty()
    }

    /// All its destinations.
    pub fn destinations(&self) -> &[Arc<Destination>] {
        match &self.way {
            Way::Relay(destination) => std::slice::from_ref(destination),
            Way::Proxy(proxied) => proxied.destinations(),
        }
    }

    /// Every upstream of its destinations.
    pub fn upstreams(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        self.destinations().iter().flat_map(|one| one.upstreams())
    }
}
