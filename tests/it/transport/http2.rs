//! HTTP/2 at the gate: what becomes of its requests at an upstream of HTTP/1.1, and how much of it is too much.

use crate::support::http2::{
    ACK, Client, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, block, frame, head,
};
use crate::support::{Answer, Connection, Rig, Setup, access, get, mint};

fn bearer() -> String {
    format!("Bearer {}", access().sign())
}

#[test]
fn h14_requests_are_judged_and_forwarded_as_over_http1_their_cookies_in_one_line() {
    let rig = Rig::standard();
    let mut client = Client::open(rig.gate.address, &[]);
    let refused = client.request(&head("GET", "/orders/1"));
    assert_eq!(
        (refused.status, refused.reason().as_str()),
        (401, "missing_token")
    );
    let token = bearer();
    let mut fields = head("GET", "/orders/1?x=%20y");
    fields.extend([
        ("authorization", token.as_str()),
        ("x-user-sub", "forged"),
        ("te", "trailers"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
    ]);
    let answer = client.request(&fields);
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (200, b"from the upstream\n".as_slice())
    );
    let recorded = rig.upstream.requests().remove(0);
    assert_eq!(recorded.line, "GET /orders/1?x=%20y HTTP/1.1");
    assert_eq!(recorded.header("host"), Some("a.example"));
    assert_eq!(recorded.header("x-forwarded-host"), Some("a.example"));
    assert_eq!(recorded.header("x-forwarded-proto"), Some("http"));
    assert_eq!(recorded.header("x-user-sub"), Some(mint::SUB));
    assert_eq!(recorded.header("authorization"), None);
    assert_eq!(recorded.header("te"), None);
    // H14
    assert_eq!(recorded.header("cookie"), Some("a=1; b=2"));
    assert!(recorded.body.is_empty());
    rig.control();
}

#[test]
fn h07_bodies_pass_and_trailers_end_here() {
    let rig = Rig::standard();
    let mut client = Client::open(rig.gate.address, &[]);
    let stream = client.begin(&head("POST", "/public"), 0);
    client.write(DATA, 0, stream, b"hello ");
    client.write(DATA, 0, stream, b"world");
    let trailers = block(&[("x-user-sub", "forged"), ("authorization", "Bearer x")]);
    client.write(HEADERS, END_HEADERS | END_STREAM, stream, &trailers);
    assert_eq!(client.outcome(stream).status, 200);
    let recorded = rig.upstream.requests().remove(0);
    assert_eq!(recorded.body, b"hello world");
    assert_eq!(recorded.trailers, "");
    assert!(!recorded.holds("forged"));

    let mut fields = head("POST", "/public");
    fields.push(("content-length", "5"));
    let stream = client.begin(&fields, 0);
    client.write(DATA, END_STREAM, stream, b"hello");
    assert_eq!(client.outcome(stream).status, 200);
    let recorded = rig.upstream.requests().remove(1);
    assert_eq!(recorded.header("content-length"), Some("5"));
    assert_eq!(recorded.header("transfer-encoding"), None);
    rig.control();
}

#[test]
fn p13_hosts_that_are_not_one_are_refused() {
    let rig = Rig::standard();
    let plain = |authority: &'static str, path: &'static str| {
        vec![
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", authority),
            (":path", path),
        ]
    };
    let mut differing = head("GET", "/public");
    differing.push(("host", "b.example"));
    let mut twice = head("GET", "/public");
    twice.extend([("host", "a.example"), ("host", "a.example")]);
    let neither = vec![
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/public"),
    ];
    for fields in [
        differing,
        twice,
        neither,
        plain("user@a.example", "/public"),
        plain("user:pass@a.example", "/public"),
        plain("a.example:80:80", "/public"),
        plain("a.example", "*"),
        plain("a.example", "/public/\\..\\admin"),
        plain("a.example", "/public//x"),
    ] {
        let mut client = Client::open(rig.gate.address, &[]);
        let outcome = client.request(&fields);
        assert!(
            outcome.status == 400 || outcome.reset || outcome.gone,
            "{fields:?}: {outcome:?}"
        );
    }
    assert_eq!(rig.upstream.bytes(), 0);
    let mut same = head("GET", "/public");
    same.push(("host", "a.example"));
    assert_eq!(
        Client::open(rig.gate.address, &[]).request(&same).status,
        200
    );
    rig.control();
}

