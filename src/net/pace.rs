//! Answers over HTTP/2 at their client's pace: a piece at a time, and no longer than there is patience for.
//!
//! hyper does not ask a body for more while its stream's window is closed, so nothing inside the body can notice that it is
//! not being taken. The task around the stream does: it sees what the body did last, and starts a timer when that was
//! handing over a piece (threat R04). One stream that stalls is reset; its connection and the others go on.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::alarm::Alarm;
use super::multiplex::{Census, Seat};
use super::unread::{self, Unread};

/// The most that is handed over at once: what a slow reader makes us keep, and one frame of the usual size.
const PIECE: usize = 16 * 1024;

/// What a body did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It waits for its upstream.
    Waiting,
    /// It gave a piece, which the client is to take.
    Handed,
}

thread_local! {
    /// What a body did last on this thread, within one poll of the task around it.
    static LAST: Cell<Option<Step>> = const { Cell::new(None) };
}

pin_project! {
    /// A body that comes in pieces and leaves word of what it does.
    pub(super) struct Paced<B> {
        #[pin]
        body: B,
        rest: Bytes,
        census: Arc<Census>,
    }
}

impl<B> Paced<B> {
    /// The same body, at its client's pace.
    pub(super) fn new(body: B, census: Arc<Census>) -> Paced<B> {
        Paced {
            body,
            rest: Bytes::new(),
            census,
        }
    }
}

impl<B: Body<Data = Bytes>> Body for Paced<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let paced = self.project();
        LAST.set(Some(Step::Waiting));
        let mut data = std::mem::take(paced.rest);
        if data.is_empty() {
            data = match ready!(paced.body.poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                end => return Poll::Ready(end),
            };
        }
        *paced.rest = data.split_off(data.len().min(PIECE));
        paced.census.hand();
        LAST.set(Some(Step::Handed));
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        let rest = self.rest.len() as u64;
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint.set_lower(hint.lower().saturating_add(rest));
        hint
    }
}

/// Where the streams of one connection run: a task for each.
#[derive(Clone)]
pub(super) struct Tasks {
    census: Arc<Census>,
    limit: Duration,
}

impl Tasks {
    /// Streams that are counted in `census`, and whose answers must be taken within `limit`, piece by piece.
    pub(super) fn new(census: Arc<Census>, limit: Duration) -> Tasks {
        Tasks { census, limit }
    }
}

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        tokio::spawn(Timed {
            stream: Some(stream),
            taking: Alarm::default(),
            unread: None,
            limit: self.limit,
            _seat: self.census.seat(),
        });
    }
}

pin_project! {
    /// A stream whose answer must be taken in time. Dropping it resets the stream, and with it goes its upstream request. A body
    /// that is left when the answer has gone is waited for a little.
    struct Timed<F> {
        #[pin]
        stream: Option<F>,
        taking: Alarm,
        unread: Option<Unread>,
        limit: Duration,
        _seat: Seat,
    }
}

impl<F: Future<Output = ()>> Future for Timed<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut timed = self.project();
        LAST.set(None);
        let left = unread::watch(|| {
            let stream = timed.stream.as_mut().as_pin_mut();
            if stream.is_some_and(|stream| stream.poll(cx).is_ready()) {
                timed.stream.set(None); // with the answer, which leaves what it has not read
            }
        });
        if timed.stream.is_none() {
            *timed.unread = left.or(timed.unread.take());
            return (timed.unread.as_mut()).map_or(Poll::Ready(()), |unread| unread.poll(cx));
        }
        match LAST.take() {
            Some(Step::Handed) => timed.taking.set(*timed.limit),
            Some(Step::Waiting) => timed.taking.clear(),
            None => {}
        }
        timed.taking.poll(cx)
    }
}
