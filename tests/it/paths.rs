//! Paths, hosts and methods: what two servers could read differently is refused, and what was matched is what is sent.
//!
//! The wire's side of the table of path confusion (P01-P18): a token that may read orders, and a protected `/admin/x`.

use crate::support::{
    Connection, Request, Rig, Setup, Token, access, delete, get, post, request, rig::IDENTITY,
};

/// May do everything under `/admin`.
fn admin() -> Token {
    access().scope("admin/all").groups(&["admin"])
}

/// Nobody gets this path: 400 with any token, on the way to any route.
fn is_ambiguous(rig: &Rig, target: &str) {
    for token in [access(), admin()] {
        rig.refuses(&get(target).bearer(&token.sign()), 400, "ambiguous_path");
    }
    rig.refuses(&get(target), 400, "ambiguous_path");
}

/// This path is one of `/admin`'s: refused to who may not, and sent on byte for byte for who may (O2).
fn is_guarded(rig: &Rig, target: &str) {
    rig.refuses(&get(target), 401, "missing_token");
    rig.refuses(
        &get(target).bearer(&access().sign()),
        403,
        "insufficient_scope",
    );
    let recorded = rig.forwards(&get(target).bearer(&admin().sign()));
    assert_eq!(recorded.target(), target);
}

/// This path is nobody's.
fn is_unrouted(rig: &Rig, target: &str) {
    rig.refuses(&get(target).bearer(&admin().sign()), 403, "no_route");
}

#[test]
fn p01_dot_segments_are_refused() {
    let rig = Rig::standard();
    for target in [
        "/public/../admin/x",
        "/public/./../admin/x",
        "/admin/./x",
        "/../admin/x",
        "/public/..",
        "/public/.",
        "/./public",
        "/..",
    ] {
        is_ambiguous(&rig, target);
    }
    rig.control();
}

#[test]
fn p02_encoded_separators_are_refused() {
    let rig = Rig::standard();
    for target in [
        "/public/%2e%2e/admin/x",
        "/public/.%2e/admin/x",
        "/public/%2E./admin/x",
        "/public/%2e/admin/x",
        "/public%2fadmin",
        "/public%2F..%2Fadmin/x",
        "/admin%2Fx",
        "/public/..%5cadmin/x",
        "/public/%5C../admin/x",
        "/public/%252e%252e%252fadmin/x",
        "/public/%25%32%66admin/x",
        "/public/%2525%32e%2e/admin",
        "/public/%c0%ae%c0%ae/admin/x",
        "/public/%e0%80%af/admin/x",
        "/public/%u002e%u002e/admin/x",
        "/public/%",
        "/public/%2",
        "/public/%zz",
        "/public/%ff",
    ] {
        is_ambiguous(&rig, target);
    }
    rig.control();
}

#[test]
fn p02_an_encoded_letter_is_the_letter() {
    let rig = Rig::standard();
    is_guarded(&rig, "/%61dmin/x");
    is_guarded(&rig, "/admin/%78");
    let recorded = rig.forwards(&get("/orders/%40me").bearer(&access().sign()));
    assert_eq!(recorded.target(), "/orders/%40me");
}

#[test]
fn p02_an_admitted_encoded_slash_must_choose_one_route() {
    let rig = Setup::standard()
        .also("[paths]\nallow = [\"encoded-slash\"]")
        .start();
    let recorded = rig.forwards(&get("/public/a%2Fb"));
    assert_eq!(recorded.target(), "/public/a%2Fb");
    for target in [
        "/public%2Fx",
        "/admin%2Fx",
        "/public%2F..%2Fadmin/x",
        "/public/%2e%2e/x",
    ] {
        is_ambiguous(&rig, target);
    }
    rig.control();
}

#[test]
fn p03_backslashes_are_refused() {
    let rig = Rig::standard();
    for target in [
        "/public\\..\\admin",
        "/admin\\x",
        "/public/\\admin",
        "/\\admin/x",
    ] {
        is_ambiguous(&rig, target);
    }
    let answer = rig.refuses_with(&get("\\admin"), &[400]);
    assert_ne!(answer.reason(), "no_route");
    rig.control();
}

#[test]
fn p04_empty_segments_are_refused() {
    let rig = Rig::standard();
    for target in [
        "//admin/x",
        "/admin//x",
        "///",
        "//",
        "/public//../admin/x",
        "/public//",
    ] {
        is_ambiguous(&rig, target);
    }
    rig.control();
}