#[test]
fn s08_what_no_http1_head_could_hold_never_becomes_one() {
    let rig = Rig::standard();
    let with = |name: &'static str, value: &'static str| {
        let mut fields = head("POST", "/public");
        fields.push((name, value));
        fields
    };
    let replaced = |name: &'static str, value: &'static str| {
        let mut fields = head("POST", "/public");
        let field = fields.iter_mut().find(|field| field.0 == name);
        field.expect("a pseudo-header").1 = value;
        fields
    };
    let mut twice = with("content-length", "5");
    twice.push(("content-length", "6"));
    let mut behind = vec![("x-first", "1")];
    behind.extend(head("POST", "/public"));
    for fields in [
        with("x-a\r\nx-smuggled", "1"),
        with("x-a", "1\r\nx-smuggled: 1"),
        with("x-a", "1\0"),
        with("X-Upper", "smuggled"),
        with("transfer-encoding", "chunked"),
        with("connection", "x-smuggled"),
        with("content-length", "3"),
        with("content-length", "x"),
        twice,
        with("te", "gzip"),
        with(":path", "/smuggled"),
        with(":smuggled", "1"),
        replaced(":path", "/public HTTP/1.1\r\nx-smuggled: 1"),
        replaced(":path", "/public smuggled"),
        replaced(":path", ""),
        replaced(":path", "smuggled"),
        replaced(":method", "GET /smuggled"),
        replaced(":method", "GET\r\n"),
        behind,
    ] {
        let before = rig.upstream.requests().len();
        let mut client = Client::open(rig.gate.address, &[]);
        let stream = client.begin(&fields, 0);
        client.write(DATA, END_STREAM, stream, b"hello");
        let outcome = client.outcome(stream);
        assert!(outcome.status != 200, "{fields:?}: {outcome:?}");
        assert_eq!(rig.upstream.requests().len(), before, "{fields:?}");
    }
    assert!(!rig.upstream.everything().contains("smuggled"));
    rig.control();
}

#[test]
fn s13_connect_opens_nothing_over_http2_either() {
    let rig = Rig::standard();
    let upstream = rig.upstream.address().to_string();
    let mut client = Client::open(rig.gate.address, &[]);
    let outcome = client.request(&[(":method", "CONNECT"), (":authority", &upstream)]);
    assert_eq!(
        (outcome.status, outcome.reason().as_str()),
        (405, "method_not_allowed")
    );
    // RFC 8441, which was not offered.
    let mut extended = head("CONNECT", "/public");
    extended.push((":protocol", "websocket"));
    let outcome = client.request(&extended);
    assert!(
        outcome.status == 405 || outcome.reset || outcome.gone,
        "{outcome:?}"
    );
    assert_eq!(rig.upstream.connections(), 0);
    rig.control();
}

