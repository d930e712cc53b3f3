//! Watches the bytes of an HTTP/1 connection go by, to know where each request head begins and ends.
//!
//! hyper parses; this only observes, and never decides what a message is: where a body ends follows from the framing that
//! hyper itself found ([`Scan::body`]). It exists for what hyper does not tell: that a head has begun (for its timer), how
//! long it is (for its limit), and that its target had a `#` (P08), which `http::Uri` cuts off without a word.

/// How the body of a request is framed, as hyper understood it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// So many bytes; 0 for none.
    Length(u64),
    /// Chunks (RFC 9112 §7.1).
    Chunked,
}

/// What is known of a head that has gone by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Whether there was a `#` in its request line.
    pub fragment: bool,
}

/// Where in the stream of requests we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Before the first byte of a head (empty lines before it do not count, RFC 9112 §2.2).
    Between,
    /// In a head, on its request line or after.
    Head { first_line: bool, line_empty: bool },
    /// A head is whole, and its framing not yet told: bytes wait in `pending`.
    Unframed,
    /// In a body of known length: so many bytes to go.
    Length(u64),
    /// In a chunked body.
    Chunk(Chunk),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunk {
    /// On the line with the size; its digits are still coming while `digits`.
    Size { size: u64, digits: bool },
    /// In the data and its line end: so many bytes to go.
    Data(u64),
    /// In the trailers.
    Trailer { line_empty: bool },
}

/// The observer of one connection.
#[derive(Debug)]
pub struct Scan {
    at: At,
    seen: Seen,
    head_bytes: usize,
    head_lines: usize,
    whole: Option<Seen>,
    pending: Vec<u8>,
}

impl Default for Scan {
    fn default() -> Scan {
        Scan {
            at: At::Between,
            seen: Seen::default(),
            head_bytes: 0,
            head_lines: 0,
            whole: None,
            pending: Vec::new(),
        }
    }
}

impl Scan {
    /// Takes note of bytes that hyper is about to see.
    pub fn observe(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = match self.at {
                At::Unframed => {
                    self.pending.extend_from_slice(bytes);
                    return;
                }
                At::Between => self.skip_empty_lines(bytes),
                At::Head {
                    first_line,
                    line_empty,
                } => self.head(bytes, first_line, line_empty),
                At::Length(left) => {
                    let taken = left.min(bytes.len() as u64);
                    self.at = if taken == left {
                        At::Between
                    } else {
                        At::Length(left - taken)
                    };
                    taken as usize
                }
                At::Chunk(chunk) => self.chunk(bytes, chunk),
            };
            bytes = &bytes[taken..];
        }
    }

    /// The framing of the oldest head that is whole, told when hyper hands over its request; answers what was seen of it.
    pub fn body(&mut self, framing: Framing) -> Seen {
        let seen = self.whole.take().unwrap_or_default();
        self.at = match framing {
            Framing::Length(0) => At::Between,
            Framing::Length(length) => At::Length(length),
            Framing::Chunked => At::Chunk(Chunk::Size {
                size: 0,
                digits: true,
            }),
        };
        let pending = std::mem::take(&mut self.pending);
        self.observe(&pending);
        seen
    }

    /// Whether a head has begun and is not whole.
    pub fn in_head(&self) -> bool {
        matches!(self.at, At::Head { .. })
    }

    /// Whether the next byte would begin a head.
    pub fn between(&self) -> bool {
        self.at == At::Between
    }

    /// Bytes of the head that is coming in, or of the last one.
    pub fn head_bytes(&self) -> usize {
        self.head_bytes
    }

    /// Lines of that head, its first and the empty one behind it among them.
    pub fn head_lines(&self) -> usize {
        self.head_lines
    }

    fn skip_empty_lines(&mut self, bytes: &[u8]) -> usize {
        let empty = bytes
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        if empty < bytes.len() {
            self.at = At::Head {
                first_line: true,
                line_empty: false,
            };
            self.seen = Seen::default();
            self.head_bytes = 0;
            self.head_lines = 0;
        }
        empty
    }

    /// One line of a head, or what there is of it.
    fn head(&mut self, bytes: &[u8], first_line: bool, line_empty: bool) -> usize {
        let (line, ended) = match memchr::memchr(b'\n', bytes) {
            Some(end) => (&bytes[..=end], true),
            None => (bytes, false),
        };
        self.head_bytes = self.head_bytes.saturating_add(line.len());
        self.head_lines += usize::from(ended);
        if first_line && memchr::memchr(b'#', line).is_some() {
            self.seen.fragment = true;
        }
        let empty = line_empty && line.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
        self.at = match (ended, empty) {
            (true, true) => {
                self.whole = Some(self.seen);
                At::Unframed
            }
            (true, false) => At::Head {
                first_line: false,
                line_empty: true,
            },
            (false, _) => At::Head {
                first_line,
                line_empty: empty,
            },
        };
        line.len()
    }

    fn chunk(&mut self, bytes: &[u8], chunk: Chunk) -> usize {
        match chunk {
            Chunk::Data(left) => {
                let taken = left.min(bytes.len() as u64);
                self.at = At::Chunk(match left - taken {
                    0 => Chunk::Size {
                        size: 0,
                        digits: true,
                    },
                    left => Chunk::Data(left),
                });
                taken as usize
            }
            Chunk::Size { size, digits } => {
                let byte = bytes[0];
                self.at = match (char::from(byte).to_digit(16), byte) {
                    (_, b'\n') if size == 0 => At::Chunk(Chunk::Trailer { line_empty: true }),
                    // Data, and the line end behind it; a size that large is hyper's to refuse.
                    (_, b'\n') => At::Chunk(Chunk::Data(size.saturating_add(2))),
                    (Some(digit), _) if digits => At::Chunk(Chunk::Size {
                        size: size.saturating_mul(16).saturating_add(digit.into()),
                        digits,
                    }),
                    _ => At::Chunk(Chunk::Size {
                        size,
                        digits: false,
                    }),
                };
                1
            }
            Chunk::Trailer { line_empty } => {
                let line = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1);
                let ended = bytes[line - 1] == b'\n';
                let empty = line_empty
                    && bytes[..line]
                        .iter()
                        .all(|byte| matches!(byte, b'\r' | b'\n'));
                self.at = match (ended, empty) {
                    (true, true) => At::Between,
                    (true, false) => At::Chunk(Chunk::Trailer { line_empty: true }),
                    (false, empty) => At::Chunk(Chunk::Trailer { line_empty: empty }),
                };
                line
            }
        }
    }
}

#[cfg(test)]
mod tests;
