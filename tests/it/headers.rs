//! Headers: what the upstream is told of the caller comes from the verified token alone, once, whatever the client sent.
//!
//! The wire's side of the table of header spoofing (H01-H18). UC: the request arrives once, without what was forged.

use crate::support::rig::IDENTITY;
use crate::support::{
    Answer, Connection, Recorded, Request, Response, Rig, Setup, access, get, mint, post,
};
use serde_json::json;

/// A good token that has something for every identity header but the e-mail address.
fn token() -> String {
    access().groups(&["staff", "admin"]).sign()
}

/// Every identity header is there once in any spelling, and ours; the e-mail address, which the token lacks, is not.
fn is_ours(recorded: &Recorded) {
    for (name, value) in [
        ("X-User-Sub", mint::SUB),
        ("X-User-Scopes", "orders/read openid"),
        ("X-User-Groups", "staff,admin"),
        ("X-Client-Id", mint::CLIENT),
    ] {
        assert_eq!(recorded.all_alike(name), [value], "{name} of {recorded:#?}");
    }
    assert_eq!(recorded.all_alike("X-User-Email"), Vec::<&str>::new());
    assert!(!recorded.holds("forged"), "{recorded:#?}");
}

/// No identity header is there in any spelling.
fn is_nobodys(recorded: &Recorded) {
    for name in IDENTITY {
        assert_eq!(
            recorded.all_alike(name),
            Vec::<&str>::new(),
            "{name} of {recorded:#?}"
        );
    }
    assert!(!recorded.holds("forged"), "{recorded:#?}");
}

/// Every identity header, its name changed by `spell`.
fn forged(request: Request, spell: impl Fn(&str) -> String) -> Request {
    IDENTITY.into_iter().fold(request, |request, name| {
        request.header(&spell(name), "forged")
    })
}

/// `xUsErSuB`-like spelling.
fn mixed(name: &str) -> String {
    let flip = |(index, char): (usize, char)| match index % 2 {
        0 => char.to_ascii_lowercase(),
        _ => char.to_ascii_uppercase(),
    };
    name.chars().enumerate().map(flip).collect()
}

#[test]
fn h01_identity_headers_of_the_client_never_arrive() {
    let rig = Rig::standard();
    let bearer = token();
    let same: fn(&str) -> String = str::to_owned;
    for spell in [
        same,
        |name| name.to_lowercase(),
        |name| name.to_uppercase(),
        mixed,
    ] {
        is_ours(&rig.forwards(&forged(get("/orders/1"), spell).bearer(&bearer)));
        is_ours(&rig.forwards(&forged(get("/orders/1").bearer(&bearer), spell)));
        let twice = forged(forged(get("/orders/1"), spell).bearer(&bearer), spell);
        is_ours(&rig.forwards(&twice));
    }
    for value in [
        "",
        " ",
        "forged \t",
        "\tforged",
        mint::SUB,
        "forged, forged",
    ] {
        let sent = |request, name: &&str| Request::line(request, format!("{name}:{value}"));
        is_ours(&rig.forwards(&IDENTITY.iter().fold(get("/orders/1").bearer(&bearer), sent)));
    }
}

#[test]
fn h02_no_spelling_that_a_server_would_fold_arrives() {
    let rig = Rig::standard();
    let bearer = token();
    let spellings: [fn(&str) -> String; 6] = [
        |name| name.replace('-', "_"),
        |name| name.replacen('-', "_", 1),
        |name| name.replace('-', "."),
        |name| name.to_uppercase().replace('-', "_"),
        |name| name.replace('-', "~"),
        |name| name.to_lowercase().replacen('-', "!", 1),
    ];
    for spell in spellings {
        is_ours(&rig.forwards(&forged(get("/orders/1"), spell).bearer(&bearer)));
        is_nobodys(&rig.forwards(&forged(get("/public"), spell)));
    }
    // A blank in a name is no header at all.
    rig.refuses_with(
        &forged(get("/public"), |name| name.replace('-', " ")),
        &[400],
    );
    rig.refuses_with(&forged(get("/public"), |name| format!("{name} ")), &[400]);
}