#[test]
fn p05_suffixes_that_some_servers_drop_do_not_leave_the_guarded_path() {
    let rig = Rig::standard();
    for target in [
        "/admin/x/",
        "/admin/x.",
        "/admin/x%20",
        "/admin/x.json",
        "/admin/x%3Ba=b",
    ] {
        is_guarded(&rig, target);
    }
    for target in [
        "/admin/x%00",
        "/admin/x%09",
        "/admin/x%0a",
        "/admin/x%0d%0aX:y",
        "/admin/x%7f",
        "/admin/x;a=b",
        "/admin;/x",
        "/public/..;/admin/x",
        "/public;/../admin/x",
    ] {
        is_ambiguous(&rig, target);
    }
    rig.control();
}

#[test]
fn p06_another_case_is_no_way_around_a_route() {
    let rig = Rig::standard();
    for target in [
        "/ADMIN/x",
        "/Admin/x",
        "/aDMIN/%78",
        "/%41dmin/x",
        "/PUBLIC",
    ] {
        is_ambiguous(&rig, target);
    }
    // Raw UTF-8 is refused; percent-encoded it is another letter: full-width a, Kelvin sign, dotless i, long s.
    is_ambiguous(&rig, "/\u{ff41}dmin/x");
    for target in [
        "/%EF%BD%81dmin/x",
        "/%E2%84%AA",
        "/adm%C4%B1n/x",
        "/%C5%BFtaff",
        "/adm%69%CC%87n/x",
    ] {
        is_unrouted(&rig, target);
    }
    rig.control();
}

#[test]
fn p06_case_insensitive_paths_are_guarded_in_every_case() {
    let rig = Setup::standard()
        .also("[paths]\ncase = \"insensitive\"")
        .start();
    for target in ["/ADMIN/x", "/Admin/X", "/admin/x"] {
        is_guarded(&rig, target);
    }
}

#[test]
fn p07_a_query_is_no_part_of_the_path() {
    let rig = Rig::standard();
    for target in [
        "/public?x=/admin",
        "/public?/../admin/x",
        "/public?x=%2e%2e//;\\",
    ] {
        assert_eq!(rig.forwards(&get(target)).target(), target);
    }
    is_guarded(&rig, "/admin/x?path=/public");
    is_guarded(&rig, "/admin/x?/public");
    is_ambiguous(&rig, "/public%3f/../admin");
    is_unrouted(&rig, "/public%3fx");
    rig.control();
}

#[test]
fn p08_a_fragment_is_refused() {
    let rig = Rig::standard();
    for target in [
        "/public#/../admin/x",
        "/admin/x#public",
        "/public#",
        "/public?a#b",
        "/#",
    ] {
        is_ambiguous(&rig, target);
    }
    is_guarded(&rig, "/admin/x%23public");
    rig.control();
}

#[test]
fn p08_a_fragment_is_seen_on_every_request_of_a_connection() {
    let rig = Rig::standard();
    let mut connection = Connection::open(rig.gate.address);
    // A body in between, of both framings, so that the head is found where it really begins.
    let chunked = post("/public")
        .raw_body("3\r\n#\r\n\r\n0\r\n\r\n")
        .header("Transfer-Encoding", "chunked");
    for request in [
        get("/public"),
        post("/public").body("GET /public# HTTP/1.1\r\n\r\n"),
        chunked,
        get("/public"),
    ] {
        assert_eq!(connection.exchange(&request).status, 200);
    }
    let answer = connection.exchange(&get("/public#x"));
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (400, "ambiguous_path")
    );
    assert_eq!(rig.upstream.requests().len(), 4);
}

#[test]
fn p09_headers_that_name_another_path_choose_no_route() {
    const NAMING: [&str; 14] = [
        "X-Original-URL",
        "X-Rewrite-URL",
        "X_Original_Url",
        "X-Envoy-Original-Path",
        "X-Envoy-Original-Method",
        "X-Original-Method",
        "X-Forwarded-Uri",
        "X-Forwarded-Prefix",
        "X-Forwarded-Path",
        "X-Forwarded-Method",
        "X-Forwarded-Server",
        "X-Forwarded-Port",
        "X-Forwarded-Scheme",
        "Forwarded",
    ];
    let rig = Rig::standard();
    for name in NAMING {
        let sent = get("/admin/x").header(name, "/public");
        rig.refuses(
            &sent.clone().bearer(&access().sign()),
            403,
            "insufficient_scope",
        );
        let recorded = rig.forwards(&sent.bearer(&admin().sign()));
        assert_eq!(recorded.target(), "/admin/x");
        assert_eq!(recorded.all_alike(name), Vec::<&str>::new(), "{name}");
    }
    let sent = get("/admin/x")
        .header("X-Forwarded-Host", "evil")
        .header("X-Forwarded-Proto", "evil");
    let recorded = rig.forwards(&sent.bearer(&admin().sign()));
    assert!(!recorded.holds("evil"), "{recorded:#?}");
    assert_eq!(recorded.header("x-forwarded-host"), recorded.header("host"));
    assert_eq!(recorded.header("x-forwarded-proto"), Some("http"));
}

