//! The thin wrapper around a client's socket: timers and limits that hyper lacks, and nothing it has.
//!
//! hyper's own header timeout also closes idle connections and answers nothing; here a slow head gets its 408, a head over
//! the limit its 431, and an idle connection is closed when *its* time is over. Bytes are never changed on their way.

mod tally;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::alarm::Alarm;
use super::stall::Stall;
use crate::policy::permit::MOST_LINES;
use crate::reason::Reason;
pub use tally::Tally;

/// What a connection may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireLimits {
    /// Bytes of one request head.
    pub header_bytes: usize,
    /// From a head's first byte (on a new connection: from its acceptance) until it is whole.
    pub header_timeout: Duration,
    /// Between two requests.
    pub idle_timeout: Duration,
    /// While nothing is taken of what is written.
    pub stall_timeout: Duration,
}

/// With the header lines come the request line and an empty one. hyper answers to more of them with a bare 431 that nobody hears
/// of (R08).
const HEAD_LINES: usize = MOST_LINES + 2;
/// A client that has closed its side, and whose answer is still to come, is answered if that takes no longer than this.
/// Whether it is still there can't be known before something is written: `nc -N` waits, a browser's tab is gone (R12, S20).
const HALF_CLOSED: Duration = Duration::from_secs(1);
/// A client that was refused while it was still sending has so long to read why; what it sends is thrown away (S19).
pub(super) const LINGER: Duration = Duration::from_secs(2);
/// And so many bytes of it are.
pub(super) const LINGER_BYTES: u64 = 64 * 1024 * 1024;

/// Makes the bytes that are written to a client whose head never became a request.
pub type FinalAnswer = Arc<dyn Fn(Reason) -> Bytes + Send + Sync>;

/// A client's socket under watch.
pub struct Wire<S> {
    socket: S,
    opening: Bytes,
    limits: WireLimits,
    tally: Tally,
    alarm: Alarm,
    wait: Wait,
    stall: Stall,
    parting: Parting,
    answer: FinalAnswer,
    farewell: Option<Bytes>,
    owes: bool, // a part of what hyper writes still waits for room in the socket
}

/// How far a connection is on its way to its end.
enum Parting {
    /// Both sides may speak.
    No,
    /// The client has closed its side; it is told to hyper when the alarm rings, or when no answer is due.
    HalfClosed(Alarm),
    /// We have closed ours; so many bytes are still thrown away.
    Lingering(Alarm, u64),
}

/// What a connection is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// A head's first byte, or its last.
    Head,
    /// The next request, after so many were served.
    Idle(u64),
}