#[test]
fn h03_a_claim_that_is_absent_leaves_no_header_behind() {
    let rig = Rig::standard();
    for bare in [
        access().without("sub").claim("email", json!(null)),
        access().claim("sub", "").claim("email", ""),
        access().without("sub").claim("cognito:groups", json!([])),
    ] {
        let token = bare.claim("scope", "orders/read").sign();
        let recorded = rig.forwards(&forged(get("/orders/1"), str::to_owned).bearer(&token));
        for name in ["X-User-Sub", "X-User-Email", "X-User-Groups"] {
            assert_eq!(recorded.all_alike(name), Vec::<&str>::new(), "{name}");
        }
        assert!(!recorded.holds("forged"));
    }
}

#[test]
fn h04_every_kind_of_route_removes_them() {
    let rig = Setup::standard()
        .routes(
            r#"
"GET /maybe" = { access = "optional" }
"GET /tried" = { any_scope = ["never/granted"], mode = "audit" }
[routes."GET /own"]
access = "public"
headers = { X-Own = "sub" }
"#,
        )
        .start();
    let other = |name: &str| name.replace('-', "_");
    let all =
        |request: Request| forged(forged(request, str::to_owned), other).header("X_Own", "forged");
    for target in ["/public", "/public/x", "/maybe", "/tried", "/own"] {
        is_nobodys(&rig.forwards(&all(get(target))));
        is_nobodys(&rig.forwards(&all(post("/public"))));
    }
    let upgrade = all(get("/public"))
        .header("Connection", "Upgrade, X-User-Sub")
        .header("Upgrade", "h2c");
    let recorded = rig.forwards(&upgrade);
    is_nobodys(&recorded);
    assert_eq!(
        (recorded.header("upgrade"), recorded.header("connection")),
        (None, None)
    );
    // A token that verified says who it is, even where it does not suffice.
    is_ours(&rig.forwards(&all(get("/tried")).bearer(&token())));
    is_ours(&rig.forwards(&all(get("/maybe")).bearer(&token())));
    // On a public route no token is looked at: nobody is told, whoever sent one.
    is_nobodys(&rig.forwards(&all(get("/public")).bearer(&token())));
    // Every route's own headers are reserved on all others.
    rig.refuses(&all(get("/orders/1")), 401, "missing_token");
}

#[test]
fn h05_connection_cannot_remove_an_identity_header() {
    let rig = Rig::standard();
    let bearer = token();
    for line in [
        "X-User-Sub",
        "x-user-sub, Authorization, X-Request-Id",
        "close, X-Forwarded-For, x-client-id",
        "X-uSeR-sUb,X-USER-GROUPS ,\tX-User-Scopes",
        "keep-alive, X-User-Sub;q=1, X-User-Sub",
        "traceparent, x-forwarded-host, x-forwarded-proto",
    ] {
        let recorded = rig.forwards(&get("/orders/1").bearer(&bearer).header("Connection", line));
        is_ours(&recorded);
        for name in [
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-request-id",
            "traceparent",
        ] {
            assert_eq!(recorded.all(name).len(), 1, "{name} after {line}");
        }
    }
    let two = get("/orders/1")
        .bearer(&bearer)
        .header("Connection", "X-User-Sub")
        .header("Connection", "X-Client-Id");
    is_ours(&rig.forwards(&two));
    let bytes = get("/orders/1")
        .bearer(&bearer)
        .line(b"Connection: \xff\xfe, X-User-Sub, \xc3\xa9".to_vec());
    is_ours(&rig.forwards(&bytes));
    let names: Vec<String> = (0..1000).map(|number| format!("x-{number}")).collect();
    let many = format!("{}, X-User-Sub", names.join(", "));
    is_ours(&rig.forwards(&get("/orders/1").bearer(&bearer).header("Connection", &many)));
}

