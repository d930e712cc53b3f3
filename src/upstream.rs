//! The upstream: connections that are kept, and one exchange. Only who has the [`Right`] to opens this door.
//!
//! `send` is the line to read: a connection (kept or new) → the head → its answer. A request is sent twice in two cases alone:
//! not a byte of it was written, or it is one that changes nothing and its kept connection turned out to be closed (S18).
//! An exchange that does not end well takes its connection with it, so nothing half-read is ever used again.

mod again;
mod answer;
mod exclusive;
mod link;
mod open;
mod patience;
mod pins;
mod pool;

use std::error::Error as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, StatusCode, Uri, Version, header};
use hyper::body::Incoming;

use crate::config::model::{Address, HostHeader, Upstream as Settings};
use crate::net::body::{BodyCause, BodyFault, RequestBody};
use crate::net::client_tls::TlsFault;
use crate::net::dial::{Dialer, Protocol};
use crate::policy::Permit;
use again::Again;
pub use answer::Reply;
use patience::Patience;
pub use pins::Pins;
use pool::{Connection, Pool, Via};

/// Heads of answers are bounded too: an upstream is trusted with the service, not with this process's memory.
const ANSWER_HEAD_BYTES: usize = 128 * 1024;

/// One upstream with its connections. Carried over a reload when its settings are equal.
pub struct Upstream {
    settings: Arc<Settings>,
    dialer: Dialer,
    host: HeaderValue,
    basic_auth: Option<HeaderValue>,
    pool: Arc<Pool>,
    /// Whether TLS has last agreed on HTTP/1.1, where either may be spoken.
    agreed_on_http1: AtomicBool,
}

/// The evidence that a request may be sent. Implemented by what only a decision can make, and by nothing else.
pub trait Right {
    /// Until the head of the answer, where this request has a limit of its own.
    fn timeout(&self) -> Option<Option<Duration>>;
}

impl Right for Permit<'_> {
    fn timeout(&self) -> Option<Option<Duration>> {
        self.route().timeout
    }
}

/// For whom something is sent.
#[derive(Clone, Copy)]
pub struct Caller<'c> {
    /// The worker whose connections are used.
    pub worker: usize,
    /// Connections that only this client's connection may use.
    pub pins: &'c Pins,
}

/// Why an exchange with the upstream failed.
#[derive(Debug, thiserror::Error)]
pub enum SendFault {
    /// No connection could be had.
    #[error("no connection to the upstream: {0}")]
    Unreachable(String),
    /// The upstream broke off, or did not speak HTTP.
    #[error("the upstream gave no valid answer: {0}")]
    Protocol(String),
    /// No response head in time.
    #[error("the upstream did not answer in time")]
    Timeout,
    /// The client's own body failed on its way.
    #[error(transparent)]
    Body(BodyCause),
}

impl Upstream {
    /// An upstream reached from `workers` workers. Connects to nothing yet.
    pub fn new(settings: Arc<Settings>, workers: usize) -> Result<Upstream, TlsFault> {
        let host = match &settings.address {
            Address::Tcp { host, port, tls } => {
                let host = if host.contains(':') {
                    format!("[{host}]")
                } else {
                    host.clone()
                };
                let usual = if *tls { 443 } else { 80 };
                if *port == usual {
                    host
                } else {
                    format!("{host}:{port}")
                }
            }
            Address::Unix(_) => "localhost".to_owned(),
        };
        // The configuration admits no address that is not a valid header value.
        let host = HeaderValue::from_str(&host).unwrap_or(HeaderValue::from_static("localhost"));
        let basic_auth = settings
            .basic_auth
            .as_ref()
            .map(|(user, password)| basic(user.expose(), password.expose()));
        let pool = Arc::new(Pool::new(
            workers,
            settings.keepalive,
            settings.max_connections,
        ));
        let protocol = if settings.http2 {
            Protocol::Http2
        } else {
            Protocol::Http1
        };
        Ok(Upstream {
            dialer: Dialer::new(&settings.address, &settings.tls, protocol)?,
            settings,
            host,
            basic_auth,
            pool,
            agreed_on_http1: AtomicBool::new(false),
        })
    }