#[test]
fn s19_a_refusal_is_not_followed_by_a_reset_while_the_body_is_still_coming() {
    let rig = Setup::standard()
        .routes("\"/small\" = { access = \"public\", body_bytes = \"1KiB\" }")
        .start();
    for (path, length, status) in [
        ("/orders/1", None, 401),
        ("/nowhere", None, 403),
        ("/small", Some("100000"), 413),
    ] {
        let mut client = Client::open(rig.gate.address, &[]);
        let mut fields = head("POST", path);
        fields.extend(length.map(|length| ("content-length", length)));
        let stream = client.begin(&fields, 0);
        assert_eq!(client.outcome(stream).status, status, "{path}");
        // More than every window: it is taken in and thrown away.
        let mut left = 100_000_u32;
        let mut window = 65_535_u32;
        while left > 0 {
            let length = left.min(window).min(16_384);
            if length == 0 {
                let more = client.read_until(|frame| {
                    assert!(frame.kind != RST_STREAM, "{path}");
                    frame.kind == WINDOW_UPDATE && frame.stream == stream
                });
                let more = more.expect("the connection is open").payload;
                window += u32::from_be_bytes(more.try_into().expect("four bytes"));
                continue;
            }
            (left, window) = (left - length, window - length);
            let flags = if left == 0 { END_STREAM } else { 0 };
            client.write(DATA, flags, stream, &vec![b'x'; length as usize]);
        }
        client.write(PING, 0, 0, &[3; 8]);
        let pong = client.read_until(|frame| {
            assert!(frame.kind != RST_STREAM, "{path}");
            frame.kind == PING && frame.flags & ACK != 0
        });
        assert!(pong.is_some(), "{path}");
    }
    assert_eq!(rig.upstream.connections(), 0);
    // Not for ever: who goes on and on is told to stop.
    let mut client = Client::open(rig.gate.address, &[]);
    let stream = client.begin(&head("POST", "/orders/1"), 0);
    assert_eq!(client.outcome(stream).status, 401);
    let reset = client.read_until(|frame| frame.kind == RST_STREAM && frame.stream == stream);
    assert_eq!(reset.expect("a reset").payload, [0; 4]); // NO_ERROR
    rig.control();
}

#[test]
fn an_answer_larger_than_every_window_arrives_whole() {
    let rig = Rig::standard();
    let body = "0123456789abcdef".repeat(40_000);
    let sent = body.clone();
    rig.upstream
        .answer(move |_| Answer::status(200, &[], &sent));
    let mut client = Client::open(rig.gate.address, &[]);
    let stream = client.begin(&head("GET", "/public"), END_STREAM);
    let mut received: Vec<u8> = Vec::new();
    while let Some(frame) = client.read() {
        if frame.kind == SETTINGS && frame.flags & ACK == 0 {
            client.write(SETTINGS, ACK, 0, &[]);
        }
        if frame.kind != DATA {
            continue;
        }
        received.extend(&frame.payload);
        let length = u32::try_from(frame.payload.len()).expect("a frame");
        if frame.flags & END_STREAM != 0 {
            break;
        }
        for stream in [0, stream] {
            client.write(WINDOW_UPDATE, 0, stream, &length.to_be_bytes());
        }
    }
    assert!(received == body.as_bytes());
    rig.upstream.answer(|_| Answer::ok());
    rig.control();
}

fn impatient() -> Rig {
    let limits = "header_timeout = \"1s\"\nidle_timeout = \"1s\"\nbody_timeout = \"1s\"\n";
    Setup::standard()
        .server(&format!("[server.limits]\n{limits}"))
        .start()
}

#[test]
fn r01_a_connection_without_streams_is_told_to_go_and_closed() {
    let rig = impatient();
    let mut client = Client::open(rig.gate.address, &[]);
    assert_eq!(client.request(&head("GET", "/public")).status, 200);
    assert!(client.read_until(|frame| frame.kind == GOAWAY).is_some());
    assert!(client.is_closed());
    let mut silent = Client::open(rig.gate.address, &[]);
    assert!(silent.is_closed());
    rig.control();
}

#[test]
fn r02_a_header_block_that_never_ends_is_given_up() {
    let rig = impatient();
    let fields = block(&head("GET", "/public"));
    for begun in [
        frame(HEADERS, END_STREAM, 3, &fields),
        frame(HEADERS, END_STREAM | END_HEADERS, 3, &fields)[..20].to_vec(),
        frame(PING, 0, 0, &[0; 8])[..5].to_vec(),
    ] {
        let mut client = Client::open(rig.gate.address, &[]);
        rig.upstream.hold();
        // Another stream keeps the connection from being idle.
        client.begin(&head("GET", "/public"), END_STREAM);
        client.write_raw(&begun);
        assert!(client.is_closed());
        rig.upstream.release();
    }
    rig.control();
}

