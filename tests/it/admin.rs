//! The operator's side: health, metrics, and a line of log for every request. No secret and no token in any of it.

use std::net::{SocketAddr, TcpListener};
use std::time::Instant;

use serde_json::{Value, json};

use crate::support::{
    Answer, Connection, Gate, PATIENCE, Recorder, Request, Response, Rig, Setup, access, delete,
    get, mint, post, request,
};

/// Every family of the contract, with its type.
const FAMILIES: [(&str, &str); 17] = [
    ("requests_total", "counter"),
    ("request_duration_seconds", "histogram"),
    ("upstream_duration_seconds", "histogram"),
    ("refusals_total", "counter"),
    ("audit_refusals_total", "counter"),
    ("requests_in_flight", "gauge"),
    ("connections", "gauge"),
    ("token_cache_requests_total", "counter"),
    ("token_cache_entries", "gauge"),
    ("jwks_refreshes_total", "counter"),
    ("jwks_last_success_timestamp_seconds", "gauge"),
    ("jwks_keys", "gauge"),
    ("credential_fetches_total", "counter"),
    ("credential_expiry_timestamp_seconds", "gauge"),
    ("config_reloads_total", "counter"),
    ("config_last_reload_timestamp_seconds", "gauge"),
    ("build_info", "gauge"),
];

fn admin(rig: &Rig, target: &str) -> Response {
    get(target).send(rig.gate.admin)
}