/// Puts what was read before into `buf`, as far as it fits; false when there is nothing left of it.
pub(super) fn replay(opening: &mut Bytes, buf: &mut ReadBuf<'_>) -> bool {
    if opening.is_empty() {
        return false;
    }
    let part = opening.split_to(opening.len().min(buf.remaining()));
    buf.put_slice(&part);
    true
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Watches over `socket` from its acceptance on; `opening` has been read of it already.
    pub fn new(socket: S, opening: Bytes, limits: WireLimits, answer: FinalAnswer) -> Wire<S> {
        let mut alarm = Alarm::default();
        alarm.set(limits.header_timeout);
        Wire {
            socket,
            opening,
            limits,
            tally: Tally::new(),
            alarm,
            wait: Wait::Head,
            stall: Stall::new(limits.stall_timeout),
            parting: Parting::No,
            answer,
            farewell: None,
            owes: false,
        }
    }

    /// What its requests report to.
    pub fn tally(&self) -> Tally {
        self.tally.clone()
    }

    /// Takes note of what was read; false when the head has grown over its limit.
    fn observe(&mut self, bytes: &[u8]) -> bool {
        let (begins, fits) = self.tally.with(|progress| {
            if progress.tunnel {
                return (false, true);
            }
            let was_in_head = progress.scan.in_head();
            progress.scan.observe(bytes);
            let begins = progress.scan.in_head() && !was_in_head;
            (
                begins,
                progress.scan.head_bytes() <= self.limits.header_bytes
                    && progress.scan.head_lines() <= HEAD_LINES,
            )
        });
        if begins {
            self.wait = Wait::Head;
            self.alarm.set(self.limits.header_timeout);
        }
        fits
    }

    /// Nothing can be read now: is it time to give up on this client? Ready with the reason, if it is owed an answer.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<Option<Reason>> {
        let (answering, in_head, served, ended_at) = self.tally.with(|progress| {
            let (answering, in_head) = (progress.is_answering(), progress.scan.in_head());
            (answering, in_head, progress.ended, progress.ended_at)
        });
        if answering {
            // Its body and its upstream have timers of their own. But hyper, told once that there is nothing to read, does not
            // ask again when the answer has left: this alarm makes it, some time before the connection has been idle for long.
            while self.alarm.poll(cx).is_ready() {
                self.alarm.set(self.limits.idle_timeout);
            }
            return Poll::Pending;
        }
        if let (false, Some(ended_at)) = (in_head, ended_at)
            && self.wait != Wait::Idle(served)
        {
            self.wait = Wait::Idle(served);
            self.alarm.set_from(ended_at, self.limits.idle_timeout);
        }
        ready!(self.alarm.poll(cx));
        Poll::Ready(in_head.then_some(Reason::RequestTimeout))
    }

    /// The client has closed its side. hyper would drop the request that is being answered; it learns of it a little later.
    fn poll_half_closed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A body that is not whole will never be.
        let waits = self.tally.with(|progress| {
            progress.waker = Some(cx.waker().clone());
            progress.is_answering() && progress.scan.between() && !progress.tunnel
        });
        match &mut self.parting {
            Parting::HalfClosed(alarm) if waits => alarm.poll(cx).map(Ok),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Writes the last answer, then reads as ended, once its client could read it: hyper, whose head has ended too early, drops the
    /// connection as it is.
    fn poll_farewell(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(answer) = self
            .farewell
            .as_mut()
            .filter(|answer| answer.has_remaining())
        {
            let written = Pin::new(&mut self.socket).poll_write(cx, answer);
            let written = ready!(self.stall.watch(cx, written))?;
            if written == 0 {
                break;
            }
            answer.advance(written);
        }
        let flushed = Pin::new(&mut self.socket).poll_flush(cx);
        ready!(self.stall.watch(cx, flushed))?;
        self.poll_close(cx)
    }

    /// Closes our side, and reads what the client may still be sending.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !matches!(self.parting, Parting::Lingering(..)) {
            let shut = Pin::new(&mut self.socket).poll_shutdown(cx);
            ready!(self.stall.watch(cx, shut))?;
            if !self.is_unread() {
                return Poll::Ready(Ok(()));
            }
            let mut alarm = Alarm::default();
            alarm.set(LINGER);
            self.parting = Parting::Lingering(alarm, LINGER_BYTES);
        }
        self.poll_linger(cx)
    }

    /// What a write came to. A half-closed client that takes bytes is still there.
    fn watch_write(
        &mut self,
        cx: &mut Context<'_>,
        whole: usize,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        self.owes = !matches!(&written, Poll::Ready(Ok(part)) if *part == whole);
        if let (Parting::HalfClosed(alarm), Poll::Ready(Ok(1..))) = (&mut self.parting, &written) {
            alarm.set(HALF_CLOSED);
        }
        self.stall.watch(cx, written)
    }

    /// Whether the client may still be sending what nobody will read.
    fn is_unread(&self) -> bool {
        let unread = (self.tally).with(|progress| !progress.scan.between() && !progress.tunnel);
        unread && !matches!(self.parting, Parting::HalfClosed(_))
    }

    /// Reads and forgets. Closing a socket that has unread bytes resets it, and takes the answer from under its reader.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; 8 * 1024];
        while let Parting::Lingering(alarm, left @ 1..) = &mut self.parting {
            let mut buf = ReadBuf::new(&mut bytes);
            match Pin::new(&mut self.socket).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {
                    *left = left.saturating_sub(buf.filled().len() as u64);
                }
                Poll::Ready(_) => break,
                Poll::Pending => return alarm.poll(cx).map(Ok),
            }
            if alarm.poll(cx).is_ready() {
                break;
            }
        }
        Poll::Ready(Ok(()))
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
        if !matches!(wire.parting, Parting::No) {
            return wire.poll_half_closed(cx);
        }
        let before = buf.filled().len();
        let read = match replay(&mut wire.opening, buf) {
            true => Poll::Ready(Ok(())),
            false => Pin::new(&mut wire.socket).poll_read(cx, buf),
        };
        let refused = match read {
            Poll::Ready(Ok(())) if buf.filled().len() == before && buf.remaining() > 0 => {
                let mut alarm = Alarm::default();
                alarm.set(HALF_CLOSED);
                wire.parting = Parting::HalfClosed(alarm);
                return wire.poll_half_closed(cx);
            }
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
        if refused.is_some() && (wire.owes || wire.tally.with(|progress| progress.is_answering())) {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into())); // it would be read as that answer, or as part of it
        }
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
        let written = Pin::new(&mut self.socket).poll_write(cx, buf);
        self.watch_write(cx, buf.len(), written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let whole = bufs.iter().map(|buf| buf.len()).sum();
        if self.farewell.is_some() {
            return Poll::Ready(Ok(whole));
        }
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, bufs);
        self.watch_write(cx, whole, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(cx);
        self.stall.watch(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_close(cx)
    }
}

#[cfg(test)]
mod tests;
