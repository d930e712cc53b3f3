//! Bodies that are not read, answers that come early, clients that go (S15-S20, R12).

use crate::support::{Answer, Connection, Rig, Setup, access, get, post};

#[test]
fn s15_who_expects_a_go_ahead_gets_it_when_the_upstream_reads_and_never_with_a_refusal() {
    let rig = Rig::standard();
    let expecting = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        )
    };
    let mut connection = Connection::open(rig.gate.address);
    connection.write(expecting("/public"));
    assert_eq!(connection.read_interim(), 100);
    connection.write("hello");
    assert_eq!(connection.read("POST").status, 200);
    assert_eq!(rig.upstream.requests()[0].body, b"hello");

    let mut connection = Connection::open(rig.gate.address);
    connection.write(expecting("/orders/1"));
    let answer = connection.read("POST");
    assert_eq!(
        (answer.status, answer.interim.as_slice()),
        (401, [].as_slice())
    );
    connection.finish();
    assert!(connection.is_closed());
    rig.control();
}

#[test]
fn s19_a_refusal_can_be_read_by_who_is_still_sending() {
    let rig = Rig::standard();
    let chunk = vec![b'x'; 1 << 20];
    for length in [1 << 20, 50 << 20] {
        let mut connection = Connection::open(rig.gate.address);
        connection.write(format!(
            "POST /orders/1 HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"
        ));
        for _ in 0..length >> 20 {
            connection.write(&chunk);
        }
        let answer = connection.read("POST");
        assert_eq!(
            (answer.status, answer.reason().as_str()),
            (401, "missing_token")
        );
        assert_eq!(answer.header("connection"), "close");
        assert!(connection.is_closed());
    }
    assert_eq!(rig.upstream.bytes(), 0);
    rig.control();
}

#[test]
fn s19_a_head_that_is_too_large_gets_its_answer_too() {
    let rig = Rig::standard();
    let mut connection = Connection::open(rig.gate.address);
    connection.write(format!(
        "GET /public HTTP/1.1\r\nHost: a\r\nX: {}",
        "x".repeat(1 << 20)
    ));
    assert_eq!(connection.read("GET").status, 431);
    connection.finish();
    assert!(connection.is_closed());
    rig.control();
}

