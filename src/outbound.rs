//! The courier's listeners as they are live: each with its destinations, and what these are shown.
//!
//! What a client names chooses among the configured destinations and makes none: only `others = "pass"` reaches further, and
//! then nothing is shown there.

pub mod destination;
mod proxied;

use std::net::IpAddr;
use std::sync::Arc;

use crate::config::model;
use crate::config::model::credentials::OutboundMode;
use crate::credential::Credentials;
use crate::net::client_tls::TlsFault;
use crate::upstream::Upstream;
pub use destination::{Destination, Outgoing};
pub use proxied::{Named, Proxied};

/// One listener of the courier.
pub struct Outbound {
    settings: Arc<model::Outbound>,
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
    /// It asks for what is not there yet.
    #[error("[outbound.{0}]: `sign` is not available in this version")]
    Sign(Arc<str>),
}

impl Outbound {
    /// A listener as it is configured. `known` gives an upstream that is there already, with its connections.
    pub fn new(
        settings: &Arc<model::Outbound>,
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
                Way::Proxy(Proxied::new(list, *others, settings.clients.is_empty()))
            }
        };
        Ok(Outbound {
            settings: settings.clone(),
            way,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Whether this client may call it: on loopback and Unix sockets everybody who can.
    pub fn admits(&self, client: Option<IpAddr>) -> bool {
        let clients = &self.settings.clients;
        clients.is_empty()
            || client.is_some_and(|client| {
                let client = client.to_canonical();
                clients.iter().any(|network| network.contains(&client))
            })
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
