//! Time and memory (R01-R14): whoever is slow or greedy is given up, and others never notice.

use crate::support::{Answer, Connection, Rig, Setup, access, get};

/// Short limits, so that nothing has to be waited for long.
fn impatient() -> Rig {
    Setup::standard()
        .server(
            r#"
[server.limits]
header_timeout = "1s"
idle_timeout = "1s"
body_timeout = "1s"
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
fn r01_r02_the_other_listeners_have_the_same_patience() {
    let rig = Setup::standard()
        .server("probes = \"127.0.0.1:0\"\n[server.limits]\nheader_timeout = \"1s\"\nidle_timeout = \"1s\"\n")
        .start();
    let told = get("/status").send(rig.gate.admin).json();
    let probes = told["listeners"][2]["address"].as_str();
    let probes = probes.and_then(|text| text.parse().ok());
    for address in [rig.gate.admin, probes.expect("an address")] {
        for bytes in [
            "",
            "GET /livez HTTP/1.1\r\nHost: 127",
            "GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        ] {
            let mut many: Vec<Connection> = (0..50).map(|_| Connection::open(address)).collect();
            for connection in &mut many {
                connection.write(bytes);
            }
            assert_eq!(get("/livez").send(address).status, 200);
            for connection in &mut many {
                connection.rest(); // ends
            }
        }
    }
    rig.control();
}

#[test]
fn r08_the_other_listeners_take_no_larger_heads() {
    let rig = Setup::standard()
        .server("[server.limits]\nheader_bytes = \"8KiB\"\n")
        .start();
    let large = get("/livez").header("X", &"x".repeat(9_000));
    assert_eq!(large.send(rig.gate.admin).status, 431);
    assert_eq!(get("/livez").send(rig.gate.admin).status, 200);
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
fn r08_a_hundred_header_lines_pass_and_one_more_is_refused_and_told_of() {
    let rig = Rig::standard();
    // `Host` is one of them.
    let lines = |count: usize| {
        (1..count).fold(get("/public"), |request, at| {
            request.header(&format!("X-{at}"), "x")
        })
    };
    assert_eq!(lines(100).send(rig.gate.address).status, 200);
    rig.refuses(&lines(101), 431, "headers_too_large");
    let refused = "portcullis_refusals_total{reason=\"headers_too_large\",route=\"none\"}";
    assert_eq!(rig.gate.metric(refused), Some(1.0));
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
    let connections = || rig.gate.metric("portcullis_connections{listener=\"gate\"}");
    assert_eq!(connections(), Some(2.0));
    held.pop();
    assert_eq!(waiting.read("GET").status, 200);
    assert_eq!(connections(), Some(2.0));
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
fn r14_a_long_path_is_matched_in_one_pass() {
    // Patterns that a backtracking matcher would try in many ways, and as many of them as a file might have.
    let many: String = (0..500)
        .map(|at| format!("\"/{at}/{{a}}/{{b}}/{{c}}/x/{{*rest}}\" = \"orders/read\"\n"))
        .collect();
    let deep: String = (0..40).map(|at| format!("/{{p{at}}}")).collect();
    let rig = Setup::standard()
        .server("[server.limits]\nheader_bytes = \"64KiB\"\n")
        .routes(&format!(
            "{many}\"{deep}\" = \"orders/read\"\n\"{deep}/x/{{*rest}}\" = \"orders/read\""
        ))
        .start();
    let before = rig.gate.program.processor();
    let long = [
        "/a".repeat(16_000),
        format!("/public/{}", "a/".repeat(15_000)),
        format!("/public/{}", "a".repeat(32_000)),
        format!("/public/{}", "%61".repeat(10_000)),
        format!("/7/{}", "x/".repeat(16_000)),
    ];
    for _ in 0..20 {
        for path in &long {
            let answer = rig.send(&get(path));
            assert!(
                matches!(answer.status, 200 | 401 | 403),
                "{}",
                answer.text()
            );
        }
    }
    // A hundred of them: what is not linear in 16,000 segments would take minutes.
    let used = rig.gate.program.processor() - before;
    assert!(used.as_secs() < 5, "{used:?}");
    rig.control();
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
