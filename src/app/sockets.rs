//! The listeners, bound before anything is started: a process that can't have one of its addresses never begins.

use std::io;

use tokio::runtime::Runtime;

use super::StartFault;
use crate::admin::Kind;
use crate::config::Config;
use crate::config::model::{Listen, Outbound};
use crate::net::descriptors::{self, Descriptors};
use crate::net::listen::{Acceptor, Bound};
use crate::net::room::Room;
use crate::reload::Rooms;

/// The listeners.
pub(super) struct Sockets {
    pub(super) gate: Bound,
    pub(super) admin: Bound,
    probes: Option<Bound>,
    outbound: Vec<Listener>,
}

/// A listener of the courier.
pub(super) struct Listener {
    /// Its name: kept for as long as the process is, as the listener is.
    pub(super) name: &'static str,
    pub(super) bound: Bound,
}

impl Sockets {
    /// Binds them all.
    pub(super) fn bind(config: &Config) -> Result<Sockets, StartFault> {
        let server = &config.server;
        let probes = server.probes.map(Listen::Tcp);
        let outbound = config.outbound.iter().map(|settings| listener(settings));
        Ok(Sockets {
            gate: bind(&server.listen)?,
            admin: bind(&Listen::Tcp(server.admin))?,
            probes: probes.as_ref().map(bind).transpose()?,
            outbound: outbound.collect::<Result<_, _>>()?,
        })
    }

    /// Their names and addresses, for people.
    pub(super) fn named(&self) -> Vec<(&'static str, String)> {
        let probes = self.probes.as_ref().map(|bound| ("probes", bound));
        let all = [("gate", &self.gate), ("admin", &self.admin)];
        let all = all.into_iter().chain(probes);
        let all = all.map(|(name, bound)| (name, bound.address()));
        all.chain(self.outbound()).collect()
    }

    /// Those of the courier.
    pub(super) fn listeners(&self) -> &[Listener] {
        &self.outbound
    }

    /// Names and addresses of those of the courier, for people.
    pub(super) fn outbound(&self) -> Vec<(&'static str, String)> {
        let all = self.outbound.iter();
        all.map(|listener| (listener.name, listener.bound.address()))
            .collect()
    }

    /// Room for so many connections on each, as far as there are descriptors for them.
    pub(super) fn rooms(&self, connections: usize, workers: usize) -> Rooms {
        let fronts = 1 + self.outbound.len();
        let descriptors = Descriptors::share(descriptors::raise(), workers, fronts);
        descriptors.tell(connections);
        let front = || Room::within(descriptors.each_front, connections);
        let operator = || Room::within(descriptors.each_operator, connections);
        Rooms {
            gate: front(),
            admin: operator(),
            probes: operator(),
            outbound: self.outbound.iter().map(|_| front()).collect(),
        }
    }

    /// The acceptors of those that are for operators.
    pub(super) fn operators(
        &self,
        control: &Runtime,
        rooms: &Rooms,
    ) -> io::Result<Vec<(Kind, Acceptor)>> {
        let _entered = control.enter();
        let mut listeners = vec![(Kind::Admin, self.admin.acceptor(rooms.admin.places())?)];
        if let Some(bound) = &self.probes {
            listeners.push((Kind::Probes, bound.acceptor(rooms.probes.places())?));
        }
        Ok(listeners)
    }
}

fn listener(settings: &Outbound) -> Result<Listener, StartFault> {
    let bound = bind(&settings.listen)?;
    // What systemd hands over is seen here for the first time (X14).
    let remote = bound.tcp_address().filter(|at| !at.ip().is_loopback());
    if let Some(address) = remote.filter(|_| !settings.remote) {
        let name = format!("[outbound.{}] at {address}", settings.name);
        let why = "it can be reached from other hosts: `allow_remote` says who may call, with `clients` or `tls.client_ca_file`";
        return Err(StartFault::Listen(name, io::Error::other(why)));
    }
    Ok(Listener {
        name: String::from(&*settings.name).leak(),
        bound,
    })
}

fn bind(listen: &Listen) -> Result<Bound, StartFault> {
    let name = match listen {
        Listen::Tcp(address) => address.to_string(),
        Listen::Unix(path) => format!("unix:{}", path.display()),
        Listen::Fd(name) => format!("fd:{name}"),
    };
    Bound::bind(listen).map_err(|error| StartFault::Listen(name, error))
}
