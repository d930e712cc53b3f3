//! Watches the frames of an HTTP/2 client go by, to know when a header block is open and how much of what it sends is
//! control alone.
//!
//! `h2` parses; this only observes. It exists for what `h2` does without a limit: it answers SETTINGS and PING one for one,
//! and takes any number of PRIORITY and WINDOW_UPDATE frames (threats R05, R06).

use tokio::time::Instant;

use super::opening::PREFACE;

/// Frame types (RFC 9113 §6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const CONTINUATION: u8 = 9;

/// Flags (RFC 9113 §6.1, §6.2).
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

const HEAD: usize = 9;

/// How many frames of either kind went by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Frames that bring no request and no body.
    pub(super) control: u32,
    /// Streams given up by the client.
    pub(super) resets: u32,
}

/// Where in the stream of frames we are.
#[derive(Clone, Copy, Debug)]
enum At {
    /// In the preface: so many bytes to go.
    Preface(usize),
    /// In a frame's head: so many bytes are there.
    Head(usize),
    /// In a frame's payload: so many bytes to go.
    Payload { left: usize, data: bool },
}

/// The observer of one connection.
#[derive(Debug)]
pub(super) struct FrameScan {
    at: At,
    head: [u8; HEAD],
    block: bool,
    /// How often something was begun that has to be finished in time: the preface, a block, a control frame.
    begun: u64,
}

impl Default for FrameScan {
    fn default() -> FrameScan {
        FrameScan {
            at: At::Preface(PREFACE.len()),
            head: [0; HEAD],
            block: false,
            begun: 0,
        }
    }
}

impl FrameScan {
    /// Takes note of bytes that `h2` is about to see.
    pub(super) fn observe(&mut self, mut bytes: &[u8]) -> Count {
        let mut count = Count::default();
        while !bytes.is_empty() {
            let taken = match self.at {
                At::Preface(left) => {
                    let taken = left.min(bytes.len());
                    self.at = match left - taken {
                        0 => At::Head(0),
                        left => At::Preface(left),
                    };
                    taken
                }
                At::Head(there) => {
                    let taken = (HEAD - there).min(bytes.len());
                    self.head[there..there + taken].copy_from_slice(&bytes[..taken]);
                    if there == 0 && !self.block {
                        self.begun += 1;
                    }
                    self.at = match there + taken {
                        HEAD => self.begin_payload(&mut count),
                        there => At::Head(there),
                    };
                    taken
                }
                At::Payload { left, data } => {
                    let taken = left.min(bytes.len());
                    self.at = match left - taken {
                        0 => At::Head(0),
                        left => At::Payload { left, data },
                    };
                    taken
                }
            };
            bytes = &bytes[taken..];
        }
        count
    }

    /// What has been begun and must be finished in time, by its number: a header block (CONTINUATION frames included) or a
    /// frame. The payload of DATA is none of these: a body has a timer of its own.
    pub(super) fn unfinished(&self) -> Option<u64> {
        let between = matches!(self.at, At::Head(0) | At::Payload { data: true, .. });
        (self.block || !between).then_some(self.begun)
    }

    fn begin_payload(&mut self, count: &mut Count) -> At {
        let [high, middle, low, kind, flags, ..] = self.head;
        let left = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        match kind {
            HEADERS => self.block = flags & END_HEADERS == 0,
            CONTINUATION => {
                self.block = flags & END_HEADERS == 0;
                count.control += 1;
            }
            DATA if left > 0 || flags & END_STREAM != 0 => {}
            RST_STREAM => count.resets += 1,
            _ => count.control += 1,
        }
        match left {
            0 => At::Head(0),
            left => At::Payload {
                left,
                data: kind == DATA,
            },
        }
    }
}

/// So many at once, and so many a second: what is left of it.
#[derive(Debug)]
pub(super) struct Allowance {
    left: u64,
    most: u64,
    per_second: u64,
    /// Until when `left` has been filled up.
    filled: Instant,
}

impl Allowance {
    /// `most` at once; `per_second` come back.
    pub(super) fn new(most: u64, per_second: u64) -> Allowance {
        Allowance {
            left: most,
            most,
            per_second,
            filled: Instant::now(),
        }
    }

    /// Gives something back for what was achieved.
    pub(super) fn credit(&mut self, amount: u64) {
        self.left = self.left.saturating_add(amount).min(self.most);
    }

    /// Takes something away; false when there is not enough. The clock is looked at only when there might not be.
    pub(super) fn spend(&mut self, amount: u64) -> bool {
        if self.left < amount.saturating_add(self.most / 2) {
            let seconds = self.filled.elapsed().as_secs();
            if seconds > 0 {
                self.filled = Instant::now();
                self.credit(seconds.saturating_mul(self.per_second));
            }
        }
        let enough = self.left >= amount;
        self.left = self.left.saturating_sub(amount);
        enough
    }
}

#[cfg(test)]
mod tests;
