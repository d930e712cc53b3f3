//! What must be held: idle connections, slow heads, large bodies, and requests in flight while the gate goes away.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{Context as Digest, SHA256};
use bytes::{Bytes, BytesMut};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Either, Empty};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::load::{self, Count, Way, Work, exchange};
use super::program::Program;
use super::upstream::{Flow, hex};

/// A good request on a connection of its own, and how long its answer took.
async fn canary(gate: SocketAddr, token: &str) -> Duration {
    let begun = Instant::now();
    let mut socket = TcpStream::connect(gate).await.expect("the gate accepts");
    let request = format!(
        "GET /orders/small HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    let answer = exchange(&mut socket, request.as_bytes(), &mut BytesMut::new()).await;
    assert_eq!(answer, Some((200, true)), "a good request is served");
    begun.elapsed()
}

/// Connections that have each had one answer and say nothing more: memory for each.
pub async fn idle(gate: SocketAddr, program: &Program, token: &str, most: usize) {
    let mut held: Vec<TcpStream> = Vec::new();
    let request = format!(
        "GET /orders/small HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    let before = program.memory("VmRSS");
    for step in [10, 100, 1_000, 5_000, 10_000, 20_000]
        .into_iter()
        .filter(|step| *step <= most)
    {
        while held.len() < step {
            let mut socket = TcpStream::connect(gate)
                .await
                .expect("the gate accepts; ulimit -n must allow it");
            let answer = exchange(&mut socket, request.as_bytes(), &mut BytesMut::new()).await;
            assert_eq!(answer, Some((200, true)));
            held.push(socket);
        }
        let (now, answered) = (program.memory("VmRSS"), canary(gate, token).await);
        let each = now.saturating_sub(before) as f64 / step as f64;
        println!(
            "idle: {step:>6} connections  {now:>8} KiB resident  {each:>6.1} KiB each  a request beside them {answered:?}"
        );
    }
    for socket in &mut held {
        let answer = exchange(socket, request.as_bytes(), &mut BytesMut::new()).await;
        assert_eq!(answer, Some((200, true)), "each still serves");
    }
    println!(
        "idle: every one of {} answered again, {} KiB resident",
        held.len(),
        program.memory("VmRSS")
    );
}

/// Connections that send a head a byte at a time, and never the last one: each is told 408, and others are served meanwhile.
pub async fn slow(gate: SocketAddr, program: &Program, token: &str, many: usize) {
    let before = program.memory("VmRSS");
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..many {
        clients.spawn(async move {
            let mut socket = TcpStream::connect(gate).await.ok()?;
            let (mut reading, mut writing) = socket.split();
            let dribble = async {
                writing
                    .write_all(b"GET /orders/small HTTP/1.1\r\nHost: bench\r\nX-Slow: ")
                    .await
                    .ok()?;
                while writing.write_all(b"a").await.is_ok() {
                    sleep(Duration::from_millis(500)).await;
                }
                std::future::pending::<Option<()>>().await
            };
            let answer = async {
                let mut told = Vec::new();
                let _ = tokio::io::AsyncReadExt::read_to_end(&mut reading, &mut told).await;
                String::from_utf8_lossy(&told).starts_with("HTTP/1.1 408 ")
            };
            tokio::select! {
                answered = answer => Some(answered),
                _ = dribble => None,
            }
        });
    }
    let (mut told, mut worst, mut peak) = (0, Duration::ZERO, 0);
    let mut beat = tokio::time::interval(Duration::from_millis(250));
    loop {
        tokio::select! {
            ended = clients.join_next() => match ended {
                Some(ended) => told += usize::from(ended.expect("no client panics") == Some(true)),
                None => break,
            },
            _ = beat.tick() => {
                worst = worst.max(canary(gate, token).await);
                peak = peak.max(program.memory("VmRSS"));
            }
        }
    }
    println!(
        "slow: {told} of {many} slow heads were told 408; {} KiB more at most; the slowest request beside them {worst:?}",
        peak.saturating_sub(before)
    );
}

/// A body of so many bytes up, and one down: the digest on the other side, and the most memory there was.
pub async fn bulk(gate: SocketAddr, program: &Program, token: &str, length: u64) {
    let expected = Flow::digest(length);
    for up in [true, false] {
        let (before, begun) = (program.memory("VmHWM"), Instant::now());
        let socket = TcpStream::connect(gate).await.expect("the gate accepts");
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket))
            .await
            .expect("HTTP");
        tokio::spawn(connection);
        let request = Request::builder()
            .header("host", "bench")
            .header("authorization", format!("Bearer {token}"));
        let request = match up {
            true => request
                .method(Method::POST)
                .uri("/orders/bulk")
                .body(Either::Left(Flow(length))),
            false => request
                .uri(format!("/orders/bulk?{length}"))
                .body(Either::Right(Empty::<Bytes>::new())),
        };
        let answer = sender
            .send_request(request.expect("a request"))
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 200);
        let mut body = answer.into_body();
        let (mut digest, mut text) = (Digest::new(&SHA256), Vec::new());
        while let Some(frame) = body.frame().await {
            let frame = frame.expect("the body comes whole");
            let data = frame.data_ref().map_or(&[][..], |data| data);
            match up {
                true => text.extend_from_slice(data),
                false => digest.update(data),
            }
        }
        let seen = if up {
            String::from_utf8_lossy(&text).into_owned()
        } else {
            hex(digest)
        };
        assert_eq!(seen, expected, "another digest");
        let (way, grown) = (
            if up { "up" } else { "down" },
            program.memory("VmHWM") - before,
        );
        println!(
            "bulk: {length} bytes {way}, equal digest, {:?}; peak memory {grown} KiB more",
            begun.elapsed()
        );
    }
}

/// Load on two gates, the first of which is told to go away halfway: clients that it turns away go to the other.
pub async fn drain(
    gates: [SocketAddr; 2],
    program: &mut Program,
    tokens: Vec<String>,
    connections: usize,
    time: Duration,
) -> Count {
    let work = Work::new("/orders/small", tokens, 200, Way::Kept);
    let (count, ended) = tokio::join!(load::run(&gates, &work, connections, time), async {
        sleep(time / 2).await;
        program.terminate();
        let begun = Instant::now();
        (
            tokio::task::block_in_place(|| program.wait()),
            begun.elapsed(),
        )
    });
    let Count {
        answered,
        wrong,
        lost,
        turned_away,
    } = count;
    println!(
        "drain: {answered} answered, {wrong} wrong, {lost} lost; {turned_away} connections went to the other gate; the first ended with {} after {:?}",
        ended.0, ended.1
    );
    count
}