    /// The same, but only addresses that `admits` says yes to are connected to, and HTTP/2 is spoken where TLS has it offered.
    pub fn guarded(self, admits: fn(IpAddr) -> bool) -> Upstream {
        let dialer = self.dialer.admitting(admits);
        let dialer = match self.settings.address {
            Address::Tcp { tls: true, .. } => dialer.speaking(Protocol::Either),
            _ => dialer,
        };
        Upstream { dialer, ..self }
    }

    /// Another one for the same place, with connections of its own over HTTP/1.1: a WebSocket needs one.
    pub fn over_http1(&self, workers: usize) -> Upstream {
        let settings = &self.settings;
        Upstream {
            dialer: self.dialer.speaking(Protocol::Http1),
            settings: settings.clone(),
            host: self.host.clone(),
            basic_auth: self.basic_auth.clone(),
            pool: Arc::new(Pool::new(
                workers,
                settings.keepalive,
                settings.max_connections,
            )),
            agreed_on_http1: AtomicBool::new(true),
        }
    }

    /// What is spoken with it.
    pub fn protocol(&self) -> Protocol {
        self.dialer.protocol()
    }

    /// Its own `Host`.
    pub fn host(&self) -> &HeaderValue {
        &self.host
    }

    /// What it was configured with.
    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// What follows this upstream's own origin in an absolute URL; none if the URL is another's.
    pub fn strip_origin<'u>(&self, url: &'u str) -> Option<&'u str> {
        let rest = url
            .strip_prefix(self.scheme().as_str())?
            .strip_prefix("://")?
            .strip_prefix(self.host.to_str().ok()?)?;
        (rest.is_empty() || rest.starts_with(['/', '?', '#'])).then_some(rest)
    }

    /// Closes connections of this worker that have been idle for too long.
    pub fn sweep(&self, worker: usize) {
        self.pool.sweep(worker);
    }

    fn scheme(&self) -> Scheme {
        match self.settings.address {
            Address::Tcp { tls: true, .. } => Scheme::HTTPS,
            _ => Scheme::HTTP,
        }
    }

    /// What the upstream sees that is its own: `Host` where it is not the client's, a fixed `Authorization`.
    fn prepare(&self, request: &mut Request<RequestBody>) {
        let headers = request.headers_mut();
        if self.settings.host_header == HostHeader::Upstream || !headers.contains_key(header::HOST)
        {
            headers.insert(header::HOST, self.host.clone());
        }
        if let Some(basic_auth) = &self.basic_auth {
            headers.insert(header::AUTHORIZATION, basic_auth.clone());
        }
    }

    /// Puts a request as the connection it goes over wants it.
    fn fit(&self, request: &mut Request<RequestBody>, via: &Via) {
        match (via, request.version()) {
            (Via::Http1(_), Version::HTTP_2) => self.readdress(request),
            (Via::Http1(_), _) if self.dialer.protocol() == Protocol::Either => {
                request.headers_mut().remove(header::TE); // trailers were asked for in case it is HTTP/2
            }
            (Via::Http2(_), version) if version != Version::HTTP_2 => self.address(request),
            _ => {}
        }
    }

    /// Back to HTTP/1.1, after a connection that spoke HTTP/2 did not take the request.
    fn readdress(&self, request: &mut Request<RequestBody>) {
        let target = request.uri().path_and_query().cloned();
        *request.uri_mut() = Uri::from(target.unwrap_or(PathAndQuery::from_static("/")));
        *request.version_mut() = Version::HTTP_11;
        let headers = request.headers_mut();
        headers.remove(header::TE);
        headers.insert(header::HOST, self.host.clone());
    }

    /// HTTP/2 has `:authority` in place of `Host` (RFC 9113 §8.3.1); one of the two is sent, so that they can't differ.
    fn address(&self, request: &mut Request<RequestBody>) {
        let host = request.headers_mut().remove(header::HOST);
        let authority = [host.as_ref(), Some(&self.host)]
            .into_iter()
            .flatten()
            .find_map(|host| Authority::try_from(host.as_bytes()).ok());
        let mut target = std::mem::take(request.uri_mut()).into_parts();
        target
            .path_and_query
            .get_or_insert(PathAndQuery::from_static("/"));
        target.scheme = authority.is_some().then(|| self.scheme());
        target.authority = authority;
        // Scheme, authority and path together are a whole target.
        *request.uri_mut() = Uri::from_parts(target).unwrap_or_default();
        *request.version_mut() = Version::HTTP_2;
    }
}

