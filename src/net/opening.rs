//! The first bytes of a connection, which say whether it speaks HTTP/1.1 or HTTP/2 (RFC 9113 §3.4).
//!
//! No byte is taken away: what was read here is read again by whoever serves the connection. The caller owns the timer,
//! for a client may say nothing at all, or stop in the middle of the preface (threats R01, R02).

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// What an HTTP/2 client begins with.
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Enough for nearly every first request head.
const FIRST_READ: usize = 2 * 1024;

/// What a connection speaks, and what it has said so far.
#[derive(Debug)]
pub(super) enum Opening {
    /// HTTP/1, or nothing that is known.
    Http1(Bytes),
    /// HTTP/2.
    Http2(Bytes),
    /// The client left before it could be told.
    Nothing,
}

/// Reads until it is plain what the client speaks: for HTTP/1 a byte or two.
pub(super) async fn read<S: AsyncRead + Unpin>(socket: &mut S) -> io::Result<Opening> {
    let mut bytes = BytesMut::with_capacity(FIRST_READ);
    loop {
        if socket.read_buf(&mut bytes).await? == 0 {
            return Ok(match bytes.is_empty() {
                true => Opening::Nothing,
                false => Opening::Http1(bytes.freeze()),
            });
        }
        let known = bytes.len().min(PREFACE.len());
        if bytes[..known] != PREFACE[..known] {
            return Ok(Opening::Http1(bytes.freeze()));
        }
        if known == PREFACE.len() {
            return Ok(Opening::Http2(bytes.freeze()));
        }
    }
}
