//! The WebSocket handshake and its frames, as far as a gate must know them (RFC 6455). Pure: no sockets here.
//!
//! Only a handshake that is whole and alone is one: whatever else is in `Upgrade` ends here (S09, S12). Bytes go through
//! untouched; frames are followed only to know where one of ours, a Close, may stand.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Version};

/// RFC 6455 §1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The only protocol that is switched to.
const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// A client's wish to speak WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    accept: HeaderValue,
}

impl Handshake {
    /// The handshake in a request's head, if it is one to the letter (RFC 6455 §4.2.1). Read before `hop::strip`.
    pub fn read(
        method: &Method,
        version: Version,
        headers: &HeaderMap,
        has_body: bool,
    ) -> Option<Handshake> {
        if !headers.contains_key(header::UPGRADE) {
            return None;
        }
        let key = only(headers, &header::SEC_WEBSOCKET_KEY)?;
        let alone = *method == Method::GET
            && version == Version::HTTP_11
            && !has_body
            && switches(headers)
            && only(headers, &header::SEC_WEBSOCKET_VERSION).is_some_and(|told| told == "13")
            && STANDARD
                .decode(key.as_bytes())
                .is_ok_and(|nonce| nonce.len() == 16);
        alone.then(|| Handshake {
            accept: accept(key.as_bytes()),
        })
    }

    /// Asks for it again, on a connection of our own.
    pub fn ask(&self, headers: &mut HeaderMap) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, WEBSOCKET);
    }

    /// Whether a 101 says yes to this handshake (RFC 6455 §4.1): to another, or to none, it is no answer (S11).
    pub fn is_accepted(&self, headers: &HeaderMap) -> bool {
        switches(headers) && only(headers, &header::SEC_WEBSOCKET_ACCEPT) == Some(&self.accept)
    }
}

/// Whether `Upgrade` is `websocket` and nothing else, and `Connection` names it.
fn switches(headers: &HeaderMap) -> bool {
    only(headers, &header::UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
        && headers
            .get_all(header::CONNECTION)
            .iter()
            .flat_map(|line| line.as_bytes().split(|&byte| byte == b','))
            .any(|option| option.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
}

/// The value of a header that stands there once.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    lines.next().filter(|_| lines.next().is_none())
}

/// RFC 6455 §4.2.2: SHA-1 here is a greeting, not a guard.
fn accept(key: &[u8]) -> HeaderValue {
    use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
    let mut digest = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    digest.update(key);
    digest.update(GUID);
    // Base64 is always a valid header value.
    HeaderValue::from_str(&STANDARD.encode(digest.finish())).unwrap_or(WEBSOCKET)
}

/// Why a connection is closed by us (RFC 6455 §7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// The process goes away: 1001.
    GoingAway,
    /// The token it was opened with has expired: 1008.
    Expired,
}

impl Close {
    const fn payload(self) -> &'static [u8] {
        match self {
            Close::GoingAway => b"\x03\xe9going away",
            Close::Expired => b"\x03\xf0token expired",
        }
    }

    /// The frame for a client: not masked (RFC 6455 §5.1).
    pub fn to_client(self) -> Vec<u8> {
        // No payload here is longer than the 125 bytes that a control frame may have (§5.5).
        let mut frame = vec![0x88, self.payload().len() as u8];
        frame.extend_from_slice(self.payload());
        frame
    }

    /// The frame for a server, under this mask (RFC 6455 §5.3).
    pub fn to_server(self, mask: [u8; 4]) -> Vec<u8> {
        let mut frame = vec![0x88, 0x80 | self.payload().len() as u8];
        frame.extend_from_slice(&mask);
        let masked = self.payload().iter().zip(mask.iter().cycle());
        frame.extend(masked.map(|(byte, mask)| byte ^ mask));
        frame
    }
}

/// Where in one direction's stream of frames we are (RFC 6455 §5.2).
#[derive(Debug, Default)]
pub struct Frames {
    head: [u8; 14],
    have: usize,
    left: u64,
    closed: bool,
}

impl Frames {
    /// Takes note of all these bytes.
    pub fn observe(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = &bytes[self.advance(bytes)..];
        }
    }

    /// Takes note of bytes up to the end of the frame they begin in; answers how many that were.
    pub fn advance(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while self.left == 0 && taken < bytes.len() {
            self.head[self.have] = bytes[taken];
            self.have += 1;
            taken += 1;
            if self.have == self.head_length() {
                self.left = self.payload_length();
                self.have = 0;
                if self.left == 0 {
                    return taken;
                }
            }
        }
        let payload = self.left.min((bytes.len() - taken) as u64);
        self.left -= payload;
        taken + payload as usize
    }

    /// Whether the next byte would begin a frame.
    pub fn between(&self) -> bool {
        self.have == 0 && self.left == 0
    }

    /// Whether a Close has gone by: nothing may follow it (RFC 6455 §5.5.1).
    pub fn closed(&self) -> bool {
        self.closed
    }

    /// How long the head is, as far as it can be told by now.
    fn head_length(&self) -> usize {
        if self.have < 2 {
            return 2;
        }
        let mask = usize::from(self.head[1] >> 7) * 4;
        2 + mask
            + match self.head[1] & 0x7f {
                126 => 2,
                127 => 8,
                _ => 0,
            }
    }

    /// The payload's length, of a head that is whole.
    fn payload_length(&mut self) -> u64 {
        self.closed |= self.head[0] & 0x0f == 8;
        let big_endian = |bytes: &[u8]| {
            let shifted = bytes.iter().map(|byte| u64::from(*byte));
            shifted.fold(0, |length, byte| (length << 8) | byte)
        };
        match self.head[1] & 0x7f {
            126 => big_endian(&self.head[2..4]),
            127 => big_endian(&self.head[2..10]),
            length => length.into(),
        }
    }
}

#[cfg(test)]
mod tests;
