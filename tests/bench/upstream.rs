//! The service behind: fixed answers of 100 bytes and 10 KiB, and bodies of any length whose digest is told.
//!
//! It is a token endpoint too: `/token/LIFE/DELAY` issues a token that lives for so many milliseconds, after so many. What is
//! below `/checked` takes such a token for as long as it says of itself; `/refusals` tells how often it was another.
//!
//! It says `listening on ADDRESS` and serves until it is killed.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{Context as Digest, SHA256};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// So many bytes, each 64 KiB of them like the others.
pub struct Flow(pub u64);

impl Flow {
    fn piece() -> Bytes {
        static PIECE: [u8; 64 * 1024] = {
            let (mut piece, mut at) = ([0; 64 * 1024], 0);
            while at < piece.len() {
                piece[at] = (at % 251) as u8;
                at += 1;
            }
            piece
        };
        Bytes::from_static(&PIECE)
    }

    /// The digest of so many bytes.
    pub fn digest(length: u64) -> String {
        let (mut digest, mut flow) = (Digest::new(&SHA256), Flow(length));
        while let Some(piece) = flow.next() {
            digest.update(&piece);
        }
        hex(digest)
    }

    fn next(&mut self) -> Option<Bytes> {
        let piece = Flow::piece();
        let long = self.0.min(piece.len() as u64);
        self.0 -= long;
        (long > 0).then(|| piece.slice(..long as usize))
    }
}

/// A digest as text.
pub fn hex(digest: Digest) -> String {
    digest
        .finish()
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl Body for Flow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.next().map(|piece| Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.0)
    }
}

pub async fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port is free");
    eprintln!(
        "listening on {}",
        listener.local_addr().expect("it has an address")
    );
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        let _ = socket.set_nodelay(true);
        tokio::spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(socket), service_fn(answer));
            let _ = connection.await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
) -> Result<Response<Either<Full<Bytes>, Flow>>, Infallible> {
    if let Some(wanted) = request.uri().path().strip_prefix("/token/") {
        return Ok(issue(wanted).await);
    }
    if request.uri().path() == "/refusals" {
        let count = REFUSALS.load(Ordering::Relaxed).to_string();
        return Ok(Response::new(Either::Left(Full::from(count))));
    }
    if request.uri().path().starts_with("/checked/") && !is_good(request.headers()) {
        REFUSALS.fetch_add(1, Ordering::Relaxed);
        let mut refused = Response::new(Either::Right(Flow(100)));
        *refused.status_mut() = StatusCode::UNAUTHORIZED;
        return Ok(refused);
    }
    let body = match (request.method(), request.uri().path()) {
        (&Method::POST, _) => {
            let (mut digest, mut body) = (Digest::new(&SHA256), request.into_body());
            while let Some(Ok(frame)) = body.frame().await {
                digest.update(frame.data_ref().map_or(&[][..], |data| data));
            }
            Either::Left(Full::from(hex(digest)))
        }
        (_, "/orders/10k") => Either::Right(Flow(10 * 1024)),
        (_, "/orders/bulk") => Either::Right(Flow(
            request
                .uri()
                .query()
                .and_then(|length| length.parse().ok())
                .unwrap_or(0),
        )),
        _ => Either::Right(Flow(100)),
    };
    Ok(Response::new(body))
}

/// Requests below `/checked` that were refused.
static REFUSALS: AtomicU64 = AtomicU64::new(0);

fn now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.expect("a time after 1970").as_millis() as u64
}

/// A token that tells its end itself.
async fn issue(wanted: &str) -> Response<Either<Full<Bytes>, Flow>> {
    static ISSUED: AtomicU64 = AtomicU64::new(0);
    let (life, delay) = wanted.split_once('/').expect("a life and a delay");
    let number = |text: &str| text.parse::<u64>().expect("milliseconds");
    tokio::time::sleep(Duration::from_millis(number(delay))).await;
    let (end, count) = (now() + number(life), ISSUED.fetch_add(1, Ordering::Relaxed));
    let expires_in = number(life) as f64 / 1000.0;
    let body = format!(
        r#"{{"access_token":"{end}.{count}","token_type":"Bearer","expires_in":{expires_in}}}"#
    );
    let mut answer = Response::new(Either::Left(Full::from(body)));
    let json = http::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}

fn is_good(headers: &HeaderMap) -> bool {
    let shown = headers.get(header::AUTHORIZATION);
    let token = shown.and_then(|shown| shown.to_str().ok()?.strip_prefix("Bearer "));
    let end = token.and_then(|token| token.split('.').next()?.parse::<u64>().ok());
    end.is_some_and(|end| now() < end)
}
