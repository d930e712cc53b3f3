//! Durations and sizes as they are written: one whole number and one unit, nothing between them.

use std::time::Duration;

/// The units of a duration, longest suffix first, in milliseconds.
const DURATIONS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// The units of a size, longest suffix first, in bytes. `KB` and its kin mean two things to two people: not taken.
const SIZES: [(&str, u64); 4] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("B", 1),
];

/// The longest duration taken: ten years, far below where adding it to a clock could overflow.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// `"250ms"`, `"30s"`, `"15m"`, `"24h"`, `"7d"`.
pub fn duration(text: &str) -> Option<Duration> {
    let duration = Duration::from_millis(counted(text, &DURATIONS)?);
    (duration <= LONGEST).then_some(duration)
}

/// `"512B"`, `"64KiB"`, `"1MiB"`, `"2GiB"`, in bytes.
pub fn size(text: &str) -> Option<u64> {
    counted(text, &SIZES)
}

/// A whole number and one of these units, multiplied.
fn counted(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, unit) = units.iter().find_map(|(suffix, unit)| {
        let number = text.strip_suffix(suffix)?;
        number
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then_some((number, unit))
    })?;
    number.parse::<u64>().ok()?.checked_mul(*unit)
}

#[cfg(test)]
mod tests;
