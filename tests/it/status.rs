//! What an operator sees: the status page and its JSON, the audit report, traces, and what `learn` drafts.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use crate::support::gate::{Scratch, portcullis};
use crate::support::mint::{self, jwks};
use crate::support::{
    Answer, Connection, Gate, PATIENCE, Program, Recorder, Request, Rig, Setup, access, get, post,
};

fn status(rig: &Rig) -> Value {
    get("/status").send(rig.gate.admin).json()
}

#[test]
fn q15_the_status_tells_of_refusals_and_holds_nothing_secret() {
    let scratch = Scratch::new();
    let secret = scratch.write("secret", "hunter2");
    let secret = format!("{{ file = \"{}\" }}", secret.display());
    let rig = Setup::standard()
        .upstream(&format!(
            "basic_auth = {{ username = {secret}, password = {secret} }}"
        ))
        .start();
    let token = access().sign();
    rig.refuses(&post("/orders/1").bearer(&token), 403, "insufficient_scope");
    let spoilt = format!("{}AAAA", &token[..token.len() - 4]);
    rig.refuses(
        &get("/orders/2?access_token=secret").bearer(&spoilt),
        401,
        "bad_signature",
    );

    let answer = get("/status").send(rig.gate.admin);
    assert_eq!(answer.header("content-type"), "application/json");
    let text = answer.text();
    for secret in [
        "eyJ",
        "hunter2",
        "access_token",
        "secret",
        a1_modulus().as_str(),
    ] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let told = answer.json();
    assert_eq!(told["ready"], true);
    assert_eq!(told["pools"][0]["keys"], json!([mint::a1().kid]));
    assert_eq!(told["refusals"][0]["reason"], "bad_signature");
    assert_eq!(told["refusals"][0]["path"], "/orders/2");
    assert_eq!(told["refusals"][0]["client_id"], Value::Null);
    assert_eq!(told["refusals"][1]["route"], "POST /orders/{*rest}");
    assert_eq!(told["refusals"][1]["client_id"], mint::CLIENT);
    assert_eq!(
        told["listeners"][0]["address"],
        rig.gate.address.to_string()
    );
    assert_eq!(told["configuration"]["reloads_accepted"], 0);
}

#[test]
fn the_status_tells_of_calls_out() {
    let out = Recorder::start();
    let tok = Recorder::answering(|_| {
        Answer::json(
            &json!({ "access_token": "opaque", "token_type": "Bearer", "expires_in": 3600 }),
        )
    });
    let rig = Setup::standard()
        .also(&format!(
            r#"
[credentials.billing]
grant = "client_credentials"
token_url = "{tok}/oauth2/token"
client_id = "billing-client"
client_secret = {{ env = "PATH" }}
[outbound.inventory]
listen = "127.0.0.1:0"
upstream = "{out}"
credential = "billing"
allow = ["GET /items/{{*rest}}"]
[outbound.egress]
listen = "127.0.0.1:0"
mode = "forward_proxy"
destinations = {{ "{out}" = {{}} }}
"#,
            tok = tok.url(),
            out = out.url()
        ))
        .start();
    let call = |name: &str, request: Request, id: &str| {
        let line = rig
            .gate
            .program
            .wait_for_log(|line| line["outbound"] == name && line["message"] == "taking calls out");
        let address = line["address"].as_str().unwrap().parse().unwrap();
        let status = request.header("X-Request-Id", id).send(address).status;
        rig.gate.record(id);
        status
    };
    assert_eq!(call("inventory", get("/items/1"), "out-1"), 200);
    assert_eq!(call("inventory", get("/items/2"), "out-2"), 200);
    assert_eq!(call("inventory", get("/other"), "out-3"), 403);
    let elsewhere = get("http://elsewhere.invalid/")
        .without_host()
        .header("Host", "elsewhere.invalid");
    assert_eq!(call("egress", elsewhere, "out-4"), 403);

    let told = status(&rig);
    let destination = out.url();
    assert_eq!(
        told["outbound"],
        json!([
            { "listener": "inventory", "destination": destination, "credential": "billing",
              "requests": 2, "answers": { "200": 2 } },
            { "listener": "inventory", "destination": "none", "credential": null,
              "requests": 1, "answers": { "403": 1 } },
            { "listener": "egress", "destination": destination, "credential": null,
              "requests": 0, "answers": {} },
            { "listener": "egress", "destination": "none", "credential": null,
              "requests": 1, "answers": { "403": 1 } },
        ])
    );
    let credential = &told["credentials"][0];
    assert_eq!(
        (&credential["name"], &credential["last_fault"]),
        (&json!("billing"), &Value::Null)
    );
    assert!(
        credential["token_expiry"]
            .as_str()
            .is_some_and(|at| at.ends_with('Z')),
        "{credential}"
    );
    assert!(!told.to_string().contains("opaque"));
}

