//! The request body on its way to the upstream: streamed, counted, bounded in size and in silence.
//!
//! It never collects, but for what must be hashed first (`whole`): a frame is passed on or the body fails, and then the upstream request is aborted, never finished.
//! Trailers end here (H07). The answer's body is `front::Answer`, for it carries the record of the exchange.

mod replay;
mod upload;
mod whole;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::alarm::Alarm;
pub use replay::{Reading, Replay};
pub use upload::Upload;
pub use whole::Whole;

/// A request body as it is sent to an upstream.
pub enum RequestBody {
    /// None at all.
    Empty,
    /// The client's, as it comes.
    Streaming(Streaming),
    /// The same, of which a copy is kept.
    Kept(Reading),
    /// The client's, read before anything is sent.
    Whole(Whole),
}

/// A client's body under its limits.
pub struct Streaming {
    incoming: Incoming,
    told: Option<u64>,
    upload: Arc<Upload>,
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
        incoming: Option<Incoming>,
        limit: Option<u64>,
        silence: Duration,
    ) -> (RequestBody, Option<Arc<AtomicU64>>) {
        let Some(incoming) = incoming.filter(|body| !body.is_end_stream()) else {
            return (RequestBody::Empty, None);
        };
        let received = Arc::new(AtomicU64::new(0));
        let mut alarm = Alarm::default();
        alarm.set(silence);
        let left = limit.unwrap_or(u64::MAX);
        let body = Streaming {
            told: incoming.size_hint().exact(),
            upload: Arc::default(),
            incoming,
            left,
            silence,
            alarm,
            received: received.clone(),
        };
        (RequestBody::Streaming(body), Some(received))
    }

    /// How far the body has come; none if there is none.
    pub fn upload(&self) -> Option<Arc<Upload>> {
        match self {
            RequestBody::Empty => None,
            RequestBody::Streaming(body) => Some(body.upload.clone()),
            RequestBody::Kept(reading) => Some(reading.upload()),
            RequestBody::Whole(whole) => Some(whole.upload()),
        }
    }

    /// The same body, of which a copy is kept as it passes, so that it can be sent once more; none of one that is known to
    /// be larger than `limit`.
    pub fn kept(self, limit: usize) -> (RequestBody, Option<Replay>) {
        match self {
            RequestBody::Empty => (RequestBody::Empty, Some(Replay::of(Bytes::new()))),
            RequestBody::Streaming(body) if body.told.is_none_or(|told| told <= limit as u64) => {
                let (reading, replay) = Replay::begin(body, limit);
                (RequestBody::Kept(reading), Some(replay))
            }
            RequestBody::Whole(whole) => {
                let replay = (whole.len() <= limit).then(|| Replay::of(whole.bytes().clone()));
                (RequestBody::Whole(whole), replay)
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
            RequestBody::Whole(whole) => Poll::Ready(whole.take().map(Ok)),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            RequestBody::Empty => true,
            RequestBody::Streaming(body) => body.incoming.is_end_stream(),
            RequestBody::Kept(reading) => reading.is_end(),
            RequestBody::Whole(whole) => whole.len() == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            RequestBody::Empty => SizeHint::with_exact(0),
            RequestBody::Streaming(body) => body.incoming.size_hint(),
            RequestBody::Kept(reading) => reading.left(),
            RequestBody::Whole(whole) => SizeHint::with_exact(whole.len() as u64),
        }
    }
}

impl Streaming {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let Ok(data) = frame.into_data() else {
                    self.upload.complete();
                    return Poll::Ready(None);
                };
                let length = data.len() as u64;
                let Some(left) = self.left.checked_sub(length) else {
                    return Poll::Ready(Some(Err(BodyFault(BodyCause::TooLarge))));
                };
                self.left = left;
                let received = self.received.fetch_add(length, Ordering::Relaxed) + length;
                match self.told == Some(received) || self.incoming.is_end_stream() {
                    true => self.upload.complete(), // nobody asks again after the last byte
                    false => self.upload.hand(),
                }
                self.alarm.set(self.silence);
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Poll::Ready(Some(Err(_))) => Poll::Ready(Some(Err(BodyFault(BodyCause::Broken)))),
            Poll::Ready(None) => {
                self.upload.complete();
                Poll::Ready(None)
            }
            Poll::Pending if self.alarm.poll(cx).is_ready() => {
                Poll::Ready(Some(Err(BodyFault(BodyCause::Stalled))))
            }
            Poll::Pending => {
                self.upload.lack();
                Poll::Pending
            }
        }
    }
}
