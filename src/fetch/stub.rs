//! A server on loopback that answers as a test says, and remembers what it was asked. For tests alone.
//!
//! Tests wait for what happens, never for time.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What is written once a request's head is there.
#[derive(Clone)]
pub(crate) enum Reply {
    /// These bytes, then the connection is closed.
    Bytes(Vec<u8>),
    /// These bytes, then the others again and again for as long as they are taken.
    Endless(Vec<u8>, Vec<u8>),
    /// These bytes one by one, each after a second.
    Drip(Vec<u8>),
    /// Nothing at all.
    Silence,
}

impl Reply {
    /// A whole answer; `head` is a status and headers, a line each.
    pub(crate) fn new(head: &str, body: impl AsRef<[u8]>) -> Reply {
        Reply::Bytes(answer(head, body.as_ref()))
    }

    /// 200 with this body.
    pub(crate) fn ok(body: impl AsRef<[u8]>) -> Reply {
        Reply::new("200 OK", body)
    }
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    let head = head.replace('\n', "\r\n");
    let length = body.len();
    let mut bytes = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// The server; dropped, it stops.
pub(crate) struct Stub {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Seen>,
    changed: watch::Sender<usize>,
}

#[derive(Default)]
struct Seen {
    replies: HashMap<String, Reply>,
    heads: Vec<String>,
    bodies: Vec<String>,
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }
}

impl Stub {
    /// Starts one that answers 404 to everything.
    pub(crate) async fn start() -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Stub::serve(listener)
    }

    /// Starts one on a listener that is there already.
    pub(crate) fn serve(listener: TcpListener) -> Stub {
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let task = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                while let Ok((connection, _)) = listener.accept().await {
                    tokio::spawn(serve(connection, Arc::clone(&shared)));
                }
            }
        });
        Stub {
            address,
            shared,
            task,
        }
    }

    /// The address of a path on it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// From now on, this is what is answered to this path.
    pub(crate) fn reply(&self, path: &str, reply: Reply) {
        self.shared.seen().replies.insert(path.to_owned(), reply);
    }

    /// The heads of all requests so far, in their order.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.shared.seen().heads.clone()
    }

    /// The bodies of all requests so far, in their order.
    pub(crate) fn bodies(&self) -> Vec<String> {
        self.shared.seen().bodies.clone()
    }

    /// The first lines of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        let first_line = |head: &String| head.lines().next().unwrap_or_default().to_owned();
        self.shared.seen().heads.iter().map(first_line).collect()
    }

    /// Waits until there have been this many requests.
    pub(crate) async fn requested(&self, count: usize) {
        let mut changes = self.shared.changed.subscribe();
        changes.wait_for(|seen| *seen >= count).await.unwrap();
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut connection: TcpStream, shared: Arc<Shared>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match connection.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, length)| length.trim().parse().unwrap());
    let mut body = vec![0; length];
    if connection.read_exact(&mut body).await.is_err() {
        return;
    }
    let reply = {
        let mut seen = shared.seen();
        seen.heads.push(head);
        seen.bodies.push(String::from_utf8(body).unwrap());
        seen.replies.get(&path).cloned()
    };
    shared.changed.send_modify(|count| *count += 1);
    // Whoever asked may have gone; that is for the test to notice.
    let _ = write(
        &mut connection,
        reply.unwrap_or_else(|| Reply::new("404 Not Found", "")),
    )
    .await;
}

async fn write(connection: &mut TcpStream, reply: Reply) -> std::io::Result<()> {
    match reply {
        Reply::Bytes(bytes) => connection.write_all(&bytes).await,
        Reply::Endless(head, again) => {
            connection.write_all(&head).await?;
            loop {
                connection.write_all(&again).await?;
            }
        }
        Reply::Drip(bytes) => {
            for byte in bytes {
                connection.write_all(&[byte]).await?;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Ok(())
        }
        Reply::Silence => {
            connection.read_u8().await?;
            Ok(())
        }
    }
}
