//! A WebSocket between a client and an upstream, once both have agreed to it: bytes both ways, and an end that is told.
//!
//! Nothing is tunnelled before a right 101 (S10, S11). It ends with its sides, with the token it was opened with, or with the
//! process; the latter two are told in a Close frame, at a place where a frame may begin (S24). It lives in its client
//! connection's task, so that it counts as a connection and is waited for like one.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::clock::{Clock, Timestamp};
use crate::drain::{Phase, Watch};
use crate::http::websocket::{Close, Frames, Handshake};
use crate::http::{forwarded, hop};
use crate::telemetry::Exchange;
use crate::upstream::{Pins, Reply, SendFault};

/// What is read from one side before it is written to the other.
const BUFFER_BYTES: usize = 16 * 1024;
/// How long a side may take to hang up once the other has, or once it was told to.
const LINGER: Duration = Duration::from_secs(10);
/// The wall clock may be moved: so often it is asked anew.
const CLOCK_CHECK: Duration = Duration::from_secs(15);

/// What one client connection has of its own, beside what it shares with all.
pub struct Line {
    pub(crate) pins: Pins,
    /// The client's address, as upstreams are told it; none on a Unix socket.
    pub(crate) peer: Option<HeaderValue>,
    tunnel: Mutex<Option<Tunnel>>,
}

impl Line {
    /// A connection that was accepted from `client`.
    pub fn new(client: Option<SocketAddr>) -> Line {
        Line {
            pins: Pins::default(),
            peer: client.map(|client| forwarded::address(client.ip())),
            tunnel: Mutex::default(),
        }
    }

    /// To be awaited when HTTP is over on this connection: what it became then lives here.
    pub async fn tunnel(&self, watch: Watch) {
        let tunnel = self.slot().take();
        if let Some(tunnel) = tunnel {
            tunnel.run(watch).await;
        }
    }

