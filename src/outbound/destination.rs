//! One destination: an origin that is called, and what it is shown.
//!
//! A token gets into a request in [`Destination::authorize`] alone, and what comes out of that can be sent to this destination and
//! nowhere else: the request is inside an [`Outgoing`] until it leaves. A destination takes leases of its own supply only.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderName};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response};

use super::OutboundFault;
use crate::clock::Timestamp;
use crate::config::model;
use crate::config::model::credentials::Shown;
use crate::config::model::credentials::metadata::is_metadata;
use crate::config::model::{Address, HeaderCase, HostHeader};
use crate::credential::{AwsKeys, Credentials, Lease, Supply, Unavailable};
use crate::http::fold;
use crate::http::sigv4::{self, Payload, Scope};
use crate::net::body::RequestBody;
use crate::policy::route::AllowList;
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::upstream::{self, Caller, Reply, Right, SendFault, Upstream};

/// How long an idle connection is kept. Under what most servers and balancers keep one.
const KEEPALIVE: Duration = Duration::from_secs(4);

/// What destinations that are not listed are called in logs and metrics.
const OTHERS: &str = "others";

/// An origin that is called.
pub struct Destination {
    name: Arc<str>,
    host: String,
    upstream: Arc<Upstream>,
    /// Over HTTP/1.1, for WebSockets, where the other may speak HTTP/2.
    upgrades: Option<Arc<Upstream>>,
    showing: Showing,
    allow: AllowList,
}

/// What a destination is shown.
enum Showing {
    /// What the application shows.
    Nothing,
    /// A token of this supply.
    Token {
        supply: Arc<Supply>,
        header: HeaderName,
        prefix: HeaderValue,
    },
    /// A signature with the AWS credentials of this supply.
    Signature {
        supply: Arc<Supply>,
        service: String,
        region: String,
    },
}

/// A request that is ready to leave for its destination, and can go nowhere else.
pub struct Outgoing<'d> {
    leave: Leave<'d>,
    parts: Box<Parts>,
}

/// The right to send one request to this destination.
struct Leave<'d>(&'d Destination);

impl Right for Leave<'_> {
    fn timeout(&self) -> Option<Option<Duration>> {
        Some(self.0.upstream.settings().response_timeout)
    }
}

/// What destinations are made from.
pub(super) struct Making<'a> {
    pub(super) listener: &'a Arc<str>,
    pub(super) credentials: &'a Credentials,
    pub(super) workers: usize,
    pub(super) known: &'a dyn Fn(&model::Upstream) -> Option<Arc<Upstream>>,
}

impl Making<'_> {
    pub(super) fn make(
        &self,
        destination: &model::credentials::Destination,
    ) -> Result<Destination, OutboundFault> {
        let settings = settings(self.listener, destination);
        let upstream = match (self.known)(&settings) {
            Some(known) => known,
            None => Upstream::new(Arc::new(settings), self.workers)
                .map(|upstream| Arc::new(upstream.guarded(|ip| !is_metadata(ip))))
                .map_err(|fault| OutboundFault::Tls(self.listener.clone(), fault))?,
        };
        Ok(Destination {
            name: name(&destination.address),
            host: host(&destination.address),
            upgrades: upgrades(&upstream, self.workers),
            upstream,
            showing: self.showing(destination)?,
            allow: AllowList::new(&destination.allow),
        })
    }

    fn showing(
        &self,
        destination: &model::credentials::Destination,
    ) -> Result<Showing, OutboundFault> {
        // A checked configuration names none that is not there; shown nothing, it would be called all the same.
        let supply = |credential: usize, scopes: &[String]| match self.credentials.at(credential) {
            Some(credential) => Ok(credential.supply(scopes)),
            None => Err(OutboundFault::Credential(self.listener.clone())),
        };
        match &destination.authorization {
            None => Ok(Showing::Nothing),
            Some(Shown::Token {
                credential,
                scopes,
                header,
                prefix,
            }) => Ok(Showing::Token {
                supply: supply(*credential, scopes)?,
                header: header.clone(),
                prefix: prefix.clone(),
            }),
            Some(Shown::Signature {
                credential,
                service,
                region,
            }) => Ok(Showing::Signature {
                supply: supply(*credential, &[])?,
                service: service.clone(),
                region: region.clone(),
            }),
        }
    }
}

