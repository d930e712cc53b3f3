//! One client connection: hyper's HTTP/1 server over a watched wire, until it ends or the process goes away.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::scan::Framing;
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
    /// To be told when its answer has left.
    pub tally: Tally,
    /// Whether the answer must say that the connection closes.
    pub closing: bool,
}

/// Serves one connection to its end. `answer` makes what is written to a client whose head never became a request.
pub async fn serve<S, F, R, B>(
    socket: S,
    client: Option<SocketAddr>,
    limits: WireLimits,
    answer: FinalAnswer,
    mut drain: Watch,
    service: F,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(Arrival) -> R,
    R: Future<Output = Response<B>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let wire = Wire::new(socket, limits, answer);
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
            tally: tally.clone(),
            closing,
        });
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .header_read_timeout(None) // the wire's; hyper's would close idle connections too
            .max_buf_size(limits.header_bytes.max(LEAST_BUFFER))
            .serve_connection(TokioIo::new(wire), service)
            .with_upgrades()
    );
    // How a connection ends is its client's affair: refused heads are answered, and requests are recorded, elsewhere.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = drain.reached(Phase::Closed) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
