//! What comes back: a head whose framing leaves no doubt, and a body that holds its connection until it is whole.
//!
//! An answer that two readers could cut differently is none (H16): it would be our client's connection that is then
//! out of step. A body that breaks off is an error to the end, so that nobody takes it for whole (Q08).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Response, Version, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::SendFault;
use super::pool::Connection;
use crate::net::body::Upload;

/// Refuses framing that hyper puts up with: a length beside chunks, a length twice, a coding we would hide (RFC 9112 §6.3).
pub(super) fn check(answer: &Response<Incoming>) -> Result<(), SendFault> {
    if answer.version() == Version::HTTP_2 {
        return Ok(()); // framed by frames; h2 compares them with the length that is told
    }
    let fault = |what: &str| Err(SendFault::Protocol(what.to_owned()));
    match framing(answer.headers()) {
        None => fault("its answer is framed in two ways at once"),
        Some(()) => Ok(()),
    }
}

fn framing(headers: &HeaderMap) -> Option<()> {
    let mut framed = false;
    for (name, value) in headers {
        let plain = match *name {
            header::CONTENT_LENGTH => value.as_bytes().iter().all(u8::is_ascii_digit),
            header::TRANSFER_ENCODING => value.as_bytes().eq_ignore_ascii_case(b"chunked"),
            _ => continue,
        };
        if framed || !plain {
            return None;
        }
        framed = true;
    }
    Some(())
}

/// The body of an answer; holds its connection until it has been read to its end.
pub struct Reply {
    body: Incoming,
    whole: bool,
    /// Why it broke off, kept back until what came before it has left.
    fault: Option<hyper::Error>,
    connection: Option<Connection>,
    upload: Option<Arc<Upload>>,
}

impl Reply {
    pub(super) fn new(
        body: Incoming,
        mut connection: Connection,
        upload: Option<Arc<Upload>>,
    ) -> Reply {
        if is_uploading(upload.as_deref()) {
            connection.part();
        }
        Reply {
            body,
            whole: false,
            fault: None,
            connection: Some(connection),
            upload,
        }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(fault) = self.fault.take() {
            return Poll::Ready(Some(Err(fault)));
        }
        let Reply {
            body, connection, ..
        } = &mut *self;
        let polled = match connection.as_mut().and_then(Connection::exclusive) {
            Some(exclusive) => exclusive.poll_frame(body, cx),
            None => Pin::new(body).poll_frame(cx),
        };
        self.whole |= matches!(polled, Poll::Ready(None));
        if let Poll::Ready(Some(Err(fault))) = polled {
            // hyper drops what it has not written yet when a body fails; while one is pending it writes.
            self.fault = Some(fault);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Reply {
    /// hyper drops a body of known length once that is reached, without asking for its end.
    fn drop(&mut self) {
        let whole = self.whole || self.body.is_end_stream();
        let Some(connection) = self.connection.take().filter(|_| whole) else {
            return; // dropped with its connection, which cancels what the upstream still does (S20)
        };
        match is_uploading(self.upload.as_deref()) {
            true => connection.abandon(),
            false => connection.release(),
        }
    }
}

fn is_uploading(upload: Option<&Upload>) -> bool {
    upload.is_some_and(|upload| !upload.is_whole())
}