/// RFC 7617 §2.
fn basic(user: &str, password: &str) -> HeaderValue {
    use base64::Engine as _;
    let pair = zeroize::Zeroizing::new(format!("{user}:{password}"));
    let text = format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(pair.as_bytes())
    );
    // Base64 is always a valid header value.
    let mut value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("Basic"));
    value.set_sensitive(true);
    value
}

/// Sends a request that may be sent, and waits for the head of its answer. A limit of the request's own goes before the
/// upstream's. A 101 is an answer only to a request with `Upgrade` in it; whether it is the right one is for the caller to
/// see, and the connection is then in the answer's extensions.
pub async fn send(
    upstream: &Upstream,
    caller: Caller<'_>,
    right: &impl Right,
    mut request: Box<Request<RequestBody>>,
) -> Result<Response<Reply>, SendFault> {
    upstream.prepare(&mut request);
    let limit = right
        .timeout()
        .unwrap_or(upstream.settings.response_timeout);
    let switches = request.headers().contains_key(header::UPGRADE);
    let upload = request.body().upload();
    let patience = Patience::new(limit, upload.as_deref());
    let mut fresh = false;
    loop {
        let mut connection = upstream.connection(caller, fresh).await?;
        upstream.fit(&mut request, &connection.via);
        let again = connection.reused.then(|| Again::of(&request)).flatten();
        match exchange(&mut connection, request, patience).await {
            Ok(answer) if answer.status() == StatusCode::SWITCHING_PROTOCOLS && !switches => {
                return Err(SendFault::Protocol(
                    "it switched protocols unasked".to_owned(),
                ));
            }
            Ok(mut answer) => {
                answer::check(&answer)?;
                // Each says its own version (RFC 9110 §2.5): a service that speaks 1.0 ends its own connections alone.
                *answer.version_mut() = Version::HTTP_11;
                if pins::binds(answer.headers()) {
                    connection.pin(caller.pins);
                }
                return Ok(answer.map(|body| Reply::new(body, connection, upload)));
            }
            Err(Failed::Unsent(unsent)) if connection.reused => request = unsent,
            Err(Failed::Unsent(_)) => {
                return Err(SendFault::Protocol("it closed the connection".to_owned()));
            }
            Err(Failed::Stale(fault)) => request = again.ok_or(fault)?.request(),
            Err(Failed::Fault(fault)) => return Err(fault),
        }
        fresh = true;
    }
}

/// What became of a request that got no answer.
enum Failed {
    /// Not a byte of it was written: it may be sent again.
    Unsent(Box<Request<RequestBody>>),
    /// It may have been read, and not a byte of an answer came.
    Stale(SendFault),
    /// It is over.
    Fault(SendFault),
}

/// One request, and the head of its answer.
async fn exchange(
    connection: &mut Connection,
    request: Box<Request<RequestBody>>,
    patience: Patience<'_>,
) -> Result<Response<Incoming>, Failed> {
    let exchanged = match &mut connection.via {
        Via::Http1(exclusive) => exclusive.exchange(request, patience).await,
        // What the upstream refused to read (REFUSED_STREAM, GOAWAY) is told as any other failure.
        Via::Http2(stream) => stream.exchange(request, patience).await,
    };
    let mut failed = match exchanged {
        Some(Ok(answer)) => return Ok(answer),
        Some(Err(failed)) => failed,
        None => return Err(Failed::Fault(SendFault::Timeout)),
    };
    let silent = || match &connection.via {
        Via::Http1(exclusive) => !exclusive.has_answered(),
        Via::Http2(_) => true,
    };
    Err(match failed.take_message() {
        Some(request) => Failed::Unsent(Box::new(request)),
        None => match classify(&failed.into_error()) {
            fault @ SendFault::Protocol(_) if silent() => Failed::Stale(fault),
            fault => Failed::Fault(fault),
        },
    })
}

/// Whose fault a failed exchange was: a body of ours inside hyper's error is the client's, anything else the upstream's.
fn classify(error: &hyper::Error) -> SendFault {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(fault) = cause.downcast_ref::<BodyFault>() {
            return SendFault::Body(fault.0);
        }
        source = cause.source();
    }
    SendFault::Protocol(with_causes(error))
}

/// An error with what is behind it: hyper's own words ("connection error") say too little to whoever has to change something.
fn with_causes(error: &hyper::Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}

#[cfg(test)]
mod tests;
