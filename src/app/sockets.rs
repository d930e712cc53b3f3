//! The listeners, bound before anything is started: a process that can't have one of its addresses never begins.

use std::io;

use tokio::runtime::Runtime;

use super::StartFault;
use crate::admin::Kind;
use crate::config::model::{Listen, Server};
use crate::net::listen::{Acceptor, Bound};
use crate::net::room::Room;

/// The listeners.
pub(super) struct Sockets {
    pub(super) gate: Bound,
    pub(super) admin: Bound,
    probes: Option<Bound>,
}

impl Sockets {
    /// Binds them all.
    pub(super) fn bind(server: &Server) -> Result<Sockets, StartFault> {
        let probes = server.probes.map(Listen::Tcp);
        Ok(Sockets {
            gate: bind(&server.listen)?,
            admin: bind(&Listen::Tcp(server.admin))?,
            probes: probes.as_ref().map(bind).transpose()?,
        })
    }

    /// Their names and addresses, for people.
    pub(super) fn named(&self) -> Vec<(&'static str, String)> {
        let probes = self.probes.as_ref().map(|bound| ("probes", bound));
        let all = [("gate", &self.gate), ("admin", &self.admin)];
        let all = all.into_iter().chain(probes);
        all.map(|(name, bound)| (name, bound.address())).collect()
    }

    /// The acceptors of those that are for operators.
    pub(super) fn operators(
        &self,
        control: &Runtime,
        [_, admin, probes]: &[Room; 3],
    ) -> io::Result<Vec<(Kind, Acceptor)>> {
        let _entered = control.enter();
        let mut listeners = vec![(Kind::Admin, self.admin.acceptor(admin.places())?)];
        if let Some(bound) = &self.probes {
            listeners.push((Kind::Probes, bound.acceptor(probes.places())?));
        }
        Ok(listeners)
    }
}

fn bind(listen: &Listen) -> Result<Bound, StartFault> {
    let name = match listen {
        Listen::Tcp(address) => address.to_string(),
        Listen::Unix(path) => format!("unix:{}", path.display()),
        Listen::Fd(name) => format!("fd:{name}"),
    };
    Bound::bind(listen).map_err(|error| StartFault::Listen(name, error))
}
