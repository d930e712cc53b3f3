//! WebSockets: only a right handshake, only a right answer, nothing before it, and an end that is told.

use std::sync::{Mutex, mpsc};

use super::{Bare, Behind, Wire};
use crate::support::mint::{SUB, now};
use crate::support::{Connection, PATIENCE, Rig, Setup, access, get};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const YES: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

fn handshake(target: &str, more: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: app\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{more}\r\n"
    )
}

fn setup() -> Setup {
    Setup::standard().routes(r#""/ws" = "orders/read""#)
}

/// Says yes, says hello in a frame, and tells the head it saw and all that came after it.
fn greeting() -> (Bare, mpsc::Receiver<String>, mpsc::Receiver<Vec<u8>>) {
    let (heads, head) = mpsc::channel();
    let (rests, rest) = mpsc::channel();
    let (heads, rests) = (Mutex::new(heads), Mutex::new(rests));
    let bare = Bare::start(move |_, mut wire: Wire| {
        let head = wire.head();
        let _ = heads.lock().unwrap().send(head);
        wire.write(YES);
        wire.write(b"\x81\x05hello");
        let _ = rests.lock().unwrap().send(wire.rest());
    });
    (bare, head, rest)
}

fn bearer(exp: i64) -> String {
    format!(
        "Authorization: Bearer {}\r\n",
        access().claim("exp", exp).sign()
    )
}

/// Undoes the mask of a short frame.
fn unmasked(frame: &[u8]) -> Vec<u8> {
    let mask = frame[2..6].iter().cycle();
    frame[6..]
        .iter()
        .zip(mask)
        .map(|(byte, mask)| byte ^ mask)
        .collect()
}

#[test]
fn a_websocket_passes_both_ways_and_is_recorded() {
    let (bare, head, rest) = greeting();
    let behind = Behind::start(&setup(), &bare.url());
    let mut client = Wire::open(behind.gate.address);
    client.write(handshake(
        "/ws?room=1",
        &format!("X-Request-Id: a-websocket-1\r\n{}", bearer(now() + 60)),
    ));
    let answer = client.head();
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(
        answer.to_lowercase().contains("upgrade: websocket\r\n"),
        "{answer}"
    );
    assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
    assert_eq!(client.take(7), b"\x81\x05hello");
    client.write(b"\x82\x84\0\0\0\0ping");
    client.finish();
    assert_eq!(
        rest.recv_timeout(PATIENCE).unwrap(),
        b"\x82\x84\0\0\0\0ping"
    );
    assert_eq!(client.rest(), b"");
    let head = head.recv_timeout(PATIENCE).unwrap().to_lowercase();
    assert!(head.starts_with("get /ws?room=1 http/1.1\r\n"), "{head}");
    for line in [
        "connection: upgrade\r\n",
        "upgrade: websocket\r\n",
        "sec-websocket-version: 13\r\n",
        &format!("x-user-sub: {SUB}\r\n"),
    ] {
        assert!(head.contains(line), "{line:?} is not in {head}");
    }
    assert!(!head.contains("authorization"), "{head}");
    let record = behind.gate.record("a-websocket-1");
    assert_eq!(
        (&record["status"], &record["bytes_in"], &record["bytes_out"]),
        (&101.into(), &10.into(), &7.into()),
        "{record}"
    );
}

#[test]
fn h06_an_upgrade_is_stripped_as_any_request_is() {
    let (bare, head, _rest) = greeting();
    let behind = Behind::start(&setup(), &bare.url());
    let mut client = Wire::open(behind.gate.address);
    client.write(handshake(
        "/ws",
        &format!(
            "Connection: X-User-Sub, x-client-id\r\nX-User-Sub: root\r\nX_User_Sub: root\r\nX-Client-Id: root\r\nX-Original-URL: /admin\r\n{}",
            bearer(now() + 60)
        ),
    ));
    assert!(client.head().starts_with("HTTP/1.1 101 "));
    let head = head.recv_timeout(PATIENCE).unwrap().to_lowercase();
    assert!(
        !head.contains("root") && !head.contains("x-original-url"),
        "{head}"
    );
    assert!(head.contains(&format!("x-user-sub: {SUB}\r\n")), "{head}");
    assert!(head.contains("x-client-id: client-1\r\n"), "{head}");
}

#[test]
fn an_upgrade_without_a_good_token_is_refused() {
    let rig = setup().start();
    let upgrade = |request: crate::support::Request| {
        request
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", KEY)
    };
    rig.refuses(&upgrade(get("/ws")), 401, "missing_token");
    let expired = access().claim("exp", now() - 10).sign();
    rig.refuses(&upgrade(get("/ws")).bearer(&expired), 401, "expired");
}

#[test]
fn s09_s12_no_other_upgrade_passes() {
    let rig = Rig::standard();
    let full = [
        ("Connection", "Upgrade, HTTP2-Settings"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", KEY),
        ("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA"),
    ];
    let with = |name: &str, value: &str| {
        full.iter().fold(get("/public"), |request, (known, usual)| {
            request.header(known, if *known == name { value } else { usual })
        })
    };
    let others = [
        with("Upgrade", "h2c"),
        with("Upgrade", "websocket, h2c"),
        with("Upgrade", "TLS/1.0"),
        with("Upgrade", "foo"),
        with("Connection", "keep-alive"),
        with("Sec-WebSocket-Version", "777"),
        with("Sec-WebSocket-Key", "short"),
        with("", "").header("Upgrade", "websocket"),
        with("", "").body("a body"),
    ];
    for other in others {
        let seen = rig.forwards(&other);
        for name in ["upgrade", "http2-settings", "connection"] {
            assert_eq!(seen.all(name), [""; 0], "{name} of {other:?}");
        }
    }
}

#[test]
fn s10_behind_a_no_nothing_is_a_tunnel() {
    for status in [200, 403, 426] {
        let rig = setup().start();
        rig.upstream
            .answer(move |_| crate::support::Answer::status(status, &[], "no"));
        let mut client = Connection::open(rig.gate.address);
        client.write(format!(
            "{}GET /admin/x HTTP/1.1\r\nHost: app\r\n\r\n",
            handshake("/ws", &bearer(now() + 60))
        ));
        assert_eq!(client.read("GET").status, status);
        assert_eq!(client.read("GET").reason(), "missing_token");
        assert_eq!(rig.upstream.requests().len(), 1);
        assert!(!rig.upstream.everything().contains("/admin/x"));
    }
}

#[test]
fn s10_before_a_yes_nothing_is_sent_on() {
    let (heads, head) = mpsc::channel();
    let (say, said) = mpsc::channel::<()>();
    let (said, heads) = (Mutex::new(said), Mutex::new(heads));
    let bare = Bare::start(move |_, mut wire: Wire| {
        wire.head();
        let _ = said.lock().unwrap().recv();
        // What has come by now came before the answer.
        wire.stream.set_nonblocking(true).unwrap();
        let mut early = [0; 64];
        let early = std::io::Read::read(&mut wire.stream, &mut early).unwrap_or(0);
        wire.stream.set_nonblocking(false).unwrap();
        let _ = heads.lock().unwrap().send(early);
        wire.write(YES);
        wire.take(5);
        wire.write(b"\x81\x02ok");
    });
    let behind = Behind::start(&setup(), &bare.url());
    let mut client = Wire::open(behind.gate.address);
    client.write(format!("{}early", handshake("/ws", &bearer(now() + 60))));
    while bare.connections() == 0 {
        std::thread::yield_now();
    }
    assert_eq!(get("/ws").send(behind.gate.address).status, 401); // the gate has had time to read on
    say.send(()).unwrap();
    assert_eq!(head.recv_timeout(PATIENCE).unwrap(), 0);
    assert!(client.head().starts_with("HTTP/1.1 101 "));
    assert_eq!(client.take(4), b"\x81\x02ok"); // and now it has gone through
}

#[test]
fn s11_a_yes_to_what_was_no_handshake_opens_nothing() {
    let rig = setup().start();
    rig.upstream
        .answer(|_| crate::support::Answer::raw(YES).silent());
    let right = handshake("/ws", &bearer(now() + 60));
    for (from, to) in [
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 777"),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
        ("Connection: keep-alive, Upgrade", "Connection: keep-alive"),
        ("Upgrade: websocket", "Upgrade: websocket\r\nUpgrade: h2c"),
        ("GET /ws", "POST /ws"),
        ("HTTP/1.1\r\n", "HTTP/1.0\r\n"),
    ] {
        assert!(right.contains(from));
        let mut client = Connection::open(rig.gate.address);
        client.write(right.replacen(from, to, 1));
        let refused = client.read("GET");
        let told = (refused.status, refused.reason());
        assert_eq!(told, (502, "upstream_protocol".to_owned()), "{to:?}");
        client.write("smuggled");
        client.finish();
        client.rest();
    }
    assert!(!rig.upstream.everything().contains("smuggled"));
}

#[test]
fn s12_an_upgrade_with_a_body_is_a_request_with_a_body() {
    let rig = setup().start();
    let body = "GET /admin/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let length = format!("Content-Length: {}\r\n{}", body.len(), bearer(now() + 60));
    let mut client = Connection::open(rig.gate.address);
    client.write(format!("{}{body}", handshake("/ws", &length)));
    assert_eq!(client.read("GET").status, 200);
    let seen = rig.upstream.requests();
    assert_eq!((seen.len(), seen[0].body.as_slice()), (1, body.as_bytes()));
    assert_eq!(seen[0].all("upgrade"), [""; 0]);
}

#[test]
fn s11_only_the_right_101_opens_a_tunnel() {
    for answer in [
        "HTTP/1.1 101 Switching Protocols\r\n\r\n".to_owned(),
        YES.replace("s3pP", "AAAA"),
        YES.replace("Upgrade: websocket", "Upgrade: h2c"),
        YES.replace("Connection: Upgrade", "Connection: close"),
    ] {
        let rig = setup().start();
        let shown = answer.clone();
        rig.upstream
            .answer(move |_| crate::support::Answer::raw(answer.clone()).silent());
        let mut client = Connection::open(rig.gate.address);
        client.write(handshake("/ws", &bearer(now() + 60)));
        let refused = client.read("GET");
        assert_eq!(
            (refused.status, refused.reason().as_str()),
            (502, "upstream_protocol"),
            "{shown:?}"
        );
        // What it holds is no tunnel: the next bytes are a request, decided on.
        client.write("GET /admin/x HTTP/1.1\r\nHost: app\r\n\r\n");
        assert_eq!(client.read("GET").reason(), "missing_token");
        assert_eq!(rig.upstream.requests().len(), 1);
    }
}

#[test]
fn s24_it_is_closed_when_its_token_expires() {
    let (bare, _head, rest) = greeting();
    let behind = Behind::start(&setup(), &bare.url());
    let mut client = Wire::open(behind.gate.address);
    client.write(handshake("/ws", &bearer(now() + 4)));
    client.head();
    assert_eq!(client.rest(), b"\x81\x05hello\x88\x0f\x03\xf0token expired");
    drop(client);
    let told = rest.recv_timeout(PATIENCE).unwrap();
    assert_eq!(&told[..2], b"\x88\x8f");
    assert_eq!(unmasked(&told), b"\x03\xf0token expired");
}

#[test]
fn s24_it_outlives_its_token_where_the_configuration_says_so() {
    let (bare, _head, rest) = greeting();
    let setup = setup().also("[tokens]\nstreams_outlive_token = true");
    let behind = Behind::start(&setup, &bare.url());
    let mut client = Wire::open(behind.gate.address);
    let expiry = now() + 4;
    client.write(handshake("/ws", &bearer(expiry)));
    client.head();
    while now() <= expiry {
        std::thread::yield_now();
    }
    client.write(b"\x82\x84\0\0\0\0late");
    client.finish();
    assert_eq!(
        rest.recv_timeout(PATIENCE).unwrap(),
        b"\x82\x84\0\0\0\0late"
    );
}

#[test]
fn s24_it_is_told_when_the_process_goes_away() {
    let (told, tell) = mpsc::channel();
    let told = Mutex::new(told);
    let bare = Bare::start(move |_, mut wire: Wire| {
        wire.head();
        wire.write(YES);
        let begun = wire.take(8);
        let told = told.lock().unwrap();
        let _ = told.send(begun);
        let _ = told.send(wire.rest());
    });
    let mut behind = Behind::start(&setup(), &bare.url());
    let mut client = Wire::open(behind.gate.address);
    client.write(handshake("/ws", &bearer(now() + 60)));
    client.head();
    // In the middle of a frame: its end is waited for.
    client.write(b"\x82\x84\0\0\0\0pi");
    assert_eq!(tell.recv_timeout(PATIENCE).unwrap(), b"\x82\x84\0\0\0\0pi");
    let id = behind.gate.program.id().to_string();
    let status = std::process::Command::new("kill")
        .args(["-TERM", &id])
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(client.take(14), b"\x88\x0c\x03\xe9going away");
    client.write(b"ng");
    client.finish();
    assert_eq!(client.rest(), b"");
    let rest = tell.recv_timeout(PATIENCE).unwrap();
    assert_eq!(&rest[..4], b"ng\x88\x8c");
    assert_eq!(unmasked(&rest[2..]), b"\x03\xe9going away");
    assert!(behind.gate.program.wait().success());
}
