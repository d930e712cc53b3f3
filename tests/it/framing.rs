//! Framing: where one request ends and the next begins is one thing to the client, to us and to the upstream.
//!
//! The wire's side of the table of smuggling (S01-S23). After each attack a victim's request goes through: what it gets,
//! and what the upstream was sent for it, is its own.

use crate::support::http2::{Client, DATA, END_STREAM, head};
use crate::support::{Answer, Connection, Recorded, Request, Rig, Setup, access, get, post};

const SMUGGLED: &str = "GET /admin/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// The one connection to the upstream is used again wherever that is possible.
fn rig() -> Rig {
    Setup::standard().upstream("max_connections = 1").start()
}

/// Ends a connection that is still in step when everything before it has been answered.
const LAST: &str = "GET /public/last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// Sends bytes over a connection of their own, and `LAST` behind them; answers all statuses.
fn exchange(rig: &Rig, bytes: impl AsRef<[u8]>) -> Vec<u16> {
    let mut connection = Connection::open(rig.gate.address);
    connection.write([bytes.as_ref(), LAST.as_bytes()].concat());
    answers(connection)
}

/// Sends bytes over a connection of their own that is then done sending.
fn broken_off(rig: &Rig, bytes: impl AsRef<[u8]>) -> Vec<u16> {
    let mut connection = Connection::open(rig.gate.address);
    connection.write(bytes);
    connection.finish();
    answers(connection)
}

fn answers(mut connection: Connection) -> Vec<u16> {
    std::iter::from_fn(|| connection.try_read("POST"))
        .map(|answer| answer.status)
        .collect()
}

/// The upstream never saw a smuggled request, each request it saw is framed once, and a victim is served its own.
fn holds(rig: &Rig) {
    for recorded in rig.upstream.requests() {
        assert!(!recorded.line.contains("smuggled"), "{recorded:#?}");
        is_framed_once(&recorded);
    }
    let victim = rig.forwards(&get("/orders/victim").bearer(&access().sign()));
    assert_eq!(victim.target(), "/orders/victim");
    assert!(
        !rig.upstream.everything().contains("\n\n"),
        "a bare LF left us"
    );
}

fn is_framed_once(recorded: &Recorded) {
    let lengths = recorded.all_alike("content-length");
    let encodings = recorded.all_alike("transfer-encoding");
    assert!(lengths.len() + encodings.len() <= 1, "{recorded:#?}");
    assert!(
        encodings.iter().all(|encoding| *encoding == "chunked"),
        "{recorded:#?}"
    );
}

/// `POST /public` with these header lines and these bytes behind its head.
fn posted(lines: &str, behind: &str) -> String {
    format!("POST /public HTTP/1.1\r\nHost: a\r\n{lines}\r\n{behind}")
}

#[test]
fn s01_a_length_beside_chunks_smuggles_nothing() {
    let rig = rig();
    let chunks = format!("0\r\n\r\n{SMUGGLED}");
    let length = chunks.len();
    for lines in [
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"),
        format!(
            "Transfer-Encoding: chunked\r\nContent-Length: {length}\r\nContent-Length: {length}\r\n"
        ),
    ] {
        let statuses = exchange(&rig, posted(&lines, &chunks));
        // The rest is a request of its own to no one, for the connection closes, or one that is refused.
        assert!(
            statuses[1..].iter().all(|status| *status >= 400),
            "{statuses:?}"
        );
        holds(&rig);
    }
    let size = format!("{:x}\r\n", SMUGGLED.len());
    let te_cl = posted(
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        &format!("{size}{SMUGGLED}\r\n0\r\n\r\n"),
    );
    exchange(&rig, te_cl);
    for recorded in rig.upstream.requests() {
        is_framed_once(&recorded);
    }
}

#[test]
fn s02_an_encoding_that_is_not_plainly_chunked_is_refused_or_made_anew() {
    let rig = rig();
    for line in [
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding: chunked\x0c",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chun\r\n ked",
        "Transfer-Encoding : chunked",
        " Transfer-Encoding: chunked",
        "Transfer-Encoding:\r\n chunked",
        "Transfer-Encoding: gzip",
        "X: y\nTransfer-Encoding: chunked",
        "Transfer_Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: CHUNKED",
    ] {
        exchange(
            &rig,
            posted(&format!("{line}\r\n"), &format!("0\r\n\r\n{SMUGGLED}")),
        );
        exchange(
            &rig,
            posted(
                &format!("Content-Length: 5\r\n{line}\r\n"),
                &format!("0\r\n\r\n{SMUGGLED}"),
            ),
        );
        holds(&rig);
    }
}

