//! `explain`, `check` with tests, `ready`: what they print, and their exit statuses.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::gate::{Scratch, portcullis};
use crate::support::{Answer, Nobody, Recorder, Rig, Setup, access, b1, get, mint};

/// What a run printed, and its exit status.
struct Run {
    status: Option<i32>,
    out: String,
    log: String,
}

fn run(command: &mut Command, input: &str) -> Run {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary can be started");
    let mut stdin = child.stdin.take().expect("it was asked for");
    // One that fails before it reads has closed its end.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Run {
        status: output.status.code(),
        out: text(output.stdout),
        log: text(output.stderr),
    }
}

/// Runs a command on this configuration.
fn told(configuration: &str, arguments: &[&str], input: &str) -> Run {
    let scratch = Scratch::new();
    let path = scratch.write("portcullis.toml", configuration);
    run(
        portcullis().args(arguments).arg("--config").arg(path),
        input,
    )
}

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:1";

fn offline() -> String {
    Setup::standard().text("http://127.0.0.1:3000", NOWHERE, NOWHERE)
}

#[test]
fn a_policy_can_be_tried_without_a_token_and_without_a_network() {
    let claims = r#"{"scope": "orders/read", "sub": "s-1"}"#;
    let good = told(
        &offline(),
        &["explain", "GET", "/orders/1", "--claims", claims],
        "",
    );
    assert_eq!((good.status, good.log.as_str()), (Some(0), ""));
    for text in [
        "\"GET /orders/{*rest}\"",
        "✓ scope orders/read",
        "x-user-sub: s-1",
        "forwarded to upstream at http://127.0.0.1:3000",
    ] {
        assert!(good.out.contains(text), "{text} in {}", good.out);
    }
    // An explanation was made: that is a success, whatever it says.
    let refused = told(
        &offline(),
        &["explain", "POST", "/orders/1", "--claims", claims],
        "",
    );
    assert_eq!(refused.status, Some(0));
    assert!(
        refused.out.contains("✗ scope orders/write"),
        "{}",
        refused.out
    );
    assert!(
        refused.out.contains("403 insufficient_scope"),
        "{}",
        refused.out
    );
}

#[test]
fn a_token_is_verified_with_keys_fetched_once_and_never_printed() {
    let keys = Recorder::answering(|_| Answer::json(&mint::jwks(&[mint::a1()])));
    let text = Setup::standard().text("http://127.0.0.1:3000", &keys.url(), NOWHERE);
    let token = access().sign();
    let arguments = ["explain", "GET", "/orders/1"];
    let header = format!("Authorization: Bearer {token}");
    for (more, input) in [
        (vec!["--token", token.as_str()], ""),
        (vec!["--token-file", "-"], &*format!("{token}\n")),
        (vec!["-H", &header], ""),
    ] {
        let before = keys.requests().len();
        let run = told(&text, &[&arguments[..], &more].concat(), input);
        assert_eq!(run.status, Some(0), "{}", run.log);
        assert!(
            run.out.contains("verified, in the Authorization header"),
            "{}",
            run.out
        );
        assert!(run.out.contains("forwarded to upstream"), "{}", run.out);
        assert!(!run.out.contains("eyJ") && !run.log.contains("eyJ"));
        assert_eq!(keys.requests().len(), before + 1);
    }
    let forged = access().key(b1()).sign();
    let run = told(
        &text,
        &["explain", "GET", "/orders/1", "--token", &forged],
        "",
    );
    assert_eq!(run.status, Some(0));
    assert!(run.out.contains("401 unknown_key"), "{}", run.out);
}

#[test]
fn keys_that_cannot_be_fetched_are_a_failure_but_only_where_they_are_needed() {
    let token = access().sign();
    let explain = |target: &str| {
        told(
            &offline(),
            &["explain", "GET", target, "--token", &token],
            "",
        )
    };
    let failed = explain("/orders/1");
    assert_eq!((failed.status, failed.out.as_str()), (Some(1), ""));
    assert!(
        failed.log.contains("the keys of pool a can't be fetched") && !failed.log.contains("eyJ"),
        "{}",
        failed.log
    );
    assert_eq!(explain("/public").status, Some(0));
    assert_eq!(explain("/nowhere").status, Some(0));
}

#[test]
fn what_is_asked_is_never_repaired() {
    for (target, reason) in [
        ("/orders/../public", "ambiguous_path"),
        ("/orders//1", "ambiguous_path"),
        ("/public#x", "ambiguous_path"),
        ("orders/1", "bad_request"),
        ("/public x", "bad_request"),
        ("", "bad_request"),
    ] {
        let run = told(&offline(), &["explain", "GET", target], "");
        assert_eq!(run.status, Some(0), "{target}: {}", run.log);
        assert!(
            run.out.contains(&format!("400 {reason}")),
            "{target}: {}",
            run.out
        );
    }
}

