//! The body of an answer, and the record that is finished when it has gone.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::tunnel::{Line, Tunnel};
use crate::net::wire::Tally;
use crate::telemetry::Exchange;
use crate::upstream::Reply;

/// What is sent.
pub enum Content {
    /// Our own words.
    Whole(Bytes),
    /// The upstream's, as they come.
    Upstream(Reply),
    /// Nothing: HTTP is over on this connection, and a WebSocket begins.
    Tunnel(Box<Tunnel>),
}

/// An answer's body. Dropping it ends the exchange: it is recorded, and its connection may wait for the next request.
pub struct Answer {
    content: Content,
    exchange: Option<Box<Exchange>>,
    tally: Tally,
}

impl Answer {
    /// The body of the answer to `exchange`. What becomes a tunnel is left with the `line`, and the exchange with it.
    pub fn new(content: Content, exchange: Box<Exchange>, tally: Tally, line: &Line) -> Answer {
        let (content, exchange) = match content {
            Content::Tunnel(tunnel) => {
                tally.tunnel();
                line.hold(tunnel.recorded_as(exchange));
                (Content::Whole(Bytes::new()), None)
            }
            content => (content, Some(exchange)),
        };
        Answer {
            content,
            exchange,
            tally,
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.tally.end();
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = match &mut self.content {
            Content::Tunnel(_) => Poll::Ready(None),
            Content::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Content::Upstream(reply) => Pin::new(reply).poll_frame(cx),
        };
        if let (Poll::Ready(Some(Ok(frame))), Some(exchange)) = (&frame, &mut self.exchange) {
            exchange.sent += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Tunnel(_) => true,
            Content::Whole(bytes) => bytes.is_empty(),
            Content::Upstream(reply) => reply.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Tunnel(_) => SizeHint::with_exact(0),
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Upstream(reply) => reply.size_hint(),
        }
    }
}
