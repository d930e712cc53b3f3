//! What becomes of everybody else when one request meets a defect of ours.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::*;
use crate::drain::Drain;

/// Serves what comes: `/panic` panics, `/wait` waits until it is told, anything else is answered.
async fn gate(go: Arc<Notify>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let drain = Drain::default();
        while let Ok((stream, client)) = listener.accept().await {
            let (go, watch) = (go.clone(), drain.watch());
            let service = move |arrival: Arrival| {
                let go = go.clone();
                async move { answer(arrival.request.uri().path(), &go).await }
            };
            let limits = WireLimits {
                header_bytes: 8192,
                header_timeout: Duration::from_secs(20),
                idle_timeout: Duration::from_secs(20),
                stall_timeout: Duration::from_secs(20),
            };
            let last: FinalAnswer = Arc::new(|_| Bytes::new());
            let socket = Socket::Tcp(stream);
            tokio::spawn(serve_any(
                socket,
                Some(client),
                None,
                limits,
                last,
                watch,
                service,
            ));
        }
    });
    address
}

#[allow(clippy::panic)] // the defect
async fn answer(path: &str, go: &Notify) -> Response<Full<Bytes>> {
    match path {
        "/panic" => panic!("a defect"),
        "/wait" => go.notified().await,
        _ => {}
    }
    Response::new(Full::default())
}

fn ask(path: &str) -> Request<Empty<Bytes>> {
    let uri = format!("http://a.example{path}");
    let request = Request::builder().uri(uri).header("host", "a.example");
    request.body(Empty::new()).expect("a request")
}

async fn connect(address: SocketAddr) -> TokioIo<TcpStream> {
    TokioIo::new(TcpStream::connect(address).await.expect("a connection"))
}

#[tokio::test]
async fn q14_a_panic_ends_its_own_stream_and_no_other_of_its_connection() {
    let go = Arc::new(Notify::new());
    let address = gate(go.clone()).await;
    let (mut client, connection) =
        http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), connect(address).await)
            .await
            .expect("HTTP/2");
    tokio::spawn(connection);
    let waiting = tokio::spawn(client.send_request(ask("/wait")));
    assert!(client.send_request(ask("/panic")).await.is_err());
    // The one that was under way is answered, and so are later ones, over the same connection.
    go.notify_one();
    assert_eq!(waiting.await.unwrap().unwrap().status(), 200);
    assert_eq!(client.send_request(ask("/")).await.unwrap().status(), 200);
}

#[tokio::test]
async fn q14_a_panic_ends_its_own_connection_and_no_other() {
    let go = Arc::new(Notify::new());
    let address = gate(go.clone()).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let (client, connection) = http1::handshake(connect(address).await)
            .await
            .expect("HTTP/1.1");
        tokio::spawn(connection);
        clients.push(client);
    }
    let [one, two, three] = clients.as_mut_slice() else {
        unreachable!("three were made")
    };
    let waiting = tokio::spawn(one.send_request(ask("/wait")));
    assert!(two.send_request(ask("/panic")).await.is_err());
    assert_eq!(three.send_request(ask("/")).await.unwrap().status(), 200);
    go.notify_one();
    assert_eq!(waiting.await.unwrap().unwrap().status(), 200);
    // A new one is accepted and served.
    let (mut fourth, connection) = http1::handshake(connect(address).await)
        .await
        .expect("HTTP/1.1");
    tokio::spawn(connection);
    assert_eq!(fourth.send_request(ask("/")).await.unwrap().status(), 200);
}
