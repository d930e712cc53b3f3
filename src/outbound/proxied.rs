//! The destinations of a forward proxy: which one a target names, exactly, or none.
//!
//! `http://HOST` means the listed origin of that host whether it is `https` or `http`: the application can't do the former,
//! which is what we are here for. A port that is not the scheme's own has to be the listed one (X02, X03).

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use http::Uri;

use super::destination::{self, Destination};
use crate::config::model::Address;
use crate::config::model::credentials::Others;
use crate::config::model::credentials::metadata::{is_here, is_metadata};
use crate::policy::route::normalise_host;
use crate::reason::Reason;
use crate::refusal::Refusal;

/// What a forward proxy may call.
pub struct Proxied {
    list: Vec<Arc<Destination>>,
    called: Vec<Called>,
    others: Others,
    /// Whether only this host can call it.
    local: bool,
}

/// How a destination is named.
struct Called {
    tls: bool,
    host: String,
    port: u16,
}

/// A destination that a target names.
pub enum Named {
    /// A listed one.
    Listed(Arc<Destination>),
    /// Another one, for this request alone.
    Other(Destination),
}

impl std::ops::Deref for Named {
    type Target = Destination;

    fn deref(&self) -> &Destination {
        match self {
            Named::Listed(destination) => destination,
            Named::Other(destination) => destination,
        }
    }
}

const NOT_LISTED: Refusal = Refusal::new(
    Reason::NoRoute,
    "this proxy has no such destination; the configuration lists those that may be called",
);

impl Proxied {
    pub(super) fn new(list: Vec<Destination>, others: Others, local: bool) -> Proxied {
        let called = list.iter().filter_map(|one| {
            match &one.upstream(false).settings().address {
                address @ Address::Tcp { tls, port, .. } => Some(Called {
                    tls: *tls,
                    host: destination::host(address),
                    port: *port,
                }),
                Address::Unix(_) => None, // no target could name it, and the configuration takes none
            }
        });
        Proxied {
            called: called.collect(),
            list: list.into_iter().map(Arc::new).collect(),
            others,
            local,
        }
    }

    pub(super) fn destinations(&self) -> &[Arc<Destination>] {
        &self.list
    }

    /// The destination that an absolute target names.
    pub fn find(&self, target: &Uri) -> Result<Named, Refusal> {
        let (Some(scheme), Some(authority)) = (target.scheme_str(), target.authority()) else {
            return Err(Refusal::new(
                Reason::NoRoute,
                "this is a proxy: the target has to be a whole URL, such as http://inventory.example.com/items",
            ));
        };
        let (tls, usual) = match scheme {
            "http" => (false, 80),
            "https" => (true, 443),
            _ => return Err(NOT_LISTED),
        };
        let host: Cow<'_, str> = normalise_host(authority.as_str()).ok_or(NOT_LISTED)?;
        let port = authority.port_u16().unwrap_or(usual);
        let named = |called: &Called| {
            let own = if called.tls { 443 } else { 80 };
            let same_port = match port == usual {
                true => called.port == own,
                false => called.port == port,
            };
            called.host == *host && same_port && (called.tls || !tls)
        };
        match (self.called.iter().position(named), self.others) {
            (Some(at), _) => Ok(Named::Listed(self.list[at].clone())),
            (None, Others::Refuse) => Err(NOT_LISTED),
            (None, Others::Pass) if tls => Err(Refusal::new(
                Reason::NoRoute,
                "destinations that are not listed are called over plain http alone",
            )),
            (None, Others::Pass) => {
                Destination::passing(&host, port, self.admits()).map(Named::Other)
            }
        }
    }

    /// Whoever calls from another host must not get at this one through us (X04).
    fn admits(&self) -> fn(IpAddr) -> bool {
        match self.local {
            true => |ip| !is_metadata(ip),
            false => |ip| !is_metadata(ip) && !is_here(ip),
        }
    }
}