    pub(super) fn hold(&self, tunnel: Tunnel) {
        *self.slot() = Some(tunnel);
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Tunnel>> {
        self.tunnel.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client that asked for a WebSocket.
pub struct Asked {
    /// What it asked.
    pub(super) handshake: Handshake,
    /// Its side, once our 101 has left.
    pub(super) client: OnUpgrade,
}

/// Both sides of a WebSocket.
pub struct Tunnel {
    client: OnUpgrade,
    upstream: OnUpgrade,
    clock: Clock,
    until: Option<Timestamp>,
    record: Option<Record>,
}

/// The record of the exchange, told how much went out when it ends.
struct Record {
    exchange: Box<Exchange>,
    sent: Arc<AtomicU64>,
}

impl Drop for Record {
    fn drop(&mut self) {
        self.exchange.sent = self.sent.load(Ordering::Relaxed);
    }
}

/// Takes the upstream's 101 at its word, if it is the right word; answers ours for the client, hop-by-hop headers and all.
pub fn join(
    asked: Asked,
    answer: &mut Response<Reply>,
    clock: Clock,
    until: Option<Timestamp>,
) -> Result<Tunnel, SendFault> {
    let upstream = answer.extensions_mut().remove::<OnUpgrade>();
    let (Some(upstream), true) = (upstream, asked.handshake.is_accepted(answer.headers())) else {
        return Err(SendFault::Protocol(
            "its 101 is not the answer to the WebSocket handshake".to_owned(),
        ));
    };
    debug_assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
    hop::strip(answer.headers_mut());
    asked.handshake.ask(answer.headers_mut()); // the same two headers say yes
    unframe(answer.headers_mut());
    Ok(Tunnel {
        client: asked.client,
        upstream,
        clock,
        until,
        record: None,
    })
}

/// A 101 has no body, whatever it says (RFC 9110 §8.6).
fn unframe(headers: &mut HeaderMap) {
    headers.remove(http::header::CONTENT_LENGTH);
}

impl Tunnel {
    /// The exchange lasts as long as the tunnel.
    pub(super) fn recorded_as(self, exchange: Box<Exchange>) -> Tunnel {
        let sent = Arc::default();
        let record = Some(Record { exchange, sent });
        Tunnel { record, ..self }
    }

    async fn run(mut self, mut watch: Watch) {
        let (received, sent) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        if let Some(record) = &mut self.record {
            record.exchange.received = Some(received.clone());
            record.sent = sent.clone();
        }
        let (Ok(client), Ok(upstream)) = (self.client.await, self.upstream.await) else {
            return; // the client's connection ended before our 101 had left
        };
        let (from_client, to_client) = split(TokioIo::new(client));
        let (from_upstream, to_upstream) = split(TokioIo::new(upstream));
        let (stop, stopped) = watch::channel(None);
        let up = Pump {
            count: &received,
            stopped: stopped.clone(),
            close: |why: Close| why.to_server(mask()),
        };
        let down = Pump {
            count: &sent,
            stopped,
            close: Close::to_client,
        };
        let mut both = std::pin::pin!(both(
            up.run(from_client, to_upstream),
            down.run(from_upstream, to_client)
        ));
        let why = tokio::select! {
            () = both.as_mut() => return,
            () = watch.reached(Phase::Closed) => Close::GoingAway,
            () = expired(&self.clock, self.until) => Close::Expired,
        };
        stop.send_replace(Some(why));
        let _ = timeout(LINGER, both).await;
    }
}

/// Both directions; when one has ended, the other may end in its own time, but not take for ever. A fault ends both.
async fn both(
    up: impl Future<Output = io::Result<()>>,
    down: impl Future<Output = io::Result<()>>,
) {
    let (mut up, mut down) = (std::pin::pin!(up), std::pin::pin!(down));
    let _ = tokio::select! {
        ended = up.as_mut() => match ended {
            Ok(()) => timeout(LINGER, down).await,
            fault => Ok(fault),
        },
        ended = down.as_mut() => match ended {
            Ok(()) => timeout(LINGER, up).await,
            fault => Ok(fault),
        },
    };
}

/// Ready when the token is no longer good. Timers run by another clock than tokens: the wall clock is asked again and again.
async fn expired(clock: &Clock, until: Option<Timestamp>) {
    let Some(until) = until else {
        return std::future::pending().await;
    };
    loop {
        let left = until - clock.now();
        if left <= 0.0 {
            return;
        }
        tokio::time::sleep(Duration::from_secs_f64(left.min(CLOCK_CHECK.as_secs_f64()))).await;
    }
}

/// A mask nobody can foresee (RFC 6455 §10.3).
fn mask() -> [u8; 4] {
    let mut mask = [0; 4];
    // Without randomness the frame is still a right one.
    let _ = aws_lc_rs::rand::fill(&mut mask);
    mask
}

/// One direction.
struct Pump<'t, C> {
    count: &'t AtomicU64,
    stopped: watch::Receiver<Option<Close>>,
    close: C,
}

impl<C: Fn(Close) -> Vec<u8>> Pump<'_, C> {
    /// Passes bytes on until the source ends, or it is told to stop.
    async fn run(
        mut self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut frames = Frames::default();
        let why = loop {
            let read = tokio::select! {
                biased;
                why = told(&mut self.stopped) => break why,
                read = from.read(&mut buffer) => read?,
            };
            if read == 0 {
                return to.shutdown().await;
            }
            frames.observe(&buffer[..read]);
            self.pass(&mut to, &buffer[..read]).await?;
        };
        // A Close in the middle of a frame would be taken for its payload: the frame goes out first.
        while !frames.between() {
            let read = from.read(&mut buffer).await?;
            if read == 0 {
                return to.shutdown().await;
            }
            let rest = frames.advance(&buffer[..read]);
            self.pass(&mut to, &buffer[..rest]).await?;
        }
        if !frames.closed() {
            self.pass(&mut to, &(self.close)(why)).await?;
        }
        to.shutdown().await?;
        // What is still sent is read and dropped: a socket closed on unread bytes would take the Close frame with it.
        while from.read(&mut buffer).await? > 0 {}
        Ok(())
    }

    async fn pass(&self, to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
        to.write_all(bytes).await?;
        to.flush().await?;
        self.count.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

/// Why to stop, once that is told.
async fn told(stopped: &mut watch::Receiver<Option<Close>>) -> Close {
    match stopped.wait_for(Option::is_some).await.map(|why| *why) {
        Ok(Some(why)) => why,
        _ => std::future::pending().await, // nobody is left to tell
    }
}

#[cfg(test)]
mod tests;
