//! Who is answered, with what, and under which policy.

use std::sync::Arc;

use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;

use super::page::{PAGE, page};
use super::{Admin, Kind, answer, is_known, status};
use crate::clock::Clock;
use crate::config::{self, Surroundings};
use crate::ready::Readiness;
use crate::reason::Reason;
use crate::reload::Status;
use crate::snapshot::{Live, Snapshot};
use crate::telemetry::{Metrics, Telemetry};

const CONFIGURATION: &str = r#"
[server]
hosts = ["gate.example.com", "*.example.org"]
[pools.main]
user_pool_id = "eu-west-1_AbC123xyz"
client_ids = ["app"]
[routes]
"GET /orders" = "orders/read"
"GET /reports" = { any_group = ["staff"], mode = "audit" }
"#;

fn admin() -> Admin {
    let surroundings = Surroundings {
        env: &|_| None,
        read: &|_| Err(std::io::ErrorKind::NotFound.into()),
    };
    let config = config::load("test", CONFIGURATION, &surroundings).expect("it loads");
    let clock = Clock::fixed(1e9);
    let snapshot = Snapshot::build(config, 1, &clock, surroundings.read).expect("it builds");
    let metrics = Metrics::new().expect("metrics");
    let telemetry = Telemetry::start(metrics, &snapshot.config.telemetry, clock.now());
    Admin {
        telemetry: Arc::new(telemetry.expect("a thread")),
        status: Arc::new(Status::new(&snapshot.config, clock.now())),
        clock,
        live: Arc::new(Live::new(snapshot)),
        readiness: Arc::new(Readiness::new()),
        listeners: vec![("gate", "127.0.0.1:8080".to_owned())],
    }
}

fn host(lines: &[&str]) -> bool {
    let mut request = Request::get("/status");
    for line in lines {
        request = request.header("host", *line);
    }
    is_known(&request.body(()).unwrap(), &admin())
}

#[test]
fn x15_only_a_loopback_host_or_one_of_ours_is_answered() {
    for known in [
        "localhost",
        "LOCALHOST:9090",
        "127.0.0.1:9090",
        "127.1.2.3",
        "[::1]:9090",
        "gate.example.com",
        "a.example.org:9090",
    ] {
        assert!(host(&[known]), "{known}");
    }
    for strange in [
        "evil.example.com",
        "gate.example.com.evil.com",
        "example.org",
        "localhost.evil.com",
        "10.0.0.1",
        "[::]",
        "",
        "127.0.0.1@evil.com",
    ] {
        assert!(!host(&[strange]), "{strange}");
    }
    assert!(!host(&[]));
    assert!(!host(&["localhost", "localhost"]));
    // As HTTP/2 names it, and as an absolute target does.
    let named = |authority: &str| Request::get(format!("http://{authority}/status"));
    let asked = |request: http::request::Builder| is_known(&request.body(()).unwrap(), &admin());
    assert!(asked(named("localhost:9090")));
    assert!(!asked(named("evil.example.com")));
    assert!(!asked(
        named("evil.example.com").header("host", "localhost")
    ));
}

#[test]
fn probes_have_neither_status_nor_page() {
    let admin = admin();
    for path in ["/", "/status"] {
        assert_eq!(
            answer(&admin, Kind::Probes, path).status(),
            StatusCode::NOT_FOUND
        );
        assert_eq!(answer(&admin, Kind::Admin, path).status(), StatusCode::OK);
    }
}

#[test]
fn the_status_tells_of_routes_reasons_and_audit() {
    let admin = admin();
    let metrics = &admin.telemetry.metrics;
    for _ in 0..3 {
        metrics.begin("gate");
        metrics.end("gate", "GET /reports", 200, 0.1, None);
    }
    metrics.audited("GET /reports", Reason::MissingGroup);
    metrics.begin("gate");
    metrics.end("gate", "none", 403, 0.1, None);
    metrics.refused("none", Reason::NoRoute);
    admin.telemetry.rates.note(metrics.totals());
    let waits = admin.readiness.wait_for("keys of pool main");

    let told = status::status(&admin, &admin.live.load());
    assert_eq!(told["ready"], false);
    assert_eq!(told["causes"][0], "keys of pool main");
    assert_eq!(told["pools"][0]["serving"], false);
    assert_eq!(told["routes"][1]["mode"], "audit");
    assert_eq!(told["routes"][1]["requests"], 3);
    assert_eq!(told["routes"][1]["would_refuse"]["missing_group"], 1);
    assert_eq!(told["routes"][2]["name"], "none");
    assert_eq!(told["reasons"][0]["reason"], "no_route");
    assert_eq!(told["reasons"][0]["lately"], 1);
    assert_eq!(told["reasons"][0]["hint"], Reason::NoRoute.hint());
    assert_eq!(told["rates"]["requests"], serde_json::json!([4]));
    assert_eq!(told["audit"][0]["route"], "GET /reports");
    assert_eq!(told["audit"][0]["would_refuse"], 1);
    assert_eq!(told["audit"].as_array().map(Vec::len), Some(1));
    assert_eq!(told["learning"], false);
    assert_eq!(told["time"], "2001-09-09T01:46:40Z");
    waits.done();
    assert_eq!(status::status(&admin, &admin.live.load())["ready"], true);
}

#[test]
fn the_page_runs_its_own_script_and_nothing_else() {
    let page = page();
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'sha256-"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    // What the policy would break, or what could make markup of a request's path.
    for word in [
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "document.write",
        " style=",
        " onclick",
        "http://",
        "https://",
        "eval(",
    ] {
        let found = PAGE
            .replace("http://www.w3.org/2000/svg", "")
            .contains(word);
        assert!(!found, "{word}");
    }
    assert_eq!(PAGE.matches("<script").count(), 1);
    assert_eq!(PAGE.matches("<style").count(), 1);
}

#[test]
fn nothing_is_kept_or_read_by_another_site() {
    let answer = answer(&admin(), Kind::Admin, "/status");
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("cross-origin-resource-policy"), "same-origin");
    assert_eq!(header("x-frame-options"), "DENY");
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
    let body = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(answer.into_body().collect())
        .unwrap();
    let _: Value = serde_json::from_slice(&body.to_bytes()).expect("it is JSON");
}