#[test]
fn r04_a_stream_whose_window_stays_closed_is_reset_and_the_others_go_on() {
    let rig = impatient();
    rig.upstream.answer(|request| match request.target() {
        "/public/large" => Answer::status(200, &[], &"x".repeat(8 << 20)),
        _ => Answer::raw("").silent(),
    });
    let mut client = Client::open(rig.gate.address, &[(4, 0)]);
    let slow = client.begin(&head("GET", "/public/large"), END_STREAM);
    let patient = client.begin(&head("GET", "/public/waits"), END_STREAM);
    let outcome = client.outcome(slow);
    assert!(outcome.reset && outcome.body.is_empty(), "{outcome:?}");
    rig.upstream.wait_for_ends(1);
    client.write(PING, 0, 0, &[7; 8]);
    let pong = client.read_until(|frame| frame.kind == PING && frame.flags & ACK != 0);
    assert!(pong.is_some(), "the connection is still there");
    client.write(RST_STREAM, 0, patient, &8_u32.to_be_bytes());
    rig.upstream.wait_for_ends(2);
    rig.upstream.answer(|_| Answer::ok());
    rig.control();
}

#[test]
fn r05_streams_given_up_are_cancelled_upstream_and_too_many_end_the_connection() {
    let rig = Rig::standard();
    rig.upstream.answer(|_| Answer::raw("").silent());
    let mut client = Client::open(rig.gate.address, &[]);
    let stream = client.begin(&head("GET", "/public"), END_STREAM);
    rig.upstream.wait_for(1);
    client.write(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
    rig.upstream.wait_for_ends(1);

    let mut flood = Vec::new();
    for at in 1..3000 {
        let stream = at * 2 + 1;
        flood.extend(frame(
            HEADERS,
            END_STREAM | END_HEADERS,
            stream,
            &block(&head("GET", "/public")),
        ));
        flood.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
    }
    client.write_raw(&flood);
    assert!(client.is_closed());
    assert!(rig.upstream.most_waiting() <= 128);
    rig.upstream.answer(|_| Answer::ok());
    rig.control();
}

#[test]
fn r06_a_client_that_acknowledges_everything_is_no_flood() {
    let rig = Rig::standard();
    let mut client = Client::open(rig.gate.address, &[]);
    for _ in 0..600 {
        assert_eq!(client.request(&head("GET", "/public")).status, 200);
        for _ in 0..4 {
            client.write(PING, 0, 0, &[1; 8]);
            client.write(WINDOW_UPDATE, 0, 0, &18_u32.to_be_bytes());
        }
    }
    rig.control();
}

#[test]
fn r07_more_crumbs_than_a_head_may_have_are_refused() {
    let rig = Rig::standard();
    let mut crumbs = head("GET", "/public");
    crumbs.extend(std::iter::repeat_n(("cookie", "a=1"), 2000));
    let outcome = Client::open(rig.gate.address, &[]).request(&crumbs);
    assert!(
        outcome.status == 431 || outcome.reset || outcome.gone,
        "{outcome:?}"
    );
    assert_eq!(rig.upstream.bytes(), 0);
    rig.control();
}

#[test]
fn a_client_that_only_begins_like_one_is_served_as_http1() {
    let rig = Rig::standard();
    let mut connection = Connection::open(rig.gate.address);
    for piece in ["P", "A", "TCH"] {
        connection.write(piece);
    }
    connection.write(" /public HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(connection.read("PATCH").status, 200);
    assert_eq!(connection.exchange(&get("/public")).status, 200);
    let mut connection = Connection::open(rig.gate.address);
    connection.write("PRI /public HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(connection.read("PRI").status, 200);
}
