//! The thin wrapper around the socket of an HTTP/2 client, and the count of its streams: what `streams` needs to lose
//! patience by.
//!
//! Control frames without progress end the connection, as bytes that are not taken do. Bytes are never changed on their way.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::{Allowance, FrameScan};
use super::stall::Stall;
use super::wire::{WireLimits, replay};

/// Control frames that are taken without progress: at once, and a second.
const CONTROL: (u64, u64) = (2_000, 100);
/// For one request, or one piece of an answer, a client may send so many of them: WINDOW_UPDATE twice, a PING, a PRIORITY…
const CONTROL_FOR_PROGRESS: u64 = 8;
/// Requests that may be given up: at once, and a second. `h2` bounds those that were not yet handed over.
const RESETS: (u64, u64) = (500, 50);

/// What is known of a connection's streams.
#[derive(Default)]
pub(super) struct Census {
    begun: AtomicU64,
    ended: AtomicU64,
    /// Pieces of answers that were handed to `h2`.
    handed: AtomicU64,
    /// What is unfinished, by its number; 0 for nothing.
    unfinished: AtomicU64,
    waker: Mutex<Option<Waker>>,
}

/// One stream that counts as open until this is dropped.
pub(super) struct Seat(Arc<Census>);

impl Census {
    /// One more stream.
    pub(super) fn seat(self: &Arc<Census>) -> Seat {
        self.begun.fetch_add(1, Relaxed);
        Seat(self.clone())
    }

    /// Streams that were ever opened.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Relaxed)
    }

    /// Streams that are open.
    pub(super) fn open(&self) -> u64 {
        self.begun().saturating_sub(self.ended.load(Relaxed))
    }

    /// A piece of an answer was handed over.
    pub(super) fn hand(&self) {
        self.handed.fetch_add(1, Relaxed);
    }

    /// What the client has begun to send and must finish in time, by its number.
    pub(super) fn unfinished(&self) -> Option<u64> {
        Some(self.unfinished.load(Relaxed)).filter(|number| *number > 0)
    }

    /// Wakes this task when a stream ends.
    pub(super) fn wake(&self, waker: &Waker) {
        let mut known = self.waker();
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }

    fn progress(&self) -> u64 {
        self.begun().saturating_add(self.handed.load(Relaxed))
    }

    fn waker(&self) -> std::sync::MutexGuard<'_, Option<Waker>> {
        // A waker is whole whatever a panicking holder was about to do.
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Relaxed);
        if let Some(waker) = &*self.0.waker() {
            waker.wake_by_ref();
        }
    }
}

/// An HTTP/2 client's socket under watch.
pub(super) struct Multiplex<S> {
    socket: S,
    opening: Bytes,
    scan: FrameScan,
    census: Arc<Census>,
    control: Allowance,
    resets: Allowance,
    credited: u64,
    stall: Stall,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Multiplex<S> {
    /// Watches over `socket`, of which `opening` has been read already.
    pub(super) fn new(socket: S, opening: Bytes, limits: &WireLimits) -> Multiplex<S> {
        Multiplex {
            socket,
            opening,
            scan: FrameScan::default(),
            census: Arc::default(),
            control: Allowance::new(CONTROL.0, CONTROL.1),
            resets: Allowance::new(RESETS.0, RESETS.1),
            credited: 0,
            stall: Stall::new(limits.stall_timeout),
        }
    }

    /// The count of its streams.
    pub(super) fn census(&self) -> Arc<Census> {
        self.census.clone()
    }

    fn observe(&mut self, bytes: &[u8]) -> io::Result<()> {
        let count = self.scan.observe(bytes);
        let unfinished = self.scan.unfinished().unwrap_or(0);
        self.census.unfinished.store(unfinished, Relaxed);
        if count.control == 0 && count.resets == 0 {
            return Ok(());
        }
        let progress = self.census.progress();
        let credit = (progress - self.credited).saturating_mul(CONTROL_FOR_PROGRESS);
        self.credited = progress;
        self.control.credit(credit);
        match self.control.spend(count.control.into()) && self.resets.spend(count.resets.into()) {
            true => Ok(()),
            // RFC 9113 §10.5: a flood of frames that are each legitimate.
            false => Err(io::Error::other("control frames without end")),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Multiplex<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = &mut *self;
        let before = buf.filled().len();
        if !replay(&mut wire.opening, buf) {
            ready!(Pin::new(&mut wire.socket).poll_read(cx, buf))?;
        }
        Poll::Ready(wire.observe(&buf.filled()[before..]))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Multiplex<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, buf);
        self.stall.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, bufs);
        self.stall.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(cx);
        self.stall.watch(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.socket).poll_shutdown(cx);
        self.stall.watch(cx, shut)
    }
}
