//! Numbers that do not repeat, for request and trace ids. Not for secrets: those come from `aws_lc_rs::rand`.
//!
//! A counter under SipHash with keys of the operating system's randomness, one for each thread: 128 bits of key, no lock,
//! no system call after a thread's first.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

thread_local! {
    static STATE: (RandomState, Cell<u64>) = (RandomState::new(), Cell::new(0));
}

/// 64 bits that nobody has seen before.
pub(super) fn word() -> u64 {
    STATE.with(|(keys, counter)| {
        counter.set(counter.get().wrapping_add(1));
        keys.hash_one(counter.get())
    })
}

/// 64 bits, not all zero: what trace ids ask for.
pub(super) fn span() -> [u8; 8] {
    word().max(1).to_be_bytes()
}

/// 128 bits, not all zero.
pub(super) fn trace() -> [u8; 16] {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&span());
    id[8..].copy_from_slice(&word().to_be_bytes());
    id
}

/// Writes `bytes` as lower-case hex into `text`, which is twice as long.
pub(super) fn write_hex(bytes: &[u8], text: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (byte, pair) in bytes.iter().zip(text.chunks_exact_mut(2)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}
