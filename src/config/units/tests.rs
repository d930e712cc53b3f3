//! Durations and sizes: one number, one unit, and nothing that could be read in two ways.

use super::{duration, size};

#[test]
fn durations_are_one_number_and_one_unit() {
    for (text, milliseconds) in [
        ("250ms", 250),
        ("0s", 0),
        ("30s", 30_000),
        ("15m", 900_000),
        ("24h", 86_400_000),
        ("7d", 604_800_000),
    ] {
        let read = duration(text).map(|duration| duration.as_millis());
        assert_eq!(read, Some(milliseconds), "{text}");
    }
    for text in [
        "",
        "s",
        "30",
        "30 s",
        " 30s",
        "-1s",
        "+1s",
        "1.5h",
        "1h30m",
        "30S",
        "30sec",
        "1e3s",
        "٣s",
        "99999999999999999999s",
        "18446744073709551615d",
        "4000d",
    ] {
        assert_eq!(duration(text), None, "{text}");
    }
}

#[test]
fn sizes_are_binary_and_say_so() {
    for (text, bytes) in [
        ("0B", 0),
        ("512B", 512),
        ("64KiB", 65_536),
        ("1MiB", 1 << 20),
        ("2GiB", 2 << 30),
    ] {
        assert_eq!(size(text), Some(bytes), "{text}");
    }
    for text in [
        "",
        "64",
        "64K",
        "64KB",
        "64kib",
        "64 KiB",
        "KiB",
        "-1B",
        "99999999999GiB",
    ] {
        assert_eq!(size(text), None, "{text}");
    }
}
