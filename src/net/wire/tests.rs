//! What is written to a client whose head never became a request, and when nothing may be.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::*;
use crate::net::scan::Framing;

/// A wire that takes heads of 64 bytes, and its client. So many bytes are held between them.
fn wire(held: usize) -> (Wire<DuplexStream>, DuplexStream) {
    let (socket, client) = tokio::io::duplex(held);
    let second = Duration::from_secs(1);
    let limits = WireLimits {
        header_bytes: 64,
        header_timeout: second,
        idle_timeout: second,
        stall_timeout: second * 60,
    };
    let answer = Arc::new(|reason: Reason| Bytes::from(reason.as_str()));
    (Wire::new(socket, Bytes::new(), limits, answer), client)
}

/// Has a request come in that is being answered from now on.
async fn begin(wire: &mut Wire<DuplexStream>, client: &mut DuplexStream) {
    let head = b"GET / HTTP/1.1\r\n\r\n";
    client.write_all(head).await.expect("room for a head");
    let mut read = [0; 18];
    wire.read_exact(&mut read).await.expect("the head");
    wire.tally().begin(Framing::Length(0));
}

/// What the client has been sent when the wire is gone.
async fn sent(wire: Wire<DuplexStream>, mut client: DuplexStream) -> String {
    drop(wire);
    let mut text = String::new();
    client
        .read_to_string(&mut text)
        .await
        .expect("the end of the connection");
    text
}

const TOO_LARGE: &[u8] = &[b'x'; 100];

#[tokio::test(start_paused = true)]
async fn a_head_over_the_limit_is_answered_when_no_other_answer_is_due() {
    let (mut wire, mut client) = wire(1024);
    begin(&mut wire, &mut client).await;
    wire.write_all(b"first;").await.expect("room");
    wire.tally().end();
    client.write_all(TOO_LARGE).await.expect("room");
    let read = wire.read(&mut [0; 1024]).await;
    assert_eq!(read.ok(), Some(0));
    assert_eq!(sent(wire, client).await, "first;headers_too_large");
}

#[tokio::test(start_paused = true)]
async fn s19_who_is_still_sending_a_head_that_is_refused_can_read_why() {
    let (mut wire, mut client) = wire(1024);
    client.write_all(TOO_LARGE).await.expect("room");
    let reading = tokio::spawn(async move { wire.read(&mut [0; 1024]).await });
    let mut told = String::new();
    client.read_to_string(&mut told).await.expect("an end");
    assert_eq!(told, "headers_too_large");
    client.write_all(&[b'x'; 4096]).await.expect("it is taken");
    drop(client);
    assert_eq!(reading.await.expect("no panic").ok(), Some(0));
}

#[tokio::test]
async fn a_head_over_the_limit_is_not_answered_in_place_of_the_request_before_it() {
    let (mut wire, mut client) = wire(1024);
    begin(&mut wire, &mut client).await;
    wire.write_all(b"first;").await.expect("room");
    client.write_all(TOO_LARGE).await.expect("room");
    assert!(wire.read(&mut [0; 1024]).await.is_err());
    assert_eq!(sent(wire, client).await, "first;");
}

#[tokio::test]
async fn no_last_answer_is_written_into_one_that_is_still_leaving() {
    let (mut wire, mut client) = wire(128);
    begin(&mut wire, &mut client).await;
    let long = [b'a'; 200];
    assert_eq!(wire.write(&long).await.ok(), Some(128));
    let rest = std::future::poll_fn(|cx| {
        let pending = Pin::new(&mut wire).poll_write(cx, &long[128..]);
        Poll::Ready(pending.is_pending())
    });
    assert!(rest.await, "the client has not read yet");
    wire.tally().end();
    client.write_all(TOO_LARGE).await.expect("room");
    // The client makes room, and would read the last answer as part of the first.
    let mut read = [0; 64];
    client.read_exact(&mut read).await.expect("half of it");
    assert!(wire.read(&mut [0; 1024]).await.is_err());
    assert_eq!(sent(wire, client).await, "a".repeat(64));
}
