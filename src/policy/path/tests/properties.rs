//! Properties of `read`, over a small alphabet that makes collisions of everything special likely.

use proptest::prelude::*;

use super::ALL;
use crate::policy::path::{Kinds, read};

fn paths() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "/", "/", "/", "a", "B", ".", ".", "%2e", "%2F", "%2f", "%5C", "\\", ";", "%3B", "%",
        "%25", "%25", "2", "e", "5", "%32", "%65", "%00", "%C3%A9", "%C3", "%41", "u", "002e", "#",
        " ", "é", "c", "f", "~",
    ]);
    prop::collection::vec(pieces, 0..12).prop_map(|pieces| format!("/{}", pieces.concat()))
}

/// Paths of admissible kinds alone: what is refused whatever is admitted would hide them.
fn admissible() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "/", "/", "/", "a", "b", "..", ".", "%2e", "%2F", "%5C", "\\", ";", "%252e", "%252F",
        "%255C", "%3B",
    ]);
    prop::collection::vec(pieces, 0..7).prop_map(|pieces| format!("/{}", pieces.concat()))
}

/// Percent-encodes every byte of every segment that is not a letter or digit, and every third one that is.
fn encode_again(reading: &str) -> String {
    reading
        .bytes()
        .enumerate()
        .map(|(at, byte)| match byte {
            b'/' => "/".to_owned(),
            byte if byte.is_ascii_alphanumeric() && at % 3 != 0 => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

fn hex(byte: Option<&u8>) -> Option<u8> {
    let value = char::from(*byte?).to_digit(16)?;
    u8::try_from(value).ok()
}

/// One decoding, as bytes: lenient, or none if a percent sign stands alone.
fn decode(text: &[u8], strict: bool) -> Option<Vec<u8>> {
    match text {
        [] => Some(Vec::new()),
        [b'%', rest @ ..] => match (hex(rest.first()), hex(rest.get(1))) {
            (Some(high), Some(low)) => {
                let tail = decode(&rest[2..], strict)?;
                Some([vec![high * 16 + low], tail].concat())
            }
            _ if strict => None,
            _ => Some([vec![b'%'], decode(rest, strict)?].concat()),
        },
        [first, rest @ ..] => Some([vec![*first], decode(rest, strict)?].concat()),
    }
}

fn is_control(byte: &u8) -> bool {
    *byte < 0x20 || *byte == 0x7F
}

/// What one reading of an unambiguous path is, told segment by segment.
fn oracle(path: &str) -> Option<String> {
    let inner = path.strip_prefix('/')?;
    let written: Vec<&str> = inner.split('/').collect();
    let mut read = Vec::new();
    for (at, segment) in written.iter().enumerate() {
        if segment.is_empty() && at + 1 < written.len() {
            return None;
        }
        if segment.contains(['\\', ';', '#', '?', ' ']) || !segment.is_ascii() {
            return None;
        }
        let bytes = decode(segment.as_bytes(), true)?;
        if bytes
            .iter()
            .any(|byte| is_control(byte) || b"/\\".contains(byte))
        {
            return None;
        }
        let text = String::from_utf8(bytes).ok()?;
        if text == "." || text == ".." || !is_quiet(&text) {
            return None;
        }
        read.push(text);
    }
    Some(format!("/{}", read.join("/")))
}

/// Whether decoding on and on brings nothing to light that is refused.
fn is_quiet(text: &str) -> bool {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..4 {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        let escaped = text.split("%u").skip(1).any(|behind| {
            behind.len() >= 4 && behind.bytes().take(4).all(|byte| byte.is_ascii_hexdigit())
        });
        let twice = ["%2e", "%2f", "%5c"]
            .iter()
            .any(|twice| text.contains(twice));
        if escaped || twice {
            return false;
        }
        let Some(next) = decode(&bytes, false) else {
            return false;
        };
        if next.iter().any(is_control) || std::str::from_utf8(&next).is_err() {
            return false;
        }
        if next == bytes {
            return true;
        }
        bytes = next;
    }
    false
}

/// A step that some server takes, told on segments.
fn step(number: u8, text: &str, layers: &mut u8) -> String {
    let segments: Vec<&str> = text[1..].split('/').collect();
    match number {
        0 => {
            let kept: Vec<&str> = segments
                .iter()
                .map(|segment| segment.split(';').next().unwrap_or(""))
                .collect();
            format!("/{}", kept.join("/"))
        }
        1 => text.replace('\\', "/"),
        2 => {
            let mut text = text.to_owned();
            while text.contains("//") {
                text = text.replace("//", "/");
            }
            text
        }
        3 => {
            let mut kept: Vec<&str> = Vec::new();
            for (at, segment) in segments.iter().enumerate() {
                let last = at + 1 == segments.len();
                match *segment {
                    ".." => {
                        kept.pop();
                        if last {
                            kept.push("");
                        }
                    }
                    "." if last => kept.push(""),
                    "." => {}
                    segment => kept.push(segment),
                }
            }
            format!("/{}", kept.join("/"))
        }
        _ => {
            *layers += 1;
            let bytes = decode(text.as_bytes(), false).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn read_agrees_with_a_naive_reader(path in paths()) {
        let readings = read(&path, Kinds::NONE);
        let first = readings.as_ref().ok().map(|readings| readings.first.to_string());
        prop_assert_eq!(first, oracle(&path), "{:?}", readings);
    }

    #[test]
    fn a_reading_encoded_again_reads_the_same(path in paths()) {
        if let Ok(readings) = read(&path, Kinds::NONE) {
            let again = encode_again(&readings.first);
            let second = read(&again, Kinds::NONE);
            prop_assert_eq!(second.map(|second| second.first.to_string()), Ok(readings.first.to_string()));
        }
    }

    #[test]
    fn admitting_kinds_changes_no_unambiguous_path(path in paths()) {
        let strict = read(&path, Kinds::NONE);
        let loose = read(&path, ALL);
        match loose {
            Ok(loose) if loose.kinds.is_empty() => prop_assert_eq!(Ok(loose), strict),
            Ok(loose) => {
                prop_assert!(strict.is_err());
                prop_assert!(!loose.others.contains(&loose.first.to_string()));
                // Refused by every set that lacks one of its kinds, read alike by every set that has them.
                prop_assert_eq!(read(&path, loose.kinds), Ok(loose.clone()));
                for (_, kind) in Kinds::NAMES {
                    if loose.kinds.contains(kind) {
                        prop_assert!(read(&path, Kinds(ALL.0 & !kind.0)).is_err());
                    }
                }
            }
            Err(_) => prop_assert!(strict.is_err()),
        }
    }

    #[test]
    fn every_order_of_steps_is_among_the_readings(path in admissible(), order in prop::collection::vec(0..5u8, 0..8)) {
        let readings = read(&path, ALL);
        // One in thousands has too many readings to be read at all.
        let Ok(readings) = readings else { return Ok(()) };
        let once_only = !readings.kinds.contains(Kinds::DOUBLE_ENCODING);
        let (mut text, mut layers) = (path.clone(), 0);
        for number in order {
            let skipped = match number {
                0 => !readings.kinds.contains(Kinds::SEMICOLON),
                4 => once_only && layers > 0,
                _ => false,
            };
            if !skipped {
                text = step(number, &text, &mut layers);
            }
        }
        if layers == 0 {
            text = step(4, &text, &mut layers);
        }
        let known = readings.first == text || readings.others.contains(&text) || readings.kinds.is_empty();
        prop_assert!(known, "{} → {} not in {:?}", path, text, readings);
    }

    #[test]
    fn no_text_makes_read_panic(path in any::<String>(), bits in 0..64u8) {
        let _ = read(&path, Kinds(bits));
        let _ = read(&format!("/{path}"), Kinds(bits));
    }
}
