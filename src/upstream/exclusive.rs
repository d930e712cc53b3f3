//! An HTTP/1.1 connection: one exchange at a time, moved on by the task that waits for it.
//!
//! hyper's way is a task for each connection, which wakes the one that waits and is woken by it, several times a request. Here
//! whoever polls for an answer polls the connection first ([`Exclusive::drive`]), and is woken only while it waits
//! ([`Exclusive::rest`]). An idle connection is polled by nobody; what stirs it meanwhile is remembered, and looked at when it is
//! taken. An upload that goes on behind an answer's head must not wait until somebody reads that answer: from there on its
//! connection has a task of its own ([`Exclusive::part`]).

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use atomic_waker::AtomicWaker;
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as _, Frame};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1};
use hyper_util::rt::TokioIo;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::{AbortHandle, coop};
use tokio::time::timeout;

use super::ANSWER_HEAD_BYTES;
use super::link::{Gauge, Link};
use super::patience::Patience;
use crate::net::alarm::Alarm;
use crate::net::body::RequestBody;
use crate::net::dial::Stream;

/// How long an upload may go on behind an answer that did not wait for it, or what is left of one be written.
const LINGER: Duration = Duration::from_secs(30);

/// One HTTP/1.1 connection.
pub(super) struct Exclusive {
    sender: http1::SendRequest<RequestBody>,
    driver: Driver,
    bell: Arc<Bell>,
    /// What the connection rings the bell with.
    waker: Waker,
    gauge: Arc<Gauge>,
    /// Its exchanges' deadline: kept with the connection, since setting a new timer for each costs as much as the rest of it.
    alarm: Alarm,
}

/// What a connection rings when it could go further.
#[derive(Default)]
struct Bell {
    stirred: AtomicBool,
    listener: AtomicWaker,
}

impl Wake for Bell {
    fn wake(self: Arc<Bell>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Bell>) {
        self.stirred.store(true, Ordering::SeqCst);
        self.listener.wake();
    }
}

/// Who moves a connection on.
enum Driver {
    /// Whoever uses it.
    User(Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>),
    /// A task.
    Task(AbortHandle),
    /// Nobody: it has ended.
    Nobody,
}

/// What became of one exchange: an answer's head, or why there is none; nothing if it did not come in time.
pub(super) type Exchanged = Option<Result<Response<Incoming>, TrySendError<Request<RequestBody>>>>;

impl Exclusive {
    /// Over a stream that was just connected, which gives up `slot` when it closes.
    pub(super) async fn open(
        stream: Stream,
        slot: Option<OwnedSemaphorePermit>,
        title_case: bool,
    ) -> hyper::Result<Box<Exclusive>> {
        let gauge = Arc::new(Gauge::default());
        let (sender, connection) = http1::Builder::new()
            .title_case_headers(title_case)
            .max_buf_size(ANSWER_HEAD_BYTES)
            .max_header_size(ANSWER_HEAD_BYTES)
            .handshake(TokioIo::new(Link::new(stream, gauge.clone(), slot)))
            .await?;
        let bell = Arc::new(Bell::default());
        Ok(Box::new(Exclusive {
            sender,
            driver: Driver::User(Box::pin(connection.with_upgrades())),
            waker: Waker::from(bell.clone()),
            bell,
            gauge,
            alarm: Alarm::default(),
        }))
    }

    /// One request, and the head of its answer.
    pub(super) async fn exchange(
        &mut self,
        request: Box<Request<RequestBody>>,
        patience: Patience<'_>,
    ) -> Exchanged {
        self.gauge.start();
        patience.begin(&mut self.alarm);
        // Where the connection is moved on just before, its answer need wake nobody; and without a waker there must be no budget
        // either, for one that is used up would answer that it wakes.
        let answer = coop::unconstrained(self.sender.try_send_request(*request));
        let mut answer = std::pin::pin!(answer);
        let exchanged = std::future::poll_fn(|cx| {
            let polled = if self.is_apart() {
                answer.as_mut().poll(cx)
            } else {
                self.drive();
                answer.as_mut().poll(&mut unwoken())
            };
            if let Poll::Ready(answer) = polled {
                return Poll::Ready(Some(answer));
            }
            self.rest(cx);
            patience.poll(&mut self.alarm, cx).map(|()| None)
        })
        .await;
        self.gauge.stop();
        exchanged
    }

