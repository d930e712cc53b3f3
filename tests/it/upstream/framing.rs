//! Answers that are not what they should be: refused, or cut where they are cut, and their connection never used again.

use super::{Bare, Behind, Wire};
use crate::support::{Answer, Connection, Rig, Setup, get, post, request};

#[test]
fn h16_an_answer_in_doubt_is_none_and_takes_its_connection_with_it() {
    let large = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "a".repeat(200_000));
    let interim = format!(
        "{}HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(120_000)
    );
    let faulty = [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ncontent-length: 3, 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ncontent-length: +3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\nabc",
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx y: a\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        "SSH-2.0-OpenSSH_9.6\r\n\r\n",
        "\u{16}\u{3}\u{1}\0\r\n\r\n",
        &large,
        &interim,
    ];
    for bytes in faulty {
        let rig = Rig::standard();
        rig.forwards(&get("/public"));
        let shown = &bytes[..bytes.len().min(200)];
        let bytes = bytes.to_owned();
        rig.upstream
            .answer(move |_| Answer::raw(bytes.clone()).silent());
        let answer = rig.send(&post("/public"));
        assert_eq!(
            (answer.status, answer.reason().as_str()),
            (502, "upstream_protocol"),
            "{shown:?}"
        );
        rig.upstream.answer(|_| Answer::ok());
        assert_eq!(rig.forwards(&get("/public")).connection, 1, "{shown:?}");
    }
}

#[test]
fn h16_line_ends_are_made_anew() {
    let rig = Rig::standard();
    rig.upstream
        .answer(|_| Answer::raw("HTTP/1.1 200 OK\nx-a: b\ncontent-length: 3\n\nabc"));
    let answer = rig.send(&get("/public"));
    let head = &answer.raw[..answer.raw.len() - 3];
    let bare = head
        .windows(2)
        .filter(|pair| pair[1] == b'\n' && pair[0] != b'\r')
        .count();
    assert_eq!(
        (answer.status, bare, answer.text().as_str()),
        (200, 0, "abc")
    );
}

