//! Framing of requests (S01-S08, S13, S14, S22): one request in, at most one out, with one length.

use crate::support::{Connection, Rig, Setup, access, get, request};

/// Sends bytes over a connection of their own, and gives back all that is answered.
fn raw(rig: &Rig, bytes: &[u8]) -> String {
    let mut connection = Connection::open(rig.gate.address);
    connection.write(bytes);
    connection.finish();
    String::from_utf8_lossy(&connection.rest()).into_owned()
}

/// Either it was refused as malformed, or what reached the upstream is one request with one framing.
fn refused_or_reframed(rig: &Rig, bytes: &str) {
    let before = rig.upstream.requests().len();
    let answer = raw(rig, bytes.as_bytes());
    let requests = rig.upstream.requests().split_off(before);
    match requests.as_slice() {
        [] => assert!(
            answer.starts_with("HTTP/1.1 400") || answer.is_empty(),
            "{bytes:?} was answered {answer}"
        ),
        [one] => {
            let lengths = one.all_alike("content-length").len();
            let codings = one.all_alike("transfer-encoding");
            assert!(lengths + codings.len() <= 1, "{bytes:?} became {one:#?}");
            assert!(codings.iter().all(|coding| *coding == "chunked"));
        }
        many => panic!("{bytes:?} became {many:#?}"),
    }
    assert!(!rig.upstream.everything().contains("smuggled"), "{bytes:?}");
}

#[test]
fn s01_a_length_beside_chunks_smuggles_nothing() {
    let rig = Rig::standard();
    let smuggled = "GET /admin/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let length = format!("Content-Length: {}\r\n", 5 + smuggled.len());
    for framing in [
        format!("{length}Transfer-Encoding: chunked\r\n"),
        format!("Transfer-Encoding: chunked\r\n{length}"),
    ] {
        let head = format!("POST /public HTTP/1.1\r\nHost: a\r\n{framing}\r\n");
        refused_or_reframed(&rig, &format!("{head}0\r\n\r\n{smuggled}"));
    }
    // TE.CL: the chunk holds what a reader of the length would take for a request.
    let head = "POST /public HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n";
    let before = rig.upstream.requests().len();
    raw(
        &rig,
        format!("{head}{:x}\r\n{smuggled}\r\n0\r\n\r\n", smuggled.len()).as_bytes(),
    );
    assert!(rig.upstream.requests().len() <= before + 1);
    rig.control();
}

#[test]
fn s02_codings_in_other_spellings_frame_nothing() {
    let rig = Rig::standard();
    for line in [
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding:  chunked",
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding:\x0c chunked",
        "Transfer-Encoding:\r\n chunked",
        "Transfer_Encoding: chunked\r\nContent-Length: 5",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding: \"chunked\"",
    ] {
        let bytes = format!("POST /public HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n0\r\n\r\n");
        refused_or_reframed(&rig, &bytes);
    }
    rig.control();
}

#[test]
fn s03_lengths_that_are_no_one_number_are_refused() {
    let rig = Rig::standard();
    for line in [
        "Content-Length: 2\r\nContent-Length: 3",
        "Content-Length: 2\r\nContent-Length: 2",
        "Content-Length: 2, 2",
        "Content-Length: +2",
        "Content-Length: -1",
        "Content-Length: 0x1",
        "Content-Length: 1e0",
        "Content-Length: 1 1",
        "Content-Length:",
        "Content-Length: 18446744073709551616",
        "Content-Length: 02",
        "Content-Length: 2 ",
        "Content_Length: 2",
    ] {
        refused_or_reframed(
            &rig,
            &format!("POST /public HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\nab"),
        );
    }
    let before = rig.upstream.requests().len();
    raw(
        &rig,
        b"POST /public HTTP/1.1\r\nHost: a\r\nContent-Length: 02\r\nConnection: close\r\n\r\nab",
    );
    let requests = rig.upstream.requests();
    assert_eq!(requests[before].header("content-length"), Some("2"));
    rig.control();
}

#[test]
fn s04_a_body_nobody_read_is_never_taken_for_a_request() {
    let rig = Rig::standard();
    let smuggled = "GET /public/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for method in ["GET", "HEAD", "OPTIONS", "DELETE", "POST"] {
        for path in ["/orders/1", "/nowhere", "/public/../x"] {
            let before = rig.upstream.bytes();
            let answer = raw(
                &rig,
                format!(
                    "{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{smuggled}",
                    smuggled.len()
                )
                .as_bytes(),
            );
            assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
            assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
            assert_eq!(rig.upstream.bytes(), before, "{method} {path}");
        }
    }
    // A body on a method that has none is still its body.
    let with_body = request("DELETE", "/public").body(smuggled);
    assert_eq!(rig.forwards(&with_body).body, smuggled.as_bytes());
    rig.control();
}