fn a1_modulus() -> String {
    mint::b64(&mint::a1().modulus())
}

#[test]
fn audit_tells_what_would_be_refused_and_to_whom() {
    let rig = Setup::standard()
        .routes("\"GET /trial\" = { any_scope = [\"trial/read\"], mode = \"audit\" }")
        .start();
    rig.forwards(&get("/trial"));
    rig.forwards(&get("/trial").bearer(&access().sign()));
    rig.forwards(&get("/trial").bearer(&access().scope("trial/read").sign()));
    let report = status(&rig)["audit"][0].clone();
    assert_eq!(report["route"], "GET /trial");
    assert_eq!(
        (&report["requests"], &report["would_refuse"]),
        (&json!(3), &json!(2))
    );
    let by = |reason: &str| {
        let reasons = report["reasons"].as_array().unwrap();
        reasons
            .iter()
            .find(|met| met["reason"] == reason)
            .cloned()
            .unwrap()
    };
    let clients = json!([{ "client_id": mint::CLIENT, "requests": 1 }]);
    assert_eq!(by("insufficient_scope")["clients"], clients);
    assert_eq!(by("missing_token")["no_verified_token"], 1);
}

#[test]
fn x15_the_page_is_for_admin_alone_and_for_a_host_that_is_known() {
    let rig = Setup::standard()
        .server("hosts = [\"gate.example.com\"]\nprobes = \"127.0.0.1:0\"")
        .start();
    let page = get("/").send(rig.gate.admin);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(
        page.header("content-security-policy")
            .contains("default-src 'none'")
    );
    let asked = |host: &str| {
        let request = get("/status").without_host().header("Host", host);
        request.send(rig.gate.admin).status
    };
    assert_eq!(asked("gate.example.com:9090"), 200);
    assert_eq!(asked("evil.example.com"), 403);
    assert_eq!(post("/status").send(rig.gate.admin).status, 405);
    let told = status(&rig);
    let probes = told["listeners"][2]["address"].as_str().unwrap();
    assert_eq!(get("/status").send(probes.parse().unwrap()).status, 404);
}

