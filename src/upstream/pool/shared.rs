//! An HTTP/2 connection: many exchanges at a time, as many as the upstream allows.
//!
//! hyper would queue what is too much on one connection; here the next connection is opened instead. A connection that the
//! upstream bids farewell (GOAWAY) is not ready any more and takes no further streams; those under way end in their own time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::Poll;
use std::time::Duration;

use http::Request;
use hyper::client::conn::http2::SendRequest;
use tokio::time::Instant;

use super::Pool;
use crate::net::alarm::Alarm;
use crate::net::body::RequestBody;
use crate::upstream::exclusive::Exchanged;
use crate::upstream::patience::Patience;

/// What an upstream is taken to allow before it has said so (RFC 9113 §6.5.2 recommends no less).
const STREAMS: usize = 100;

/// One HTTP/2 connection.
pub(in crate::upstream) struct Shared {
    sender: SendRequest<RequestBody>,
    open: AtomicUsize,
    limit: Arc<AtomicUsize>,
    retired: AtomicBool,
    since: Mutex<Instant>,
    pool: Weak<Pool>,
}

/// The right to one exchange on a shared connection, until this is dropped.
pub(in crate::upstream) struct Stream {
    pub(in crate::upstream) sender: SendRequest<RequestBody>,
    shared: Arc<Shared>,
}

impl Shared {
    /// A connection that has just been opened. Its driver keeps `limit` at what the upstream allows.
    pub(in crate::upstream) fn new(
        sender: SendRequest<RequestBody>,
        limit: Arc<AtomicUsize>,
        pool: &Arc<Pool>,
    ) -> Arc<Shared> {
        limit.store(STREAMS, Ordering::Relaxed);
        Arc::new(Shared {
            sender,
            open: AtomicUsize::new(0),
            limit,
            retired: AtomicBool::new(false),
            since: Mutex::new(Instant::now()),
            pool: Arc::downgrade(pool),
        })
    }

    /// Its first stream, which it always has.
    pub(super) fn first(self: &Arc<Shared>) -> Stream {
        self.open.fetch_add(1, Ordering::Relaxed);
        Stream {
            sender: self.sender.clone(),
            shared: self.clone(),
        }
    }

    /// A further stream, if there is one to be had. Called under the stack's lock, so that no two take the last one.
    pub(super) fn stream(self: &Arc<Shared>) -> Option<Stream> {
        let room = self.open.load(Ordering::Relaxed) < self.limit.load(Ordering::Relaxed);
        (room && self.is_open()).then(|| self.first())
    }

    /// Whether it takes streams at all.
    pub(super) fn is_open(&self) -> bool {
        self.sender.is_ready() && !self.retired.load(Ordering::Relaxed)
    }

    /// How long it has had no stream.
    pub(super) fn idle(&self) -> Duration {
        if self.open.load(Ordering::Relaxed) > 0 {
            return Duration::ZERO;
        }
        self.since
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .elapsed()
    }
}

impl Stream {
    /// One request, and the head of its answer.
    pub(in crate::upstream) async fn exchange(
        &mut self,
        request: Box<Request<RequestBody>>,
        patience: Patience<'_>,
    ) -> Exchanged {
        let mut alarm = Alarm::default();
        patience.begin(&mut alarm);
        let mut answer = std::pin::pin!(self.sender.try_send_request(*request));
        std::future::poll_fn(|cx| match answer.as_mut().poll(cx) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending => patience.poll(&mut alarm, cx).map(|()| None),
        })
        .await
    }

    /// No further streams for this connection.
    pub(super) fn retire(&self) {
        self.shared.retired.store(true, Ordering::Relaxed);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        *self
            .shared
            .since
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.shared.open.fetch_sub(1, Ordering::Relaxed);
        if let Some(pool) = self.shared.pool.upgrade()
            && pool.slots.is_some()
        {
            pool.released.notify_one();
        }
    }
}
