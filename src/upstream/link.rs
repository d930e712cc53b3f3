//! The stream under a connection to an upstream: it counts what comes before the head of an answer is whole.
//!
//! That count tells what hyper does not: whether an answer has begun, and that an upstream sends nothing but interim
//! answers (H16). The connection's place among those allowed is given up when the socket closes, not before.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;

use crate::net::dial::Stream;

/// Bytes before the head of an answer is known to be whole. Far more than a head, and the part of a body that is read with it
/// before anyone can say so; what else comes in such numbers is interim answers.
const PRELUDE_BYTES: u64 = 4 * 1024 * 1024;

/// Counts the bytes of an answer until its head is there. Ordering between threads comes with the answer itself.
#[derive(Default)]
pub(super) struct Gauge {
    waiting: AtomicBool,
    bytes: AtomicU64,
}

impl Gauge {
    /// A request is about to be sent.
    pub(super) fn start(&self) {
        self.bytes.store(0, Ordering::Relaxed);
        self.waiting.store(true, Ordering::Relaxed);
    }

    /// The head of its answer is there.
    pub(super) fn stop(&self) {
        self.waiting.store(false, Ordering::Relaxed);
    }

    /// Whether anything has come since the request was sent.
    pub(super) fn has_begun(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) > 0
    }

    fn count(&self, bytes: usize) -> io::Result<()> {
        if !self.waiting.load(Ordering::Relaxed) {
            return Ok(());
        }
        let before = self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        if before + bytes as u64 > PRELUDE_BYTES {
            return Err(io::Error::other("too much came before an answer"));
        }
        Ok(())
    }
}

/// An upstream's stream.
pub(super) struct Link {
    stream: Stream,
    gauge: Arc<Gauge>,
    _slot: Option<OwnedSemaphorePermit>,
}

impl Link {
    pub(super) fn new(
        stream: Stream,
        gauge: Arc<Gauge>,
        slot: Option<OwnedSemaphorePermit>,
    ) -> Link {
        Link {
            stream,
            gauge,
            _slot: slot,
        }
    }
}

impl AsyncRead for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        Poll::Ready(self.gauge.count(buf.filled().len() - before))
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