#[test]
fn h16_hop_by_hop_headers_of_an_answer_end_here() {
    let rig = Rig::standard();
    rig.upstream.answer(|_| {
        let lines = [
            ("connection", "x-secret, keep-alive"),
            ("x-secret", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-authenticate", "Basic"),
            ("upgrade", "h2c"),
            ("x-kept", "1"),
        ];
        Answer::status(200, &lines, "")
    });
    let answer = rig.send(&get("/public"));
    for name in ["x-secret", "keep-alive", "proxy-authenticate", "upgrade"] {
        assert_eq!(answer.header(name), "", "{name}");
    }
    assert_eq!(answer.header("x-kept"), "1");
}

#[test]
fn a_service_that_speaks_http_1_0_ends_no_clients_connection() {
    let rig = Rig::standard();
    for (head, body) in [("", "abc"), ("content-length: 3\r\n", "abc")] {
        rig.upstream
            .answer(move |_| Answer::raw(format!("HTTP/1.0 200 OK\r\n{head}\r\n{body}")).closing());
        let mut client = Connection::open(rig.gate.address);
        for _ in 0..2 {
            let answer = client.exchange(&get("/public"));
            assert!(answer.raw.starts_with(b"HTTP/1.1 200 "), "{answer:?}");
            assert_eq!(answer.header("connection"), "");
            assert_eq!(answer.text(), "abc");
        }
    }
}

#[test]
fn h16_a_length_where_there_is_no_body_confuses_nobody() {
    for status in ["204 No Content", "304 Not Modified"] {
        let rig = Rig::standard();
        rig.upstream.answer(move |_| {
            Answer::raw(format!("HTTP/1.1 {status}\r\ncontent-length: 3\r\n\r\n"))
        });
        let mut client = Connection::open(rig.gate.address);
        assert_eq!(
            client.exchange(&get("/public")).status.to_string(),
            status[..3]
        );
        rig.upstream.answer(|_| Answer::ok());
        assert_eq!(
            client.exchange(&get("/public")).text(),
            "from the upstream\n"
        );
    }
}

#[test]
fn q08_a_cut_answer_is_never_made_whole() {
    let rig = Rig::standard();
    for cut in [
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
    ] {
        rig.upstream.answer(move |_| Answer::raw(cut).closing());
        let answer = rig.send(&get("/public"));
        assert_eq!((answer.status, answer.whole), (200, false), "{cut:?}");
    }
}

#[test]
fn s17_what_comes_after_an_answer_is_nobody_s() {
    for extra in [
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil",
        "HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n",
        "garbage",
    ] {
        let rig = Rig::standard();
        rig.upstream.answer(move |_| {
            Answer::raw(format!(
                "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood{extra}"
            ))
        });
        let mut client = Connection::open(rig.gate.address);
        assert_eq!(client.exchange(&get("/public/a")).text(), "good");
        rig.upstream.answer(|_| Answer::ok());
        let victim = client.exchange(&get("/public/b"));
        assert_eq!(victim.text(), "from the upstream\n", "after {extra:?}");
        let seen = rig.upstream.requests();
        assert_eq!(seen[1].connection, 1, "after {extra:?}");
    }
}

#[test]
fn s17_a_body_to_head_is_nobody_s() {
    let rig = Rig::standard();
    rig.upstream
        .answer(|_| Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"));
    let mut client = Connection::open(rig.gate.address);
    assert_eq!(client.exchange(&request("HEAD", "/public")).status, 200);
    rig.upstream.answer(|_| Answer::ok());
    assert_eq!(
        client.exchange(&get("/public")).text(),
        "from the upstream\n"
    );
}

#[test]
fn s16_a_connection_answered_too_early_is_not_used_again() {
    let bare = Bare::start(|_, mut wire: Wire| {
        loop {
            let head = wire.head();
            wire.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nsure");
            if head.starts_with("POST") {
                wire.take(100);
            }
        }
    });
    let behind = Behind::start(&Setup::standard(), &bare.url());
    let mut upload = Wire::open(behind.gate.address);
    upload.write("POST /public HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nbegin");
    assert!(upload.head().starts_with("HTTP/1.1 200"));
    assert_eq!(upload.take(4), b"sure");
    upload.write([b'x'; 95]);
    let next = get("/public").send(behind.gate.address);
    assert_eq!((next.status, next.text().as_str()), (200, "sure"));
    assert_eq!(bare.connections(), 2);
}

#[test]
fn s15_whatever_is_said_to_an_expectation_keeps_everybody_in_step() {
    let early = "HTTP/1.1 STATUS Early\r\ncontent-length: 5\r\n\r\nearly";
    let go = "HTTP/1.1 100 Continue\r\n\r\n";
    for (name, before, status) in [
        ("an early 401", early.replace("STATUS", "401"), 401),
        ("an early 417", early.replace("STATUS", "417"), 417),
        ("an early 200", early.replace("STATUS", "200"), 200),
        (
            "100 before an early 401",
            format!("{go}{}", early.replace("STATUS", "401")),
            401,
        ),
        ("100 twice", format!("{go}{go}"), 200),
        ("100 never", String::new(), 200),
    ] {
        let spoken = before.clone();
        let bare = Bare::start(move |_, mut wire: Wire| {
            loop {
                let head = wire.head();
                assert!(!head.to_lowercase().contains("expect"), "{head}");
                if head.starts_with("POST") {
                    wire.write(&spoken);
                    if spoken.contains("early") {
                        wire.rest();
                        return;
                    }
                    wire.take(5);
                }
                wire.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nsure");
            }
        });
        let setup = Setup::standard().upstream("max_connections = 1");
        let behind = Behind::start(&setup, &bare.url());
        let mut client = Connection::open(behind.gate.address);
        client.write(
            "POST /public HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
        );
        if !before.contains("early") {
            assert_eq!(client.read_interim(), 100, "{name}");
            client.write("hello");
        }
        let answer = client.read("POST");
        assert_eq!(answer.status, status, "{name}");
        drop(client);
        // Nobody else gets what was meant for this one, nor has its body taken for a request.
        for _victim in 0..3 {
            let answer = get("/public").send(behind.gate.address);
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (200, "sure"),
                "{name}"
            );
        }
        let spoilt = usize::from(before.contains("early"));
        assert_eq!(bare.connections(), 1 + spoilt, "{name}");
    }
}
