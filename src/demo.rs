//! Everything on one machine with no AWS account: a pool that behaves as Cognito does, a legacy service, a page.
//!
//! The pool hands tokens to whoever knows credentials that are printed on the screen, so it must never be reachable: no
//! configuration key leads here, both servers refuse any address but loopback ([`serve`]), and keys live and die with
//! the process. Imported by `cli/demo` and by tests alone.

pub mod banner;
pub mod claims;
pub mod configuration;
pub mod hosted;
pub mod idp;
pub mod legacy;
pub mod oauth;
pub mod page;
pub mod pool;
pub mod serve;
pub mod sessions;
pub mod signing;
pub mod users;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub use banner::banner;
pub use configuration::configuration;
pub use pool::DemoPool;

/// Where the four parts of the demo listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The gate: the only one that may leave loopback.
    pub gate: SocketAddr,
    /// The sidecar's status.
    pub admin: SocketAddr,
    /// The legacy service.
    pub service: SocketAddr,
    /// The pool.
    pub pool: SocketAddr,
}

impl Addresses {
    /// The gate as this machine calls it: `http://127.0.0.1:8080` for one that listens on `0.0.0.0:8080`.
    pub fn gate_url(&self) -> String {
        let ip = match self.gate.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        format!("http://{}", SocketAddr::new(ip, self.gate.port()))
    }

    /// The legacy service, without the gate.
    pub fn service_url(&self) -> String {
        format!("http://{}", self.service)
    }

    /// The pool's token endpoint and API live below this.
    pub fn pool_url(&self) -> String {
        format!("http://{}", self.pool)
    }

    /// The pool's own pages. By another name than the gate's, for browsers keep cookies apart by name, not by port.
    pub fn login_url(&self) -> String {
        format!("http://localhost:{}", self.pool.port())
    }

    /// `pool`, told where the gate is: by the two names that a browser on this machine may call it.
    pub fn registered(&self, pool: DemoPool) -> DemoPool {
        let localhost = format!("http://localhost:{}", self.gate.port());
        [self.gate_url(), localhost]
            .iter()
            .fold(pool, |pool, origin| {
                let callback = format!("{origin}/_portcullis/callback");
                pool.with_app(&callback, &format!("{origin}/"))
            })
    }

    /// The pool's keys.
    pub fn jwks_url(&self) -> String {
        format!("{}{}", self.pool_url(), pool::JWKS_PATH)
    }
}
