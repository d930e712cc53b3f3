//! Idle connections to one upstream: a stack for each worker, so that no worker waits for another's lock.
//!
//! The last one used is the first used again, which lets the others grow old and be closed. An upstream with
//! `max_connections` has one stack for all workers: what one has finished with is then at hand for whoever waits.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::client::conn::http1::SendRequest;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::net::body::RequestBody;

/// The idle connections of one upstream.
pub struct Pool {
    stacks: Box<[Mutex<Vec<Idle>>]>,
    keepalive: Duration,
    slots: Option<Arc<Semaphore>>,
    released: Notify,
}

struct Idle {
    sender: SendRequest<RequestBody>,
    since: Instant,
}

/// A connection in use.
pub struct Connection {
    /// hyper's handle to it.
    pub sender: SendRequest<RequestBody>,
    pool: Arc<Pool>,
    worker: usize,
}

/// What the pool has to offer.
pub enum Taken {
    /// An idle connection.
    Idle(Connection),
    /// The right to open one, to be held until it is closed.
    Slot(Option<OwnedSemaphorePermit>),
}

impl Pool {
    /// A pool for `workers` workers, of at most `max_connections` connections (0: unlimited).
    pub fn new(workers: usize, keepalive: Duration, max_connections: usize) -> Pool {
        let stacks = if max_connections == 0 {
            workers.max(1)
        } else {
            1
        };
        Pool {
            stacks: (0..stacks).map(|_| Mutex::default()).collect(),
            keepalive,
            slots: (max_connections > 0).then(|| Arc::new(Semaphore::new(max_connections))),
            released: Notify::new(),
        }
    }

    /// An idle connection that still lives, else the right to open one; waits for either where connections are limited.
    pub async fn take(self: &Arc<Pool>, worker: usize) -> Taken {
        loop {
            let released = self.released.notified(); // asked for first, so that no release is missed in between
            if let Some(sender) = self.pop(worker) {
                return Taken::Idle(self.connection(sender, worker));
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

    /// Takes a new connection into the pool's care.
    pub fn connection(
        self: &Arc<Pool>,
        sender: SendRequest<RequestBody>,
        worker: usize,
    ) -> Connection {
        Connection {
            sender,
            pool: self.clone(),
            worker,
        }
    }

    fn pop(&self, worker: usize) -> Option<SendRequest<RequestBody>> {
        let mut stack = self.stack(worker);
        while let Some(idle) = stack.pop() {
            if idle.sender.is_ready() && idle.since.elapsed() < self.keepalive {
                return Some(idle.sender);
            }
        }
        None
    }

    /// Closes what has been idle for too long, and forgets what the upstream closed.
    pub fn sweep(&self, worker: usize) {
        self.stack(worker)
            .retain(|idle| idle.sender.is_ready() && idle.since.elapsed() < self.keepalive);
    }

    fn stack(&self, worker: usize) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        // A stack is whole between any two of its operations.
        self.stacks[worker % self.stacks.len()]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Gives the connection back after a whole answer: at once if hyper is done with it, else as soon as it is.
    pub fn release(self) {
        if self.sender.is_ready() {
            self.park();
        } else if !self.sender.is_closed() {
            tokio::spawn(async move {
                let mut connection = self;
                if connection.sender.ready().await.is_ok() {
                    connection.park();
                }
            });
        }
    }

    fn park(self) {
        let Connection {
            sender,
            pool,
            worker,
        } = self;
        pool.stack(worker).push(Idle {
            sender,
            since: Instant::now(),
        });
        if pool.slots.is_some() {
            pool.released.notify_one();
        }
    }
}
