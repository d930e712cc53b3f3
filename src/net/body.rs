//! The request body on its way to the upstream: streamed, counted, bounded in size and in silence.
//!
//! It never collects: a frame is passed on or the body fails, and then the upstream request is aborted, never finished.
//! Trailers end here (H07). The answer's body is `front::Answer`, for it carries the record of the exchange.

mod replay;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::alarm::Alarm;
pub use replay::{Reading, Replay};

/// A request body as it is sent to an upstream.
pub enum RequestBody {
    /// None at all.
    Empty,
    /// The client's, as it comes.
    Streaming(Streaming),
    /// The same, of which a copy is kept.
    Kept(Reading),
}

/// A client's body under its limits.
pub struct Streaming {
    incoming: Incoming,
    told: Option<u64>,
    whole: Arc<AtomicBool>,
    left: u64,
    silence: Duration,
    alarm: Alarm,
    received: Arc<AtomicU64>,
}

/// Why a request body could not be passed on whole, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyCause {
    /// It grew over the limit.
    #[error("the request body is larger than this route takes")]
    TooLarge,
    /// It brought nothing for too long.
    #[error("the request body stalled")]
    Stalled,
    /// The client broke it off, or framed it wrongly.
    #[error("the request body broke off")]
    Broken,
}

/// A request body's failure, as hyper carries it to where the exchange fails.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BodyFault(pub BodyCause);

impl RequestBody {
    /// A client's body of at most `limit` bytes that may be silent for `silence` at a time, and the count of bytes that
    /// have come in so far.
    pub fn new(
        incoming: Incoming,
        limit: Option<u64>,
        silence: Duration,
    ) -> (RequestBody, Option<Arc<AtomicU64>>) {
        if incoming.is_end_stream() {
            return (RequestBody::Empty, None);
        }
        let received = Arc::new(AtomicU64::new(0));
        let mut alarm = Alarm::default();
        alarm.set(silence);
        let left = limit.unwrap_or(u64::MAX);
        let body = Streaming {
            told: incoming.size_hint().exact(),
            whole: Arc::default(),
            incoming,
            left,
            silence,
            alarm,
            received: received.clone(),
        };
        (RequestBody::Streaming(body), Some(received))
    }

    /// Turns true when all of the body has been passed on; none if there is none.
    pub fn uploaded(&self) -> Option<Arc<AtomicBool>> {
        match self {
            RequestBody::Empty => None,
            RequestBody::Streaming(body) => Some(body.whole.clone()),
            RequestBody::Kept(reading) => Some(reading.uploaded()),
        }
    }

    /// The same body, of which a copy is kept as it passes, so that it can be sent once more; none of one that is known to
    /// be larger than `limit`.
    pub fn kept(self, limit: usize) -> (RequestBody, Option<Replay>) {
        match self {
            RequestBody::Empty => (RequestBody::Empty, Some(Replay::empty())),
            RequestBody::Streaming(body) if body.told.is_none_or(|told| told <= limit as u64) => {
                let (reading, replay) = Replay::begin(body, limit);
                (RequestBody::Kept(reading), Some(replay))
            }
            body => (body, None),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        match self.get_mut() {
            RequestBody::Empty => Poll::Ready(None),
            RequestBody::Streaming(body) => body.poll_data(cx),
            RequestBody::Kept(reading) => reading.poll_data(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            RequestBody::Empty => true,
            RequestBody::Streaming(body) => body.incoming.is_end_stream(),
            RequestBody::Kept(reading) => reading.is_end(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            RequestBody::Empty => SizeHint::with_exact(0),
            RequestBody::Streaming(body) => body.incoming.size_hint(),
            RequestBody::Kept(reading) => reading.left(),
        }
    }
}

impl Streaming {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let Ok(data) = frame.into_data() else {
                    self.whole.store(true, Ordering::Release);
                    return Poll::Ready(None);
                };
                let length = data.len() as u64;
                let Some(left) = self.left.checked_sub(length) else {
                    return Poll::Ready(Some(Err(BodyFault(BodyCause::TooLarge))));
                };
                self.left = left;
                let received = self.received.fetch_add(length, Ordering::Relaxed) + length;
                if self.told == Some(received) || self.incoming.is_end_stream() {
                    self.whole.store(true, Ordering::Release); // nobody asks again after the last byte
                }
                self.alarm.set(self.silence);
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Poll::Ready(Some(Err(_))) => Poll::Ready(Some(Err(BodyFault(BodyCause::Broken)))),
            Poll::Ready(None) => {
                self.whole.store(true, Ordering::Release);
                Poll::Ready(None)
            }
            Poll::Pending if self.alarm.poll(cx).is_ready() => {
                Poll::Ready(Some(Err(BodyFault(BodyCause::Stalled))))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}