#[test]
fn h05_connection_cannot_change_framing_or_host() {
    let rig = Rig::standard();
    let bearer = access().scope("orders/write").sign();
    for line in [
        "Content-Length",
        "Host",
        "host, content-length",
        "Transfer-Encoding",
        "Content-Length, close",
    ] {
        let sent = post("/orders/1")
            .bearer(&bearer)
            .body("0123456789")
            .header("Connection", line);
        let recorded = rig.forwards(&sent);
        assert_eq!(recorded.body, b"0123456789", "{line}");
        assert_eq!(recorded.header("content-length"), Some("10"));
        assert_eq!(
            recorded.header("host"),
            Some(rig.gate.address.to_string().as_str())
        );
    }
    // What a client may name is its own: a header of its own goes with the connection.
    let recorded = rig.forwards(
        &get("/public")
            .header("X-Mine", "1")
            .header("Connection", "X-Mine"),
    );
    assert_eq!(recorded.header("x-mine"), None);
    rig.control();
}

#[test]
fn h07_no_trailer_reaches_the_upstream() {
    let rig = Rig::standard();
    let bearer = access().scope("orders/write").sign();
    for trailer in [
        "X-User-Sub: forged\r\n",
        "x_user_sub: forged\r\nAuthorization: Bearer forged\r\n",
        "Host: forged\r\nContent-Length: 3\r\n",
        "X-Any: forged\r\n",
    ] {
        for announced in [true, false] {
            let mut sent = post("/orders/1")
                .bearer(&bearer)
                .header("Transfer-Encoding", "chunked")
                .header("TE", "trailers");
            if announced {
                sent = sent.header("Trailer", "X-User-Sub, Authorization, X-Any");
            }
            let recorded =
                rig.forwards(&sent.raw_body(format!("5\r\nhello\r\n0\r\n{trailer}\r\n")));
            assert_eq!(recorded.body, b"hello");
            assert_eq!(recorded.trailers, "");
            assert_eq!(
                (recorded.header("trailer"), recorded.header("te")),
                (None, None)
            );
            assert!(!recorded.holds("forged"), "{recorded:#?}");
        }
    }
    rig.control();
}

#[test]
fn h08_a_claim_is_one_line_of_ascii_whatever_it_says() {
    let rig = Rig::standard();
    for (claim, value) in [
        ("a\r\nX-Admin: yes", "a%0D%0AX-Admin: yes"),
        ("a\nb", "a%0Ab"),
        ("a\rb", "a%0Db"),
        ("a\0b", "a%00b"),
        ("\u{7f}", "%7F"),
        ("é", "%C3%A9"),
        ("🦀", "%F0%9F%A6%80"),
        ("\u{202e}x", "%E2%80%AEx"),
        ("100%", "100%25"),
        (" a ", "%20a%20"),
        ("\ta", "%09a"),
        ("a,b", "a,b"),
        ("\"quoted\"", "\"quoted\""),
        ("=?utf-8?q?x?=", "=?utf-8?q?x?="),
    ] {
        let token = access().claim("email", claim).sign();
        let recorded = rig.forwards(&get("/orders/1").bearer(&token));
        assert_eq!(recorded.header("x-user-email"), Some(value));
        assert_eq!(recorded.header("x-admin"), None);
    }
    let long = "é".repeat(1500);
    let recorded =
        rig.forwards(&get("/orders/1").bearer(&access().claim("email", long.as_str()).sign()));
    assert_eq!(recorded.header("x-user-email").map(str::len), Some(9000));
    // No item of a list can pass for two (C14).
    let token = access().groups(&["a,admin", "staff"]).sign();
    let recorded = rig.forwards(&get("/orders/1").bearer(&token));
    assert_eq!(recorded.header("x-user-groups"), Some("a%2Cadmin,staff"));
}

#[test]
fn h09_two_authorizations_are_refused_in_either_order() {
    let rig = Rig::standard();
    let good = format!("Bearer {}", token());
    let two = |first: &str, second: &str| {
        get("/orders/1")
            .header("Authorization", first)
            .header("Authorization", second)
    };
    for other in ["Bearer bad", "Basic dXNlcjpwYXNz", "", &good] {
        rig.refuses(&two(&good, other), 400, "multiple_tokens");
        rig.refuses(&two(other, &good), 400, "multiple_tokens");
    }
    for line in [
        format!("{good}, {good}"),
        format!("{good},x"),
        format!("{good}, Basic x"),
        format!("{good} x"),
    ] {
        rig.refuses(
            &get("/orders/1").header("Authorization", &line),
            400,
            "malformed_authorization",
        );
    }
    rig.control();
}

