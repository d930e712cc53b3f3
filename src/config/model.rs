//! The checked configuration. No `Option` here means "default": an `Option` is something that may really be absent.
//!
//! Parts are compared on reload: what is equal keeps its connections, keys and caches.

pub mod credentials;
pub mod login;
mod telemetry;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use ipnet::IpNet;

pub use credentials::{Credential, Outbound};
pub use login::Login;
pub use telemetry::{LogFormat, Telemetry};

use crate::clock::Timestamp;
use crate::policy::explain::Asked;
use crate::policy::path::{Case, Kinds};
use crate::policy::route::{Host, Mode, Route};
use crate::reason::Reason;
use crate::secret::Secret;
use crate::token::claims::Claims;
use crate::token::find::Sources;
use crate::token::trust;

/// A whole configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `[server]`
    pub server: Server,
    /// `[server.limits]`
    pub limits: Limits,
    /// `[paths]`
    pub paths: Paths,
    /// `[upstream]` first, then `[upstreams.NAME]` in their order.
    pub upstreams: Vec<Arc<Upstream>>,
    /// `[pools.NAME]` in their order.
    pub pools: Vec<Arc<Pool>>,
    /// `[tokens]`
    pub tokens: Tokens,
    /// `[identity]`, but for the headers, which are in the routes' plans.
    pub identity: Identity,
    /// `[routes]` in their order, `[defaults]` applied.
    pub routes: Vec<Route>,
    /// What it is read for. No key says so: only `learn` reads one to learn.
    pub purpose: Purpose,
    /// Takes every request there is, with the headers that all routes have. What `learn` has where no route answers.
    pub catch_all: Route,
    /// `[cors]`
    pub cors: Option<Cors>,
    /// `[credentials.NAME]` in their order.
    pub credentials: Vec<Arc<Credential>>,
    /// `[outbound.NAME]` in their order.
    pub outbound: Vec<Arc<Outbound>>,
    /// `[login]`
    pub login: Option<Arc<Login>>,
    /// `[tests]` in their order.
    pub tests: Vec<PolicyTest>,
    /// `[telemetry]`
    pub telemetry: Telemetry,
    /// What is legal but suspicious, one sentence each.
    pub warnings: Vec<String>,
    /// Every file the configuration names, for watching.
    pub files: Vec<PathBuf>,
    /// SHA-256 of the text in hex, for status.
    pub hash: String,
}

impl Config {
    /// The same, read for this purpose. To learn is to refuse nothing for its token, its rule or its route.
    pub fn for_purpose(self, purpose: Purpose) -> Config {
        if purpose == Purpose::Guard {
            return self;
        }
        let audit = |route: Route| Route {
            mode: Mode::Audit,
            ..route
        };
        Config {
            purpose,
            routes: self.routes.into_iter().map(audit).collect(),
            catch_all: audit(self.catch_all),
            ..self
        }
    }
}

/// What a configuration is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To guard: what no route takes is refused.
    Guard,
    /// To learn routes from the traffic: what no route takes is let through.
    Learn,
}

/// Where a listener listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Listen {
    /// A TCP address.
    Tcp(SocketAddr),
    /// `unix:/path`
    Unix(PathBuf),
    /// `fd:NAME`: a socket handed over by systemd.
    Fd(String),
}

/// Where the admin listener is unless the configuration says otherwise.
pub const ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);

/// `[server]`
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// The gate.
    pub listen: Listen,
    /// Status and everything that probes has.
    pub admin: SocketAddr,
    /// `/livez`, `/readyz`, `/metrics` alone.
    pub probes: Option<SocketAddr>,
    /// If not empty, a request for another host is refused.
    pub hosts: Vec<Host>,
    /// What browsers call us, as an origin: `https://app.example.com`, lower-case, no trailing slash, no default port.
    pub external_origin: Option<String>,
    /// Peers whose forwarding headers are kept.
    pub trusted_proxies: Vec<IpNet>,
    /// After SIGTERM: not ready, still accepting.
    pub drain_delay: Duration,
    /// TLS on the gate.
    pub tls: Option<Tls>,
    /// From SIGTERM to the hard stop.
    pub drain_timeout: Duration,
    /// 0: as many as the CPUs this container may use.
    pub workers: usize,
}

impl Server {
    /// Whether what this peer says of the client is believed. One on a Unix socket has no address.
    pub fn trusts(&self, peer: Option<SocketAddr>) -> bool {
        let peer = peer.map(|peer| peer.ip().to_canonical());
        peer.is_some_and(|peer| {
            self.trusted_proxies
                .iter()
                .any(|proxy| proxy.contains(&peer))
        })
    }
}

/// `[server] tls`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate and its chain, in PEM.
    pub cert_file: PathBuf,
    /// Its private key, in PEM.
    pub key_file: PathBuf,
    /// Whose client certificates are believed.
    pub client_ca_file: Option<PathBuf>,
    /// Whether a client must show one.
    pub client_auth: ClientAuth,
}

/// `client_auth`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// Who shows none is not spoken to.
    Required,
    /// It is for the routes to ask.
    Optional,
}

/// `[server.limits]`
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Whole request head, in bytes.
    pub header_bytes: usize,
    /// Until a head is whole.
    pub header_timeout: Duration,
    /// Request body in bytes; `None` is unlimited.
    pub body_bytes: Option<u64>,
    /// A body that brings nothing for this long.
    pub body_timeout: Duration,
    /// A connection between two requests.
    pub idle_timeout: Duration,
    /// Connections on one listener.
    pub connections: usize,
}