#[test]
fn p10_a_rewritten_path_is_read_again() {
    let rig = Setup::standard()
        .routes(
            r#"
"/api/{*rest}" = { access = "public", strip_prefix = "/api" }
"/old/{*rest}" = { access = "public", strip_prefix = "/old", add_prefix = "/new/v2" }
"/more/{*rest}" = { access = "public", add_prefix = "/base" }
"#,
        )
        .start();
    for (target, sent) in [
        ("/api/x?y=/api", "/x?y=/api"),
        ("/api", "/"),
        ("/api/", "/"),
        ("/api/%61", "/%61"),
        ("/old/a/b/", "/new/v2/a/b/"),
        ("/more/a", "/base/more/a"),
    ] {
        assert_eq!(rig.forwards(&get(target)).target(), sent, "{target}");
    }
    is_unrouted(&rig, "/api../admin");
    is_unrouted(&rig, "/apiadmin");
    for target in [
        "/api/%2e%2e/admin",
        "/api/../admin",
        "/api//admin/x",
        "/api/..;/x",
        "/%61pi/../x",
    ] {
        is_ambiguous(&rig, target);
    }
    // Matched as `/api/…`, but there is no `/api` to be taken off.
    is_ambiguous(&rig, "/%61pi/x");
    rig.control();
}

#[test]
fn p11_an_absolute_target_must_name_the_host() {
    let rig = Rig::standard();
    let host = rig.gate.address;
    for target in [
        "http://evil/admin/x".to_owned(),
        "https://evil/public".to_owned(),
        format!("http://user@{host}/public"),
        format!("http://{host}:80/public"),
        "http://127.0.0.1/public".to_owned(),
        "http:///public".to_owned(),
        "http://".to_owned(),
        "http:/public".to_owned(),
        "http:public".to_owned(),
    ] {
        rig.refuses_with(&get(&target), &[400]);
    }
    for scheme in ["http", "HTTP"] {
        let recorded = rig.forwards(&get(&format!("{scheme}://{host}/public?a=b")));
        assert_eq!(recorded.target(), "/public?a=b");
        assert_eq!(recorded.header("host"), Some(host.to_string().as_str()));
    }
    rig.refuses(
        &get(&format!("http://{host}/admin/x")).bearer(&access().sign()),
        403,
        "insufficient_scope",
    );
    rig.refuses(
        &get(&format!("http://{host}/public/../admin/x")),
        400,
        "ambiguous_path",
    );
    rig.refuses(&get(&format!("http://{host}")), 403, "no_route");
    rig.control();
}

#[test]
fn p12_a_target_without_a_slash_is_refused() {
    let rig = Rig::standard();
    for target in [
        "admin",
        "a:80",
        "foo:/admin",
        "?x",
        "*",
        "",
        "public",
        "127.0.0.1:80",
    ] {
        rig.refuses_with(&get(target), &[400]);
        rig.refuses_with(&request("OPTIONS", target), &[400]);
    }
    rig.control();
}

#[test]
fn p13_a_host_that_could_be_read_in_two_ways_is_refused() {
    let rig = Rig::standard();
    let with = |host: &str| get("/public").without_host().header("Host", host);
    let bad = [
        get("/public").without_host(),
        with("a").header("Host", "a"),
        with("a").header("Host", "b"),
        with("a").header("host", "b"),
        with(""),
        with("a, b"),
        with("a b"),
        with("a:80:80"),
        with("a:port"),
        with("user@a"),
        with("a/admin"),
        with("a?x"),
        with("a#x"),
        with("a\\b"),
        with("[::1"),
        with("a%2Eb"),
        with("\u{ff41}"),
        with("."),
    ];
    for request in bad {
        rig.refuses_with(&request, &[400]);
    }
    for host in ["a", "A", "a.", "a:8080", "[::1]", "[::1]:80", "127.0.0.1"] {
        assert_eq!(rig.forwards(&with(host)).header("host"), Some(host));
    }
    rig.refuses_with(&with(&"a".repeat(10_000)), &[400]);
    rig.control();
}

