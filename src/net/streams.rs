//! One HTTP/2 connection: hyper's server over a watched socket, until it ends, its client deserves no more patience, or
//! the process goes away.
//!
//! What is bounded here: streams at once, memory for each (a slow reader holds one piece of its answer, not the answer),
//! the time of a first request, of a header block, of silence without streams, and of an answer that is not taken.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::alarm::Alarm;
use super::multiplex::{Census, Multiplex};
use super::outcome::Outcome;
use super::pace::{Paced, Tasks};
use super::wire::WireLimits;
use crate::drain::{Phase, Watch};

/// Streams that are open at once on a connection.
const STREAMS: u32 = 128;
/// What one request may send before it is read: bytes.
const STREAM_WINDOW: u32 = 64 * 1024;
/// The same for all requests of a connection together.
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// What is kept for a slow reader, of each answer.
const SEND_BUFFER: usize = 64 * 1024;
/// A client that has streams open and says nothing is asked whether it is still there.
const PING: Duration = Duration::from_secs(30);
/// A client that was told to go away, and has no stream open, is waited for so long.
const PARTING: Duration = Duration::from_secs(1);

/// Serves one connection to its end.
pub(super) async fn serve<S, F, R, B>(
    socket: S,
    opening: Bytes,
    limits: WireLimits,
    mut drain: Watch,
    service: F,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(Request<Incoming>) -> R,
    R: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let wire = Multiplex::new(socket, opening, &limits);
    let census = wire.census();
    let counted = census.clone();
    let service = service_fn(|request| {
        let census = counted.clone();
        Outcome::of(service(request), move |answer: Response<B>| {
            Ok::<_, Infallible>(answer.map(|body| Paced::new(body, census.clone())))
        })
    });
    let mut connection = pin!(
        http2::Builder::new(Tasks::new(census.clone(), limits.stall_timeout))
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING)
            .serve_connection(TokioIo::new(wire), service)
    );
    let mut patience = Patience::new(census, limits, drain.phase());
    loop {
        let next = match drain.phase() {
            Phase::Serving => Phase::Closing,
            Phase::Closing | Phase::Closed => Phase::Closed,
        };
        let leave = tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            end = std::future::poll_fn(|cx| patience.poll(cx)) => match end {
                End::Leave => true,
                End::Drop => return,
            },
            () = drain.reached(next), if patience.manner != Manner::Leaving => {
                // A new connection has its first request served: its client would only come back here.
                patience.manner = Manner::LastRequests;
                next == Phase::Closed
            }
        };
        if leave {
            // GOAWAY; requests that are under way, and those that cross it, are still served (RFC 9113 §6.8).
            connection.as_mut().graceful_shutdown();
            patience.leave();
        }
    }
}

/// What a connection has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Nothing.
    Serving,
    /// It will be told to go away as soon as it has brought a request.
    LastRequests,
    /// To go away.
    Leaving,
}

/// How a connection ends.
enum End {
    /// It is told to go away.
    Leave,
    /// It is dropped.
    Drop,
}

/// How long a connection may take for what.
struct Patience {
    census: Arc<Census>,
    limits: WireLimits,
    manner: Manner,
    /// Of the silence after so many streams.
    quiet: Alarm,
    quiet_after: Option<u64>,
    /// Of the block or frame with this number.
    unfinished: Alarm,
    timed: Option<u64>,
}

impl Patience {
    fn new(census: Arc<Census>, limits: WireLimits, phase: Phase) -> Patience {
        Patience {
            census,
            limits,
            manner: match phase {
                Phase::Serving => Manner::Serving,
                Phase::Closing | Phase::Closed => Manner::LastRequests,
            },
            quiet: Alarm::default(),
            quiet_after: None,
            unfinished: Alarm::default(),
            timed: None,
        }
    }

    /// From here on it is waited for its open streams, and not much longer.
    fn leave(&mut self) {
        self.manner = Manner::Leaving;
        self.quiet_after = None;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        self.census.wake(cx.waker());
        if self.poll_unfinished(cx).is_ready() {
            return Poll::Ready(End::Drop);
        }
        let begun = self.census.begun();
        if self.manner == Manner::LastRequests && begun > 0 {
            return Poll::Ready(End::Leave);
        }
        if self.census.open() > 0 {
            self.quiet_after = None;
            return Poll::Pending;
        }
        if self.quiet_after != Some(begun) {
            self.quiet_after = Some(begun);
            self.quiet.set(match (self.manner, begun) {
                (Manner::Leaving, _) => PARTING,
                (_, 0) => self.limits.header_timeout,
                _ => self.limits.idle_timeout,
            });
        }
        ready!(self.quiet.poll(cx));
        Poll::Ready(match (self.manner, begun) {
            (Manner::Leaving, _) | (_, 0) => End::Drop,
            _ => End::Leave,
        })
    }

    fn poll_unfinished(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let unfinished = self.census.unfinished();
        if self.timed != unfinished {
            self.timed = unfinished;
            match unfinished {
                Some(_) => self.unfinished.set(self.limits.header_timeout),
                None => self.unfinished.clear(),
            }
        }
        self.unfinished.poll(cx)
    }
}
