//! An HTTP/1.1 connection: one exchange at a time, moved on by the task that waits for it.
//!
//! hyper's way is a task for each connection, which wakes the one that waits and is woken by it, several times a request. Here
//! nobody else is woken: whoever polls for an answer polls the connection first ([`Exclusive::drive`]), and what only the
//! connection itself could make ready is asked for without a waker. An idle connection is polled by nobody; whether it lives is
//! found out when it is taken. An upload that goes on behind an answer's head must not wait until somebody reads that answer:
//! from there on its connection has a task of its own ([`Exclusive::part`]).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1};
use hyper_util::rt::TokioIo;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::{AbortHandle, coop};

use super::ANSWER_HEAD_BYTES;
use super::link::{Gauge, Link};
use crate::net::alarm::Alarm;
use crate::net::body::RequestBody;
use crate::net::dial::Stream;

/// How long an upload may go on behind an answer that did not wait for it.
const LINGER: Duration = Duration::from_secs(30);

/// One HTTP/1.1 connection.
pub(super) struct Exclusive {
    sender: http1::SendRequest<RequestBody>,
    driver: Driver,
    gauge: Arc<Gauge>,
    /// Its exchanges' deadline: kept with the connection, since setting a new timer for each costs as much as the rest of it.
    alarm: Alarm,
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

/// What became of one exchange.
pub(super) enum Exchanged {
    /// An answer, or why there is none.
    Answer(Result<Response<Incoming>, TrySendError<Request<RequestBody>>>),
    /// Not in time.
    Late,
}

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
        Ok(Box::new(Exclusive {
            sender,
            driver: Driver::User(Box::pin(connection.with_upgrades())),
            gauge,
            alarm: Alarm::default(),
        }))
    }

    /// One request, and the head of its answer.
    pub(super) async fn exchange(
        &mut self,
        request: Request<RequestBody>,
        limit: Option<Duration>,
    ) -> Exchanged {
        self.gauge.start();
        self.alarm.set_or_clear(limit);
        // Without a waker there must be no budget either: one that is used up would answer that it wakes.
        let answer = coop::unconstrained(self.sender.try_send_request(request));
        let mut answer = std::pin::pin!(answer);
        let exchanged = std::future::poll_fn(|cx| {
            self.drive(cx);
            match answer.as_mut().poll(&mut unwoken()) {
                Poll::Ready(answer) => Poll::Ready(Exchanged::Answer(answer)),
                Poll::Pending => self.alarm.poll(cx).map(|()| Exchanged::Late),
            }
        })
        .await;
        self.gauge.stop();
        exchanged
    }

    /// Whether anything of the last request's answer has come.
    pub(super) fn has_answered(&self) -> bool {
        self.gauge.has_begun()
    }

    /// Moves the connection on as far as it goes; when it can go further, `cx` is woken.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        if let Driver::User(connection) = &mut self.driver
            && connection.as_mut().poll(cx).is_ready()
        {
            self.driver = Driver::Nobody; // how it ended is told to whoever has asked something of it
        }
    }

    /// Whether a task moves it on.
    pub(super) fn is_apart(&self) -> bool {
        matches!(self.driver, Driver::Task(_))
    }

    /// Whether it lives and can take a request.
    pub(super) fn is_ready(&mut self) -> bool {
        // Whom the last exchange would have woken is not to be woken by the next one's.
        self.drive(&mut unwoken());
        self.sender.is_ready()
    }

    /// The same, once what is left of the last exchange has gone; false if it has ended instead.
    pub(super) async fn ready(&mut self) -> bool {
        std::future::poll_fn(|cx| {
            self.drive(cx);
            self.sender.poll_ready(cx)
        })
        .await
        .is_ok()
    }

    /// Whether it has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// From now on it is moved by a task of its own.
    pub(super) fn part(&mut self) {
        if let Driver::User(connection) = std::mem::replace(&mut self.driver, Driver::Nobody) {
            // Its end is seen by whoever uses the sender.
            self.driver = Driver::Task(tokio::spawn(connection).abort_handle());
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

/// For what is asked only after the connection it depends on has been moved, by a task that the connection wakes.
pub(super) fn unwoken() -> Context<'static> {
    Context::from_waker(Waker::noop())
}
