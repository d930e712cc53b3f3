//! Connections to one upstream: a stack for each worker, so that no worker waits for another's lock.
//!
//! Over HTTP/1.1 a connection is in the stack while it is idle; the last one used is the first used again, which lets the others
//! grow old and be closed. Over HTTP/2 it stays there and is shared ([`shared`]). An upstream with `max_connections` has one
//! stack for all workers: what one has finished with is then at hand for whoever waits.

pub(super) mod shared;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::exclusive::Exclusive;
use super::pins::{Owner, Pins};
use shared::{Shared, Stream};

/// The connections of one upstream.
pub(super) struct Pool {
    stacks: Box<[Stack]>,
    keepalive: Duration,
    slots: Option<Arc<Semaphore>>,
    released: Notify,
}

#[derive(Default)]
struct Stack {
    kept: Mutex<Vec<Kept>>,
    /// Held by whoever opens a connection that others will share.
    opening: tokio::sync::Mutex<()>,
}

enum Kept {
    Idle(Box<Exclusive>, Instant),
    Shared(Arc<Shared>),
}

/// A connection in use, or one stream of it.
pub(super) struct Connection {
    pub(super) via: Via,
    /// Whether it has served before.
    pub(super) reused: bool,
    pool: Arc<Pool>,
    worker: usize,
    owner: Option<Owner>,
}

pub(super) enum Via {
    Http1(Box<Exclusive>),
    Http2(Stream),
}

/// What the pool has to offer.
pub(super) enum Taken {
    /// A connection that is open.
    Open(Connection),
    /// The right to open one, to be held until it is closed.
    Slot(Option<OwnedSemaphorePermit>),
}

impl Pool {
    /// A pool for `workers` workers, of at most `max_connections` connections (0: unlimited).
    pub(super) fn new(workers: usize, keepalive: Duration, max_connections: usize) -> Pool {
        let stacks = if max_connections == 0 {
            workers.max(1)
        } else {
            1
        };
        Pool {
            stacks: (0..stacks).map(|_| Stack::default()).collect(),
            keepalive,
            slots: (max_connections > 0).then(|| Arc::new(Semaphore::new(max_connections))),
            released: Notify::new(),
        }
    }

    /// A connection that is open and lives.
    pub(super) fn take(self: &Arc<Pool>, worker: usize) -> Option<Connection> {
        let mut stack = self.kept(worker);
        let mut at = stack.len();
        while at > 0 {
            at -= 1;
            let via = match &stack[at] {
                Kept::Shared(shared) => match shared.stream() {
                    Some(stream) => Via::Http2(stream),
                    None if shared.is_open() => continue, // all its streams are taken
                    None => {
                        stack.swap_remove(at);
                        continue;
                    }
                },
                Kept::Idle(..) => match stack.remove(at) {
                    Kept::Idle(mut idle, since) => {
                        if since.elapsed() >= self.keepalive || !idle.is_ready() {
                            continue;
                        }
                        Via::Http1(idle)
                    }
                    Kept::Shared(_) => continue, // seen above to be none
                },
            };
            drop(stack);
            return Some(self.connection(via, true, worker));
        }
        None
    }

    /// A connection, or the right to open one; waits for either where connections are limited. After a stale one
    /// (`fresh`) nothing that is open is trusted: idle connections are closed instead, which makes room.
    pub(super) async fn wait(self: &Arc<Pool>, worker: usize, fresh: bool) -> Taken {
        loop {
            let released = self.released.notified(); // asked for first, so that no release is missed in between
            if fresh {
                self.kept(worker)
                    .retain(|kept| matches!(kept, Kept::Shared(_)));
            } else if let Some(connection) = self.take(worker) {
                return Taken::Open(connection);
            }
            let Some(slots) = &self.slots else {
                return Taken::Slot(None);
            };
            tokio::select! {
                biased;
                slot = slots.clone().acquire_owned() => return Taken::Slot(slot.ok()), // never closed
                () = released => {}
            }
        }
    }

