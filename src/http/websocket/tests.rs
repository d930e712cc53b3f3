//! Which handshakes are one, and where frames end.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use proptest::prelude::*;

use super::{Close, Frames, Handshake};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    lines
        .iter()
        .map(|(name, value)| {
            (
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect()
}

const GOOD: [(&str, &str); 4] = [
    ("connection", "keep-alive, Upgrade"),
    ("upgrade", "WebSocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", KEY),
];

fn read(lines: &[(&str, &str)]) -> Option<Handshake> {
    Handshake::read(&Method::GET, Version::HTTP_11, &headers(lines), false)
}

/// The good handshake with one line changed, or taken away.
fn with(name: &str, value: Option<&str>) -> Option<Handshake> {
    let mut lines = GOOD.to_vec();
    lines.retain(|(known, _)| *known != name);
    if let Some(value) = value {
        lines.push((name, value));
    }
    read(&lines)
}

#[test]
fn the_handshake_of_the_standard_is_read_and_asked_for_again() {
    let handshake = read(&GOOD).unwrap();
    let mut sent = HeaderMap::new();
    handshake.ask(&mut sent);
    assert_eq!(
        sent,
        headers(&[("connection", "Upgrade"), ("upgrade", "websocket")])
    );
}

#[test]
fn s09_s12_any_other_upgrade_is_none() {
    for (name, value) in [
        ("upgrade", None),
        ("upgrade", Some("h2c")),
        ("upgrade", Some("websocket, h2c")),
        ("upgrade", Some("websocket/13")),
        ("upgrade", Some("TLS/1.0")),
        ("connection", None),
        ("connection", Some("keep-alive")),
        ("connection", Some("upgrade-insecure")),
        ("sec-websocket-version", None),
        ("sec-websocket-version", Some("777")),
        ("sec-websocket-version", Some("13, 8")),
        ("sec-websocket-key", None),
        ("sec-websocket-key", Some("")),
        ("sec-websocket-key", Some("c2hvcnQ=")),
        ("sec-websocket-key", Some("dGhlIHNhbXBsZSBub25jZQ")),
    ] {
        assert_eq!(with(name, value), None, "{name}: {value:?}");
    }
    for twice in GOOD {
        if twice.0 != "connection" {
            let mut lines = GOOD.to_vec();
            lines.push(twice);
            assert_eq!(read(&lines), None, "{twice:?} twice");
        }
    }
}

#[test]
fn s12_only_a_get_of_http_1_1_without_a_body_upgrades() {
    let good = headers(&GOOD);
    for (method, version, has_body) in [
        (Method::POST, Version::HTTP_11, false),
        (Method::GET, Version::HTTP_10, false),
        (Method::GET, Version::HTTP_2, false),
        (Method::GET, Version::HTTP_11, true),
    ] {
        assert_eq!(Handshake::read(&method, version, &good, has_body), None);
    }
}

#[test]
fn s11_only_the_right_accept_is_a_yes() {
    let handshake = read(&GOOD).unwrap();
    let answer = |accept: &str, upgrade: &str, connection: &str| {
        handshake.is_accepted(&headers(&[
            ("sec-websocket-accept", accept),
            ("upgrade", upgrade),
            ("connection", connection),
        ]))
    };
    assert!(answer(ACCEPT, "websocket", "upgrade"));
    assert!(!answer(
        "AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "websocket",
        "upgrade"
    ));
    assert!(!answer(ACCEPT, "h2c", "upgrade"));
    assert!(!answer(ACCEPT, "websocket", "close"));
    assert!(!handshake.is_accepted(&HeaderMap::new()));
}

#[test]
fn s24_close_frames_say_why() {
    assert_eq!(Close::GoingAway.to_client(), b"\x88\x0c\x03\xe9going away");
    assert_eq!(Close::Expired.to_client(), b"\x88\x0f\x03\xf0token expired");
    assert_eq!(
        &Close::GoingAway.to_server([0, 0, 0, 0])[..6],
        b"\x88\x8c\0\0\0\0"
    );
    let masked = Close::Expired.to_server([1, 2, 3, 4]);
    assert_eq!(
        &masked[..10],
        b"\x88\x8f\x01\x02\x03\x04\x02\xf2w\x6b".as_slice()
    );
}

/// A frame of this opcode and length, masked or not.
fn frame(opcode: u8, length: usize, masked: bool) -> Vec<u8> {
    let mask = if masked { 0x80 } else { 0 };
    let mut frame = vec![0x80 | opcode];
    match length {
        0..=125 => frame.push(mask | length as u8),
        126..=0xffff => {
            frame.push(mask | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        _ => {
            frame.push(mask | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    if masked {
        frame.extend([1, 2, 3, 4]);
    }
    frame.resize(frame.len() + length, 0x88);
    frame
}

#[test]
fn a_frame_ends_where_its_length_says() {
    for length in [0, 1, 125, 126, 127, 65535, 65536] {
        for masked in [false, true] {
            let bytes = [frame(2, length, masked), frame(1, 3, masked)].concat();
            let first = frame(2, length, masked).len();
            let mut frames = Frames::default();
            assert_eq!(
                frames.advance(&bytes),
                first,
                "length {length}, masked {masked}"
            );
            assert!(frames.between() && !frames.closed());
        }
    }
}

#[test]
fn a_close_is_seen() {
    let mut frames = Frames::default();
    frames.observe(&frame(1, 9, true));
    assert!(!frames.closed());
    frames.observe(&frame(8, 2, true));
    assert!(frames.closed() && frames.between());
}

proptest! {
    #[test]
    fn frames_are_followed_however_they_are_cut(
        lengths in proptest::collection::vec((0usize..300, any::<bool>()), 1..6),
        cuts in proptest::collection::vec(1usize..40, 1..40),
    ) {
        let bytes: Vec<u8> = lengths.iter().flat_map(|(length, masked)| frame(2, *length, *masked)).collect();
        let mut frames = Frames::default();
        let mut rest = bytes.as_slice();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            frames.observe(now);
            rest = later;
        }
        prop_assert!(frames.between());
    }

    #[test]
    fn no_bytes_are_too_strange(bytes: Vec<u8>) {
        let mut frames = Frames::default();
        frames.observe(&bytes);
    }
}
