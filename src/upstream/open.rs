//! Having a connection: one that is kept, else a new one, all of it within `connect_timeout`.
//!
//! Waiting for room under `max_connections` counts as connecting: a request that gets no connection in that time is
//! `upstream_unreachable`, so that a queue can't grow longer than clients are willing to wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use super::exclusive::Exclusive;
use super::link::Link;
use super::pool::shared::Shared;
use super::pool::{Connection, Taken};
use super::{ANSWER_HEAD_BYTES, Caller, SendFault, Upstream, with_causes};
use crate::config::model::HeaderCase;
use crate::net::dial::{Protocol, Stream};

/// How often an HTTP/2 upstream with requests on it is asked whether it is still there.
const PING: Duration = Duration::from_secs(20);

impl Upstream {
    /// A connection: this client's own, a kept one, or a new one; always a new one when `fresh`.
    pub(super) async fn connection(
        &self,
        caller: Caller<'_>,
        fresh: bool,
    ) -> Result<Connection, SendFault> {
        if !fresh {
            let kept = caller
                .pins
                .take(&self.pool)
                .or_else(|| self.pool.take(caller.worker));
            if let Some(connection) = kept {
                return Ok(connection);
            }
        }
        Box::pin(self.open(caller.worker, fresh)).await // seldom: not a part of what every request carries
    }

    async fn open(&self, worker: usize, fresh: bool) -> Result<Connection, SendFault> {
        let deadline = Instant::now() + self.settings.connect_timeout;
        let busy = |_| {
            SendFault::Unreachable("all connections it may have (max_connections) are busy".into())
        };
        // One opens and the others share it.
        let mut turn = None;
        if self.expects_http2() {
            let mine = timeout_at(deadline, self.pool.turn(worker)).await;
            let slow = |_| SendFault::Unreachable("connecting took too long".into());
            // Whoever was before may have found that only HTTP/1.1 is spoken: nobody waits for anybody then.
            turn = Some(mine.map_err(slow)?).filter(|_| self.expects_http2());
        }
        let slot = match timeout_at(deadline, self.pool.wait(worker, fresh))
            .await
            .map_err(busy)?
        {
            Taken::Open(connection) => return Ok(connection),
            Taken::Slot(slot) => slot,
        };
        let stream = self
            .dialer
            .dial(deadline)
            .await
            .map_err(|fault| SendFault::Unreachable(fault.to_string()))?;
        let http2 = match self.dialer.protocol() {
            Protocol::Http1 => false,
            Protocol::Http2 => true,
            Protocol::Either => stream.agreed_on_http2(),
        };
        self.agreed_on_http1.store(!http2, Ordering::Relaxed);
        let opened = match http2 {
            false => Exclusive::open(stream, slot, self.settings.header_case == HeaderCase::Title)
                .await
                .map(|opened| self.pool.exclusive(opened, worker)),
            true => self.greet_http2(stream, slot, worker).await,
        };
        drop(turn);
        opened.map_err(|error| SendFault::Protocol(with_causes(&error)))
    }

    fn expects_http2(&self) -> bool {
        match self.dialer.protocol() {
            Protocol::Http1 => false,
            Protocol::Http2 => true,
            Protocol::Either => !self.agreed_on_http1.load(Ordering::Relaxed),
        }
    }

    async fn greet_http2(
        &self,
        stream: Stream,
        slot: Option<OwnedSemaphorePermit>,
        worker: usize,
    ) -> hyper::Result<Connection> {
        let link = Link::new(stream, Arc::default(), slot);
        let (sender, mut connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(PING)
            .max_header_list_size(ANSWER_HEAD_BYTES as u32)
            .handshake(TokioIo::new(link))
            .await?;
        let limit = Arc::new(AtomicUsize::default());
        let shared = Shared::new(sender, limit.clone(), &self.pool);
        tokio::spawn(async move {
            let driven = std::future::poll_fn(|cx| {
                let polled = std::pin::Pin::new(&mut connection).poll(cx);
                limit.store(connection.current_max_send_streams(), Ordering::Relaxed);
                polled
            });
            let _ = driven.await;
        });
        Ok(self.pool.share(shared, worker))
    }
}
