//! The clients: connections that each send one request after the other, and count what comes back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What came of a load.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count {
    /// Answers with the status that was expected.
    pub answered: u64,
    /// Answers with another.
    pub wrong: u64,
    /// Requests that went out and had no whole answer.
    pub lost: u64,
    /// Connections that were refused: whoever asked went elsewhere.
    pub turned_away: u64,
}

impl Count {
    fn add(&mut self, other: Count) {
        self.answered += other.answered;
        self.wrong += other.wrong;
        self.lost += other.lost;
        self.turned_away += other.turned_away;
    }
}

/// How requests are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Over connections that stay.
    Kept,
    /// Over a new connection each.
    Fresh,
    /// As HTTP/2 streams, sixteen at a time on a connection.
    Streams,
}

/// What is sent, in turn, and what is expected of it.
#[derive(Clone)]
pub struct Work {
    pub path: String,
    /// What is in `Host`.
    pub host: String,
    pub tokens: Arc<Vec<String>>,
    pub status: u16,
    pub way: Way,
    next: Arc<AtomicUsize>,
}

impl Work {
    pub fn new(path: &str, tokens: Vec<String>, status: u16, way: Way) -> Work {
        Work {
            path: path.to_owned(),
            host: "bench".to_owned(),
            tokens: Arc::new(tokens),
            status,
            way,
            next: Arc::default(),
        }
    }

    /// The same for another host.
    pub fn to(self, host: impl ToString) -> Work {
        Work {
            host: host.to_string(),
            ..self
        }
    }

    fn token(&self) -> Option<&str> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        self.tokens
            .get(turn % self.tokens.len().max(1))
            .map(String::as_str)
    }

    pub fn write(&self, into: &mut Vec<u8>) {
        into.clear();
        into.extend_from_slice(
            format!(
                "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: bench\r\nAccept: */*\r\n",
                self.path, self.host
            )
            .as_bytes(),
        );
        if let Some(token) = self.token() {
            into.extend_from_slice(b"Authorization: Bearer ");
            into.extend_from_slice(token.as_bytes());
            into.extend_from_slice(b"\r\n");
        }
        into.extend_from_slice(if self.way == Way::Fresh {
            b"Connection: close\r\n\r\n"
        } else {
            b"\r\n"
        });
    }
}

/// Sends `work` to the first of `gates` that takes connections, over so many of them, for so long.
pub async fn run(gates: &[SocketAddr], work: &Work, connections: usize, time: Duration) -> Count {
    let mut clients = JoinSet::new();
    let (until, gates) = (Instant::now() + time, Arc::new(gates.to_vec()));
    let (tasks, streams) = match work.way {
        Way::Streams => (connections.div_ceil(16), connections.min(16)),
        Way::Kept | Way::Fresh => (connections, 1),
    };
    for _ in 0..tasks {
        let (work, gates) = (work.clone(), gates.clone());
        clients.spawn(async move {
            match work.way {
                Way::Streams => multiplexed(&gates, &work, streams, until).await,
                Way::Kept | Way::Fresh => one_by_one(&gates, &work, until).await,
            }
        });
    }
    let mut count = Count::default();
    while let Some(client) = clients.join_next().await {
        count.add(client.expect("no client panics"));
    }
    count
}

async fn connect(gates: &[SocketAddr], count: &mut Count) -> Option<TcpStream> {
    for gate in gates {
        match TcpStream::connect(gate).await {
            Ok(socket) => {
                let _ = socket.set_nodelay(true);
                return Some(socket);
            }
            Err(_) => count.turned_away += 1,
        }
    }
    None
}

async fn one_by_one(gates: &[SocketAddr], work: &Work, until: Instant) -> Count {
    let (mut count, mut request, mut buffer) = (Count::default(), Vec::new(), BytesMut::new());
    while Instant::now() < until {
        let Some(mut socket) = connect(gates, &mut count).await else {
            return count;
        };
        let mut stays = true;
        while stays && Instant::now() < until {
            work.write(&mut request);
            let answer = exchange(&mut socket, &request, &mut buffer).await;
            let Some((status, keeps)) = answer else {
                count.lost += 1;
                break;
            };
            match status == work.status {
                true => count.answered += 1,
                false => count.wrong += 1,
            }
            stays = keeps && work.way == Way::Kept;
        }
    }
    count
}

/// One request and its whole answer: the status, and whether the connection stays. None if it broke off.
pub async fn exchange(
    socket: &mut TcpStream,
    request: &[u8],
    buffer: &mut BytesMut,
) -> Option<(u16, bool)> {
    socket.write_all(request).await.ok()?;
    buffer.clear();
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if socket.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let field = |name: &str| {
        head.lines().find_map(|line| {
            line.strip_prefix(name)?
                .strip_prefix(": ")
                .map(str::to_owned)
        })
    };
    let length: usize = field("content-length")?.parse().ok()?;
    while buffer.len() < end + length {
        if socket.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    Some((status, field("connection").as_deref() != Some("close")))
}

async fn multiplexed(gates: &[SocketAddr], work: &Work, streams: usize, until: Instant) -> Count {
    let mut count = Count::default();
    let Some(socket) = connect(gates, &mut count).await else {
        return count;
    };
    let Ok((sender, connection)) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await
    else {
        count.lost += 1;
        return count;
    };
    tokio::spawn(connection);
    let mut all = JoinSet::new();
    for _ in 0..streams {
        let (work, mut sender) = (work.clone(), sender.clone());
        all.spawn(async move {
            let mut count = Count::default();
            while Instant::now() < until {
                let request = Request::builder()
                    .method(Method::GET)
                    .uri(format!("http://{}{}", work.host, work.path));
                let request = match work.token() {
                    Some(token) => request.header("authorization", format!("Bearer {token}")),
                    None => request,
                };
                let answer = sender
                    .send_request(request.body(Empty::<Bytes>::new()).expect("a request"))
                    .await;
                let Ok(answer) = answer else {
                    count.lost += 1;
                    break;
                };
                let right = answer.status() == work.status;
                match answer.into_body().collect().await {
                    Ok(_) if right => count.answered += 1,
                    Ok(_) => count.wrong += 1,
                    Err(_) => count.lost += 1,
                }
            }
            count
        });
    }
    while let Some(stream) = all.join_next().await {
        count.add(stream.expect("no stream panics"));
    }
    count
}
