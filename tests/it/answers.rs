//! Answers: what a client, a browser or another site's page is told, and what passes as it is.

use crate::support::{
    Answer, Connection, Nobody, Request, Response, Rig, Setup, access, delete, get, mint, post,
    request,
};

/// Head and body as the client saw them, but for what differs from one run to the next.
fn shown(answer: &Response) -> String {
    let text = String::from_utf8_lossy(&answer.raw).replace('\r', "");
    let lines = text
        .lines()
        .filter(|line| !line.to_lowercase().starts_with("date:"));
    lines.collect::<Vec<_>>().join("\n")
}

/// A GET with an id that the answer repeats.
fn known(target: &str) -> Request {
    get(target).header("X-Request-Id", "test-1")
}

#[test]
fn a_refusal_is_a_problem_document_with_a_challenge() {
    let rig = Rig::standard();
    insta::assert_snapshot!(shown(&rig.send(&known("/orders/1"))), @r#"
    HTTP/1.1 401 Unauthorized
    content-type: application/problem+json
    content-length: 229
    cache-control: no-store
    vary: accept
    x-content-type-options: nosniff
    x-request-id: test-1
    www-authenticate: Bearer realm="portcullis"

    {"type":"urn:portcullis:reason:missing_token","title":"A token is required","status":401,"detail":"this route asks for a token: send it as \"Authorization: Bearer <access token>\"","reason":"missing_token","request_id":"test-1"}
    "#);
    let expired = access().claim("exp", mint::now() - 60).sign();
    insta::assert_snapshot!(shown(&rig.send(&known("/orders/1").bearer(&expired))), @r#"
    HTTP/1.1 401 Unauthorized
    content-type: application/problem+json
    content-length: 175
    cache-control: no-store
    vary: accept
    x-content-type-options: nosniff
    x-request-id: test-1
    www-authenticate: Bearer realm="portcullis", error="invalid_token", error_description="the token has expired; get a new one"

    {"type":"urn:portcullis:reason:expired","title":"The token has expired","status":401,"detail":"the token has expired; get a new one","reason":"expired","request_id":"test-1"}
    "#);
    let other = access().scope("openid").sign();
    insta::assert_snapshot!(shown(&rig.send(&known("/orders/1").bearer(&other))), @r#"
    HTTP/1.1 403 Forbidden
    content-type: application/problem+json
    content-length: 229
    cache-control: no-store
    vary: accept
    x-content-type-options: nosniff
    x-request-id: test-1
    www-authenticate: Bearer realm="portcullis", error="insufficient_scope", error_description="the token has none of the scopes that this route asks for", scope="orders/read"

    {"type":"urn:portcullis:reason:insufficient_scope","title":"The token lacks a required scope","status":403,"detail":"the token has none of the scopes that this route asks for","reason":"insufficient_scope","request_id":"test-1"}
    "#);
}

#[test]
fn a_refusal_that_no_token_would_change_has_no_challenge() {
    let rig = Rig::standard();
    insta::assert_snapshot!(shown(&rig.send(&known("/nowhere"))), @r#"
    HTTP/1.1 403 Forbidden
    content-type: application/problem+json
    content-length: 192
    cache-control: no-store
    vary: accept
    x-content-type-options: nosniff
    x-request-id: test-1

    {"type":"urn:portcullis:reason:no_route","title":"No route admits this request","status":403,"detail":"no route of this service matches the request","reason":"no_route","request_id":"test-1"}
    "#);
    insta::assert_snapshot!(shown(&rig.send(&delete("/orders/1").header("X-Request-Id", "test-1"))), @r#"
    HTTP/1.1 405 Method Not Allowed
    content-type: application/problem+json
    content-length: 222
    cache-control: no-store
    vary: accept
    x-content-type-options: nosniff
    x-request-id: test-1
    allow: GET, HEAD, POST

    {"type":"urn:portcullis:reason:method_not_allowed","title":"The method is not allowed here","status":405,"detail":"this path is known, but it does not take this method","reason":"method_not_allowed","request_id":"test-1"}
    "#);
    insta::assert_snapshot!(shown(&rig.send(&known("/a/../b"))), @r#"
    HTTP/1.1 400 Bad Request
    content-type: application/problem+json
    content-length: 237
    cache-control: no-store
    vary: accept
    x-content-type-options: nosniff
    x-request-id: test-1

    {"type":"urn:portcullis:reason:ambiguous_path","title":"The path could be read in more than one way","status":400,"detail":"the path has a dot segment (. or .., plain or percent-encoded)","reason":"ambiguous_path","request_id":"test-1"}
    "#);
}

#[test]
fn a_browser_that_navigates_gets_a_page() {
    let rig = Rig::standard();
    let accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let navigation = known("/orders/1")
        .header("Accept", accept)
        .header("Sec-Fetch-Mode", "navigate");
    let page = rig.refuses_with(&navigation, &[401]);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(
        page.header("content-security-policy")
            .starts_with("default-src 'none'")
    );
    assert_eq!(
        page.header("www-authenticate"),
        "Bearer realm=\"portcullis\""
    );
    for text in [
        "<!doctype html>",
        "A token is required",
        "missing_token",
        "test-1",
    ] {
        assert!(page.text().contains(text), "{text}: {}", page.text());
    }
    for script in [
        known("/orders/1")
            .header("Accept", accept)
            .header("Sec-Fetch-Mode", "cors"),
        known("/orders/1").header("Accept", "*/*"),
        known("/orders/1").header("Accept", "application/json, text/html"),
        post("/orders/1").header("Accept", accept),
    ] {
        rig.refuses(&script, 401, "missing_token");
    }
}

#[test]
fn every_answer_and_every_forwarded_request_has_one_request_id() {
    let rig = Rig::standard();
    let (answer, recorded) = rig.exchange(&known("/public"));
    assert_eq!(recorded.header("x-request-id"), Some("test-1"));
    assert!(matches!(
        answer.header("x-request-id").as_str(),
        "" | "test-1"
    ));
    for sent in ["", "a b", "<script>", "a\"b", &"x".repeat(129), "é"] {
        let recorded = rig.forwards(&get("/public").header("X-Request-Id", sent));
        let id = recorded.header("x-request-id").unwrap().to_owned();
        assert!(id.len() == 36 && id != sent, "{id}");
        let answer = rig.refuses(
            &get("/orders/1").header("X-Request-Id", sent),
            401,
            "missing_token",
        );
        assert_eq!(answer.json()["request_id"], answer.header("x-request-id"));
        assert_ne!(answer.header("x-request-id"), sent);
    }
    let twice = get("/public")
        .header("X-Request-Id", "a")
        .header("X-Request-Id", "b")
        .header("X_Request_Id", "c");
    assert_eq!(rig.forwards(&twice).all_alike("x-request-id").len(), 1);
}

#[test]
fn a_trace_is_passed_on_or_begun() {
    let rig = Rig::standard();
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let sent = get("/public")
        .header("traceparent", &format!("00-{trace}-b7ad6b7169203331-01"))
        .header("tracestate", "a=b");
    let recorded = rig.forwards(&sent);
    let parent = recorded.header("traceparent").unwrap();
    assert!(
        parent.starts_with(&format!("00-{trace}-"))
            && parent.ends_with("-01")
            && !parent.contains("b7ad6b7169203331")
    );
    assert_eq!(recorded.header("tracestate"), Some("a=b"));
    let recorded = rig.forwards(
        &get("/public")
            .header("traceparent", "00-garbage")
            .header("tracestate", "a=b"),
    );
    assert_eq!(recorded.header("traceparent").map(str::len), Some(55));
    assert_eq!(recorded.header("tracestate"), None);
}

#[test]
fn target_and_body_arrive_byte_for_byte() {
    let rig = Rig::standard();
    let token = access().scope("orders/read orders/write").sign();
    let target = "/orders/a%20b/%C3%A9/?q=%zz&x=a+b;c&&=//..\\";
    let recorded = rig.forwards(&get(target).bearer(&token));
    assert_eq!(recorded.target(), target);
    let body: Vec<u8> = (0..200_000_u32).map(|number| number as u8).collect();
    let recorded = rig.forwards(
        &post("/orders/1")
            .bearer(&token)
            .body(body.clone())
            .header("X-Kept", "a  b"),
    );
    assert_eq!(
        (recorded.body == body, recorded.header("x-kept")),
        (true, Some("a  b"))
    );
    let chunked = post("/orders/1")
        .bearer(&token)
        .header("Transfer-Encoding", "chunked");
    let recorded = rig.forwards(&chunked.raw_body("3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"));
    assert_eq!(recorded.body, b"abcde");
    assert_eq!(
        recorded.header("content-length").is_none(),
        recorded.header("transfer-encoding").is_some()
    );
}

#[test]
fn the_upstreams_own_answers_pass_as_they_are() {
    let rig = Rig::standard();
    rig.upstream.answer(|_| {
        Answer::status(
            418,
            &[
                ("X-Own", "1"),
                ("Set-Cookie", "a=b"),
                ("Set-Cookie", "c=d"),
                ("WWW-Authenticate", "Basic realm=x"),
            ],
            "short",
        )
    });
    let (answer, _) = rig.exchange(&get("/public"));
    assert_eq!((answer.status, answer.text().as_str()), (418, "short"));
    assert_eq!(answer.all("set-cookie"), ["a=b", "c=d"]);
    assert_eq!(answer.header("www-authenticate"), "Basic realm=x");
    rig.upstream
        .answer(|_| Answer::raw("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n"));
    assert_eq!(rig.exchange(&get("/public")).0.status, 304);
}

#[test]
fn an_upstream_that_is_not_there_is_502() {
    let gone = Nobody::new();
    let url = format!("http://{}", gone.address());
    let rig = Setup::standard()
        .routes("\"GET /gone\" = { access = \"public\", upstream = \"gone\" }")
        .also(&format!("[upstreams.gone]\nurl = \"{url}\""))
        .start();
    rig.refuses(&get("/gone"), 502, "upstream_unreachable");
    rig.control();
}

#[test]
fn an_upstream_that_says_nothing_is_504() {
    let rig = Setup::standard()
        .routes("\"GET /slow\" = { access = \"public\", timeout = \"100ms\" }")
        .upstream("response_timeout = \"none\"")
        .start();
    rig.upstream.hold();
    let answer = rig.send(&get("/slow"));
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (504, "upstream_timeout")
    );
    rig.upstream.release();
    rig.control();
}

#[test]
fn a_body_over_the_limit_is_413_before_anything_is_forwarded() {
    let rig = Setup::standard()
        .routes("\"POST /small\" = { access = \"public\", body_bytes = \"1KiB\" }")
        .also("[server.limits]\nbody_bytes = \"4KiB\"\nheader_bytes = \"4KiB\"")
        .start();
    rig.forwards(&post("/public").body(vec![b'x'; 4096]));
    rig.refuses(
        &post("/public").body(vec![b'x'; 4097]),
        413,
        "body_too_large",
    );
    rig.forwards(&post("/small").body(vec![b'x'; 1024]));
    rig.refuses(
        &post("/small").body(vec![b'x'; 1025]),
        413,
        "body_too_large",
    );
    // Its length not told, it is broken off: the upstream never has a whole request.
    let requests = rig.upstream.requests().len();
    let chunks = format!("800\r\n{}\r\n0\r\n\r\n", "x".repeat(0x800));
    let answer = rig.send(
        &post("/small")
            .header("Transfer-Encoding", "chunked")
            .raw_body(chunks),
    );
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (413, "body_too_large")
    );
    assert_eq!(rig.upstream.requests().len(), requests);
    let large = rig.refuses(
        &get("/public").header("X-Large", &"x".repeat(5000)),
        431,
        "headers_too_large",
    );
    assert_eq!(large.header("connection"), "close");
    rig.control();
}

#[test]
fn a_head_that_does_not_come_is_408() {
    let rig = Setup::standard()
        .also("[server.limits]\nheader_timeout = \"1s\"")
        .start();
    let mut connection = Connection::open(rig.gate.address);
    connection.write("GET /public HTTP/1.1\r\nHost: a\r\nX-Slow:");
    let answer = connection.read("GET");
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (408, "request_timeout")
    );
    assert!(connection.is_closed());
    assert!(Connection::open(rig.gate.address).is_closed());
    assert_eq!(rig.upstream.connections(), 0);
    rig.control();
}

#[test]
fn s04_bytes_behind_a_refused_body_are_no_request() {
    let rig = Rig::standard();
    let smuggled = "GET /public/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for head in [
        format!("POST /orders/1 HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", smuggled.len()),
        "POST /orders/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
    ] {
        let mut connection = Connection::open(rig.gate.address);
        connection.write(format!("{head}{smuggled}"));
        assert!(matches!(connection.read("POST").status, 400 | 401));
        assert!(connection.try_read("GET").is_none_or(|answer| answer.status >= 400));
        assert_eq!(rig.upstream.connections(), 0, "{}", rig.upstream.everything());
    }
    rig.control();
}

#[test]
fn cors_refusals_can_be_read_by_an_allowed_page() {
    let rig = Setup::standard()
        .also("[cors]\nallow_origins = [\"https://app.example.com\"]\nallow_credentials = true")
        .start();
    let answer = rig.refuses(
        &get("/orders/1").header("Origin", "https://app.example.com"),
        401,
        "missing_token",
    );
    assert_eq!(
        answer.header("access-control-allow-origin"),
        "https://app.example.com"
    );
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    assert_eq!(
        answer
            .header("access-control-expose-headers")
            .to_lowercase(),
        "www-authenticate"
    );
    assert!(answer.header("vary").to_lowercase().contains("origin"));
    for origin in [
        "https://evil.com",
        "null",
        "https://app.example.com.evil.com",
        "http://app.example.com",
        "HTTPS://APP.EXAMPLE.COM",
    ] {
        let answer = rig.refuses(
            &get("/orders/1").header("Origin", origin),
            401,
            "missing_token",
        );
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
        assert!(answer.header("vary").to_lowercase().contains("origin"));
    }
    // Forwarded answers are the upstream's own business in this mode.
    rig.upstream
        .answer(|_| Answer::status(200, &[("Access-Control-Allow-Origin", "*")], ""));
    let (answer, _) = rig.exchange(&get("/public").header("Origin", "https://evil.com"));
    assert_eq!(answer.header("access-control-allow-origin"), "*");
}

#[test]
fn cors_preflights_are_answered_here_where_that_is_asked_for() {
    let rig = Setup::standard()
        .also(
            r#"
[cors]
preflight = "answer"
allow_origins = ["https://app.example.com"]
allow_headers = ["authorization", "content-type", "x-own"]
max_age = "5m"
"#,
        )
        .start();
    let preflight = |target: &str, origin: &str, method: &str| {
        request("OPTIONS", target)
            .header("Origin", origin)
            .header("Access-Control-Request-Method", method)
    };
    let answer = rig.refuses_with(
        &preflight("/orders/1", "https://app.example.com", "POST"),
        &[204],
    );
    for (name, value) in [
        ("access-control-allow-origin", "https://app.example.com"),
        ("access-control-allow-methods", "POST"),
        (
            "access-control-allow-headers",
            "authorization, content-type, x-own",
        ),
        ("access-control-max-age", "300"),
        ("access-control-allow-credentials", ""),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    let answer = rig.refuses_with(&preflight("/orders/1", "https://evil.com", "POST"), &[204]);
    assert_eq!(answer.header("access-control-allow-origin"), "");
    rig.refuses(
        &preflight("/orders/1", "https://app.example.com", "DELETE"),
        405,
        "method_not_allowed",
    );
    rig.refuses(
        &preflight("/nowhere", "https://app.example.com", "GET"),
        403,
        "no_route",
    );
    // What the upstream says of other origins is replaced.
    rig.upstream.answer(|_| {
        Answer::status(
            200,
            &[
                ("Access-Control-Allow-Origin", "*"),
                ("Access-Control-Allow-Credentials", "true"),
                ("Vary", "accept"),
            ],
            "",
        )
    });
    let (answer, _) = rig.exchange(&get("/public").header("Origin", "https://app.example.com"));
    assert_eq!(
        answer.all("access-control-allow-origin"),
        ["https://app.example.com"]
    );
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    let (answer, _) = rig.exchange(&get("/public").header("Origin", "https://evil.com"));
    assert_eq!(answer.header("access-control-allow-origin"), "");
}

#[test]
fn hosts_and_locations_of_the_upstream_can_be_hidden() {
    let rig = Setup::standard()
        .upstream("host_header = \"upstream\"\nheader_case = \"title\"")
        .start();
    let own = rig.upstream.address().to_string();
    let location = format!("http://{own}/next?a=b");
    rig.upstream
        .answer(move |_| Answer::status(302, &[("Location", &location)], ""));
    let (answer, recorded) = rig.exchange(&get("/public").header("x-some-header", "1"));
    assert_eq!(recorded.header("host"), Some(own.as_str()));
    assert_eq!(
        answer.header("location"),
        format!("http://{}/next?a=b", rig.gate.address)
    );
    assert!(
        recorded
            .headers
            .iter()
            .any(|(name, _)| name == "X-Some-Header"),
        "{recorded:#?}"
    );
}

#[test]
fn a_fixed_authorization_is_the_upstreams_own() {
    let scratch = crate::support::gate::Scratch::new();
    let (user, password) = (
        scratch.write("user", "aladdin\n"),
        scratch.write("password", "open sesame\n"),
    );
    let rig = Setup::standard()
        .upstream(&format!(
            "basic_auth = {{ username = {{ file = {:?} }}, password = {{ file = {:?} }} }}",
            user.display().to_string(),
            password.display().to_string()
        ))
        .start();
    for request in [
        get("/public"),
        get("/public").header("Authorization", "Basic eA=="),
        get("/orders/1").bearer(&access().sign()),
    ] {
        let recorded = rig.forwards(&request);
        assert_eq!(
            recorded.all_alike("authorization"),
            ["Basic YWxhZGRpbjpvcGVuIHNlc2FtZQ=="]
        );
    }
    assert!(!rig.gate.program.log().contains("sesame"));
}