#[test]
fn p13_hosts_are_compared_without_case_port_and_trailing_dot() {
    let rig = Setup::standard()
        .server("hosts = [\"app.example.com\", \"*.apps.example.com\"]")
        .routes("\"GET app.example.com/only\" = { access = \"public\" }")
        .start();
    let with = |target: &str, host: &str| get(target).without_host().header("Host", host);
    for host in [
        "app.example.com",
        "APP.Example.com",
        "app.example.com.",
        "app.example.com:8080",
    ] {
        rig.forwards(&with("/only", host));
        rig.forwards(&with("/public", host));
    }
    rig.forwards(&with("/public", "x.apps.example.com"));
    rig.refuses(&with("/only", "x.apps.example.com"), 403, "no_route");
    for host in [
        "evil.com",
        "app.example.com.evil.com",
        "xapp.example.com",
        "apps.example.com",
        "127.0.0.1",
    ] {
        rig.refuses(&with("/public", host), 403, "no_route");
    }
    // What a proxy in front says of the host is nothing to us.
    rig.refuses(
        &with("/only", "evil.com").header("X-Forwarded-Host", "app.example.com"),
        403,
        "no_route",
    );
}

#[test]
fn p15_a_method_that_no_route_names_is_not_allowed() {
    let rig = Rig::standard();
    let token = access().sign();
    for method in [
        "FOO", "PROPFIND", "DELETE", "PUT", "PATCH", "X-Y_2", "OPTIONS",
    ] {
        let answer = rig.refuses(
            &request(method, "/orders/1").bearer(&token),
            405,
            "method_not_allowed",
        );
        assert_eq!(answer.header("allow"), "GET, HEAD, POST", "{method}");
        assert_eq!(rig.forwards(&request(method, "/public")).method(), method);
    }
    for method in [
        "get",
        "GeT",
        "FOO!#$",
        "1GET",
        "-GET",
        "G.T",
        &"A".repeat(33),
        &"A".repeat(8192),
    ] {
        rig.refuses_with(&request(method, "/orders/1").bearer(&token), &[400]);
        rig.refuses_with(&request(method, "/public"), &[400]);
    }
    for method in ["GET\x0b", "G ET", "", "GET\0"] {
        rig.refuses_with(&request(method, "/public"), &[400]);
    }
    for method in ["CONNECT", "TRACE"] {
        rig.refuses_with(&request(method, "/public"), &[405, 400]);
    }
    rig.refuses_with(
        &request("CONNECT", "127.0.0.1:80").bearer(&admin().sign()),
        &[405],
    );
    rig.control();
}

#[test]
fn p15_head_asks_for_what_get_asks_for() {
    let rig = Rig::standard();
    let head = request("HEAD", "/orders/1");
    let answer = rig.refuses_with(&head, &[401]);
    assert_eq!(answer.body, b"");
    rig.refuses_with(
        &head.clone().bearer(&access().scope("orders/write").sign()),
        &[403],
    );
    let recorded = rig.forwards(&head.bearer(&access().sign()));
    assert_eq!(recorded.method(), "HEAD");
    rig.refuses(
        &delete("/admin/x").bearer(&access().sign()),
        403,
        "insufficient_scope",
    );
    rig.refuses(
        &post("/orders/1").bearer(&access().sign()),
        403,
        "insufficient_scope",
    );
}

#[test]
fn p16_method_overrides_are_removed() {
    let rig = Rig::standard();
    for name in [
        "X-HTTP-Method-Override",
        "x-http-method",
        "X-Method-Override",
        "X_HTTP_METHOD_OVERRIDE",
        "X.Http-Method",
    ] {
        let recorded = rig.forwards(
            &get("/orders/1")
                .bearer(&access().sign())
                .header(name, "DELETE"),
        );
        assert_eq!(recorded.all_alike(name), Vec::<&str>::new(), "{name}");
        let recorded = rig.forwards(&get("/public").header(name, "DELETE"));
        assert_eq!(recorded.all_alike(name), Vec::<&str>::new(), "{name}");
    }
    // In a query it is the upstream's own business, and passes as everything in a query does.
    assert_eq!(
        rig.forwards(&get("/public?_method=DELETE")).target(),
        "/public?_method=DELETE"
    );
}

