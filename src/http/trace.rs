//! W3C trace context: `traceparent` is passed on with a new parent id, or begun here.
//!
//! A client's trace id is told to the upstream and to the log as hex that was parsed here, never as the bytes it sent.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::random;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// `00-{32 digits}-{16 digits}-{2 digits}`.
const LENGTH: usize = 55;

/// The trace a request belongs to, as 32 lower-case hex digits, and this hop's span id as 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// 16 bytes, never all zero.
    pub trace_id: [u8; 16],
    /// The caller's span, if it sent a valid one.
    pub parent_id: Option<[u8; 8]>,
    /// The span of the request as a whole.
    pub server_id: [u8; 8],
    /// The span of the call to the upstream, which is told this one; a child of `server_id`.
    pub span_id: [u8; 8],
    /// The `sampled` flag as the caller set it, or as it was [`Begun`] here.
    pub sampled: bool,
}

/// Whether a trace that begins here is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// There is a collector for it.
    Sampled,
    /// It is only passed on.
    Unsampled,
}

/// Reads `traceparent` (W3C Trace Context §3.2); an invalid or repeated one is as none.
pub fn read(headers: &HeaderMap, begun: Begun) -> Trace {
    let mut sent = headers.get_all(TRACEPARENT).iter();
    let caller = match (sent.next(), sent.next()) {
        (Some(line), None) => parse(line.as_bytes()),
        _ => None,
    };
    caller.unwrap_or_else(|| Trace {
        trace_id: random::trace(),
        parent_id: None,
        server_id: random::span(),
        span_id: random::span(),
        sampled: begun == Begun::Sampled,
    })
}

impl Trace {
    /// Sets the `traceparent` for the upstream. A `tracestate` whose parent was not valid ends here (§3.3).
    pub fn apply(&self, headers: &mut HeaderMap) {
        if self.parent_id.is_none() {
            headers.remove(TRACESTATE);
        }
        headers.insert(TRACEPARENT, self.render());
    }

    /// The `traceparent` for the upstream. Always version 00, with no flag but `sampled` (§3.2.2.5).
    fn render(&self) -> HeaderValue {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        random::write_hex(&self.trace_id, &mut text[3..35]);
        random::write_hex(&self.span_id, &mut text[36..52]);
        random::write_hex(&[u8::from(self.sampled)], &mut text[53..55]);
        HeaderValue::from_bytes(&text).expect("hex digits and dashes")
    }
}

/// The caller's trace, with a span of our own. A version above 00 may be longer, behind a dash (§4.3).
fn parse(text: &[u8]) -> Option<Trace> {
    let (head, tail) = text.split_at_checked(LENGTH)?;
    let [version] = hex(&head[..2])?;
    let whole = match version {
        0 => tail.is_empty(),
        0xff => false,
        _ => tail.is_empty() || tail[0] == b'-',
    };
    if !whole || [head[2], head[35], head[52]] != *b"---" {
        return None;
    }
    let trace_id: [u8; 16] = hex(&head[3..35])?;
    let parent_id: [u8; 8] = hex(&head[36..52])?;
    let [flags] = hex(&head[53..])?;
    if trace_id == [0; 16] || parent_id == [0; 8] {
        return None;
    }
    Some(Trace {
        trace_id,
        parent_id: Some(parent_id),
        server_id: random::span(),
        span_id: random::span(),
        sampled: flags & 1 == 1,
    })
}

/// Lower-case hex alone (§3.2.2.1); `digits` is twice as long as the answer.
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
