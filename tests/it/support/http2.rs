//! An HTTP/2 client of bare frames (RFC 9113): whatever a test writes is what is sent. Header fields go out as literals, and
//! the other side is told to keep no table, so that its first field, the status, can be read without one (RFC 7541).

use std::net::SocketAddr;

use super::client::Connection;

/// Frame types.
pub const DATA: u8 = 0;
/// See above.
pub const HEADERS: u8 = 1;
/// See above.
pub const PRIORITY: u8 = 2;
/// See above.
pub const RST_STREAM: u8 = 3;
/// See above.
pub const SETTINGS: u8 = 4;
/// See above.
pub const PING: u8 = 6;
/// See above.
pub const GOAWAY: u8 = 7;
/// See above.
pub const WINDOW_UPDATE: u8 = 8;
/// See above.
pub const CONTINUATION: u8 = 9;

/// Flags.
pub const END_STREAM: u8 = 1;
/// The same bit on SETTINGS and PING.
pub const ACK: u8 = 1;
/// See above.
pub const END_HEADERS: u8 = 4;

/// What a client begins with.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Its type.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream.
    pub stream: u32,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// What became of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The status of its answer; 0 if there was none.
    pub status: u16,
    /// The body of its answer.
    pub body: Vec<u8>,
    /// Whether the answer ended as it should.
    pub whole: bool,
    /// Whether the stream was reset.
    pub reset: bool,
    /// Whether the connection went away.
    pub gone: bool,
}

impl Outcome {
    /// The `reason` of a refusal.
    pub fn reason(&self) -> String {
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        problem["reason"].as_str().unwrap_or("").to_owned()
    }
}

/// The bytes of a frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload");
    let mut bytes = length.to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A header block of literal fields, none of them indexed (RFC 7541 §6.2.2).
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            integer(&mut block, text.len());
            block.extend(text.bytes());
        }
    }
    block
}

/// An integer with a prefix of 7 bits (RFC 7541 §5.1).
fn integer(block: &mut Vec<u8>, value: usize) {
    if value < 127 {
        block.push(value as u8);
        return;
    }
    block.push(127);
    let mut rest = value - 127;
    while rest >= 128 {
        block.push((rest % 128 + 128) as u8);
        rest /= 128;
    }
    block.push(rest as u8);
}

/// The pseudo-headers of a request.
pub fn head<'a>(method: &'a str, path: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        (":method", method),
        (":scheme", "http"),
        (":path", path),
        (":authority", "a.example"),
    ]
}

/// A connection that speaks frames.
pub struct Client {
    wire: Connection,
    next: u32,
}

impl Client {
    /// Opens one, with the preface and these settings.
    pub fn open(address: SocketAddr, settings: &[(u16, u32)]) -> Client {
        Client::over(Connection::open(address), settings)
    }

    /// The same over a connection that is there.
    pub fn over(mut wire: Connection, settings: &[(u16, u32)]) -> Client {
        let mut payload = Vec::new();
        for (name, value) in [(1, 0)].iter().chain(settings) {
            payload.extend(u16::to_be_bytes(*name));
            payload.extend(value.to_be_bytes());
        }
        wire.write([PREFACE, &frame(SETTINGS, 0, 0, &payload)].concat());
        Client { wire, next: 1 }
    }

    /// Writes a frame.
    pub fn write(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.wire.write(frame(kind, flags, stream, payload));
    }

    /// Writes bytes.
    pub fn write_raw(&mut self, bytes: &[u8]) {
        self.wire.write(bytes);
    }

    /// Begins a request; the stream it is on.
    pub fn begin(&mut self, fields: &[(&str, &str)], flags: u8) -> u32 {
        let stream = self.next;
        self.next += 2;
        self.write(HEADERS, flags | END_HEADERS, stream, &block(fields));
        stream
    }

    /// Sends a request without a body, and reads what becomes of it.
    pub fn request(&mut self, fields: &[(&str, &str)]) -> Outcome {
        let stream = self.begin(fields, END_STREAM);
        self.outcome(stream)
    }

    /// Reads until it is known what becomes of a stream; settings and pings are answered meanwhile.
    pub fn outcome(&mut self, stream: u32) -> Outcome {
        let mut outcome = Outcome::default();
        loop {
            let Some(frame) = self.read() else {
                outcome.gone = true;
                return outcome;
            };
            match frame.kind {
                SETTINGS | PING if frame.flags & ACK == 0 => {
                    let payload = if frame.kind == PING {
                        &*frame.payload
                    } else {
                        &[]
                    };
                    self.write(frame.kind, ACK, 0, payload);
                }
                GOAWAY if frame.payload[4..8] != [0; 4] => outcome.gone = true,
                _ if frame.stream != stream => {}
                HEADERS => outcome.status = status(&frame.payload),
                DATA => outcome.body.extend(&frame.payload),
                RST_STREAM => outcome.reset = true,
                _ => {}
            }
            let on_it = frame.stream == stream;
            outcome.whole |=
                on_it && matches!(frame.kind, HEADERS | DATA) && frame.flags & END_STREAM != 0;
            if outcome.whole || outcome.reset || outcome.gone {
                return outcome;
            }
        }
    }

    /// Reads a frame; none at the end.
    pub fn read(&mut self) -> Option<Frame> {
        let head = self.wire.take(9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        Some(Frame {
            kind: head[3],
            flags: head[4],
            stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
            payload: self.wire.take(length)?,
        })
    }

    /// Reads frames until one fits; none at the end.
    pub fn read_until(&mut self, fits: impl Fn(&Frame) -> bool) -> Option<Frame> {
        loop {
            let frame = self.read()?;
            if fits(&frame) {
                return Some(frame);
            }
        }
    }

    /// Whether the other side closes, whatever it sends before.
    pub fn is_closed(&mut self) -> bool {
        while self.read().is_some() {}
        true
    }
}

/// The status, which is the first field of an answer.
fn status(block: &[u8]) -> u16 {
    let mut fields = block
        .iter()
        .skip_while(|byte| *byte & 0xe0 == 0x20)
        .copied();
    match fields.next() {
        Some(indexed @ 0x88..=0x8e) => {
            [200, 204, 206, 304, 400, 404, 500][usize::from(indexed - 0x88)]
        }
        // A literal whose name is `:status`, indexed or not.
        Some(0x08 | 0x18 | 0x48) => {
            let length = fields.next().expect("a value");
            let value: Vec<u8> = fields.take(usize::from(length & 0x7f)).collect();
            let digits = match length & 0x80 {
                0 => value,
                _ => huffman_digits(&value),
            };
            let text = String::from_utf8(digits).expect("digits");
            text.parse().expect("a status")
        }
        other => panic!("an answer begins with {other:?}, which is no status"),
    }
}

/// Digits as RFC 7541 Appendix B writes them: five bits for 0, 1 and 2, six for the others.
fn huffman_digits(bytes: &[u8]) -> Vec<u8> {
    let bits: Vec<u8> = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))
        .collect();
    let number = |bits: &[u8]| bits.iter().fold(0, |sum, bit| sum * 2 + bit);
    let (mut at, mut digits) = (0, Vec::new());
    while at + 5 <= bits.len() {
        match number(&bits[at..at + 5]) {
            short @ 0..=2 => {
                digits.push(b'0' + short);
                at += 5;
            }
            _ if at + 6 > bits.len() => break,
            _ => {
                let long = number(&bits[at..at + 6]);
                if !(25..=31).contains(&long) {
                    break;
                }
                digits.push(b'3' + long - 25);
                at += 6;
            }
        }
    }
    digits
}
