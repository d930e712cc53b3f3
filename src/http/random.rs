//! Numbers that do not repeat, for request and trace ids. Not for secrets: those come from `aws_lc_rs::rand`.
//!
//! A counter that begins at the operating system's randomness and is scattered (the finalizer of SplitMix64): 64 bits of
//! origin for each half of an id, one pair for each thread, no lock, no system call after a thread's first.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

thread_local! {
    static STATE: Cell<[u64; 2]> = Cell::new(origin());
}

/// Where a thread's numbers begin.
fn origin() -> [u64; 2] {
    let keys = RandomState::new();
    [keys.hash_one(0_u8), keys.hash_one(1_u8)]
}

/// 128 bits that nobody has seen before, in two halves.
fn words() -> [u64; 2] {
    STATE.with(|state| {
        // Odd, so that the counter meets every number before it comes back.
        let next = state
            .get()
            .map(|word| word.wrapping_add(0x9e37_79b9_7f4a_7c15));
        state.set(next);
        next.map(scatter)
    })
}

/// One to one: different counters stay different.
const fn scatter(word: u64) -> u64 {
    let word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

/// 64 bits, not all zero: what trace ids ask for.
pub(super) fn span() -> [u8; 8] {
    words()[0].max(1).to_be_bytes()
}

/// 128 bits, not all zero.
pub(super) fn trace() -> [u8; 16] {
    let [first, second] = words();
    let mut id = [0; 16];
    id[..8].copy_from_slice(&first.max(1).to_be_bytes());
    id[8..].copy_from_slice(&second.to_be_bytes());
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
