//! Exchanges over HTTP/2 that no HTTP/1.1 client could see whole.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use super::{Caller, Pins, Reply, Right, SendFault, Upstream, send};
use crate::config::model::{Address, ClientTls, HeaderCase, HostHeader, Upstream as Settings};
use crate::net::body::RequestBody;

/// A right for tests, with a limit or without.
struct Allowed;

impl Right for Allowed {
    fn timeout(&self) -> Option<Option<Duration>> {
        None
    }
}

fn upstream(port: u16, change: impl FnOnce(&mut Settings)) -> Upstream {
    let mut settings = Settings {
        name: "upstream".to_owned(),
        address: Address::Tcp {
            tls: false,
            host: "127.0.0.1".to_owned(),
            port,
        },
        http2: true,
        tls: ClientTls::default(),
        connect_timeout: Duration::from_secs(20),
        response_timeout: Some(Duration::from_secs(20)),
        keepalive: Duration::from_secs(60),
        max_connections: 0,
        host_header: HostHeader::Preserve,
        header_case: HeaderCase::Lower,
        basic_auth: None,
    };
    change(&mut settings);
    Upstream::new(Arc::new(settings), 1).unwrap()
}

async fn ask(upstream: &Upstream, pins: &Pins) -> Result<Response<Reply>, SendFault> {
    let mut request = Request::new(RequestBody::Empty);
    *request.uri_mut() = "/".parse().unwrap();
    let caller = Caller { worker: 0, pins };
    send(upstream, caller, &Allowed, Box::new(request)).await
}

/// An HTTP/2 server whose answers have this header and these trailers; tells how many connections it had.
async fn server(header: (&'static str, &'static str)) -> (u16, Arc<std::sync::Mutex<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(std::sync::Mutex::new(0));
    let count = connections.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            *count.lock().unwrap() += 1;
            let service = service_fn(move |_: Request<Incoming>| async move {
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", "7".parse().unwrap());
                let body = Full::new(Bytes::from_static(b"words"))
                    .with_trailers(std::future::ready(Some(Ok(trailers))));
                let mut answer = Response::new(body);
                answer
                    .headers_mut()
                    .insert(header.0, header.1.parse().unwrap());
                Ok::<_, Infallible>(answer)
            });
            tokio::spawn(
                http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    (port, connections)
}

#[tokio::test]
async fn trailers_of_an_answer_pass() {
    let (port, _) = server(("x-a", "b")).await;
    let answer = ask(&upstream(port, |_| {}), &Pins::default())
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let body = answer.into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["grpc-status"], "7");
    assert_eq!(body.to_bytes(), "words");
}

#[tokio::test]
async fn s21_a_shared_connection_that_authenticates_takes_no_further_streams() {
    for (scheme, expected) in [("Basic", 1), ("NTLM", 3)] {
        let (port, connections) = server(("www-authenticate", scheme)).await;
        let upstream = upstream(port, |_| {});
        for _ in 0..3 {
            let answer = ask(&upstream, &Pins::default()).await.unwrap();
            answer.into_body().collect().await.unwrap();
        }
        assert_eq!(*connections.lock().unwrap(), expected, "{scheme}");
    }
}

#[tokio::test]
async fn an_idle_shared_connection_is_swept_and_makes_room() {
    let (port, connections) = server(("x-a", "b")).await;
    let upstream = upstream(port, |settings| {
        settings.keepalive = Duration::ZERO;
        settings.max_connections = 1;
    });
    for _ in 0..3 {
        let answer = ask(&upstream, &Pins::default()).await.unwrap();
        answer.into_body().collect().await.unwrap();
        upstream.sweep(0);
    }
    assert_eq!(*connections.lock().unwrap(), 3);
}

#[tokio::test]
async fn q07_an_upstream_that_speaks_http_1_to_http_2_gives_no_valid_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let bad = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(bad).await.unwrap();
        }
    });
    let answer = ask(&upstream(port, |_| {}), &Pins::default()).await;
    assert!(matches!(answer, Err(SendFault::Protocol(_))));
}

/// A body that breaks off after its first words, once it is told to.
struct Cut {
    said: bool,
    told: Arc<AtomicBool>,
}

impl Body for Cut {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if !std::mem::replace(&mut self.said, true) {
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"some")))));
        }
        if !self.told.load(Ordering::Relaxed) {
            cx.waker().wake_by_ref(); // asked again after everybody else had a turn
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(std::io::ErrorKind::Other.into())))
    }
}

#[tokio::test]
async fn q08_an_answer_cut_over_http_2_is_never_made_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let told = Arc::new(AtomicBool::new(false));
    let cut = told.clone();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = service_fn(|_: Request<Incoming>| {
            let (said, told) = (false, cut.clone());
            async move { Ok::<_, Infallible>(Response::new(Cut { said, told })) }
        });
        http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service)
            .await
    });
    let answer = ask(&upstream(port, |_| {}), &Pins::default())
        .await
        .unwrap();
    // Not before the head has come: a reset that overtakes it would be no answer at all.
    told.store(true, Ordering::Relaxed);
    assert!(answer.into_body().collect().await.is_err());
}