#[test]
fn traces_are_sent_to_the_collector_with_their_parents() {
    let collector = Recorder::start();
    let rig = Setup::standard()
        .telemetry(&format!("otlp_endpoint = \"{}/\"", collector.url()))
        .start();
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let token = access().sign();
    let asked = get("/orders/1?secret=1")
        .bearer(&token)
        .header("traceparent", parent);
    let forwarded = rig.forwards(&asked);
    let unsampled = parent.replace("-01", "-00");
    rig.forwards(
        &get("/orders/2")
            .bearer(&token)
            .header("traceparent", &unsampled),
    );
    rig.refuses(&get("/orders/3"), 401, "missing_token");
    let begun = rig.forwards(&get("/orders/4").bearer(&token));
    assert!(begun.header("traceparent").unwrap().ends_with("-01"));

    let spans = spans_of(&collector, 5);
    let [server, client, refused, ..] = spans.as_slice() else {
        panic!("{spans:?}");
    };
    assert_eq!(server["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(server["parentSpanId"], "00f067aa0ba902b7");
    assert_eq!(server["name"], "GET /orders/{*rest}");
    assert_eq!(client["parentSpanId"], server["spanId"]);
    let told = forwarded.header("traceparent").unwrap();
    assert_eq!(told.split('-').nth(2), client["spanId"].as_str());
    assert!(refused.to_string().contains("missing_token"));
    assert_eq!(spans.len(), 5);
    // The unsampled one is none of them, and no query or token is.
    let everything = collector.everything();
    for absent in ["/orders/2", "secret", "eyJ"] {
        assert!(!everything.contains(absent), "{absent}");
    }
    let sent = "portcullis_trace_spans_total{result=\"sent\"}";
    let deadline = Instant::now() + PATIENCE;
    while rig.gate.metric(sent) != Some(5.0) {
        assert!(Instant::now() < deadline, "{:?}", rig.gate.metric(sent));
        std::thread::yield_now();
    }
    assert_eq!(
        rig.gate.metric("portcullis_log_lines_lost_total"),
        Some(0.0)
    );
}

/// Every span that a collector has been sent, once there are so many.
fn spans_of(collector: &Recorder, count: usize) -> Vec<Value> {
    let mut calls = 1;
    loop {
        let requests = collector.wait_for(calls);
        let mut spans = Vec::new();
        for request in &requests {
            assert_eq!(request.target(), "/v1/traces");
            assert_eq!(request.header("content-type"), Some("application/json"));
            let document: Value = serde_json::from_slice(&request.body).unwrap();
            let sent = document["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array();
            spans.extend(sent.unwrap().iter().cloned());
        }
        if spans.len() >= count {
            return spans;
        }
        calls = requests.len() + 1;
    }
}

#[test]
fn learn_lets_everything_through_and_drafts_routes_that_check_accepts() {
    let upstream = Recorder::answering(|request| match request.target() {
        "/missing" => Answer::status(404, &[], ""),
        _ => Answer::ok(),
    });
    let keys = Recorder::answering(|_| Answer::json(&jwks(&[mint::a1()])));
    let text = Setup::standard().text(&upstream.url(), &keys.url(), &keys.url());
    let (without_routes, _) = text.split_once("[routes]").unwrap();
    let scratch = Scratch::new();
    let path = scratch.write("portcullis.toml", without_routes);
    let mut command = portcullis();
    command
        .args(["learn", "--for", "1h", "--config"])
        .arg(&path);
    let mut gate = Gate::run(&mut command, scratch);
    gate.wait_until_ready();
    gate.program.wait_for_log(|line| {
        line["level"] == "WARN"
            && line["message"]
                .as_str()
                .is_some_and(|text| text.starts_with("LEARNING"))
    });
    assert_eq!(get("/status").send(gate.admin).json()["learning"], true);

    let reader = access().scope("orders/read openid").sign();
    let writer = access().scope("orders/write orders/read").sign();
    for (request, status) in [
        (get("/orders/1").bearer(&reader), 200),
        (get("/orders/2").bearer(&writer), 200),
        (post("/orders").bearer(&writer), 200),
        (get("/missing").bearer(&reader), 404),
        (get("/open"), 200),
        (get("/orders/3").bearer("eyJhbGciOiJub25lIn0.e30."), 200),
        (get("/a/../b").bearer(&reader), 400),
    ] {
        assert_eq!(request.send(gate.address).status, status, "{request:?}");
    }
    let seen = upstream.requests();
    let audit = |target: &str| {
        let seen = seen
            .iter()
            .find(|request| request.target() == target)
            .unwrap();
        seen.header("x-portcullis-audit").map(str::to_owned)
    };
    assert_eq!(audit("/orders/1"), None);
    assert_eq!(audit("/open").as_deref(), Some("missing_token"));

    terminate(&gate.program);
    assert!(gate.program.wait().success());
    let drafted = gate.program.wait_for_out("refused all the same");
    insta::assert_snapshot!(drafted, @r#"
    # Learnt from 7 requests. A draft: read every line before it guards anything.
    # Each is the tightest rule that admits all that was seen with a verified token and answered 2xx or 3xx.

    [routes]
    # 1 request by "client-1"; every token carried this
    "POST /orders" = { all_scopes = ["orders/read", "orders/write"] }
    # 2 requests by "client-1"; every token carried this
    "GET /orders/{id}" = "orders/read"

    # Not written: no verified token, or no good answer. With no line of their own, these will be refused.
    #   1 x GET /missing: answered 4xx 1
    #   1 x GET /open: missing_token 1, answered 2xx 1
    #   1 x GET /orders/{id}: unsupported_algorithm 1, answered 2xx 1
    # 1 request refused all the same: ambiguous_path
    "#);
    // Appended to the rest of the configuration, it is one.
    gate.scratch
        .write("portcullis.toml", format!("{without_routes}\n{drafted}\n"));
    let checked = portcullis()
        .arg("check")
        .arg("--config")
        .arg(&path)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn q11_a_log_that_nobody_reads_stops_no_request_and_no_end() {
    let upstream = Recorder::start();
    let keys = Recorder::answering(|_| Answer::json(&jwks(&[mint::a1()])));
    let text = Setup::standard().telemetry("log_level = \"trace\"").text(
        &upstream.url(),
        &keys.url(),
        &keys.url(),
    );
    let scratch = Scratch::new();
    let path = scratch.write("portcullis.toml", text);
    let mut command = portcullis();
    command
        .arg("run")
        .arg("--config")
        .arg(path)
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It is read until it tells where it listens, and no further.
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let line = loop {
        let mut line = String::new();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "it never listened");
        let line: Value = serde_json::from_str(&line).unwrap();
        if line["message"] == "listening" {
            break line;
        }
    };
    let address = |name: &str| -> SocketAddr { line[name].as_str().unwrap().parse().unwrap() };
    let (gate, admin) = (address("gate"), address("admin"));
    // Far more than a pipe holds.
    let path = format!("/public/{}", "x".repeat(2_000));
    let mut connection = Connection::open(gate);
    for _ in 0..300 {
        assert_eq!(connection.exchange(&get(&path)).status, 200);
    }
    assert_eq!(get("/livez").send(admin).status, 200);
    kill(child.id());
    assert!(child.wait().unwrap().success());
}

fn terminate(program: &Program) {
    kill(program.id());
}

fn kill(id: u32) {
    let status = Command::new("kill")
        .arg("-TERM")
        .arg(id.to_string())
        .status();
    assert!(status.is_ok_and(|status| status.success()));
}
