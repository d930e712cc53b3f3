//! A path: `path::read`, beside two readers that know nothing of it, `percent-encoding` and the `url` crate (which reads as
//! browsers do, WHATWG).

use percent_encoding::percent_decode_str;
use portcullis::policy::path::{Kinds, read, segments};
use portcullis::reason::Reason;
use url::Url;

/// The first byte says which kinds are admitted, the rest is the path.
pub fn check(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let Ok(path) = std::str::from_utf8(rest) else {
        return;
    };
    strict(path);
    admitting(path, kinds(*first));
}

/// The kinds whose bit is set.
fn kinds(bits: u8) -> Kinds {
    let named = Kinds::NAMES.iter().enumerate();
    let chosen = named.filter(|(bit, _)| bits & (1 << bit) != 0);
    chosen.fold(Kinds::NONE, |all, (_, (_, kind))| all.union(*kind))
}

/// With nothing admitted there is one reading, and everybody's is that one.
fn strict(path: &str) {
    let readings = match read(path, Kinds::NONE) {
        Ok(readings) => readings,
        Err(refusal) => {
            let known = matches!(refusal.reason, Reason::AmbiguousPath | Reason::BadRequest);
            assert!(known, "{path:?} is refused as {}", refusal.reason.as_str());
            return;
        }
    };
    let reading = &*readings.first;
    assert!(readings.others.is_empty() && readings.kinds.is_empty());
    assert!(path.is_ascii() && reading.starts_with('/'), "{path:?}");
    assert!(!path.contains([';', '\\', '#', '?', ' ']), "{path:?}");
    assert_eq!(
        percent_decode_str(path).decode_utf8().as_deref(),
        Ok(reading)
    );
    // Splitting first and decoding first come to the same.
    let split: Vec<_> = segments(path)
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy())
        .collect();
    assert!(
        split.iter().map(|segment| &**segment).eq(segments(reading)),
        "{path:?}"
    );
    for segment in segments(reading) {
        assert!(
            !matches!(segment, "" | "." | ".."),
            "{path:?} reads {reading:?}"
        );
        assert!(
            !segment
                .chars()
                .any(|char| char.is_ascii_control() || char == '\\'),
            "{path:?}"
        );
    }
    assert_eq!(
        browser(path).as_deref(),
        Some(reading),
        "a browser reads {path:?} otherwise"
    );
    // Written out again in full, it reads the same; and once more decoded, it still leads nowhere else.
    let spelt: String = reading
        .bytes()
        .map(|byte| {
            if byte == b'/' {
                "/".to_owned()
            } else {
                format!("%{byte:02x}")
            }
        })
        .collect();
    assert_eq!(
        read(&spelt, Kinds::NONE).map(|again| again.first.into_owned()),
        Ok(reading.to_owned())
    );
    let twice = percent_decode_str(reading).decode_utf8_lossy();
    assert!(
        !segments(&twice).any(|segment| matches!(segment, "." | "..")),
        "{path:?}"
    );
    assert_eq!(
        segments(&twice).count(),
        segments(reading).count(),
        "{path:?}"
    );
}

/// What is admitted changes nothing for a path without ambiguity, and hides no reading of one that has some.
fn admitting(path: &str, admitted: Kinds) {
    let strict = read(path, Kinds::NONE);
    let Ok(readings) = read(path, admitted) else {
        assert!(strict.is_err(), "{path:?} is refused once more is admitted");
        return;
    };
    assert!(admitted.contains(readings.kinds), "{path:?}");
    if readings.kinds.is_empty() {
        assert_eq!(Ok(readings), strict);
        return;
    }
    assert!(strict.is_err(), "{path:?} is ambiguous, and taken");
    assert_eq!(
        read(path, readings.kinds).as_ref(),
        Ok(&readings),
        "its own kinds are enough"
    );
    let all =
        || std::iter::once(&*readings.first).chain(readings.others.iter().map(String::as_str));
    assert!(all().all(|reading| reading.starts_with('/')), "{path:?}");
    let seen = browser(path).filter(|_| !names_a_drive(path));
    let among = seen.as_deref().is_none_or(|seen| {
        all().any(|reading| reading == seen || reading.replace("%2F", "/") == seen)
    });
    assert!(
        among,
        "a browser reads {path:?} as {seen:?}, which is not among {readings:?}"
    );
}

/// Whether a segment looks like a Windows drive. The `url` crate lets no `..` leave one, whatever the scheme; browsers and the
/// standard (WHATWG URL, shorten a path) keep them in file URLs alone.
fn names_a_drive(path: &str) -> bool {
    path.split(['/', '\\'])
        .any(|segment| matches!(segment.as_bytes(), [letter, b':' | b'|'] if letter.is_ascii_alphabetic()))
}

/// What the `url` crate makes of it, decoded.
fn browser(path: &str) -> Option<String> {
    let url = Url::parse(&format!("http://host{path}")).ok()?;
    let decoded = percent_decode_str(url.path()).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

/// The paths that the tests' tables are made of.
const PATHS: [&str; 66] = [
    "/",
    "/a:/../b",
    "/p//..\\p|/..\\d",
    "/orders",
    "/orders/",
    "/orders/1",
    "/%61dmin",
    "/users/%40me",
    "/caf%C3%A9",
    "/a%20b",
    "/%3Bx",
    "/public/../admin",
    "/public/%2e%2e/admin",
    "/public/.%2E/admin",
    "/.",
    "/..",
    "/./admin",
    "/admin/.",
    "//admin",
    "/public//admin",
    "/admin//",
    "///",
    "/a%2Fb",
    "/a%2fb",
    "/public%2F..%2Fadmin",
    "/%2F",
    "/a\\b",
    "/a%5Cb",
    "/public\\..\\admin",
    "/a%5c..%5cb",
    "/admin;x",
    "/public/..;/admin",
    "/;/admin",
    "/admin;v=1/x",
    "/%252e%252e/admin",
    "/%252Fadmin",
    "/a%255Cb",
    "/%25252e",
    "/%2525",
    "/100%25",
    "/%25zz",
    "/%",
    "/%4",
    "/%zz",
    "/a%00b",
    "/a%0d%0ab",
    "/a%7f",
    "/a%1f",
    "/%C3",
    "/%C0%AE%C0%AE/",
    "/%E0%80%AE",
    "/%u002e%u002e/",
    "/%ff",
    "/é",
    "/a b",
    "/a?b",
    "/a#b",
    "/..%c0%af",
    "/%25u002e",
    "/a/%2e",
    "/a/%2e%2e%2fb",
    "/a;/../b",
    "/%3b",
    "/a%2f%2e%2e",
    "/~a/_b/-c",
    "/a/b/c/d/e/f/g/h",
];

/// Each path with nothing, with one kind, and with everything admitted.
pub fn seeds() -> Vec<Vec<u8>> {
    let spelt = |bits: u8, path: &str| [&[bits], path.as_bytes()].concat();
    let each = PATHS.iter().enumerate();
    each.flat_map(|(at, path)| {
        [
            spelt(0, path),
            spelt(1 << (at % 6), path),
            spelt(0xff, path),
        ]
    })
    .collect()
}