fn settings(listener: &Arc<str>, destination: &model::credentials::Destination) -> model::Upstream {
    model::Upstream {
        name: listener.to_string(),
        address: destination.address.clone(),
        http2: false,
        tls: destination.tls.clone(),
        connect_timeout: destination.connect_timeout,
        response_timeout: destination.response_timeout,
        keepalive: KEEPALIVE,
        max_connections: 0,
        host_header: HostHeader::Upstream,
        header_case: HeaderCase::Lower,
        basic_auth: None,
    }
}

fn upgrades(upstream: &Upstream, workers: usize) -> Option<Arc<Upstream>> {
    let tls = matches!(upstream.settings().address, Address::Tcp { tls: true, .. });
    tls.then(|| Arc::new(upstream.over_http1(workers)))
}

/// Its origin, for people, metrics and logs.
pub fn name(address: &Address) -> Arc<str> {
    match address {
        Address::Tcp { tls, port, .. } => {
            let (scheme, usual) = if *tls { ("https", 443) } else { ("http", 80) };
            let host = host(address);
            match *port == usual {
                true => format!("{scheme}://{host}").into(),
                false => format!("{scheme}://{host}:{port}").into(),
            }
        }
        Address::Unix(path) => format!("unix:{}", path.display()).into(),
    }
}

/// Its host as a request names it, without a port.
pub(super) fn host(address: &Address) -> String {
    match address {
        Address::Tcp { host, .. } if host.contains(':') => format!("[{host}]"),
        Address::Tcp { host, .. } => host.to_ascii_lowercase(),
        Address::Unix(_) => "localhost".to_owned(),
    }
}

impl Destination {
    /// One that nobody configured, over plain http, shown nothing. Only addresses that `admits` says yes to are called.
    pub(super) fn passing(
        host: &str,
        port: u16,
        admits: fn(IpAddr) -> bool,
    ) -> Result<Destination, Refusal> {
        let plain = model::credentials::Destination {
            address: Address::Tcp {
                tls: false,
                host: host.trim_matches(['[', ']']).to_owned(),
                port,
            },
            authorization: None,
            allow: Vec::new(),
            tls: model::ClientTls::default(),
            connect_timeout: Duration::from_secs(3),
            response_timeout: Some(Duration::from_secs(60)),
        };
        let settings = settings(&OTHERS.into(), &plain);
        let upstream = Upstream::new(Arc::new(settings), 1)
            .map_err(|_| Refusal::new(Reason::BadRequest, "the target's host can't be called"))?;
        Ok(Destination {
            name: OTHERS.into(),
            host: String::new(),
            upstream: Arc::new(upstream.guarded(admits)),
            upgrades: None,
            showing: Showing::Nothing,
            allow: AllowList::default(),
        })
    }

    /// Its origin, as the configuration has it.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Whether something of ours is shown there.
    pub fn is_shown_something(&self) -> bool {
        !matches!(self.showing, Showing::Nothing)
    }

    /// Whether a body has to be read before it can be sent: its hash is signed.
    pub fn reads_bodies(&self) -> bool {
        matches!(&self.showing, Showing::Signature { service, .. } if !sigv4::takes_unsigned(service))
    }

    /// Refuses what its `allow` has no pattern for.
    pub fn check_allowed(&self, parts: &Parts) -> Result<(), Refusal> {
        self.allow
            .check(parts.method.as_str(), &self.host, parts.uri.path())
    }

    /// Where requests go: to connections of HTTP/1.1 if a WebSocket is asked for.
    pub fn upstream(&self, websocket: bool) -> &Upstream {
        match &self.upgrades {
            Some(upgrades) if websocket => upgrades,
            _ => &self.upstream,
        }
    }

