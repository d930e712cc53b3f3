//! Connections that are kept, that turn out to be closed, that are the client's own, that can't be had.

use std::io::Write as _;
use std::sync::mpsc;

use super::{Bare, Behind};
use crate::support::{Answer, Connection, Nobody, Recorded, Rig, Setup, get, post, request};

/// Answers the first request of a connection; to the second it hangs up without a word, on the first `stale` connections.
fn closing_the_second(stale: usize) -> impl Fn(&Recorded) -> Answer + Send + Sync + 'static {
    let seen = std::sync::Mutex::new(std::collections::HashMap::new());
    move |request| {
        let mut seen = seen.lock().unwrap();
        let count: &mut usize = seen.entry(request.connection).or_default();
        *count += 1;
        if *count > 1 && request.connection < stale {
            Answer::raw("").closing()
        } else {
            Answer::ok()
        }
    }
}

#[test]
fn a_connection_is_used_again() {
    let rig = Rig::standard();
    for _ in 0..5 {
        rig.forwards(&get("/public"));
        rig.forwards(&post("/public"));
    }
    assert_eq!(rig.upstream.connections(), 1);
}

#[test]
fn s18_what_changes_nothing_is_sent_again_once_when_its_kept_connection_was_closed() {
    for method in ["GET", "HEAD", "OPTIONS"] {
        let rig = Rig::standard();
        rig.upstream.answer(closing_the_second(1));
        rig.forwards(&get("/public"));
        let answer = rig.send(&request(method, "/public/a"));
        assert_eq!(answer.status, 200, "{method}");
        let seen = rig.upstream.requests();
        let connections: Vec<usize> = seen.iter().map(|request| request.connection).collect();
        assert_eq!(connections, [0, 0, 1], "{method}");
        assert_eq!(seen[1].line, seen[2].line);
        assert_eq!(seen[1].headers, seen[2].headers);
    }
}

#[test]
fn s18_what_changes_something_is_never_sent_again() {
    let with_body = get("/public/a").body("a body");
    for doubtful in [
        post("/public/a"),
        request("POST", "/public/a"),
        request("PUT", "/public/a"),
        request("DELETE", "/public/a"),
        with_body,
    ] {
        let rig = Rig::standard();
        rig.upstream.answer(closing_the_second(1));
        rig.forwards(&get("/public"));
        let answer = rig.send(&doubtful);
        assert_eq!(
            (answer.status, answer.reason().as_str()),
            (502, "upstream_protocol")
        );
        assert_eq!(rig.upstream.requests().len(), 2, "{doubtful:?}");
    }
}

#[test]
fn s18_a_new_connection_that_closes_is_not_tried_again() {
    let rig = Rig::standard();
    rig.upstream.answer(|_| Answer::raw("").closing());
    let answer = rig.send(&get("/public"));
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (502, "upstream_protocol")
    );
    assert_eq!(rig.upstream.requests().len(), 1);
}

#[test]
fn s18_an_answer_that_has_begun_is_never_asked_for_again() {
    let rig = Rig::standard();
    rig.forwards(&get("/public"));
    rig.upstream
        .answer(|_| Answer::raw("HTTP/1.1 200 O").closing());
    let answer = rig.send(&get("/public/a"));
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (502, "upstream_protocol")
    );
    assert_eq!(rig.upstream.requests().len(), 2);
}

#[test]
fn q07_nobody_there_is_unreachable() {
    let nobody = Nobody::new();
    let url = format!("http://{}", nobody.address());
    let behind = Behind::start(&Setup::standard(), &url);
    let answer = get("/public").send(behind.gate.address);
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (502, "upstream_unreachable")
    );
}

#[test]
fn q07_silence_is_a_timeout() {
    let rig = Setup::standard()
        .routes("\"/hasty\" = { access = \"public\", timeout = \"200ms\" }")
        .start();
    rig.upstream.answer(|_| Answer::raw("").silent());
    let answer = rig.send(&get("/hasty"));
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (504, "upstream_timeout")
    );
    rig.upstream.answer(|_| Answer::ok());
    assert_eq!(rig.forwards(&get("/public")).connection, 1);
}