    /// Whether anything of the last request's answer has come.
    pub(super) fn has_answered(&self) -> bool {
        self.gauge.has_begun()
    }

    /// Moves the connection on as far as it goes.
    fn drive(&mut self) {
        self.bell.listener.take();
        self.bell.stirred.swap(false, Ordering::SeqCst); // and with it, what whoever rang has done
        if let Driver::User(connection) = &mut self.driver
            && connection
                .as_mut()
                .poll(&mut Context::from_waker(&self.waker))
                .is_ready()
        {
            self.driver = Driver::Nobody; // how it ended is told to whoever has asked something of it
        }
    }

    /// Has the task woken when the connection can go further than it was driven.
    fn rest(&self, cx: &mut Context<'_>) {
        self.bell.listener.register(cx.waker());
        if self.bell.stirred.load(Ordering::SeqCst) {
            cx.waker().wake_by_ref();
        }
    }

    /// The next piece of the last answer's `body`.
    pub(super) fn poll_frame(
        &mut self,
        body: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if self.is_apart() {
            return Pin::new(body).poll_frame(cx);
        }
        let mut frame = self.poll_read(body);
        if frame.is_pending() {
            self.drive();
            frame = self.poll_read(body);
        }
        if frame.is_pending() {
            self.rest(cx);
        }
        frame
    }

    /// What has been read of a body. Taking it tells the connection that there is room, which stirs nobody: it is driven for more.
    /// (Another worker's socket may stir it at the same moment, and be forgotten: whoever waits drives it first.)
    fn poll_read(&self, body: &mut Incoming) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let stirred = self.bell.stirred.load(Ordering::SeqCst);
        let frame = Pin::new(body).poll_frame(&mut unwoken());
        if frame.is_ready() && !stirred {
            self.bell.stirred.store(false, Ordering::SeqCst);
        }
        frame
    }

    /// Whether a task moves it on.
    fn is_apart(&self) -> bool {
        matches!(self.driver, Driver::Task(_))
    }

    /// Whether it lives and can take a request.
    pub(super) fn is_ready(&mut self) -> bool {
        if self.bell.stirred.load(Ordering::SeqCst) || !self.sender.is_ready() {
            self.drive();
        }
        self.sender.is_ready()
    }

    /// The same, once what is left of the last exchange has gone; false if it has ended instead, or takes too long.
    pub(super) async fn ready(&mut self) -> bool {
        let ready = std::future::poll_fn(|cx| {
            self.drive();
            self.rest(cx);
            self.sender.poll_ready(cx)
        });
        matches!(timeout(LINGER, ready).await, Ok(Ok(())))
    }

    /// Whether it has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// From now on it is moved by a task of its own.
    pub(super) fn part(&mut self) {
        self.driver = match std::mem::replace(&mut self.driver, Driver::Nobody) {
            // Its end is seen by whoever uses the sender.
            Driver::User(connection) => Driver::Task(tokio::spawn(connection).abort_handle()),
            other => other,
        };
    }

    /// Nobody reads the answer any more: what is still sent ends with it (S20).
    pub(super) fn cancel(self) {
        if let Driver::Task(task) = self.driver {
            task.abort();
        }
    }

    /// The answer is whole and the upload behind it is not: that may end, and nothing comes after it (S16).
    pub(super) fn abandon(self) {
        if let Driver::Task(task) = self.driver {
            drop(self.sender);
            tokio::spawn(async move {
                tokio::time::sleep(LINGER).await;
                task.abort();
            });
        }
    }
}

/// For what only a connection makes ready that was just driven, and whose bell is listened to.
fn unwoken() -> Context<'static> {
    Context::from_waker(Waker::noop())
}