#[test]
fn h10_the_scheme_is_one_word_and_one_blank() {
    let rig = Rig::standard();
    let token = token();
    let with = |line: &str| get("/orders/1").header("Authorization", line);
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        is_ours(&rig.forwards(&with(&format!("{scheme} {token}"))));
    }
    for line in [
        format!("Bearer  {token}"),
        format!("Bearer\t{token}"),
        format!("Bearer {token} y"),
        format!("Bearer {token};"),
        format!("Bearer \"{token}\""),
        format!("Bearer\u{a0}{token}"),
        format!("Bearer {token}\u{e9}"),
        format!("Bearer={token}"),
        format!("Bearer,{token}"),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
    ] {
        rig.refuses(&with(&line), 400, "malformed_authorization");
    }
    for line in [
        format!("Token {token}"),
        format!("Bearerx {token}"),
        "Basic dXNlcjpwYXNz".to_owned(),
        token.clone(),
    ] {
        rig.refuses(&with(&line), 401, "missing_token");
    }
    rig.control();
}

#[test]
fn h11_a_token_elsewhere_is_no_token() {
    let rig = Rig::standard();
    let token = access().scope("orders/read orders/write").sign();
    for request in [
        get(&format!("/orders/1?access_token={token}")),
        post("/orders/1")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(format!("access_token={token}")),
        get("/orders/1").header("Cookie", &format!("access_token={token}; token={token}")),
        get("/orders/1").header("X-Access-Token", &token),
        get("/orders/1").header("Sec-WebSocket-Protocol", &format!("bearer, {token}")),
        get("/orders/1").header("Proxy-Authorization", &format!("Bearer {token}")),
    ] {
        rig.refuses(&request, 401, "missing_token");
    }
    rig.control();
}

#[test]
fn h12_the_verified_token_goes_no_further() {
    let rig = Rig::standard();
    let token = token();
    let recorded = rig.forwards(
        &get("/orders/1")
            .bearer(&token)
            .header("Proxy-Authorization", "Basic eA=="),
    );
    assert!(!recorded.holds(&token));
    for name in [
        "authorization",
        "proxy-authorization",
        "x-forwarded-access-token",
    ] {
        assert_eq!(recorded.all_alike(name), Vec::<&str>::new(), "{name}");
    }
    let forward = Setup::standard()
        .identity("authorization = \"forward\"")
        .start();
    let recorded = forward.forwards(&get("/orders/1").bearer(&token));
    assert_eq!(
        recorded.header("authorization"),
        Some(format!("Bearer {token}").as_str())
    );
}

#[test]
fn h13_every_value_of_a_header_that_is_judged_counts() {
    let rig = Setup::standard()
        .also("[tokens]\nsources = [{ cookie = \"session\" }]")
        .start();
    let cookie = format!("session={}", access().scope("orders/write").sign());
    let sent = || post("/orders/1").header("Cookie", &cookie);
    rig.forwards(&sent().header("Sec-Fetch-Site", "same-origin"));
    for (first, second) in [("same-origin", "cross-site"), ("cross-site", "same-origin")] {
        let both = sent()
            .header("Sec-Fetch-Site", first)
            .header("Sec-Fetch-Site", second);
        rig.refuses(&both, 403, "cross_site");
    }
    let ours = format!("http://{}", rig.gate.address);
    for (first, second) in [
        (ours.as_str(), "https://evil"),
        ("https://evil", ours.as_str()),
    ] {
        rig.refuses(
            &sent().header("Origin", first).header("Origin", second),
            403,
            "cross_site",
        );
    }
}