#[test]
fn an_upload_may_take_longer_than_its_answer_may() {
    let rig = Setup::standard()
        .upstream(r#"response_timeout = "2s""#)
        .start();
    rig.upstream.answer(|request| match request.method() {
        "POST" => Answer::ok(),
        _ => Answer::raw("").silent(),
    });
    let mut client = Connection::open(rig.gate.address);
    client.write("POST /public HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nsome");
    rig.upstream.wait_for_text("some");
    // That time passes, from beginning to end.
    assert_eq!(rig.send(&get("/public")).status, 504);
    client.write("more");
    assert_eq!(client.read("POST").status, 200);
}

#[test]
fn q07_an_upstream_that_takes_no_body_is_a_timeout() {
    let bare = Bare::start(move |_, mut wire| {
        wire.head();
        loop {
            std::thread::park(); // with its end of the connection open, unread
        }
    });
    let behind = Behind::start(
        &Setup::standard().upstream(r#"response_timeout = "200ms""#),
        &bare.url(),
    );
    let mut client = super::Wire::open(behind.gate.address);
    // More than all buffers on the way hold.
    let length = 50 << 20;
    client.write(format!(
        "POST /public HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"
    ));
    let mut sending = client.stream.try_clone().unwrap();
    std::thread::spawn(move || sending.write_all(&vec![b'x'; length]));
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 504 "), "{head}");
}

#[test]
fn waiting_for_room_ends_as_connecting_does() {
    let rig = Setup::standard()
        .upstream("max_connections = 1\nconnect_timeout = \"1s\"")
        .start();
    rig.upstream.hold();
    let mut first = Connection::open(rig.gate.address);
    first.write(get("/public").bytes(rig.gate.address));
    rig.upstream.wait_for(1);
    let second = rig.send(&get("/public"));
    assert_eq!(
        (second.status, second.reason().as_str()),
        (502, "upstream_unreachable")
    );
    rig.upstream.release();
    assert_eq!(first.read("GET").status, 200);
    rig.forwards(&get("/public"));
    assert_eq!(rig.upstream.connections(), 1);
}

#[test]
fn s21_a_connection_that_authenticates_serves_its_client_alone() {
    for scheme in ["NTLM", "Negotiate", "Basic realm=\"x\", ntlm TlRMTVNT"] {
        let rig = Rig::standard();
        rig.upstream.answer(move |request| {
            if request.header("authorization").is_none() && request.target() == "/public/ntlm" {
                Answer::status(401, &[("www-authenticate", scheme)], "who?")
            } else {
                Answer::ok()
            }
        });
        let mut jane = Connection::open(rig.gate.address);
        assert_eq!(jane.exchange(&get("/public/ntlm")).status, 401);
        let mut john = Connection::open(rig.gate.address);
        assert_eq!(john.exchange(&get("/public/a")).status, 200);
        let proof = get("/public/ntlm").header("Authorization", "NTLM TlRMTVNTUAAD");
        assert_eq!(jane.exchange(&proof).status, 200);
        assert_eq!(john.exchange(&get("/public/b")).status, 200);
        assert_eq!(jane.exchange(&get("/public/c")).status, 200);
        let seen = rig.upstream.requests();
        let connections: Vec<usize> = seen.iter().map(|request| request.connection).collect();
        assert_eq!(connections, [0, 1, 0, 1, 0], "{scheme}");
    }
}

#[test]
fn s21_a_pinned_connection_is_closed_with_its_client_s() {
    let (ended, end) = mpsc::channel();
    let bare = Bare::start(move |number, mut wire| {
        wire.head();
        wire.write("HTTP/1.1 401 No\r\nwww-authenticate: NTLM\r\ncontent-length: 0\r\n\r\n");
        wire.rest();
        ended.send(number).unwrap();
    });
    let behind = Behind::start(
        &Setup::standard().upstream(r#"keepalive = "1h""#),
        &bare.url(),
    );
    let mut client = Connection::open(behind.gate.address);
    assert_eq!(client.exchange(&get("/public")).status, 401);
    drop(client);
    assert_eq!(end.recv_timeout(crate::support::PATIENCE), Ok(0));
}

#[test]
fn s20_a_client_that_goes_takes_its_request_to_the_upstream_with_it() {
    for waiting in ["for the head", "for the body"] {
        let (ended, end) = mpsc::channel();
        let bare = Bare::start(move |number, mut wire| {
            wire.head();
            if waiting == "for the body" {
                wire.write("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nsome");
            }
            wire.rest();
            ended.send(number).unwrap();
        });
        let behind = Behind::start(
            &Setup::standard().upstream(r#"response_timeout = "none""#),
            &bare.url(),
        );
        let mut client = super::Wire::open(behind.gate.address);
        client.write("GET /public HTTP/1.1\r\nHost: a\r\n\r\n");
        if waiting == "for the body" {
            client.head();
            client.take(4);
        } else {
            // The request is there once its connection is.
            while bare.connections() == 0 {
                std::thread::yield_now();
            }
        }
        drop(client);
        assert_eq!(
            end.recv_timeout(crate::support::PATIENCE),
            Ok(0),
            "waiting {waiting}"
        );
    }
}

#[test]
fn s20_a_client_that_goes_in_mid_upload_leaves_no_whole_request_behind() {
    let (ended, end) = mpsc::channel();
    let bare = Bare::start(move |_, mut wire| {
        wire.head();
        ended.send(wire.rest()).unwrap();
    });
    let behind = Behind::start(&Setup::standard(), &bare.url());
    let mut client = super::Wire::open(behind.gate.address);
    client.write(
        "POST /public HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n",
    );
    while bare.connections() == 0 {
        std::thread::yield_now();
    }
    drop(client);
    let body = end.recv_timeout(crate::support::PATIENCE).unwrap();
    let text = String::from_utf8_lossy(&body).into_owned();
    assert!(!text.contains("0\r\n\r\n"), "{text:?}");
}

#[test]
fn s18_a_reset_is_told_and_what_was_sent_stays_sent() {
    for at in ["in the body", "behind the body"] {
        let bare = Bare::start(move |_, mut wire| {
            loop {
                let head = wire.head();
                if head.starts_with("GET") {
                    wire.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
                    continue;
                }
                wire.take(if at == "in the body" { 1_000 } else { 100_000 });
                return wire.reset();
            }
        });
        let behind = Behind::start(&Setup::standard(), &bare.url());
        // Over a connection that has served before, and over a new one.
        assert_eq!(get("/public").send(behind.gate.address).status, 200);
        for _ in 0..2 {
            let answer = post("/public")
                .body([b'x'; 100_000])
                .send(behind.gate.address);
            assert_eq!(
                (answer.status, answer.reason().as_str()),
                (502, "upstream_protocol"),
                "{at}"
            );
        }
        assert_eq!(bare.connections(), 2, "{at}");
    }
}

#[test]
fn s17_what_an_upstream_says_unasked_ends_its_connection() {
    for unasked in [
        "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil",
        "HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        let (speak, told) = mpsc::channel();
        let (ended, end) = mpsc::channel();
        let (told, ended) = (std::sync::Mutex::new(told), std::sync::Mutex::new(ended));
        let bare = Bare::start(move |number, mut wire| {
            wire.head();
            wire.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood");
            if number == 0 {
                let () = told.lock().unwrap().recv().unwrap();
                wire.write(unasked);
                wire.rest(); // until the gate hangs up
                ended.lock().unwrap().send(()).unwrap();
            }
        });
        let setup = Setup::standard().upstream(r#"keepalive = "1h""#);
        let behind = Behind::start(&setup, &bare.url());
        assert_eq!(get("/public").send(behind.gate.address).text(), "good");
        speak.send(()).unwrap();
        end.recv_timeout(crate::support::PATIENCE).unwrap();
        let victim = post("/public").send(behind.gate.address);
        assert_eq!(
            (victim.status, victim.text().as_str()),
            (200, "good"),
            "{unasked:?}"
        );
        assert_eq!(bare.connections(), 2);
    }
}

#[test]
fn r10_clients_that_come_and_go_share_few_connections_to_the_upstream() {
    let rig = Rig::standard();
    let address = rig.gate.address;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(move || {
                for _ in 0..100 {
                    // What the client says of its own connection is not said of ours.
                    let request = get("/public").header("Connection", "close");
                    assert_eq!(request.send(address).status, 200);
                }
            });
        }
    });
    assert_eq!(rig.upstream.requests().len(), 400);
    assert!(
        rig.upstream.connections() <= 20,
        "{} connections",
        rig.upstream.connections()
    );
    // Where the upstream itself closes, each takes a new one, and none is lost.
    rig.upstream
        .answer(|_| Answer::status(200, &[("connection", "close")], "bye").closing());
    for _ in 0..100 {
        assert_eq!(rig.send(&post("/public")).text(), "bye");
    }
}