#[test]
fn s03_a_length_is_one_plain_number() {
    let rig = rig();
    for length in [
        "+5",
        "-1",
        "0x5",
        "1e1",
        "5 5",
        "5, 6",
        "",
        "18446744073709551616",
        "5\r\nContent-Length: 6",
        "5_0",
        "5;",
        "\x0b5",
    ] {
        let statuses = exchange(
            &rig,
            posted(&format!("Content-Length: {length}\r\n"), "hello"),
        );
        assert!(
            statuses.iter().all(|status| *status == 400),
            "{length:?}: {statuses:?}"
        );
        assert_eq!(rig.upstream.connections(), 0, "{length:?}");
    }
    for length in ["5", "05", "5 ", "5\r\nContent-Length: 5", "5, 5"] {
        let before = rig.upstream.requests().len();
        let statuses = exchange(
            &rig,
            posted(&format!("Content-Length: {length}\r\n"), "hello"),
        );
        match statuses.as_slice() {
            [200, 200] => assert_eq!(
                rig.upstream.requests()[before].header("content-length"),
                Some("5"),
                "{length:?}"
            ),
            other => assert_eq!(other, [400], "{length:?}"),
        }
    }
    let misspelt = post("/public")
        .header("Content_Length", "100")
        .header("Content.Length", "0");
    assert_eq!(rig.forwards(&misspelt).all_alike("content-length"), ["2"]);
    holds(&rig);
}

#[test]
fn s04_a_body_where_none_is_usual_is_a_body() {
    let rig = rig();
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "PUT"] {
        let before = rig.upstream.requests().len();
        let length = SMUGGLED.len();
        let head =
            format!("{method} /public HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        let mut connection = Connection::open(rig.gate.address);
        connection.write(format!("{head}{SMUGGLED}"));
        assert_eq!(connection.read(method).status, 200);
        let requests = rig.upstream.requests();
        assert_eq!(requests.len(), before + 1);
        assert_eq!(requests[before].body, SMUGGLED.as_bytes(), "{method}");
    }
    holds(&rig);
}

#[test]
fn s05_a_chunk_that_is_none_aborts_the_request() {
    let rig = rig();
    for chunks in [
        "g\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "5_0\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        ";\r\nhello\r\n0\r\n\r\n",
        "5\nhello\n0\n\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n",
        "5\r\nhel",
    ] {
        let before = rig.upstream.requests().len();
        let statuses = broken_off(&rig, posted("Transfer-Encoding: chunked\r\n", chunks));
        assert!(
            statuses.iter().all(|status| *status >= 400),
            "{chunks:?}: {statuses:?}"
        );
        // What was begun was never finished.
        assert_eq!(rig.upstream.requests().len(), before, "{chunks:?}");
    }
    let victim = rig.forwards(&get("/orders/victim").bearer(&access().sign()));
    assert_eq!(victim.target(), "/orders/victim");
}

#[test]
fn s05_what_stands_beside_and_behind_the_chunks_ends_here() {
    let rig = rig();
    let long = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(20_000));
    for chunks in [
        "5;name=value;\"quoted\"\r\nhello\r\n0\r\n\r\n",
        "5 ;name\r\nhello\r\n0\r\n\r\n",
        "5;a\rb\r\nhello\r\n0\r\n\r\n",
        "0005\r\nhello\r\n000\r\n\r\n",
        "5\r\nhello\r\n0\r\nContent-Length: 50\r\nTransfer-Encoding: chunked\r\nHost: evil\r\n\r\n",
        "5\r\nhello\r\n0\r\nX-User-Sub: forged\r\n\r\n",
        &long,
    ] {
        let before = rig.upstream.requests().len();
        let statuses = exchange(&rig, posted("Transfer-Encoding: chunked\r\n", chunks));
        let requests = rig.upstream.requests();
        let Some(recorded) = requests.get(before) else {
            assert!(statuses.iter().all(|status| *status >= 400), "{chunks:?}");
            continue;
        };
        assert_eq!(statuses, [200, 200], "{chunks:?}");
        assert_eq!(
            (recorded.body.as_slice(), recorded.trailers.as_str()),
            (b"hello".as_slice(), "")
        );
        for trace in ["name", "0005", "evil", "forged", "xxxx"] {
            assert!(!recorded.holds(trace), "{recorded:#?}");
        }
        holds(&rig);
    }
}

