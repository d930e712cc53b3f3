//! The service behind: fixed answers of 100 bytes and 10 KiB, and bodies of any length whose digest is told.
//!
//! It says `listening on ADDRESS` and serves until it is killed.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use aws_lc_rs::digest::{Context as Digest, SHA256};
use bytes::Bytes;
use http::{Method, Request, Response};
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
