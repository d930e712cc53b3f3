//! One client connection: TLS if it has any, then HTTP/2 (`streams`) or hyper's HTTP/1 server over a watched wire, until
//! it ends or the process goes away.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{sleep, timeout};

use super::opening::{self, Opening};
use super::outcome::Outcome;
use super::scan::Framing;
use super::socket::Socket;
use super::streams;
use super::tls::{self, Secured};
use super::wire::{FinalAnswer, Tally, Wire, WireLimits};
use crate::drain::{Phase, Watch};

/// hyper reads heads into a buffer that must hold at least this.
const LEAST_BUFFER: usize = 8 * 1024;

/// A request as it came in over a connection.
pub struct Arrival {
    /// The request.
    pub request: Request<Incoming>,
    /// Whether its target had a `#` (cut off by `http::Uri`).
    pub fragment: bool,
    /// Who sent it; none on a Unix socket.
    pub client: Option<SocketAddr>,
    /// What TLS has shown of the client; none without TLS.
    pub tls: Option<Arc<Secured>>,
    /// To be told when its answer has left.
    pub tally: Tally,
    /// Whether the answer must say that the connection closes.
    pub closing: bool,
}

/// A connection that has not sent a byte when the process goes away has so long to do it: its request may be under way.
const GRACE: Duration = Duration::from_millis(250);

/// Serves one connection to its end: HTTP/1 alone, without TLS. `answer` makes what is written to a client whose head never
/// became a request.
pub async fn serve<S, F, R, B>(
    socket: S,
    client: Option<SocketAddr>,
    limits: WireLimits,
    answer: FinalAnswer,
    drain: Watch,
    service: F,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(Arrival) -> R,
    R: Future<Output = Response<B>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let wire = Wire::new(socket, Bytes::new(), limits, answer);
    serve_http1(wire, client, None, limits, drain, service).await;
}

/// Serves one connection to its end, whatever it speaks: HTTP/1 or HTTP/2, within TLS if `security` is given.
///
/// What it may come to is boxed: kilobytes that are told apart only now, while each move of the connection's task would move the
/// largest.
pub async fn serve_any<F, R, B>(
    socket: Socket,
    client: Option<SocketAddr>,
    security: Option<Arc<ServerConfig>>,
    limits: WireLimits,
    answer: FinalAnswer,
    mut drain: Watch,
    service: F,
) where
    F: Fn(Arrival) -> R,
    R: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (mut socket, tls) = match security {
        None => (socket, None),
        Some(config) => {
            let handshake = Box::pin(early(&limits, &mut drain, tls::accept(config, socket)));
            let Some((socket, secured)) = handshake.await else {
                return;
            };
            (socket, Some(Arc::new(secured)))
        }
    };
    match early(&limits, &mut drain, opening::read(&mut socket)).await {
        None | Some(Opening::Nothing) => {}
        Some(Opening::Http1(opening)) => {
            let wire = Wire::new(socket, opening, limits, answer);
            Box::pin(serve_http1(wire, client, tls, limits, drain, service)).await;
        }
        Some(Opening::Http2(opening)) => {
            let phase = drain.clone();
            let service = |request| {
                service(Arrival {
                    request,
                    fragment: false, // cut off before it can be seen: what is matched is what is forwarded
                    client,
                    tls: tls.clone(),
                    tally: Tally::none(),
                    closing: phase.phase() >= Phase::Closing,
                })
            };
            Box::pin(streams::serve(socket, opening, limits, drain, service)).await;
        }
    }
}

/// What comes before the first request, within the time that a head may take.
async fn early<T>(
    limits: &WireLimits,
    drain: &mut Watch,
    work: impl Future<Output = io::Result<T>>,
) -> Option<T> {
    let gone = async {
        drain.reached(Phase::Closed).await;
        sleep(GRACE).await;
    };
    tokio::select! {
        biased;
        done = timeout(limits.header_timeout, work) => done.ok()?.ok(),
        () = gone => None,
    }
}

async fn serve_http1<S, F, R, B>(
    wire: Wire<S>,
    client: Option<SocketAddr>,
    tls: Option<Arc<Secured>>,
    limits: WireLimits,
    mut drain: Watch,
    service: F,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(Arrival) -> R,
    R: Future<Output = Response<B>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (tally, phase) = (wire.tally(), drain.clone());
    let service = service_fn(|request: Request<Incoming>| {
        let framing = request
            .body()
            .size_hint()
            .exact()
            .map_or(Framing::Chunked, Framing::Length);
        let fragment = tally.begin(framing).fragment;
        let closing = phase.phase() >= Phase::Closing;
        let answer = service(Arrival {
            request,
            fragment,
            client,
            tls: tls.clone(),
            tally: tally.clone(),
            closing,
        });
        Outcome::of(answer, Ok::<_, Infallible>)
    });
    let mut connection = pin!(
        http1::Builder::new()
            .header_read_timeout(None) // the wire's; hyper's would close idle connections too
            // One more than the wire takes: its 431 has a body and is told of, hyper's own is bare and is not.
            .max_buf_size((limits.header_bytes + 1).max(LEAST_BUFFER))
            .serve_connection(TokioIo::new(wire), service)
            .with_upgrades()
    );
    // How a connection ends is its client's affair: refused heads are answered, and requests are recorded, elsewhere.
    let ended = drain.unless(Phase::Closed, connection.as_mut());
    if ended.await.is_some() {
        return;
    }
    // hyper's graceful shutdown would wait for a first request until its head is late, and would cut off the head of a later
    // one. The first is not waited for; the latter is answered, and that answer says that it is the last.
    if tally.is_untouched() {
        let over = timeout(GRACE, connection.as_mut()).await.is_ok();
        if over || tally.is_untouched() {
            return;
        }
    }
    if !tally.in_head() {
        connection.as_mut().graceful_shutdown();
    }
    let _ = connection.await;
}

#[cfg(test)]
mod tests;