#[test]
fn s06_an_old_version_keeps_to_its_own_rules() {
    let rig = rig();
    for bytes in [
        format!(
            "POST /public HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}"
        ),
        format!("POST /public HTTP/1.0\r\nHost: a\r\n\r\n{SMUGGLED}"),
        format!("GET /public HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n{SMUGGLED}"),
        format!("GET /public HTTP/1.2\r\nHost: a\r\n\r\n{SMUGGLED}"),
        "GET /public\r\n\r\n".to_owned(),
    ] {
        let statuses = exchange(&rig, &bytes);
        assert!(
            statuses.iter().skip(1).all(|status| *status >= 400),
            "{bytes:?}: {statuses:?}"
        );
        holds(&rig);
    }
    // What comes after is judged for itself: two on one connection, the second without a token.
    let pipelined = format!(
        "GET /public HTTP/1.1\r\nHost: a\r\n\r\n{SMUGGLED}GET /public HTTP/1.1\r\nHost: a\r\n\r\n"
    );
    assert_eq!(exchange(&rig, pipelined), [200, 401, 200, 200]);
    holds(&rig);
}

#[test]
fn s06_an_old_client_gets_an_answer_it_can_read() {
    let rig = rig();
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    rig.upstream.answer(move |_| Answer::raw(chunked));
    // It knows no chunks: the end of the body is the end of the connection.
    for keep in ["", "Connection: keep-alive\r\n"] {
        let mut connection = Connection::open(rig.gate.address);
        connection.write(format!("GET /public HTTP/1.0\r\nHost: a\r\n{keep}\r\n"));
        let answer = connection.read("GET");
        assert_eq!((answer.status, answer.text().as_str()), (200, "hello"));
        assert_eq!(answer.header("transfer-encoding"), "");
        assert!(connection.is_closed());
    }
    // Where the length is known the connection can be kept, if that is asked for.
    rig.upstream.answer(|_| Answer::ok());
    let kept = "GET /public HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n";
    let mut connection = Connection::open(rig.gate.address);
    for _ in 0..3 {
        connection.write(kept);
        let answer = connection.read("GET");
        assert_eq!(answer.text(), "from the upstream\n");
        assert_eq!(answer.header("connection"), "keep-alive");
    }
    connection.write("GET /public HTTP/1.0\r\nHost: a\r\n\r\n");
    assert_eq!(connection.read("GET").status, 200);
    assert!(connection.is_closed());
    for recorded in rig.upstream.requests() {
        assert!(recorded.line.ends_with(" HTTP/1.1"));
        assert_eq!(recorded.header("connection"), None);
    }
    holds(&rig);
}

#[test]
fn s07_a_head_that_servers_read_differently_is_refused_or_written_anew() {
    let rig = rig();
    for lines in [
        "X : y",
        ": y",
        "X",
        "X y",
        "X: a\r\n b",
        "X: a\0b",
        "X: a\rb",
        "X\t: y",
        "X: a\rX-User-Sub: forged",
        "\u{e9}: y",
    ] {
        let statuses = exchange(
            &rig,
            format!("GET /public HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n"),
        );
        assert!(
            statuses.iter().all(|status| *status == 400),
            "{lines:?}: {statuses:?}"
        );
    }
    assert_eq!(rig.upstream.connections(), 0);
    for bytes in [
        "\r\n\r\nGET /public HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /public HTTP/1.1\nHost: a\nX: y\n\n",
        "GET /public HTTP/1.1\r\nHost: a\nX-User-Sub: forged\r\n\r\n",
    ] {
        exchange(&rig, bytes);
        assert!(!rig.upstream.everything().contains("forged"));
        holds(&rig);
    }
}