#[test]
fn health_says_alive_and_ready() {
    let rig = Rig::standard();
    for target in ["/livez", "/readyz"] {
        let answer = admin(&rig, target);
        assert_eq!(answer.status, 200, "{target}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    assert_eq!(request("HEAD", "/readyz").send(rig.gate.admin).status, 200);
    assert_eq!(admin(&rig, "/nothing").status, 404);
    assert_eq!(rig.upstream.connections(), 0);
}

/// An address that nobody listens on.
fn nowhere() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Asks until this is the answer's status.
fn until(gate: &Gate, request: &Request, status: u16) {
    let deadline = Instant::now() + PATIENCE;
    while request.send(gate.address).status != status {
        assert!(Instant::now() < deadline, "{}", gate.program.log());
        std::thread::yield_now();
    }
}

#[test]
fn q10_started_first_it_is_ready_with_its_keys_and_outlives_its_service() {
    let (issuer, service) = (nowhere(), nowhere());
    let (keys_url, service_url) = (format!("http://{issuer}"), format!("http://{service}"));
    let keys_b = Recorder::answering(|_| Answer::json(&mint::jwks(&[mint::b1()])));
    let setup = Setup::standard().pool("jwks_cooldown = \"1ms\"");
    let gate = Gate::start(&setup.text(&service_url, &keys_url, &keys_b.url()));
    let order = get("/orders/1").bearer(&access().sign());
    let public = get("/public");
    let ready = || get("/readyz").send(gate.admin).status;

    // Nothing is there yet: it runs, says that it is not ready, and refuses by reason.
    assert_eq!(ready(), 503);
    assert_eq!(order.send(gate.address).reason(), "keys_unavailable");
    assert_eq!(public.send(gate.address).reason(), "upstream_unreachable");
    // The issuer comes. Whether the service behind is well is not for us to say.
    let _keys = Recorder::on(TcpListener::bind(issuer).unwrap(), |_| {
        Answer::json(&mint::jwks(&[mint::a1()]))
    });
    gate.wait_until_ready();
    assert_eq!(order.send(gate.address).reason(), "upstream_unreachable");
    // The service comes, goes, and comes back.
    for _ in 0..2 {
        let upstream = Recorder::on(TcpListener::bind(service).unwrap(), |_| {
            Answer::ok().closing()
        });
        until(&gate, &order, 200);
        drop(upstream);
        until(&gate, &public, 502);
        assert_eq!(ready(), 200);
    }
    assert_eq!(get("/livez").send(gate.admin).status, 200);
}

#[test]
fn every_family_shows_its_help_and_type() {
    let rig = Rig::standard();
    let answer = admin(&rig, "/metrics");
    assert_eq!(
        answer.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    for (name, kind) in FAMILIES {
        let name = format!("portcullis_{name}");
        assert!(answer.text().contains(&format!("# HELP {name} ")), "{name}");
        assert!(
            answer.text().contains(&format!("# TYPE {name} {kind}")),
            "{name}"
        );
    }
    assert!(answer.text().contains("process_resident_memory_bytes"));
    for line in answer.text().lines() {
        assert!(
            line.starts_with('#')
                || line.starts_with("portcullis_")
                || line.starts_with("process_"),
            "{line}"
        );
    }
}

#[test]
fn requests_are_counted_by_route_and_reason() {
    let rig = Rig::standard();
    let token = access().sign();
    rig.forwards(&get("/orders/1").bearer(&token));
    rig.forwards(&get("/orders/2").bearer(&token));
    rig.refuses(&post("/orders/1").bearer(&token), 403, "insufficient_scope");
    rig.refuses(&get("/nowhere"), 403, "no_route");
    rig.refuses(&get("/a/../b"), 400, "ambiguous_path");
    for (sample, count) in [
        (
            "requests_total{code=\"200\",listener=\"gate\",route=\"GET /orders/{*rest}\"}",
            2.0,
        ),
        (
            "requests_total{code=\"403\",listener=\"gate\",route=\"POST /orders/{*rest}\"}",
            1.0,
        ),
        (
            "requests_total{code=\"403\",listener=\"gate\",route=\"none\"}",
            1.0,
        ),
        (
            "requests_total{code=\"400\",listener=\"gate\",route=\"none\"}",
            1.0,
        ),
        (
            "refusals_total{reason=\"insufficient_scope\",route=\"POST /orders/{*rest}\"}",
            1.0,
        ),
        ("refusals_total{reason=\"no_route\",route=\"none\"}", 1.0),
        (
            "request_duration_seconds_count{listener=\"gate\",route=\"GET /orders/{*rest}\"}",
            2.0,
        ),
        ("upstream_duration_seconds_count{listener=\"gate\"}", 2.0),
        ("requests_in_flight{listener=\"gate\"}", 0.0),
        ("jwks_keys{pool=\"a\"}", 1.0),
        ("jwks_refreshes_total{pool=\"a\",result=\"ok\"}", 1.0),
    ] {
        assert_eq!(
            rig.gate.metric(&format!("portcullis_{sample}")),
            Some(count),
            "{sample}"
        );
    }
    let last = rig
        .gate
        .metric("portcullis_jwks_last_success_timestamp_seconds{pool=\"a\"}")
        .unwrap();
    assert!((mint::now() as f64 - last).abs() < 60.0);
}

#[test]
fn r13_no_label_takes_a_value_from_a_request() {
    let rig = Rig::standard();
    let series = |rig: &Rig| {
        admin(rig, "/metrics")
            .text()
            .lines()
            .filter(|line| line.starts_with("portcullis_"))
            .count()
    };
    let sent = |number: usize| {
        let name = format!("made-up-{number}");
        let token = access()
            .claim("client_id", name.as_str())
            .header("kid", name.as_str())
            .sign();
        rig.send(
            &get(&format!("/orders/{name}"))
                .bearer(&token)
                .header("User-Agent", &name),
        );
        rig.send(&request(&format!("M{number}"), &format!("/{name}")));
        rig.send(&request(&format!("M{number}"), "/orders/1"));
        rig.send(&get("/public").without_host().header("Host", &name));
    };
    sent(0);
    let before = series(&rig);
    (1..30).for_each(sent);
    assert_eq!(series(&rig), before);
    assert!(!admin(&rig, "/metrics").text().contains("made-up"));
}

#[test]
fn x15_only_a_loopback_host_is_answered() {
    let rig = Rig::standard();
    let with = |host: &str| {
        get("/metrics")
            .without_host()
            .header("Host", host)
            .send(rig.gate.admin)
    };
    for host in [
        "localhost",
        "LOCALHOST:9090",
        "127.0.0.1",
        "127.0.0.1:1",
        "[::1]:9090",
        "127.1.2.3",
    ] {
        assert_eq!(with(host).status, 200, "{host}");
    }
    for host in [
        "evil.com",
        "localhost.evil.com",
        "10.0.0.1",
        "169.254.169.254",
        "",
        "evil.com:9090",
        "127.0.0.1.evil.com",
    ] {
        let answer = with(host);
        assert_eq!(answer.status, 403, "{host}");
        assert!(!answer.text().contains("portcullis_"));
    }
    assert!(matches!(
        get("/metrics").without_host().send(rig.gate.admin).status,
        400 | 403
    ));
}

#[test]
fn q15_nothing_is_changed_by_an_admin_request() {
    let rig = Rig::standard();
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        for target in ["/", "/livez", "/metrics", "/reload", "/quit"] {
            let answer = request(method, target).send(rig.gate.admin);
            assert_eq!(
                (answer.status, answer.header("allow").as_str()),
                (405, "GET, HEAD"),
                "{method} {target}"
            );
        }
    }
    let origin = get("/metrics")
        .header("Origin", "http://evil")
        .send(rig.gate.admin);
    assert_eq!(origin.header("access-control-allow-origin"), "");
    rig.control();
}

#[test]
fn probes_have_no_causes_and_no_more_than_probes_need() {
    let keys =
        crate::support::Recorder::answering(|_| crate::support::Answer::status(500, &[], ""));
    let rig = Setup::standard()
        .server("probes = \"127.0.0.1:0\"")
        .start_unready(keys);
    let told = get("/status").send(rig.gate.admin).json();
    let address = told["listeners"][2]["address"].as_str();
    let address = address.and_then(|text| text.parse().ok()).unwrap();
    rig.gate
        .program
        .wait_for_log(|line| line["pool"] == "a" && line["level"] == "WARN");
    let ready = get("/readyz")
        .without_host()
        .header("Host", "pod.example")
        .send(address);
    assert_eq!((ready.status, ready.text().as_str()), (503, "not ready\n"));
    assert_eq!(get("/livez").send(address).status, 200);
    assert_eq!(get("/metrics").send(address).status, 200);
    for target in ["/", "/status", "/config"] {
        assert_eq!(get(target).send(address).status, 404, "{target}");
    }
}

#[test]
fn the_access_log_tells_of_every_request_in_a_line() {
    let rig = Rig::standard();
    let token = access().sign();
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let sent = post("/public/x?secret=hunter2")
        .body("12345")
        .header("X-Request-Id", "log-1")
        .header("Cookie", "session=hunter2")
        .header("traceparent", &format!("00-{trace}-b7ad6b7169203331-00"));
    rig.forwards(&sent);
    let line = rig.gate.record("log-1");
    for (field, value) in [
        ("listener", json!("gate")),
        ("method", json!("POST")),
        ("path", json!("/public/x")),
        ("status", json!(200)),
        ("route", json!("/public/{*rest}")),
        ("bytes_in", json!(5)),
        ("bytes_out", json!("from the upstream\n".len())),
        ("trace_id", json!(trace)),
        ("reason", Value::Null),
        ("sub", Value::Null),
    ] {
        assert_eq!(line[field], value, "{field} of {line}");
    }
    assert!(line["client"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert!(
        line["total_ms"].as_f64() >= line["upstream_ms"].as_f64(),
        "{line}"
    );
    assert!(line["time"].as_str().unwrap().ends_with('Z'), "{line}");

    rig.forwards(
        &get("/orders/1")
            .bearer(&token)
            .header("X-Request-Id", "log-2"),
    );
    let line = rig.gate.record("log-2");
    assert_eq!(
        (
            line["sub"].as_str(),
            line["client_id"].as_str(),
            line["pool"].as_str()
        ),
        (Some(mint::SUB), Some("client-1"), Some("a"))
    );
    rig.refuses(
        &delete("/admin/x")
            .bearer(&token)
            .header("X-Request-Id", "log-3"),
        403,
        "insufficient_scope",
    );
    let line = rig.gate.record("log-3");
    assert_eq!(
        (
            line["status"].as_u64(),
            line["reason"].as_str(),
            line["upstream_ms"].as_f64()
        ),
        (Some(403), Some("insufficient_scope"), None)
    );
    assert_eq!(line["sub"], mint::SUB);
    rig.refuses(
        &get("/nowhere").header("X-Request-Id", "log-4"),
        403,
        "no_route",
    );
    assert_eq!(rig.gate.record("log-4")["route"], Value::Null);
    assert!(!rig.gate.program.log().contains("hunter2"));
}

#[test]
fn the_access_log_can_leave_out_who_it_was() {
    let rig = Setup::standard().telemetry("log_subject = false").start();
    rig.forwards(
        &get("/orders/1")
            .bearer(&access().sign())
            .header("X-Request-Id", "log-1"),
    );
    let line = rig.gate.record("log-1");
    assert_eq!(
        (&line["sub"], &line["client_id"], &line["pool"]),
        (&Value::Null, &Value::Null, &json!("a"))
    );
    assert!(!rig.gate.program.log().contains(mint::SUB));
    let silent = Setup::standard().telemetry("access_log = false").start();
    silent.control();
    assert!(
        silent
            .gate
            .metric("portcullis_connections{listener=\"gate\"}")
            .is_some()
    );
    assert!(!silent.gate.program.log().contains("\"log\":\"access\""));
}

#[test]
fn both_logs_tell_the_time_alike() {
    let is_time =
        |text: &str| text.len() == 24 && text.ends_with('Z') && text.as_bytes()[10] == b'T';
    let rig = Rig::standard();
    rig.forwards(&get("/public").header("X-Request-Id", "log-1"));
    rig.gate.record("log-1");
    let log = rig.gate.program.log();
    for line in log.lines() {
        assert!(line.starts_with("{\"time\":\""), "{line}");
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["time"].as_str().is_some_and(is_time), "{line}");
        assert_eq!(line["timestamp"], Value::Null, "{line}");
    }
    assert!(log.contains("\"message\"") && log.contains("\"log\":\"access\""));
}

#[test]
fn q12_a_request_is_one_line_of_log_whatever_it_holds() {
    let rig = Rig::standard();
    for (number, target) in [
        "/%0a{\"log\":\"access\"}",
        "/a\"b",
        "/%1b[31m",
        "/x\u{2028}y",
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("line-{number}");
        rig.refuses_with(
            &get(target)
                .header("X-Request-Id", &id)
                .header("User-Agent", "a\\nb"),
            &[400, 403],
        );
    }
    let long = format!("/{}", "x".repeat(20_000));
    rig.refuses(
        &get(&long).header("X-Request-Id", "line-9"),
        403,
        "no_route",
    );
    let line = rig.gate.record("line-9");
    assert!(line["path"].as_str().unwrap().len() <= 2048);
    for line in rig.gate.program.log().lines() {
        assert!(
            serde_json::from_str::<Value>(line).is_ok_and(|line| line.is_object()),
            "{line}"
        );
        assert!(line.chars().all(|char| !char.is_control()), "{line}");
    }
}

#[test]
fn q13_nothing_secret_is_logged_at_the_most_talkative_level() {
    let rig = Setup::standard().telemetry("log_level = \"trace\"").start();
    let token = access().claim("email", "jane.secret@example.com").sign();
    rig.forwards(
        &post("/public?password=hunter2")
            .body("body-hunter2")
            .header("Cookie", "a=cookie-hunter2"),
    );
    rig.forwards(&get("/orders/1").bearer(&token));
    rig.refuses(
        &get("/orders/1").bearer(&access().key(mint::a2()).sign()),
        401,
        "unknown_key",
    );
    rig.refuses(
        &get("/orders/1").header("Authorization", "Basic hunter2"),
        401,
        "missing_token",
    );
    rig.forwards(
        &get("/orders/1")
            .bearer(&token)
            .header("X-Request-Id", "last"),
    );
    rig.gate.record("last");
    let log = rig.gate.program.log();
    for secret in ["hunter2", "jane.secret", &token] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

#[test]
fn a_request_that_never_became_one_is_counted_too() {
    let rig = Setup::standard()
        .also("[server.limits]\nheader_bytes = \"1KiB\"")
        .start();
    rig.refuses(
        &get("/public").header("X-Large", &"x".repeat(2000)),
        431,
        "headers_too_large",
    );
    let refused = "portcullis_refusals_total{reason=\"headers_too_large\",route=\"none\"}";
    assert_eq!(rig.gate.metric(refused), Some(1.0));
    let mut connection = Connection::open(rig.gate.address);
    connection.exchange(&get("/public"));
    assert_eq!(
        rig.gate.metric("portcullis_connections{listener=\"gate\"}"),
        Some(1.0)
    );
}