    /// Waits for one's turn to open a connection that others will share.
    pub(super) async fn turn(&self, worker: usize) -> tokio::sync::MutexGuard<'_, ()> {
        self.stack(worker).opening.lock().await
    }

    /// Takes a new HTTP/1.1 connection into the pool's care.
    pub(super) fn exclusive(self: &Arc<Pool>, opened: Box<Exclusive>, worker: usize) -> Connection {
        self.connection(Via::Http1(opened), false, worker)
    }

    /// Takes a new HTTP/2 connection into the pool's care; answers its first stream.
    pub(super) fn share(self: &Arc<Pool>, opened: Arc<Shared>, worker: usize) -> Connection {
        let first = opened.first();
        self.kept(worker).push(Kept::Shared(opened));
        self.released.notify_waiters();
        self.connection(Via::Http2(first), false, worker)
    }

    fn connection(self: &Arc<Pool>, via: Via, reused: bool, worker: usize) -> Connection {
        Connection {
            via,
            reused,
            pool: self.clone(),
            worker,
            owner: None,
        }
    }

    /// Closes what has been idle for too long, and forgets what the upstream closed.
    pub(super) fn sweep(&self, worker: usize) {
        self.kept(worker).retain_mut(|kept| match kept {
            Kept::Idle(idle, since) => since.elapsed() < self.keepalive && idle.is_ready(),
            Kept::Shared(shared) => shared.is_open() && shared.idle() < self.keepalive,
        });
    }

    fn stack(&self, worker: usize) -> &Stack {
        &self.stacks[worker % self.stacks.len()]
    }

    fn kept(&self, worker: usize) -> std::sync::MutexGuard<'_, Vec<Kept>> {
        // A stack is whole between any two of its operations.
        self.stack(worker)
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// From now on it serves this client connection alone. A shared one can't; it takes no further streams.
    pub(super) fn pin(&mut self, pins: &Pins) {
        match &self.via {
            Via::Http1(_) => self.owner = Some(pins.owner()),
            Via::Http2(stream) => stream.retire(),
        }
    }

    /// Whether it leads to this pool's upstream.
    pub(super) fn is_of(&self, pool: &Arc<Pool>) -> bool {
        Arc::ptr_eq(&self.pool, pool)
    }

    /// Whether it can take a request.
    pub(super) fn is_ready(&mut self) -> bool {
        match &mut self.via {
            Via::Http1(exclusive) => exclusive.is_ready(),
            Via::Http2(stream) => stream.sender.is_ready(),
        }
    }

    /// The connection, if it is an HTTP/1.1 one.
    pub(super) fn exclusive(&mut self) -> Option<&mut Exclusive> {
        match &mut self.via {
            Via::Http1(exclusive) => Some(exclusive),
            Via::Http2(_) => None,
        }
    }

    /// What is still sent does not wait for whoever reads the answer.
    pub(super) fn part(&mut self) {
        if let Via::Http1(exclusive) = &mut self.via {
            exclusive.part();
        }
    }

    /// Gives the connection back after a whole exchange: at once if hyper is done with it, else as soon as it is.
    pub(super) fn release(mut self) {
        let Via::Http1(exclusive) = &mut self.via else {
            return; // the stream ends, and the connection is where it was
        };
        if exclusive.is_ready() {
            self.park();
        } else if !exclusive.is_closed() {
            tokio::spawn(async move {
                let ready = match &mut self.via {
                    Via::Http1(exclusive) => exclusive.ready().await,
                    Via::Http2(_) => false,
                };
                if ready {
                    self.park();
                }
            });
        }
    }

    /// The answer is whole and the upload behind it is not.
    pub(super) fn abandon(self) {
        if let Via::Http1(exclusive) = self.via {
            exclusive.abandon();
        }
    }

    fn park(mut self) {
        self.reused = true;
        match (self.owner.take(), self.via) {
            (Some(owner), via) => owner.keep(Connection {
                via,
                owner: None,
                ..self
            }),
            (None, Via::Http1(idle)) => {
                let pool = self.pool;
                pool.kept(self.worker)
                    .push(Kept::Idle(idle, Instant::now()));
                if pool.slots.is_some() {
                    pool.released.notify_one();
                }
            }
            (None, Via::Http2(_)) => {}
        }
    }
}