    /// Its connections, but for WebSockets.
    pub fn connections(self: &Arc<Destination>) -> &Arc<Upstream> {
        &self.upstream
    }

    pub(super) fn upstreams(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        std::iter::once(&self.upstream).chain(&self.upgrades)
    }

    /// What is to be shown; none where nothing is. At once if it is in hand, else shared with all who wait for it.
    pub async fn lease(&self) -> Result<Option<Lease>, Unavailable> {
        match &self.showing {
            Showing::Nothing => Ok(None),
            Showing::Token { supply, .. } | Showing::Signature { supply, .. } => {
                match supply.in_hand() {
                    Some(lease) => Ok(Some(lease)),
                    None => supply.lease().await.map(Some),
                }
            }
        }
    }

    /// Takes out what the application shows of itself, and puts in what this lease gives. A lease that is not of this
    /// destination's own supply is refused. `payload` is what a signature says of the body, made `now`.
    pub fn authorize(
        &self,
        lease: Option<&Lease>,
        mut parts: Box<Parts>,
        payload: Payload,
        now: Timestamp,
    ) -> Result<Outgoing<'_>, Refusal> {
        match (&self.showing, lease) {
            (Showing::Nothing, None) => {}
            (
                Showing::Token {
                    supply,
                    header,
                    prefix,
                },
                Some(lease),
            ) if supply.issued(lease) => {
                let Some(Ok(value)) = lease.header(prefix) else {
                    return Err(NOT_OURS);
                };
                strip(&mut parts.headers, header);
                parts.headers.insert(header, value);
            }
            (
                Showing::Signature {
                    supply,
                    service,
                    region,
                },
                Some(lease),
            ) if supply.issued(lease) => {
                let keys = lease.aws_keys().ok_or(NOT_OURS)?;
                let scope = Scope { service, region };
                strip(&mut parts.headers, &header::AUTHORIZATION);
                let host = self.upstream.host().clone(); // what will be sent, and is signed
                parts.headers.insert(header::HOST, host);
                sign(&mut parts, keys, scope, payload, now)?;
            }
            _ => return Err(NOT_OURS),
        }
        Ok(Outgoing {
            leave: Leave(self),
            parts,
        })
    }
}

fn sign(
    parts: &mut Parts,
    keys: &AwsKeys,
    scope: Scope<'_>,
    payload: Payload,
    now: Timestamp,
) -> Result<(), Refusal> {
    let signed_chunks = |sigv4::SignedChunks| {
        Refusal::new(
            Reason::BadRequest,
            "the body is signed in chunks with other credentials; send it unsigned",
        )
    };
    sigv4::check(&parts.headers).map_err(signed_chunks)?;
    let keys = sigv4::Keys {
        access_key_id: &keys.access_key_id,
        secret_access_key: &keys.secret_access_key,
        session_token: Some(&keys.session_token),
    };
    sigv4::sign(parts, &keys, scope, payload, now).map_err(|_| NOT_OURS)
}

const NOT_OURS: Refusal = Refusal::new(
    Reason::TokenUnavailable,
    "the token at hand can't be shown to this destination",
);

/// Whatever else would say who calls (X05): in every spelling that a server may fold into it.
fn strip(headers: &mut HeaderMap, own: &HeaderName) {
    fold::remove_where(headers, |name| {
        let name = name.as_str();
        name == own.as_str()
            || fold::is(name, header::AUTHORIZATION.as_str())
            || fold::is(name, "x-amz-security-token")
    });
}

impl<'a> Outgoing<'a> {
    /// Sends it to where it may go. `websocket` says that it asks for one.
    pub fn send(
        self,
        caller: Caller<'a>,
        body: RequestBody,
        websocket: bool,
    ) -> impl Future<Output = Result<Response<Reply>, SendFault>> + Send + 'a {
        let Outgoing { leave, parts } = self;
        let request = Box::new(Request::from_parts(*parts, body));
        async move {
            let upstream = leave.0.upstream(websocket);
            upstream::send(upstream, caller, &leave, request).await
        }
    }
}
