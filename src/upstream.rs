//! The upstream: pooled connections, one exchange at a time on each. Only a [`Permit`] opens this door.
//!
//! `send` is the line to read: a connection (idle or new) → the head → its answer. A request is sent twice in one case
//! alone: the pooled connection turned out to be closed before a byte of it was written. An exchange that does not end
//! well takes its connection with it, so nothing half-read is ever used again.

pub mod pool;

use std::error::Error as _;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::config::model::{Address, HeaderCase, HostHeader, Upstream as Settings};
use crate::net::alarm::Alarm;
use crate::net::body::{BodyCause, BodyFault, RequestBody};
use crate::net::socket::Socket;
use crate::policy::Permit;
use pool::{Connection, Pool};

/// Heads of answers are bounded too: an upstream is trusted with the service, not with this process's memory.
const ANSWER_HEAD_BYTES: usize = 128 * 1024;

/// One upstream with its connections. Carried over a reload when its settings are equal.
pub struct Upstream {
    settings: Arc<Settings>,
    host: HeaderValue,
    basic_auth: Option<HeaderValue>,
    pool: Arc<Pool>,
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
    pub fn new(settings: Arc<Settings>, workers: usize) -> Upstream {
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
        Upstream {
            settings,
            host,
            basic_auth,
            pool,
        }
    }

    /// What it was configured with.
    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// What follows this upstream's own origin in an absolute URL; none if the URL is another's.
    pub fn strip_origin<'u>(&self, url: &'u str) -> Option<&'u str> {
        let scheme = if matches!(self.settings.address, Address::Tcp { tls: true, .. }) {
            "https://"
        } else {
            "http://"
        };
        let rest = url
            .strip_prefix(scheme)?
            .strip_prefix(self.host.to_str().ok()?)?;
        (rest.is_empty() || rest.starts_with(['/', '?', '#'])).then_some(rest)
    }

    /// Closes connections of this worker that have been idle for too long.
    pub fn sweep(&self, worker: usize) {
        self.pool.sweep(worker);
    }

    /// A connection, new or idle; and whether it was idle.
    async fn connection(&self, worker: usize) -> Result<(Connection, bool), SendFault> {
        let slot = match self.pool.take(worker).await {
            pool::Taken::Idle(connection) => return Ok((connection, true)),
            pool::Taken::Slot(slot) => slot,
        };
        let socket = timeout(self.settings.connect_timeout, self.connect())
            .await
            .map_err(|_| SendFault::Unreachable("connecting took too long".to_owned()))?
            .map_err(|error| SendFault::Unreachable(error.to_string()))?;
        let (sender, connection) = http1::Builder::new()
            .title_case_headers(self.settings.header_case == HeaderCase::Title)
            .max_buf_size(ANSWER_HEAD_BYTES)
            .handshake(TokioIo::new(socket))
            .await
            .map_err(|error| SendFault::Protocol(error.to_string()))?;
        tokio::spawn(async move {
            // Its end is seen by whoever uses the sender; the slot is held until the socket is closed.
            let _ = connection.await;
            drop(slot);
        });
        Ok((self.pool.connection(sender, worker), false))
    }

    async fn connect(&self) -> std::io::Result<Socket> {
        match &self.settings.address {
            Address::Tcp { host, port, .. } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Ok(Socket::Tcp(stream))
            }
            Address::Unix(path) => Ok(Socket::Unix(UnixStream::connect(path).await?)),
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

/// Sends a permitted request and waits for the head of its answer. A route's `timeout` goes before the upstream's.
pub async fn send(
    upstream: &Upstream,
    worker: usize,
    permit: &Permit<'_>,
    mut request: Request<RequestBody>,
) -> Result<Response<Reply>, SendFault> {
    upstream.prepare(&mut request);
    let limit = permit
        .route()
        .timeout
        .unwrap_or(upstream.settings.response_timeout);
    loop {
        let (mut connection, reused) = upstream.connection(worker).await?;
        let mut alarm = Alarm::default();
        if let Some(limit) = limit {
            alarm.set(limit);
        }
        match exchange(&mut connection.sender, request, alarm).await {
            Ok(answer) if answer.status() == StatusCode::SWITCHING_PROTOCOLS => {
                return Err(SendFault::Protocol(
                    "it switched protocols unasked".to_owned(),
                ));
            }
            Ok(answer) if is_framed_twice(&answer) => {
                return Err(SendFault::Protocol(
                    "its answer is framed in two ways".to_owned(),
                ));
            }
            Ok(answer) => {
                return Ok(answer.map(|body| Reply {
                    body,
                    whole: false,
                    connection: Some(connection),
                }));
            }
            Err(Failed::Unsent(again)) if reused => request = *again,
            Err(Failed::Unsent(_)) => {
                return Err(SendFault::Protocol("it closed the connection".to_owned()));
            }
            Err(Failed::Fault(fault)) => return Err(fault),
        }
    }
}

/// RFC 9112 §6.3: a length beside chunks is an attempt at smuggling, or a server nobody should be behind (H16).
fn is_framed_twice(answer: &Response<Incoming>) -> bool {
    let headers = answer.headers();
    headers.contains_key(header::TRANSFER_ENCODING) && headers.contains_key(header::CONTENT_LENGTH)
}

/// What became of a request that got no answer.
enum Failed {
    /// Not a byte of it was written: it may be sent again.
    Unsent(Box<Request<RequestBody>>),
    /// It is over.
    Fault(SendFault),
}

async fn exchange(
    sender: &mut SendRequest<RequestBody>,
    request: Request<RequestBody>,
    mut alarm: Alarm,
) -> Result<Response<Incoming>, Failed> {
    let mut answer = std::pin::pin!(sender.try_send_request(request));
    std::future::poll_fn(|cx| match answer.as_mut().poll(cx) {
        std::task::Poll::Pending => alarm
            .poll(cx)
            .map(|()| Err(Failed::Fault(SendFault::Timeout))),
        ready => ready.map_err(|mut failed| match failed.take_message() {
            Some(request) => Failed::Unsent(Box::new(request)),
            None => Failed::Fault(classify(&failed.into_error())),
        }),
    })
    .await
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
    SendFault::Protocol(error.to_string())
}

/// The body of an answer; holds its connection until it has been read to its end.
pub struct Reply {
    body: Incoming,
    whole: bool,
    connection: Option<Connection>,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = std::pin::Pin::new(&mut self.body).poll_frame(cx);
        self.whole |= matches!(polled, std::task::Poll::Ready(None));
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Reply {
    /// hyper drops a body of known length once that is reached, without asking for its end.
    fn drop(&mut self) {
        let whole = self.whole || self.body.is_end_stream();
        if let Some(connection) = self.connection.take().filter(|_| whole) {
            connection.release();
        }
    }
}