#[test]
fn h15_what_a_client_says_of_its_origin_is_replaced() {
    let rig = Rig::standard();
    let sent = |request: Request| {
        request
            .header("X-Forwarded-For", "6.6.6.6")
            .header("X-Forwarded-For", "7.7.7.7")
            .header("X_Forwarded_For", "6.6.6.6")
            .header("X-Forwarded-Proto", "https")
            .header("X-Forwarded-Host", "evil.example")
            .header("X-Forwarded-Port", "666")
            .header("X-Real-IP", "6.6.6.6")
            .header("Forwarded", "for=6.6.6.6;host=evil.example")
    };
    let host = rig.gate.address.to_string();
    for recorded in [
        rig.forwards(&sent(get("/public"))),
        rig.forwards(&sent(get("/orders/1").bearer(&token()))),
    ] {
        assert_eq!(recorded.all_alike("x-forwarded-for"), ["127.0.0.1"]);
        assert_eq!(recorded.all_alike("x-forwarded-proto"), ["http"]);
        assert_eq!(recorded.all_alike("x-forwarded-host"), [host.as_str()]);
        for name in ["x-forwarded-port", "x-real-ip", "forwarded"] {
            assert_eq!(recorded.all_alike(name), Vec::<&str>::new(), "{name}");
        }
    }
    let trusting = Setup::standard()
        .server("trusted_proxies = [\"127.0.0.0/8\"]")
        .start();
    let recorded = trusting.forwards(&sent(get("/public")));
    assert_eq!(
        recorded.all_alike("x-forwarded-for"),
        ["6.6.6.6, 7.7.7.7, 127.0.0.1"]
    );
    assert_eq!(recorded.all_alike("x-forwarded-proto"), ["https"]);
    assert_eq!(recorded.all_alike("x-forwarded-host"), ["evil.example"]);
}

/// What a client gets when the upstream says this.
fn said(rig: &Rig, answer: Answer) -> Response {
    rig.upstream.answer(move |_| answer.clone());
    let response = rig.send(&get("/public"));
    rig.upstream.answer(|_| Answer::ok());
    response
}

#[test]
fn h16_an_answers_connection_headers_end_here() {
    let rig = Rig::standard();
    let answer = Answer::status(
        200,
        &[
            ("Connection", "keep-alive, Set-Cookie, X-Gone"),
            ("Keep-Alive", "timeout=5"),
            ("Set-Cookie", "a=b"),
            ("X-Gone", "1"),
            ("Proxy-Authenticate", "Basic"),
            ("Upgrade", "h2c"),
            ("X-Kept", "1"),
        ],
        "body",
    );
    let response = said(&rig, answer);
    assert_eq!((response.status, response.text().as_str()), (200, "body"));
    for name in [
        "connection",
        "keep-alive",
        "set-cookie",
        "x-gone",
        "proxy-authenticate",
        "upgrade",
    ] {
        assert_eq!(response.all(name), Vec::<&str>::new(), "{name}");
    }
    assert_eq!(response.header("x-kept"), "1");
}

#[test]
fn h16_an_answer_that_is_no_http_is_502_and_its_connection_is_not_used_again() {
    let rig = Rig::standard();
    let long = format!(
        "HTTP/1.1 200 OK\r\nX: {}\r\ncontent-length: 0\r\n\r\n",
        "a".repeat(600_000)
    );
    for (what, bytes) in [
        (
            "two lengths",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        ),
        (
            "a negative length",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        ),
        (
            "a folded line",
            "HTTP/1.1 200 OK\r\nX: a\r\n b\r\ncontent-length: 0\r\n\r\n",
        ),
        (
            "a NUL",
            "HTTP/1.1 200 OK\r\nX: a\0b\r\ncontent-length: 0\r\n\r\n",
        ),
        (
            "a bare CR",
            "HTTP/1.1 200 OK\r\nX: a\rY: b\r\ncontent-length: 0\r\n\r\n",
        ),
        (
            "101 unasked",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        ),
        ("no HTTP", "SSH-2.0-OpenSSH_9.9\r\n\r\n"),
        ("a head without an end", &long),
        ("nothing", ""),
    ] {
        let response = said(&rig, Answer::raw(bytes).closing());
        assert_eq!(
            (response.status, response.reason().as_str()),
            (502, "upstream_protocol"),
            "{what}"
        );
        let before = rig.upstream.connections();
        rig.control();
        assert_eq!(
            rig.upstream.connections(),
            before + 1,
            "after {what} the connection was used again"
        );
    }
}

#[test]
fn h16_a_length_beside_chunks_is_not_passed_on() {
    let rig = Rig::standard();
    let both = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let response = said(&rig, Answer::raw(both));
    if response.status == 200 {
        assert_eq!(response.text(), "hello");
        assert_eq!(response.all("content-length"), Vec::<&str>::new());
    } else {
        assert_eq!(response.status, 502);
    }
    // What was read with the one framing and is told with the other would be half an answer, or an answer and a half.
    assert_eq!(rig.send(&get("/public")).text(), "from the upstream\n");
}

