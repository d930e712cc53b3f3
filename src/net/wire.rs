//! The thin wrapper around a client's socket: timers and limits that hyper lacks, and nothing it has.
//!
//! hyper's own header timeout also closes idle connections and answers nothing; here a slow head gets its 408, a head over
//! the limit its 431, and an idle connection is closed when *its* time is over. Bytes are never changed on their way.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::alarm::Alarm;
use super::scan::{Framing, Scan, Seen};
use crate::reason::Reason;

/// What a connection may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireLimits {
    /// Bytes of one request head.
    pub header_bytes: usize,
    /// From a head's first byte (on a new connection: from its acceptance) until it is whole.
    pub header_timeout: Duration,
    /// Between two requests.
    pub idle_timeout: Duration,
}

/// Makes the bytes that are written to a client whose head never became a request.
pub type FinalAnswer = Arc<dyn Fn(Reason) -> Bytes + Send + Sync>;

/// A client's socket under watch.
pub struct Wire<S> {
    socket: S,
    limits: WireLimits,
    tally: Tally,
    alarm: Alarm,
    wait: Wait,
    answer: FinalAnswer,
    farewell: Option<Bytes>,
}

/// What a connection is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// A head's first byte, or its last.
    Head,
    /// The next request, after so many were served.
    Idle(u64),
}

/// What is shared between a connection's socket and its requests.
#[derive(Clone, Default)]
pub struct Tally(Arc<Mutex<Progress>>);

#[derive(Default)]
struct Progress {
    scan: Scan,
    begun: u64,
    ended: u64,
    tunnel: bool,
}

impl Tally {
    /// hyper has handed over a request whose body is framed like this; answers what its head was seen to hold.
    pub fn begin(&self, framing: Framing) -> Seen {
        let mut progress = self.lock();
        progress.begun += 1;
        progress.scan.body(framing)
    }

    /// The answer to the request has left.
    pub fn end(&self) {
        self.lock().ended += 1;
    }

    /// HTTP is over: what follows is another protocol's, and has no heads.
    pub fn tunnel(&self) {
        self.lock().tunnel = true;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Progress> {
        // Counters stay right whatever a panicking holder was about to do.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Watches over `socket` from its acceptance on.
    pub fn new(socket: S, limits: WireLimits, answer: FinalAnswer) -> Wire<S> {
        let mut alarm = Alarm::default();
        alarm.set(limits.header_timeout);
        Wire {
            socket,
            limits,
            tally: Tally::default(),
            alarm,
            wait: Wait::Head,
            answer,
            farewell: None,
        }
    }

    /// What its requests report to.
    pub fn tally(&self) -> Tally {
        self.tally.clone()
    }

    /// Takes note of what was read; false when the head has grown over its limit.
    fn observe(&mut self, bytes: &[u8]) -> bool {
        let mut progress = self.tally.lock();
        if progress.tunnel {
            return true;
        }
        let was_in_head = progress.scan.in_head();
        progress.scan.observe(bytes);
        if progress.scan.in_head() && !was_in_head {
            self.wait = Wait::Head;
            self.alarm.set(self.limits.header_timeout);
        }
        progress.scan.head_bytes() <= self.limits.header_bytes
    }

    /// Nothing can be read now: is it time to give up on this client? Ready with the reason, if it is owed an answer.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<Option<Reason>> {
        let progress = self.tally.lock();
        if progress.tunnel || progress.begun > progress.ended {
            return Poll::Pending; // a request is being answered: its body and its upstream have timers of their own
        }
        let in_head = progress.scan.in_head();
        let served = progress.ended;
        drop(progress);
        if !in_head && served > 0 && self.wait != Wait::Idle(served) {
            self.wait = Wait::Idle(served);
            self.alarm.set(self.limits.idle_timeout);
        }
        ready!(self.alarm.poll(cx));
        Poll::Ready(in_head.then_some(Reason::RequestTimeout))
    }

    /// Writes the last answer, then reads as ended.
    fn poll_farewell(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(answer) = self
            .farewell
            .as_mut()
            .filter(|answer| answer.has_remaining())
        {
            let written = ready!(Pin::new(&mut self.socket).poll_write(cx, answer))?;
            if written == 0 {
                break;
            }
            answer.advance(written);
        }
        Pin::new(&mut self.socket).poll_flush(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = &mut *self;
        if wire.farewell.is_some() {
            return wire.poll_farewell(cx);
        }
        let before = buf.filled().len();
        let refused = match Pin::new(&mut wire.socket).poll_read(cx, buf) {
            Poll::Ready(Ok(())) if wire.observe(&buf.filled()[before..]) => {
                return Poll::Ready(Ok(()));
            }
            Poll::Ready(Ok(())) => {
                buf.set_filled(before); // hyper never sees the head that is too large
                Some(Reason::HeadersTooLarge)
            }
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => ready!(wire.poll_patience(cx)),
        };
        wire.farewell = Some(refused.map_or_else(Bytes::new, |reason| (wire.answer)(reason)));
        wire.poll_farewell(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.farewell.is_some() {
            return Poll::Ready(Ok(buf.len())); // hyper's own bare 400 for the head it never got
        }
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.farewell.is_some() {
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