/// `[paths]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Ambiguities admitted everywhere.
    pub allow: Kinds,
    /// How letter case is taken.
    pub case: Case,
}

/// `[upstream]` or `[upstreams.NAME]`
#[derive(Clone, Debug, PartialEq)]
pub struct Upstream {
    /// `upstream`, or the NAME.
    pub name: String,
    /// Where it is.
    pub address: Address,
    /// HTTP/2: with prior knowledge over `http://`, by ALPN over `https://`.
    pub http2: bool,
    /// How TLS is spoken to it, where it is.
    pub tls: ClientTls,
    /// Until connected.
    pub connect_timeout: Duration,
    /// Until the response head; `None` is no limit.
    pub response_timeout: Option<Duration>,
    /// How long idle connections are kept.
    pub keepalive: Duration,
    /// 0: unlimited.
    pub max_connections: usize,
    /// Whether the client's `Host` is passed on.
    pub host_header: HostHeader,
    /// How header names are written to HTTP/1.1.
    pub header_case: HeaderCase,
    /// A fixed `Authorization`, as user and password.
    pub basic_auth: Option<(Secret, Secret)>,
}

/// Where an upstream is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `http://host:port`, or `https://` with `tls`.
    Tcp {
        /// Whether it speaks TLS.
        tls: bool,
        /// Name or address, without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// `unix:/path`
    Unix(PathBuf),
}

/// `tls` of whoever is called.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientTls {
    /// Further roots, as PEM bytes read at check.
    pub ca_pem: Option<Vec<u8>>,
    /// Our certificate and its key, as PEM.
    pub identity: Option<(Vec<u8>, Secret)>,
    /// The name expected in place of the host's.
    pub server_name: Option<String>,
}

/// `host_header`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostHeader {
    /// The client's.
    Preserve,
    /// The upstream's own; `Location` is rewritten back.
    Upstream,
}

/// `header_case`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderCase {
    /// `content-type`
    Lower,
    /// `Content-Type`
    Title,
}

/// `[pools.NAME]`: trust, and where its keys come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// What the core needs.
    pub trust: Arc<trust::Pool>,
    /// Where keys are fetched.
    pub jwks: JwksSource,
    /// Used until the first fetch succeeds, or alone.
    pub jwks_file: Option<PathBuf>,
    /// Background refresh.
    pub refresh: Duration,
    /// An unknown kid refreshes at most this often.
    pub cooldown: Duration,
    /// How long keys serve when refreshes fail.
    pub max_stale: Duration,
    /// Whether readiness waits for its first keys.
    pub required: bool,
    /// How it fetches.
    pub fetch: Arc<Fetch>,
}

/// Where a pool's keys are fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwksSource {
    /// Nowhere: `jwks_url = "none"` with a `jwks_file`.
    None,
    /// At one of these URLs, tried in order until one answers with keys (Cognito's two issuer forms: either may be missing).
    Urls(Vec<String>),
    /// At the `jwks_uri` of this discovery document, whose `issuer` must be the pool's.
    Discovery(String),
}

/// `[fetch]`, or a pool's own.
#[derive(Clone, Debug, PartialEq)]
pub struct Fetch {
    /// For the whole exchange.
    pub timeout: Duration,
    /// Further roots, as PEM bytes read at check.
    pub ca_pem: Option<Vec<u8>>,
    /// A proxy for these calls; the environment's are ignored.
    pub proxy: Option<String>,
}

/// `[tokens]`
#[derive(Clone, Debug, PartialEq)]
pub struct Tokens {
    /// Where tokens are looked for.
    pub sources: Sources,
    /// Origins that may send cookie-borne tokens across sites: `https://app.example.com`.
    pub cross_site: Vec<String>,
    /// Verified tokens remembered.
    pub cache_entries: usize,
    /// Whether upgraded connections outlive their token.
    pub streams_outlive_token: bool,
}

/// `[identity]` without its headers.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// Whether the verified token is passed on.
    pub authorization: Authorization,
    /// Further headers no client may send.
    pub remove: Vec<HeaderName>,
}

/// `[identity] authorization`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// Removed wherever it was found.
    Strip,
    /// Left where it was.
    Forward,
}

/// `[cors]`
#[derive(Clone, Debug, PartialEq)]
pub struct Cors {
    /// Who answers preflights.
    pub preflight: Preflight,
    /// Origins that may read answers; `None` is `"*"`.
    pub allow_origins: Option<Vec<String>>,
    /// Request headers a page may send, lower-case.
    pub allow_headers: Vec<HeaderName>,
    /// Whether a page may send cookies.
    pub allow_credentials: bool,
    /// How long a preflight's answer may be kept.
    pub max_age: Duration,
}

/// `[cors] preflight`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preflight {
    /// The upstream, stripped of anything that identifies.
    Forward,
    /// Portcullis; the upstream's `Access-Control-*` are replaced on all responses.
    Answer,
}

/// A row of `[tests]`: a request and the answer it must get.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyTest {
    /// Its key.
    pub name: String,
    /// The request.
    pub asked: Asked,
    /// What stands for its token; none is no token.
    pub claims: Option<Claims>,
    /// The index of the pool that vouches for the claims, if one is named.
    pub pool: Option<usize>,
    /// When it takes place, if not when it is run.
    pub now: Option<Timestamp>,
    /// What must come of it.
    pub expect: Expect,
    /// Identity headers that must have just these lines; none at all for those without a line.
    pub headers: Vec<(HeaderName, Vec<String>)>,
}

/// The answer that a test expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// It is let through, and not for audit alone.
    Allow,
    /// It is refused, or would be but for audit.
    Refuse(Reason),
}
