//! Listening: one socket for all workers, each accepting for itself, so that an idle worker takes the next connection.
//!
//! (With a socket for each worker, `SO_REUSEPORT` hashes a few long-lived connections onto one of them, and a second process
//! could bind the same port unnoticed.) Accepting never stops for an error: out of descriptors, it waits and goes on (R09).

use std::io;
use std::net::{SocketAddr, TcpListener as StdTcp};
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixListener as StdUnix;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::socket::Socket;
use crate::config::model::Listen;

/// Connections the kernel keeps for us while all workers are busy.
const BACKLOG: i32 = 4096;

/// A bound socket that is not yet accepted from.
pub enum Bound {
    /// TCP.
    Tcp(StdTcp),
    /// A Unix socket.
    Unix(StdUnix),
}

/// A worker's own view of a bound socket.
pub struct Acceptor {
    listener: Listener,
    room: Arc<Semaphore>,
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A connection that was accepted.
pub struct Accepted {
    /// Its stream.
    pub socket: Socket,
    /// Who connected; none on a Unix socket.
    pub client: Option<SocketAddr>,
    /// Its place among the connections that are allowed; held as long as it lives.
    pub room: OwnedSemaphorePermit,
}

impl Bound {
    /// Binds, so that a port that is taken is told before anything else starts.
    pub fn bind(listen: &Listen) -> io::Result<Bound> {
        match listen {
            Listen::Tcp(address) => {
                let domain = socket2::Domain::for_address(*address);
                let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
                socket.set_reuse_address(true)?;
                socket.set_tcp_nodelay(true)?; // inherited by every connection
                socket.set_nonblocking(true)?;
                socket.bind(&(*address).into())?;
                socket.listen(BACKLOG)?;
                Ok(Bound::Tcp(socket.into()))
            }
            Listen::Unix(path) => {
                // A socket left behind by a process that died is in the way; anything else at that path is not ours.
                if std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
                    && std::os::unix::net::UnixStream::connect(path).is_err()
                {
                    std::fs::remove_file(path)?;
                }
                let listener = StdUnix::bind(path)?;
                listener.set_nonblocking(true)?;
                Ok(Bound::Unix(listener))
            }
            Listen::Fd(name) => Err(io::Error::other(format!(
                "no socket named {name} was handed over"
            ))),
        }
    }

    /// Where it listens, for people.
    pub fn address(&self) -> String {
        match self {
            Bound::Tcp(listener) => listener
                .local_addr()
                .map_or_else(|error| error.to_string(), |at| at.to_string()),
            Bound::Unix(listener) => listener
                .local_addr()
                .ok()
                .and_then(|at| {
                    at.as_pathname()
                        .map(|path| format!("unix:{}", path.display()))
                })
                .unwrap_or_else(|| "unix".to_owned()),
        }
    }

    /// The TCP address, if it is one.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        match self {
            Bound::Tcp(listener) => listener.local_addr().ok(),
            Bound::Unix(_) => None,
        }
    }

    /// An acceptor for the runtime this is called in. `room` bounds the connections of all workers together.
    pub fn acceptor(&self, room: Arc<Semaphore>) -> io::Result<Acceptor> {
        let listener = match self {
            Bound::Tcp(listener) => Listener::Tcp(TcpListener::from_std(listener.try_clone()?)?),
            Bound::Unix(listener) => Listener::Unix(UnixListener::from_std(listener.try_clone()?)?),
        };
        Ok(Acceptor { listener, room })
    }
}

impl Acceptor {
    /// The next connection, once there is room for it.
    pub async fn accept(&self) -> Accepted {
        let mut pause = Duration::from_millis(10);
        loop {
            // The semaphore is never closed.
            let Ok(room) = self.room.clone().acquire_owned().await else {
                std::future::pending().await
            };
            match self.listener.accept().await {
                Ok((socket, client)) => {
                    return Accepted {
                        socket,
                        client,
                        room,
                    };
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "connections can't be accepted at the moment");
                    drop(room);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(1));
                }
            }
        }
    }
}

impl Listener {
    async fn accept(&self) -> io::Result<(Socket, Option<SocketAddr>)> {
        match self {
            Listener::Tcp(listener) => listener
                .accept()
                .await
                .map(|(stream, client)| (Socket::Tcp(stream), Some(client))),
            Listener::Unix(listener) => listener
                .accept()
                .await
                .map(|(stream, _)| (Socket::Unix(stream), None)),
        }
    }
}

/// Whether an error of `accept` is the fault of the connection that was to be accepted (accept(2), "Error handling").
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}