#[test]
fn s05_a_chunk_that_is_none_never_becomes_a_whole_request() {
    let rig = Rig::standard();
    for chunks in [
        "5\r\nhello\r\n-1\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "5_\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        ";\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\r\n",
        "5\r\nhel",
    ] {
        let before = rig.upstream.requests().len();
        let head = "POST /public HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let answer = raw(&rig, format!("{head}{chunks}").as_bytes());
        assert_eq!(rig.upstream.requests().len(), before, "{chunks:?}");
        assert!(!answer.starts_with("HTTP/1.1 200"), "{chunks:?}: {answer}");
    }
    let long = "x".repeat(20 * 1024);
    let head = "POST /public HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    raw(&rig, format!("{head}1;{long}\r\na\r\n0\r\n\r\n").as_bytes());
    for trailer in ["Content-Length: 5", "Transfer-Encoding: chunked", "Host: b"] {
        let bytes = format!("{head}1\r\na\r\n0\r\n{trailer}\r\n\r\n");
        raw(&rig, bytes.as_bytes());
        let last = rig.upstream.requests().pop();
        assert!(last.is_none_or(|request| request.trailers.is_empty()));
    }
    rig.control();
}

#[test]
fn s06_old_versions_and_closing_clients_get_one_answer() {
    let rig = Rig::standard();
    let behind = "GET /public/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for head in [
        "POST /public HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /public HTTP/1.0\r\n\r\n",
        "GET /public HTTP/1.0\r\n\r\n",
        "GET /public HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET /orders/1 HTTP/1.0\r\n\r\n",
    ] {
        let answer = raw(&rig, format!("{head}{behind}").as_bytes());
        assert_eq!(answer.matches("HTTP/1.").count(), 1, "{head:?}: {answer}");
        assert!(!rig.upstream.everything().contains("smuggled"), "{head:?}");
    }
    let mut connection = Connection::open(rig.gate.address);
    for _ in 0..2 {
        connection.write("GET /public HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
        let answer = connection.read("GET");
        assert_eq!(answer.status, 200);
        assert!(answer.header("transfer-encoding").is_empty());
    }
    rig.control();
}

#[test]
fn s07_only_clean_lines_leave_whatever_came_in() {
    let rig = Rig::standard();
    for bytes in [
        "GET /public HTTP/1.1\nHost: a\n\n",
        "\r\n\r\nGET /public HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /public HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
        "GET /public HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
        "GET /public HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET /public HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
        "GET /public HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
        "GET /public HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        "GET  /public HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /public HTTP/1.2\r\nHost: a\r\n\r\n",
        "GET /public\r\n\r\n",
    ] {
        refused_or_reframed(&rig, bytes);
    }
    let seen = rig.upstream.everything();
    assert!(!seen.replace("\r\n", "").contains(['\r', '\n', '\0']));
    rig.control();
}

#[test]
fn s13_connect_opens_nothing() {
    let rig = Rig::standard();
    let upstream = rig.upstream.address();
    for target in [
        upstream.to_string(),
        "169.254.169.254:80".into(),
        "a:443".into(),
        "/public".into(),
    ] {
        let before = rig.upstream.connections();
        let answer = raw(
            &rig,
            format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\nearly GET /x").as_bytes(),
        );
        assert!(
            answer.starts_with("HTTP/1.1 405") || answer.starts_with("HTTP/1.1 400"),
            "{target}: {answer}"
        );
        assert_eq!(rig.upstream.connections(), before);
    }
    rig.control();
}

#[test]
fn s14_trace_reflects_nothing() {
    let rig = Rig::standard();
    let trace = request("TRACE", "/public").header("X-Mirror", "seen");
    let answer = rig.refuses(&trace, 405, "method_not_allowed");
    assert!(!answer.text().contains("seen"));
    let far = request("OPTIONS", "/public").header("Max-Forwards", "0");
    rig.forwards(&far);
    rig.control();
}

#[test]
fn s22_ranges_pass_and_cost_nothing() {
    let rig = Setup::standard().start();
    let token = access().sign();
    let many: Vec<String> = (0..1000).map(|at| format!("{at}-{at}")).collect();
    for ranges in [many.join(","), "5-1".into(), "0-9,5-20,-1".into()] {
        let value = format!("bytes={ranges}");
        let recorded = rig.forwards(&get("/orders/1").bearer(&token).header("Range", &value));
        assert_eq!(recorded.header("range"), Some(value.as_str()));
    }
    rig.control();
}