#[test]
fn s09_s12_an_upgrade_that_is_no_websocket_ends_here() {
    let rig = rig();
    for (connection, upgrade) in [
        ("Upgrade, HTTP2-Settings", "h2c"),
        ("Upgrade", "h2c"),
        ("upgrade", "TLS/1.0"),
        ("Upgrade", "foo"),
        ("Upgrade", "foo, h2c"),
    ] {
        let request = get("/public")
            .header("Connection", connection)
            .header("Upgrade", upgrade);
        let recorded = rig.forwards(&request.header("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA"));
        for name in ["upgrade", "connection", "http2-settings"] {
            assert_eq!(
                recorded.all_alike(name),
                Vec::<&str>::new(),
                "{name} of {upgrade}"
            );
        }
    }
    rig.upstream.answer(|_| {
        Answer::raw(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        )
    });
    let answer = rig.send(
        &get("/public")
            .header("Connection", "Upgrade")
            .header("Upgrade", "h2c"),
    );
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (502, "upstream_protocol")
    );
    rig.upstream.answer(|_| Answer::ok());
    holds(&rig);
}

#[test]
fn s13_s14_connect_and_trace_open_and_reflect_nothing() {
    let rig = rig();
    let upstream = rig.upstream.address().to_string();
    for target in [upstream.as_str(), "169.254.169.254:80", "a:443"] {
        let statuses = exchange(
            &rig,
            format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n{SMUGGLED}"),
        );
        assert_eq!(statuses.first(), Some(&405), "{target}");
    }
    for method in ["TRACE", "TRACK"] {
        let request = crate::support::request(method, "/orders/1")
            .header("Max-Forwards", "0")
            .header("Cookie", "a=b");
        let answer = rig.refuses_with(&request, &[405]);
        assert!(!answer.text().contains("a=b"));
    }
    let own = |recorded: &Recorded| recorded.target() == "/public/last";
    assert!(rig.upstream.requests().iter().all(own));
    holds(&rig);
}

#[test]
fn s14_nothing_is_traced_however_far_it_may_go() {
    let rig = Setup::standard().routes("\"/any\" = {}").start();
    let token = access().sign();
    // TRACK is a method like any other: no route that names its methods takes it.
    for (method, target) in [("TRACE", "/any"), ("TRACK", "/orders/1")] {
        for hops in ["0", "1", "10"] {
            let request = crate::support::request(method, target)
                .bearer(&token)
                .header("Max-Forwards", hops)
                .header("Cookie", "secret=1");
            let answer = rig.refuses_with(&request, &[405]);
            assert!(!answer.text().contains("secret") && !answer.text().contains("Max-Forwards"));
        }
    }
    // Over HTTP/2 as well; and OPTIONS is a method like any other: its route decides, and the upstream answers.
    let mut client = Client::open(rig.gate.address, &[]);
    let bearer = format!("Bearer {token}");
    for (method, status) in [("TRACE", 405), ("OPTIONS", 200)] {
        let mut fields = head(method, "/any");
        fields.extend([("authorization", bearer.as_str()), ("max-forwards", "0")]);
        assert_eq!(client.request(&fields).status, status, "{method}");
    }
    rig.refuses(
        &crate::support::request("OPTIONS", "/any"),
        401,
        "missing_token",
    );
    let methods: Vec<String> = (rig.upstream.requests().iter())
        .map(|recorded| recorded.method().to_owned())
        .collect();
    assert_eq!(methods, ["OPTIONS"]);
    rig.control();
}

#[test]
fn s16_an_answer_before_the_bodys_end_spoils_its_connection() {
    let rig = rig();
    // The upstream's answer comes as soon as the head is there: its reader takes the body for none.
    rig.upstream.answer_at_heads(true);
    let before = rig.upstream.connections();
    let mut connection = Connection::open(rig.gate.address);
    connection.write("POST /public HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nfirst");
    assert_eq!(connection.read("POST").status, 200);
    rig.upstream.answer_at_heads(false);
    drop(connection);
    let (answer, _) = rig.exchange(&get("/public/victim"));
    assert_eq!(answer.status, 200);
    assert_eq!(
        rig.upstream.connections(),
        before + 2,
        "a connection with half a body on it was used again"
    );
}