#[test]
fn p16_a_method_override_passes_where_its_method_is_allowed() {
    let rig = Setup::standard()
        .routes(
            r#"
"POST /items/{id}" = { any_scope = ["items/edit"], method_override = true }
"DELETE /items/{id}" = "items/delete"
"#,
        )
        .start();
    let sent = |scope: &str, method: &str| {
        let token = access().scope(scope).sign();
        post("/items/1")
            .bearer(&token)
            .header("X-HTTP-Method-Override", method)
    };
    let passed = |request: &Request| {
        rig.forwards(request)
            .header("x-http-method-override")
            .map(str::to_owned)
    };
    assert_eq!(
        passed(&sent("items/edit items/delete", "DELETE")).as_deref(),
        Some("DELETE")
    );
    assert_eq!(passed(&sent("items/edit", "POST")).as_deref(), Some("POST"));
    assert_eq!(passed(&sent("items/edit", "DELETE")), None);
    assert_eq!(passed(&sent("items/edit items/delete", "PUT")), None);
    assert_eq!(passed(&sent("items/edit items/delete", "delete")), None);
    assert_eq!(
        passed(&sent("items/edit items/delete", "DELETE /admin")),
        None
    );
    let twice = sent("items/edit items/delete", "POST").header("X-HTTP-Method", "DELETE");
    assert_eq!(passed(&twice), None);
}

#[test]
fn p17_only_a_real_preflight_passes_without_a_token() {
    let rig = Setup::standard()
        .also("[cors]\nallow_origins = [\"https://app.example.com\"]")
        .start();
    let options = request("OPTIONS", "/orders/1");
    let origin = |request: Request| request.header("Origin", "https://app.example.com");
    let asks =
        |request: Request, method: &str| request.header("Access-Control-Request-Method", method);
    let preflight = asks(origin(options.clone()), "GET");
    let mut forged = preflight
        .clone()
        .bearer(&access().sign())
        .header("Cookie", "a=b");
    for name in IDENTITY {
        forged = forged
            .header(name, "forged")
            .header(&name.replace('-', "_"), "forged");
    }
    let recorded = rig.forwards(&forged);
    assert_eq!(recorded.method(), "OPTIONS");
    for name in IDENTITY.into_iter().chain(["authorization", "cookie"]) {
        assert_eq!(recorded.all_alike(name), Vec::<&str>::new(), "{name}");
    }
    assert_eq!(recorded.header("origin"), Some("https://app.example.com"));
    // None of these is a preflight, and OPTIONS is no method of this route.
    for request in [
        options.clone(),
        origin(options.clone()),
        asks(options.clone(), "GET"),
        preflight.clone().body("x"),
        preflight
            .clone()
            .header("Transfer-Encoding", "chunked")
            .raw_body("0\r\n\r\n"),
        asks(preflight.clone(), "POST"),
        asks(origin(options.clone()), "get"),
    ] {
        rig.refuses(&request, 405, "method_not_allowed");
    }
    rig.refuses(&asks(origin(options), "DELETE"), 405, "method_not_allowed");
    rig.refuses(
        &asks(origin(request("OPTIONS", "/elsewhere")), "GET"),
        403,
        "no_route",
    );
    rig.refuses(
        &asks(origin(request("GET", "/orders/1")), "GET"),
        401,
        "missing_token",
    );
    rig.control();
}

#[test]
fn p17_without_cors_options_is_a_method_like_any_other() {
    let rig = Rig::standard();
    let preflight = request("OPTIONS", "/orders/1")
        .header("Origin", "https://app.example.com")
        .header("Access-Control-Request-Method", "GET");
    rig.refuses(&preflight, 405, "method_not_allowed");
    rig.refuses(&request("OPTIONS", "/admin/x"), 401, "missing_token");
}

#[test]
fn p18_nothing_is_special_on_the_gate() {
    let rig = Rig::standard();
    for target in [
        "/healthz",
        "/livez",
        "/readyz",
        "/ready",
        "/metrics",
        "/status",
        "/ping",
        "/_portcullis/x",
    ] {
        rig.refuses(
            &get(target).header("User-Agent", "GoogleHC/1.0"),
            403,
            "no_route",
        );
        rig.refuses(
            &get(target).header("User-Agent", "kube-probe/1.30"),
            403,
            "no_route",
        );
    }
    rig.control();
}
