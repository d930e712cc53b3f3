//! One small HTTP/1.1 server for the pool and the legacy service: whole bodies in, whole bodies out.
//!
//! It must never listen anywhere but on loopback: [`serve`] fails before it accepts. Dropping its future closes every
//! connection.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::task::JoinSet;

/// What both servers answer with.
pub type Answer = Response<Full<Bytes>>;

/// The largest request body taken, in bytes.
const BODY_BYTES: usize = 64 * 1024;

/// Answers requests on `listener` until the future is dropped. Fails if the listener is not on loopback.
pub async fn serve<F>(listener: TcpListener, answer: F) -> io::Result<Infallible>
where
    F: Fn(&Parts, &[u8]) -> Answer + Send + Sync + 'static,
{
    if !listener.local_addr()?.ip().is_loopback() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the demo pool and its service listen on loopback only",
        ));
    }
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let answer = Arc::new(answer);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let answer = Arc::clone(&answer);
                    connections.spawn(async move {
                        let service = service_fn(move |request| reply(Arc::clone(&answer), request));
                        // A client that goes away in the middle is no one's concern here.
                        let _ = hyper::server::conn::http1::Builder::new()
                            .timer(TokioTimer::new())
                            .serve_connection(TokioIo::new(stream), service)
                            .await;
                    });
                }
                // Out of descriptors, say: accepting again at once would spin.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn reply<F>(answer: Arc<F>, request: Request<Incoming>) -> Result<Answer, Infallible>
where
    F: Fn(&Parts, &[u8]) -> Answer,
{
    let (head, body) = request.into_parts();
    Ok(match Limited::new(body, BODY_BYTES).collect().await {
        Ok(body) => answer(&head, &body.to_bytes()),
        Err(_) => text(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is broken or larger than 64 KiB\n",
        ),
    })
}

/// A JSON answer that nobody keeps.
pub fn json(status: StatusCode, body: &serde_json::Value) -> Answer {
    body_of(status, "application/json", body.to_string())
}

/// A plain-text answer that nobody keeps.
pub fn text(status: StatusCode, body: &'static str) -> Answer {
    body_of(status, "text/plain; charset=utf-8", body)
}

/// An answer of the media type `kind`.
pub fn body_of(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
