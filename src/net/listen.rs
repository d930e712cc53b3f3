//! Listening: one socket for all workers, each accepting for itself, so that an idle worker takes the next connection.
//!
//! (With a socket for each worker, `SO_REUSEPORT` hashes a few long-lived connections onto one of them, and a second process
//! could bind the same port unnoticed.) Accepting never stops for an error: out of descriptors, it waits and goes on (R09).

use std::io;
use std::net::{SocketAddr, TcpListener as StdTcp};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixListener as StdUnix;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::socket::Socket;
use crate::config::model::Listen;

/// Connections the kernel keeps for us while all workers are busy.
const BACKLOG: i32 = 4096;

/// A connection whose client is gone without a word (its machine lost power, say) is noticed after about two minutes.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// A bound socket that is not yet accepted from.
pub struct Bound {
    socket: Passive,
    /// Whether it has been said that there is no room for further connections.
    told: Arc<AtomicBool>,
}

enum Passive {
    Tcp(StdTcp),
    Unix(StdUnix),
}

/// A worker's own view of a bound socket.
pub struct Acceptor {
    listener: Listener,
    room: Arc<Semaphore>,
    told: Arc<AtomicBool>,
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
        Ok(Bound {
            socket: Passive::bind(listen)?,
            told: Arc::default(),
        })
    }

    /// Where it listens, for people.
    pub fn address(&self) -> String {
        match &self.socket {
            Passive::Tcp(listener) => listener
                .local_addr()
                .map_or_else(|error| error.to_string(), |at| at.to_string()),
            Passive::Unix(listener) => listener
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
        match &self.socket {
            Passive::Tcp(listener) => listener.local_addr().ok(),
            Passive::Unix(_) => None,
        }
    }

    /// An acceptor for the runtime this is called in. `room` bounds the connections of all workers together.
    pub fn acceptor(&self, room: Arc<Semaphore>) -> io::Result<Acceptor> {
        let listener = match &self.socket {
            Passive::Tcp(listener) => Listener::Tcp(TcpListener::from_std(listener.try_clone()?)?),
            Passive::Unix(listener) => {
                Listener::Unix(UnixListener::from_std(listener.try_clone()?)?)
            }
        };
        let told = self.told.clone();
        Ok(Acceptor {
            listener,
            room,
            told,
        })
    }
}

impl Passive {
    fn bind(listen: &Listen) -> io::Result<Passive> {
        match listen {
            Listen::Tcp(address) => {
                let domain = socket2::Domain::for_address(*address);
                let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
                socket.set_reuse_address(true)?;
                inherit(&socket)?;
                socket.set_nonblocking(true)?;
                socket.bind(&(*address).into())?;
                socket.listen(BACKLOG)?;
                Ok(Passive::Tcp(socket.into()))
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
                Ok(Passive::Unix(listener))
            }
            Listen::Fd(name) => adopt(name),
        }
    }
}

/// What every connection of a TCP listener inherits from it.
fn inherit(socket: &socket2::Socket) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE / 4)
        .with_retries(4);
    socket.set_tcp_keepalive(&keepalive)
}

/// A socket that systemd has bound for us, with its name.
type HandedOver = (Option<String>, OwnedFd);

/// All of them (sd_listen_fds(3)), each taken once.
static HANDED_OVER: Mutex<Option<Vec<HandedOver>>> = Mutex::new(None);

/// The socket named `name` by `FileDescriptorName=`.
fn adopt(name: &str) -> io::Result<Passive> {
    let mut handed_over = HANDED_OVER.lock().unwrap_or_else(PoisonError::into_inner);
    let sockets = match &mut *handed_over {
        Some(sockets) => sockets,
        none => {
            let sockets = sd_listen_fds::get().map_err(io::Error::other)?;
            let sockets = sockets.into_iter().map(|(name, fd)| (name, fd.into_std()));
            none.insert(sockets.collect())
        }
    };
    let named = |(own, _): &HandedOver| own.as_deref() == Some(name);
    let at = sockets.iter().position(named).ok_or_else(|| {
        io::Error::other(format!(
            "no socket of that name was handed over by systemd (FileDescriptorName={name})"
        ))
    })?;
    let socket = socket2::Socket::from(sockets.swap_remove(at).1);
    if !socket.is_listener()? {
        return Err(io::Error::other("the socket of that name does not listen"));
    }
    socket.set_cloexec(true)?;
    socket.set_nonblocking(true)?;
    match socket.domain()? {
        socket2::Domain::IPV4 | socket2::Domain::IPV6 => {
            inherit(&socket)?;
            Ok(Passive::Tcp(socket.into()))
        }
        socket2::Domain::UNIX => Ok(Passive::Unix(OwnedFd::from(socket).into())),
        _ => Err(io::Error::other(
            "the socket of that name is neither TCP nor Unix",
        )),
    }
}

impl Acceptor {
    /// The next connection, once there is room for it.
    pub async fn accept(&self) -> Accepted {
        let mut pause = Duration::from_millis(10);
        loop {
            let room = self.room().await;
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

impl Acceptor {
    async fn room(&self) -> OwnedSemaphorePermit {
        if let Ok(room) = self.room.clone().try_acquire_owned() {
            return room;
        }
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "as many connections as [server.limits] `connections` or the file descriptors allow: further ones wait"
            );
        }
        match self.room.clone().acquire_owned().await {
            Ok(room) => room,
            Err(_) => std::future::pending().await, // the semaphore is never closed
        }
    }

    /// Stops listening here: connections that the kernel has already accepted, as far as there is room for them.
    pub fn last(self) -> Vec<Accepted> {
        let Acceptor { listener, room, .. } = self;
        let mut accepted = Vec::new();
        let Ok(passive) = listener.into_std() else {
            return accepted;
        };
        while let (Ok(room), Ok((socket, client))) =
            (room.clone().try_acquire_owned(), passive.accept())
        {
            accepted.push(Accepted {
                socket,
                client,
                room,
            });
        }
        accepted
    }
}

impl Passive {
    /// A connection that waits already; `WouldBlock` when there is none.
    fn accept(&self) -> io::Result<(Socket, Option<SocketAddr>)> {
        match self {
            Passive::Tcp(listener) => {
                let (stream, client) = listener.accept()?;
                stream.set_nonblocking(true)?;
                Ok((Socket::Tcp(TcpStream::from_std(stream)?), Some(client)))
            }
            Passive::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                Ok((Socket::Unix(UnixStream::from_std(stream)?), None))
            }
        }
    }
}

impl Listener {
    fn into_std(self) -> io::Result<Passive> {
        match self {
            Listener::Tcp(listener) => listener.into_std().map(Passive::Tcp),
            Listener::Unix(listener) => listener.into_std().map(Passive::Unix),
        }
    }

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
