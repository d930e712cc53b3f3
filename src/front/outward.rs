//! A request on its way to whoever answers it, and what its client is told when that fails.
//!
//! The same for a service behind the gate and for a destination of the courier: only the words differ.

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, header};
use hyper::upgrade::OnUpgrade;

use super::tunnel::Asked;
use crate::http::hop;
use crate::http::websocket::Handshake;
use crate::net::body::{BodyCause, RequestBody};
use crate::net::dial::Protocol;
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::upstream::{SendFault, Upstream};

/// What a client asks for with headers that end here, and that we may ask for in our turn.
pub struct Wishes {
    websocket: Option<Asked>,
    trailers: bool,
}

impl Wishes {
    /// Read before `hop::strip`. A WebSocket needs HTTP/1.1 on both sides; trailers reach us over HTTP/2 alone.
    pub fn of(parts: &mut Parts, body: &RequestBody, spoken: Protocol) -> Wishes {
        let client = parts.extensions.remove::<OnUpgrade>();
        let has_body = !matches!(body, RequestBody::Empty);
        let websocket = client
            .filter(|_| spoken != Protocol::Http2)
            .and_then(|client| {
                let (method, version) = (&parts.method, parts.version);
                let handshake = Handshake::read(method, version, &parts.headers, has_body)?;
                Some(Asked { handshake, client })
            });
        Wishes {
            websocket,
            trailers: spoken != Protocol::Http1 && hop::takes_trailers(&parts.headers),
        }
    }

    /// Whether a WebSocket is asked for.
    pub fn websocket(&self) -> bool {
        self.websocket.is_some()
    }

    /// Asks for the same. After `hop::strip`, and after everything that identifies is set.
    pub fn repeat(self, headers: &mut HeaderMap) -> Option<Asked> {
        if self.trailers {
            headers.insert(header::TE, HeaderValue::from_static("trailers"));
        }
        if let Some(asked) = &self.websocket {
            asked.handshake.ask(headers);
        }
        self.websocket
    }
}

/// The head as it leaves: what was rewritten, over HTTP/1.1 until a connection speaks otherwise, and not what hyper attached to it.
pub fn take(parts: &mut Parts) -> Parts {
    let (mut outgoing, ()) = Request::new(()).into_parts();
    outgoing.method = std::mem::take(&mut parts.method);
    outgoing.uri = std::mem::take(&mut parts.uri);
    outgoing.headers = std::mem::take(&mut parts.headers);
    outgoing
}

/// The body's length if it is told, as a number: what is sent on is this number, not the client's spelling of it.
pub fn check_length(headers: &HeaderMap, limit: Option<u64>) -> Result<Option<u64>, Refusal> {
    let Some(told) = headers.get(header::CONTENT_LENGTH) else {
        return Ok(None);
    };
    // hyper has refused anything that is not one number.
    let length = told.to_str().ok().and_then(|text| text.parse::<u64>().ok());
    let length = length.ok_or(Refusal::new(
        Reason::BadRequest,
        "the Content-Length header is not a number",
    ))?;
    match limit {
        Some(limit) if length > limit => Err(TOO_LARGE),
        _ => Ok(Some(length)),
    }
}

const TOO_LARGE: Refusal = Refusal::new(
    Reason::BodyTooLarge,
    "the request's body is larger than this route takes",
);

/// Over HTTP/2 a client may split its cookies into many lines; HTTP/1.1 has one (RFC 9113 §8.2.3, threat H14).
pub fn join_cookies(headers: &mut HeaderMap) {
    let mut lines = headers.get_all(header::COOKIE).iter();
    let (Some(first), Some(second)) = (lines.next(), lines.next()) else {
        return;
    };
    let mut joined = first.as_bytes().to_vec();
    for line in std::iter::once(second).chain(lines) {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(line.as_bytes());
    }
    // Header values joined by "; " are a header value.
    if let Ok(joined) = HeaderValue::from_bytes(&joined) {
        headers.insert(header::COOKIE, joined);
    }
}

/// What is said of whoever did not answer as it should.
pub struct Words {
    unreachable: &'static str,
    protocol: &'static str,
    timeout: &'static str,
}

/// Of a service behind the gate.
pub const SERVICE: Words = Words {
    unreachable: "the service behind this gate could not be reached",
    protocol: "the service behind this gate gave no valid answer",
    timeout: "the service behind this gate did not answer in time",
};

/// Of a destination of the courier.
pub const DESTINATION: Words = Words {
    unreachable: "the destination could not be reached",
    protocol: "the destination gave no valid answer",
    timeout: "the destination did not answer in time",
};

/// What a client is told whose own body failed.
pub fn broken(cause: BodyCause) -> Refusal {
    match cause {
        BodyCause::TooLarge => TOO_LARGE,
        BodyCause::Stalled => {
            Refusal::new(Reason::RequestTimeout, "the request's body stopped coming")
        }
        BodyCause::Broken => Refusal::new(
            Reason::BadRequest,
            "the request's body broke off or is not framed as HTTP says",
        ),
    }
}

/// What a client is told of a failed exchange; the cause is for the log.
pub fn refusal(upstream: &Upstream, fault: &SendFault, words: &Words) -> Refusal {
    let refusal = match fault {
        SendFault::Body(cause) => return broken(*cause),
        SendFault::Unreachable(_) => Refusal::new(Reason::UpstreamUnreachable, words.unreachable),
        SendFault::Protocol(_) => Refusal::new(Reason::UpstreamProtocol, words.protocol),
        SendFault::Timeout => Refusal::new(Reason::UpstreamTimeout, words.timeout),
    };
    tracing::warn!(upstream = upstream.settings().name, reason = %refusal.reason, "{fault}");
    refusal
}
