//! `[credentials.NAME]` and `[outbound.NAME]`, checked.

pub mod metadata;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use ipnet::IpNet;

use super::{Address, ClientTls, Fetch, Listen, Tls};
use crate::policy::route::{Host, Pattern};
use crate::secret::Secret;

/// `[credentials.NAME]`: how the courier gets tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Credential {
    /// The NAME.
    pub name: Arc<str>,
    /// Where tokens come from.
    pub grant: Grant,
    /// How they are fetched.
    pub fetch: Arc<Fetch>,
}

/// `grant`
#[derive(Clone, Debug, PartialEq)]
pub enum Grant {
    /// `client_credentials`: the client itself, at a token endpoint.
    ClientCredentials(TokenEndpoint, Client),
    /// `user_password`, `user_srp`: a user who signs in.
    User(User),
    /// `refresh_token`: a user who signed in elsewhere.
    Refresh(Refresh),
    /// `identity_pool`: AWS credentials for a user of another credential.
    IdentityPool(IdentityPool),
}

impl Grant {
    /// As it is written in the configuration.
    pub fn as_str(&self) -> &'static str {
        match self {
            Grant::ClientCredentials(..) => "client_credentials",
            Grant::User(user) => match user.proof {
                Proof::Password => "user_password",
                Proof::Srp => "user_srp",
            },
            Grant::Refresh(_) => "refresh_token",
            Grant::IdentityPool(_) => "identity_pool",
        }
    }

    /// Whether it can be asked for certain scopes.
    pub fn takes_scopes(&self) -> bool {
        match self {
            Grant::ClientCredentials(..) => true,
            Grant::Refresh(refresh) => matches!(refresh.via, Via::Endpoint(_)),
            Grant::User(_) | Grant::IdentityPool(_) => false,
        }
    }
}

/// A token endpoint (RFC 6749 §3.2).
#[derive(Clone, Debug, PartialEq)]
pub struct TokenEndpoint {
    /// `token_url`
    pub url: String,
    /// `client_auth`
    pub auth: ClientAuth,
    /// `parameters`: further form fields. Values are secrets, for nobody knows what an endpoint takes.
    pub parameters: Vec<(String, Secret)>,
}

/// `client_auth`: how a client with a secret shows it (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// In the `Authorization` header.
    Basic,
    /// In the form.
    Post,
}

/// An app client.
#[derive(Clone, Debug, PartialEq)]
pub struct Client {
    /// `client_id`
    pub id: String,
    /// `client_secret`: none for a public client; of several, `invalid_client` moves on to the next.
    pub secrets: Vec<Source>,
}

/// A secret and where it was read, for it may change there while we run.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// As it was when the configuration was read.
    pub value: Secret,
    /// The file it is in; `None` when it came from the environment, which doesn't change.
    pub file: Option<PathBuf>,
}

/// A user pool's API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPool {
    /// `user_pool_id`
    pub id: String,
    /// `endpoint`, or that of the region.
    pub endpoint: String,
    /// What an identity pool calls it: `cognito-idp.REGION.amazonaws.com/ID`.
    pub login: String,
}

/// A user who signs in.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// Where.
    pub pool: UserPool,
    /// Through which app client.
    pub client: Client,
    /// `username`
    pub username: Source,
    /// `password`
    pub password: Source,
    /// How the password is proved.
    pub proof: Proof,
    /// Which of the two tokens is used.
    pub token: UserToken,
}

/// How a user's password is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It is sent (`USER_PASSWORD_AUTH`).
    Password,
    /// It is not sent (`USER_SRP_AUTH`).
    Srp,
}

/// `token`: which of a user's tokens is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UserToken {
    /// The access token.
    Access,
    /// The ID token.
    Id,
}

/// A user who signed in elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Refresh {
    /// Where tokens are renewed.
    pub via: Via,
    /// Through which app client.
    pub client: Client,
    /// `refresh_token`
    pub refresh_token: Source,
    /// `state_file`: where a rotated refresh token is kept.
    pub state_file: Option<PathBuf>,
    /// Which of the tokens is used.
    pub token: UserToken,
}

/// Where a refresh token is good.
#[derive(Clone, Debug, PartialEq)]
pub enum Via {
    /// At a token endpoint.
    Endpoint(TokenEndpoint),
    /// At a user pool's API.
    Pool(UserPool),
}

/// `identity_pool`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityPool {
    /// `identity_pool_id`
    pub id: String,
    /// The credential whose ID token is shown: an index into the configuration's, always of a user grant.
    pub credential: usize,
    /// `endpoint`, or that of `region`.
    pub endpoint: String,
}

/// `[outbound.NAME]`: one listener of the courier.
#[derive(Clone, Debug, PartialEq)]
pub struct Outbound {
    /// The NAME.
    pub name: Arc<str>,
    /// Where the application calls.
    pub listen: Listen,
    /// `allow_remote`: who calls from beyond this host is served too, if `clients` and `tls` say so.
    pub remote: bool,
    /// Who may call from beyond this host: empty on loopback and Unix sockets, and where any address may.
    pub clients: Vec<IpNet>,
    /// Further names by which a relay may be called.
    pub hosts: Vec<Host>,
    /// What the listener speaks TLS with, where every client shows a certificate.
    pub tls: Option<Tls>,
    /// What it does.
    pub mode: OutboundMode,
}

/// `mode`
#[derive(Clone, Debug, PartialEq)]
pub enum OutboundMode {
    /// Everything goes to one destination.
    Relay(Arc<Destination>),
    /// The application names the destination, as of an HTTP proxy.
    ForwardProxy {
        /// Those it may name.
        destinations: Vec<Arc<Destination>>,
        /// What becomes of others.
        others: Others,
    },
}

impl Outbound {
    /// All its destinations.
    pub fn destinations(&self) -> &[Arc<Destination>] {
        match &self.mode {
            OutboundMode::Relay(destination) => std::slice::from_ref(destination),
            OutboundMode::ForwardProxy { destinations, .. } => destinations,
        }
    }
}

/// `others`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// 403 `no_route`.
    Refuse,
    /// They go through without a token.
    Pass,
}

/// An origin that is called, and with what.
#[derive(Clone, Debug, PartialEq)]
pub struct Destination {
    /// Where it is.
    pub address: Address,
    /// What is shown there; `None` for a forward proxy's destination that is called plainly.
    pub authorization: Option<Shown>,
    /// If not empty, other requests are refused.
    pub allow: Vec<Pattern>,
    /// How TLS is spoken to it.
    pub tls: ClientTls,
    /// Until connected.
    pub connect_timeout: Duration,
    /// Until the response head; `None` is no limit.
    pub response_timeout: Option<Duration>,
}

/// What a destination is shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// A token in a header.
    Token {
        /// An index into the configuration's credentials.
        credential: usize,
        /// What is asked for, sorted; empty is whatever the client may have.
        scopes: Vec<String>,
        /// `header`
        header: HeaderName,
        /// `prefix`
        prefix: HeaderValue,
    },
    /// A signature (SigV4).
    Signature {
        /// An index into the configuration's credentials, always of an identity pool.
        credential: usize,
        /// `service`
        service: String,
        /// `region`
        region: String,
    },
}

/// Whether this is one scope (RFC 6749 §3.3).
pub fn is_scope(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    !text.is_empty() && text.bytes().all(allowed)
}