#[test]
fn s20_what_a_client_leaves_behind_is_cancelled() {
    let rig = Rig::standard();
    let bearer = format!("Authorization: Bearer {}\r\n", access().sign());
    // Gone while the upstream thinks.
    rig.upstream.answer(|_| Answer::raw("").silent());
    let mut connection = Connection::open(rig.gate.address);
    connection.write(format!("GET /orders/1 HTTP/1.1\r\nHost: a\r\n{bearer}\r\n"));
    rig.upstream.wait_for(1);
    drop(connection);
    rig.upstream.wait_for_ends(1);
    // Gone in the middle of its own body.
    let mut connection = Connection::open(rig.gate.address);
    connection.write("POST /public HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nbegun");
    rig.upstream.wait_for_text("begun");
    drop(connection);
    rig.upstream.wait_for_ends(2);
    // Gone in the middle of an answer that never ends.
    rig.upstream
        .answer(|_| Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegun").silent());
    let mut connection = Connection::open(rig.gate.address);
    connection.write("GET /public HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(connection.take(10).is_some());
    drop(connection);
    rig.upstream.wait_for_ends(3);
    rig.upstream.answer(|_| Answer::ok());
    rig.control();
}

#[test]
fn r12_a_client_that_has_said_all_still_gets_its_answer() {
    let rig = Rig::standard();
    for target in ["/public", "/orders/1"] {
        let mut connection = Connection::open(rig.gate.address);
        rig.upstream.hold();
        connection.write(get(target).bearer(&access().sign()).bytes(rig.gate.address));
        connection.finish();
        rig.upstream.wait_for(rig.upstream.requests().len().max(1));
        rig.upstream.release();
        assert_eq!(connection.read("GET").status, 200, "{target}");
        assert!(connection.is_closed());
    }
    // Several at once, and then the end.
    let mut connection = Connection::open(rig.gate.address);
    let three = get("/public/a").bytes(rig.gate.address).repeat(3);
    connection.write(three);
    connection.finish();
    for _ in 0..3 {
        assert_eq!(connection.read("GET").status, 200);
    }
    assert!(connection.is_closed());
    rig.control();
}

#[test]
fn r12_half_closed_connections_keep_no_processor_busy() {
    let rig = Rig::standard();
    rig.control();
    let before = rig.gate.program.processor();
    rig.upstream.answer(|_| Answer::raw("").silent());
    let ended = rig.upstream.connections();
    let mut half: Vec<Connection> = (0..50)
        .map(|_| {
            let mut connection = Connection::open(rig.gate.address);
            connection.write(get("/public").bytes(rig.gate.address));
            connection.finish();
            connection
        })
        .collect();
    // An answer that does not come soon is not waited for; until then each of them waits, and does nothing else.
    for connection in &mut half {
        assert!(connection.is_closed());
    }
    rig.upstream.wait_for_ends(ended);
    let used = rig.gate.program.processor() - before;
    assert!(used.as_millis() < 900, "{used:?}");
    rig.upstream.answer(|_| Answer::ok());
    rig.control();
}

#[test]
fn r12_an_answer_that_breaks_off_never_ends_cleanly() {
    let rig = Rig::standard();
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n",
    ] {
        rig.upstream.answer(move |_| Answer::raw(answer).closing());
        let answer = rig.send(&get("/public"));
        assert!(!answer.whole, "{answer:?}");
    }
    rig.upstream.answer(|_| Answer::ok());
    rig.control();
}

#[test]
fn pipelined_requests_are_answered_in_their_order_and_each_is_judged() {
    let rig = Rig::standard();
    let mut connection = Connection::open(rig.gate.address);
    let token = access().sign();
    let requests = [
        get("/orders/1").bearer(&token),
        get("/orders/2"),
        get("/public/3"),
        post("/public/4"),
        get("/nowhere"),
    ];
    let bytes: Vec<u8> = requests
        .iter()
        .flat_map(|request| request.bytes(rig.gate.address))
        .collect();
    connection.write(bytes);
    let statuses: Vec<u16> = requests
        .iter()
        .map(|_| connection.read("GET").status)
        .collect();
    assert_eq!(statuses, [200, 401, 200, 200, 403]);
    let targets: Vec<String> = rig
        .upstream
        .requests()
        .iter()
        .map(|request| request.target().to_owned())
        .collect();
    assert_eq!(targets, ["/orders/1", "/public/3", "/public/4"]);
}

#[test]
fn answers_without_a_body_keep_the_connection() {
    let rig = Setup::standard().start();
    let mut connection = Connection::open(rig.gate.address);
    for (status, method) in [(204, "GET"), (304, "GET"), (200, "HEAD"), (200, "GET")] {
        rig.upstream
            .answer(move |request| match (status, request.method()) {
                (204 | 304, _) => Answer::raw(format!("HTTP/1.1 {status} Status\r\n\r\n")),
                (_, "HEAD") => Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"),
                _ => Answer::ok(),
            });
        let answer = connection.exchange(&crate::support::request(method, "/public"));
        assert_eq!(answer.status, status);
        if method == "HEAD" {
            assert_eq!(answer.header("content-length"), "5");
        }
    }
}

#[test]
fn s22_ranges_pass_and_cost_nothing() {
    let rig = Rig::standard();
    let token = access().sign();
    let many: Vec<String> = (0..1000).map(|at| format!("{at}-{at}")).collect();
    for ranges in [many.join(","), "5-1".into(), "0-9,5-20,-1".into()] {
        let value = format!("bytes={ranges}");
        let asked = get("/orders/1").bearer(&token).header("Range", &value);
        assert_eq!(rig.forwards(&asked).header("range"), Some(value.as_str()));
        let asked = post("/public").header("Range", &value);
        assert_eq!(rig.forwards(&asked).header("range"), Some(value.as_str()));
    }
    // Whatever the upstream makes of them passes as it is, and nothing of it is kept.
    let before = rig.gate.program.memory();
    let parts = "--x\r\ncontent-range: bytes 0-0/1\r\n\r\ny\r\n".repeat(100_000);
    let sent = parts.clone();
    rig.upstream.answer(move |_| {
        Answer::status(
            206,
            &[("content-type", "multipart/byteranges; boundary=x")],
            &sent,
        )
    });
    for _ in 0..10 {
        let answer = rig.send(&get("/public").header("Range", "bytes=0-0,0-0"));
        assert_eq!((answer.status, answer.text()), (206, parts.clone()));
    }
    assert!(rig.gate.program.memory() < before + (16 << 20));
    rig.upstream.answer(|_| Answer::ok());
    rig.control();
}