#[test]
fn h16_an_answer_is_framed_anew() {
    let rig = Rig::standard();
    let feeds = said(
        &rig,
        Answer::raw("HTTP/1.1 200 OK\nX: a\nContent-Length: 5\n\nhello").closing(),
    );
    let raw = String::from_utf8_lossy(&feeds.raw).replace("\r\n", "");
    assert!(feeds.status == 502 || !raw.contains('\n'), "{raw:?}");
    let same = said(
        &rig,
        Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
    );
    assert!(
        same.status == 502 || same.all("content-length") == ["5"],
        "{same:?}"
    );
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".repeat(200);
    let late = said(
        &rig,
        Answer::raw(format!(
            "{interim}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        )),
    );
    assert!(late.status == 502 || late.text() == "ok", "{late:?}");
    // Bytes behind an answer are never the next answer.
    let more = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    assert_eq!(said(&rig, Answer::raw(more)).text(), "ok");
    assert_eq!(rig.send(&get("/public")).text(), "from the upstream\n");
}

#[test]
fn q08_an_answer_that_breaks_off_does_not_end_well() {
    let rig = Rig::standard();
    for bytes in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhello",
    ] {
        let response = said(&rig, Answer::raw(bytes).closing());
        assert!(!response.whole, "{response:?}");
        rig.control();
    }
}

#[test]
fn h17_who_is_refused_is_not_asked_for_a_body() {
    let rig = Rig::standard();
    let mut connection = Connection::open(rig.gate.address);
    let head =
        "POST /orders/1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n";
    connection.write(head);
    let answer = connection.read("POST");
    assert_eq!(
        (answer.status, answer.interim.as_slice()),
        (401, [].as_slice())
    );
    assert_eq!(answer.header("connection"), "close");
    assert!(connection.is_closed());
    assert_eq!(rig.upstream.connections(), 0);
    // Sent all the same, it is not taken for a request.
    let mut connection = Connection::open(rig.gate.address);
    connection.write(format!(
        "{}GET /public HTTP/1.1\r\nHost: a\r\n\r\n",
        head.replace("10\r\n", "38\r\n")
    ));
    assert_eq!(connection.read("POST").status, 401);
    assert!(connection.try_read("GET").is_none());
    assert_eq!(rig.upstream.connections(), 0);
    rig.control();
}

#[test]
fn h17_who_is_admitted_is_asked_for_the_body() {
    let rig = Rig::standard();
    let bearer = access().scope("orders/write").sign();
    let mut connection = Connection::open(rig.gate.address);
    connection.write(format!(
        "POST /orders/1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {bearer}\r\n\
         Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    ));
    assert_eq!(connection.read_interim(), 100);
    connection.write("hello");
    assert_eq!(connection.read("POST").status, 200);
    let recorded = rig.upstream.wait_for(1);
    assert_eq!(
        (recorded[0].body.as_slice(), recorded[0].header("expect")),
        (b"hello".as_slice(), None)
    );
}

#[test]
fn h18_a_refusal_repeats_nothing_of_the_request() {
    let rig = Rig::standard();
    let token = access().claim("client_id", "<script>\"x\"").sign();
    let answer = rig.refuses(&get("/orders/1").bearer(&token), 401, "wrong_client");
    let plain = access().claim("client_id", "other").sign();
    let other = rig.refuses(&get("/orders/1").bearer(&plain), 401, "wrong_client");
    assert_eq!(answer.json()["detail"], other.json()["detail"]);
    assert_eq!(
        answer.header("www-authenticate"),
        other.header("www-authenticate")
    );
    for target in ["/%22%3Cscript%3E", "/none?<script>", "/a\"b"] {
        for request in [get(target), get(target).header("Accept", "text/html")] {
            let answer = rig.refuses_with(&request.header("X-Request-Id", "<script>"), &[400, 403]);
            let text = String::from_utf8_lossy(&answer.raw).to_lowercase();
            assert!(!text.contains("script") && !text.contains("%22"), "{text}");
        }
    }
}
