//! Time and memory (R01-R09): whoever is slow or greedy is given up, and others never notice.

use crate::support::{Answer, Connection, Rig, Setup, access, get};

/// Short limits, so that nothing has to be waited for long.
fn impatient() -> Rig {
    Setup::standard()
        .server(
            r#"
[server.limits]
header_timeout = "300ms"
idle_timeout = "300ms"
body_timeout = "300ms"
"#,
        )
        .start()
}

#[test]
fn r01_connections_without_a_byte_are_closed() {
    let rig = impatient();
    let mut silent: Vec<Connection> = (0..200)
        .map(|_| Connection::open(rig.gate.address))
        .collect();
    rig.control();
    for connection in &mut silent {
        assert!(connection.is_closed());
    }
    rig.control();
}

#[test]
fn r02_slow_heads_and_prefaces_are_given_up() {
    let rig = impatient();
    for (bytes, told) in [
        ("G", true),
        ("GET /public HTTP/1.1\r\nHost: a\r\nX: ", true),
        ("P", false),
        ("PRI * HT", false),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", false),
        ("POST", true),
    ] {
        let mut connection = Connection::open(rig.gate.address);
        connection.write(bytes);
        if told {
            let answer = connection.read("GET");
            assert_eq!(
                (answer.status, answer.reason().as_str()),
                (408, "request_timeout")
            );
            connection.finish();
        }
        connection.rest(); // ends
    }
    rig.control();
}

#[test]
fn r03_a_body_that_stops_is_told_and_its_upstream_request_never_finished() {
    let rig = impatient();
    let mut connection = Connection::open(rig.gate.address);
    connection.write("POST /public HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nbegun");
    let answer = connection.read("POST");
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (408, "request_timeout")
    );
    rig.upstream.wait_for_ends(1);
    assert!(rig.upstream.requests().is_empty());
    // Who may not send it at all is told at once, however slow the body is.
    let mut connection = Connection::open(rig.gate.address);
    connection.write("POST /orders/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
    assert_eq!(connection.read("POST").status, 401);
    rig.control();
}

#[test]
fn r04_who_does_not_read_is_dropped_and_with_it_its_upstream_request() {
    let rig = impatient();
    rig.upstream.answer(|_| {
        let length = 64 << 20;
        let mut bytes = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").into_bytes();
        bytes.resize(bytes.len() + length, b'x');
        Answer::raw(bytes)
    });
    let mut slow: Vec<Connection> = (0..4)
        .map(|_| {
            let mut connection = Connection::open(rig.gate.address);
            connection.write(get("/public").bytes(rig.gate.address));
            connection
        })
        .collect();
    rig.upstream.wait_for_ends(4);
    for connection in &mut slow {
        assert!(connection.rest().len() < 64 << 20);
    }
    rig.upstream.answer(|_| Answer::ok());
    rig.control();
}

#[test]
fn r08_heads_over_the_limit_are_refused_at_once() {
    let rig = Rig::standard();
    for request in [
        get("/public").header("Cookie", &"c=1; ".repeat(20_000)),
        get(&format!("/public/{}", "a".repeat(64 * 1024))),
        get("/public").header("X", &"x".repeat(40 * 1024)),
        (0..200).fold(get("/public"), |request, at| {
            request.header(&format!("X-{at}"), "x")
        }),
    ] {
        rig.refuses_with(&request, &[431, 414]);
    }
    rig.control();
}

#[test]
fn r09_beyond_the_cap_connections_wait_and_it_is_told_once() {
    let rig = Setup::standard()
        .server("[server.limits]\nconnections = 2\n")
        .start();
    let mut held: Vec<Connection> = (0..2)
        .map(|_| {
            let mut connection = Connection::open(rig.gate.address);
            assert_eq!(connection.exchange(&get("/public")).status, 200);
            connection
        })
        .collect();
    let mut waiting = Connection::open(rig.gate.address);
    waiting.write(get("/public").bytes(rig.gate.address));
    rig.gate.program.wait_for_log(|line| {
        line["message"]
            .as_str()
            .is_some_and(|text| text.contains("as many connections"))
    });
    held.pop();
    assert_eq!(waiting.read("GET").status, 200);
    drop((held, waiting));
    rig.control();
    assert_eq!(
        rig.gate
            .program
            .log()
            .matches("as many connections")
            .count(),
        1
    );
}

#[test]
fn an_idle_connection_is_kept_as_long_as_the_contract_says_and_then_closed() {
    let rig = impatient();
    let mut connection = Connection::open(rig.gate.address);
    assert_eq!(connection.exchange(&get("/public")).status, 200);
    assert!(connection.is_closed());
    // One that is waited for is not idle.
    rig.upstream.hold();
    let mut connection = Connection::open(rig.gate.address);
    connection.write(
        get("/orders/1")
            .bearer(&access().sign())
            .bytes(rig.gate.address),
    );
    let mut idle = Connection::open(rig.gate.address);
    assert!(idle.is_closed()); // longer than the idle time
    rig.upstream.release();
    assert_eq!(connection.read("GET").status, 200);
}