#[test]
fn s17_bytes_behind_an_answer_are_nobodys_answer() {
    let rig = rig();
    let evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    for behind in [
        evil,
        "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n",
        "garbage",
        "\r\n",
    ] {
        let bytes = format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok{behind}");
        rig.upstream.answer(move |_| Answer::raw(bytes.clone()));
        assert_eq!(rig.send(&get("/public")).text(), "ok");
        rig.upstream.answer(|_| Answer::ok());
        for _victim in 0..3 {
            assert_eq!(
                rig.send(&get("/public")).text(),
                "from the upstream\n",
                "after {behind:?}"
            );
        }
    }
    // Neither is what comes behind the answer to a HEAD, or to a request that has none.
    rig.upstream
        .answer(|request: &Recorded| match request.method() {
            "HEAD" => Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
            _ => Answer::ok(),
        });
    assert_eq!(
        rig.send(&crate::support::request("HEAD", "/public")).body,
        b""
    );
    assert_eq!(rig.send(&get("/public")).text(), "from the upstream\n");
}

#[test]
fn s18_only_what_changes_nothing_is_sent_again_and_once() {
    let rig = rig();
    let gone = |request: &Request| {
        // A connection that has been used before: the upstream hangs up on the next request over it.
        rig.control();
        rig.upstream.answer(|_| Answer::raw("").closing());
        let before = rig.upstream.requests().len();
        let answer = rig.send(request);
        assert_eq!(
            (answer.status, answer.reason().as_str()),
            (502, "upstream_protocol")
        );
        rig.upstream.answer(|_| Answer::ok());
        rig.upstream.requests().len() - before
    };
    assert_eq!(gone(&post("/public")), 1);
    assert_eq!(gone(&get("/public")), 2);
    // One that was closed before anything was sent over it is no loss.
    rig.upstream.answer(|_| Answer::ok().closing());
    for _ in 0..5 {
        assert_eq!(rig.send(&post("/public")).status, 200);
    }
    rig.control();
}

#[test]
fn s19_a_refusal_can_be_read_while_the_body_is_still_coming() {
    let rig = rig();
    let mut connection = Connection::open(rig.gate.address);
    let body = vec![b'x'; 8 * 1024 * 1024];
    let answer = std::thread::scope(|scope| {
        let mut writer = connection.second();
        scope.spawn(move || {
            writer.write(format!(
                "POST /orders/1 HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
                body.len()
            ));
            writer.write(&body);
        });
        connection.try_read("POST")
    });
    let answer = answer.expect("the refusal comes before the connection ends");
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (401, "missing_token")
    );
    assert_eq!(rig.upstream.connections(), 0);
    holds(&rig);
}

#[test]
fn s23_no_rule_reads_a_body_however_it_is_framed() {
    let rig = rig();
    let good = access().scope("orders/write").sign();
    let poor = access().scope("orders/read").sign();
    // What a rule that read bodies might go by: a token, another method, another path.
    let body = format!("access_token={good}&_method=GET&path=/public");
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let framings = [
        (format!("Content-Length: {}\r\n", body.len()), body.clone()),
        ("Transfer-Encoding: chunked\r\n".to_owned(), chunks),
        (String::new(), String::new()),
    ];
    for (token, status) in [("", 401), (&poor, 403), (&good, 200)] {
        let bearer = match token {
            "" => String::new(),
            token => format!("Authorization: Bearer {token}\r\n"),
        };
        for (framing, behind) in &framings {
            let before = rig.upstream.requests().len();
            let mut connection = Connection::open(rig.gate.address);
            let head = format!("POST /orders/1 HTTP/1.1\r\nHost: a\r\n{form}{bearer}{framing}\r\n");
            connection.write(format!("{head}{behind}"));
            assert_eq!(connection.read("POST").status, status, "{framing:?}");
            let forwarded = usize::from(status == 200);
            assert_eq!(
                rig.upstream.requests().len(),
                before + forwarded,
                "{framing:?}"
            );
        }
        // Over HTTP/2 a body needs no length at all.
        let before = rig.upstream.requests().len();
        let bearer = format!("Bearer {token}");
        let mut fields = head("POST", "/orders/1");
        if !token.is_empty() {
            fields.push(("authorization", &bearer));
        }
        let mut client = Client::open(rig.gate.address, &[]);
        let stream = client.begin(&fields, 0);
        client.write(DATA, END_STREAM, stream, body.as_bytes());
        assert_eq!(client.outcome(stream).status, status);
        assert_eq!(
            rig.upstream.requests().len(),
            before + usize::from(status == 200)
        );
    }
    for recorded in &rig.upstream.requests() {
        assert!(recorded.body.is_empty() || recorded.body == body.as_bytes());
    }
    holds(&rig);
}