#[test]
fn what_it_says_is_what_the_gate_does() {
    let rig = Rig::standard();
    let text = Setup::standard().text(&rig.upstream.url(), &rig.keys_a.url(), &rig.keys_b.url());
    let good = access();
    for (target, token) in [
        ("/orders/1", Some(good.sign())),
        ("/orders/1", None),
        ("/orders/1", Some(access().scope("x/y").sign())),
        ("/orders/1", Some(access().claim("exp", 1).sign())),
        (
            "/orders/1",
            Some(access().claim("client_id", "evil").sign()),
        ),
        ("/orders/1", Some(access().key(b1()).sign())),
        ("/orders/1", Some("nonsense".to_owned())),
        (
            "/admin/x",
            Some(access().scope("admin/all").groups(&["staff"]).sign()),
        ),
        ("/elsewhere", Some(access().of_pool_b().sign())),
        ("/public", Some("nonsense".to_owned())),
        ("/orders/%2e%2e/public", None),
    ] {
        let mut request = get(target);
        let mut arguments = vec!["explain", "GET", target, "--json"];
        if let Some(token) = &token {
            request = request.bearer(token);
            arguments.extend(["--token", token]);
        }
        let run = told(&text, &arguments, "");
        assert_eq!(run.status, Some(0), "{target}: {}", run.log);
        let explained: Value = serde_json::from_str(&run.out).expect("it is JSON");
        let answer = rig.send(&request);
        let (status, reason) = (
            &explained["answer"]["status"],
            &explained["answer"]["refusal"]["reason"],
        );
        match explained["answer"]["outcome"].as_str() {
            Some("forward") => assert_eq!(answer.status, 200, "{}", run.out),
            _ => {
                assert_eq!(status.as_u64(), Some(answer.status.into()), "{}", run.out);
                assert_eq!(
                    reason.as_str(),
                    Some(answer.reason().as_str()),
                    "{}",
                    run.out
                );
            }
        }
    }
}

#[test]
fn bad_usage_and_bad_configuration_are_2() {
    for arguments in [
        vec!["explain"],
        vec!["explain", "GET"],
        vec!["explain", "GET", "/", "--claims", "[]"],
        vec!["explain", "GET", "/", "--claims", "{\"a\":1,\"a\":2}"],
        vec!["explain", "GET", "/", "--claims", "{}", "--pool", "nobody"],
        vec!["explain", "GET", "/", "--claims", "{}", "--token", "x"],
        vec!["explain", "GET", "/", "--token-file", "/nowhere/token"],
        vec!["explain", "GET", "/", "-H", "no colon"],
    ] {
        let run = told(&offline(), &arguments, "");
        assert_eq!(
            (run.status, run.out.as_str()),
            (Some(2), ""),
            "{arguments:?}"
        );
        assert!(!run.log.is_empty());
    }
    let bad = told("[sever]", &["explain", "GET", "/"], "");
    assert_eq!(bad.status, Some(2));
}

fn with_tests(tests: &str) -> String {
    Setup::standard().also(&format!("[tests]\n{tests}")).text(
        "http://127.0.0.1:3000",
        NOWHERE,
        NOWHERE,
    )
}

#[test]
fn check_runs_the_tests_and_run_refuses_what_fails_them() {
    let good = r#""reader" = { request = "GET /orders/1", claims = { scope = "orders/read", sub = "s" }, expect = "allow", headers = { X-User-Sub = "s" } }
"nobody" = { request = "GET /orders/1", expect = "missing_token" }"#;
    let run = told(&with_tests(good), &["check"], "");
    assert_eq!((run.status, run.log.as_str()), (Some(0), ""));
    assert!(run.out.contains("2 tests passed"), "{}", run.out);

    let bad = with_tests(&format!(
        "{good}\n\"anybody\" = {{ request = \"GET /orders/1\", expect = \"allow\" }}"
    ));
    let (checked, ran) = (told(&bad, &["check"], ""), told(&bad, &["run"], ""));
    assert_eq!((checked.status, ran.status), (Some(2), Some(2)));
    for text in [
        "test \"anybody\" fails: expected allow, got missing_token",
        "answer   401 missing_token",
        "1 of 3 tests failed",
    ] {
        assert!(checked.log.contains(text), "{text} in {}", checked.log);
    }
    assert_eq!(checked.log, ran.log);
}

#[test]
fn ready_asks_the_sidecar_that_runs() {
    let ready = |admin: &str| {
        let text = offline().replace("admin = \"127.0.0.1:0\"", &format!("admin = \"{admin}\""));
        told(&text, &["ready"], "")
    };
    let rig = Rig::standard();
    let good = ready(&rig.gate.admin.to_string());
    assert_eq!(
        (good.status, good.out.as_str(), good.log.as_str()),
        (Some(0), "", "")
    );

    let keyless =
        Setup::standard().start_unready(Recorder::answering(|_| Answer::status(500, &[], "")));
    let not_yet = ready(&keyless.gate.admin.to_string());
    assert_eq!(not_yet.status, Some(1));
    assert!(
        not_yet.log.contains("not ready: keys of pool a"),
        "{}",
        not_yet.log
    );

    let refusing = Nobody::new();
    let nobody = ready(&refusing.address().to_string());
    assert_eq!(nobody.status, Some(1));
    assert!(nobody.log.contains("does not answer"), "{}", nobody.log);

    // A sidecar that refused a broken configuration, and goes on with the one before, is ready; without one it is the fault that is told.
    let broken = |admin: &str| {
        let server = format!("[server]\nadmin = \"{admin}\"\nlisten_adress = 1\n[pools");
        told(&server, &["ready"], "")
    };
    assert_eq!(broken(&rig.gate.admin.to_string()).status, Some(0));
    let fault = broken(&refusing.address().to_string());
    assert_eq!(fault.status, Some(2));
    assert!(fault.log.contains("listen_adress"), "{}", fault.log);
}

#[test]
fn completions_and_the_manual_are_printed() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(portcullis().arg("completions").arg(shell), "");
        assert_eq!(script.status, Some(0));
        assert!(script.out.contains("explain"), "{shell}");
    }
    let manual = run(portcullis().arg("man"), "");
    assert_eq!(manual.status, Some(0));
    assert!(
        manual.out.contains(".TH portcullis-explain 1"),
        "{}",
        manual.out
    );
}
