//! `portcullis token`: a token of a configured credential on stdout, and everything that can go wrong on stderr.

use std::net::TcpListener;
use std::process::{Command, Output};
use std::sync::Arc;

use portcullis::clock::Clock;
use portcullis::demo::DemoPool;

use crate::support::gate::{Scratch, portcullis};

/// A demo pool that serves until the test ends, and a configuration with credentials of it.
struct Pool {
    scratch: Scratch,
    _serving: tokio::runtime::Runtime,
}

impl Pool {
    fn start() -> Pool {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let pool = Arc::new(DemoPool::new(Clock::System));
        runtime.spawn(async move { pool.serve(listener).await });
        let scratch = Scratch::new();
        let secret = scratch.write("secret", "reader-secret-for-demo-only\n");
        let password = scratch.write("password", "Alice-demo-1\n");
        let (secret, password) = (secret.display(), password.display());
        scratch.write(
            "portcullis.toml",
            format!(
                r#"
[pools.demo]
user_pool_id = "eu-west-1_DemoPool1"
jwks_url = "{base}/eu-west-1_DemoPool1/.well-known/jwks.json"
client_ids = ["demo-reader"]
[routes]
"/me" = {{}}
[credentials.reader]
grant = "client_credentials"
token_url = "{base}/oauth2/token"
client_id = "demo-reader"
client_secret = {{ file = "{secret}" }}
[credentials.alice]
grant = "user_srp"
user_pool_id = "eu-west-1_DemoPool1"
endpoint = "{base}/"
client_id = "demo-app"
username = {{ env = "WHO" }}
password = {{ file = "{password}" }}
"#
            ),
        );
        Pool {
            scratch,
            _serving: runtime,
        }
    }

    fn token(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let config = self.scratch.path().join("portcullis.toml");
        let mut command: Command = portcullis();
        command
            .arg("token")
            .args(arguments)
            .arg("--config")
            .arg(config);
        let Output {
            status,
            stdout,
            stderr,
        } = command
            .env("WHO", "alice")
            .output()
            .expect("the binary can be started");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (status.code(), text(stdout), text(stderr))
    }
}

#[test]
fn a_token_stands_alone_on_stdout() {
    let pool = Pool::start();
    let (status, out, log) = pool.token(&["reader", "--scope", "orders/read"]);
    assert_eq!((status, log.as_str()), (Some(0), ""));
    let token = out.strip_suffix('\n').expect("a line");
    assert_eq!(token.split('.').count(), 3, "{token}");
    assert!(!token.contains(char::is_whitespace));
}

#[test]
fn its_claims_are_shown_on_stderr_when_they_are_asked_for() {
    let pool = Pool::start();
    let (status, out, log) = pool.token(&["alice", "--decode"]);
    assert_eq!(status, Some(0), "{log}");
    assert_eq!(out.lines().count(), 1);
    assert!(log.contains("\"username\": \"alice\""), "{log}");
    assert!(
        !log.contains(out.trim()),
        "the token itself stays off stderr"
    );
}

#[test]
fn what_goes_wrong_is_told_and_nothing_is_printed() {
    let pool = Pool::start();
    for (arguments, expected, told) in [
        (&["raeder"][..], 2, "did you mean `reader`?"),
        (&["x"], 2, "known names: reader, alice"),
        (
            &["alice", "--scope", "a/b"],
            2,
            "cannot be asked for scopes",
        ),
        (
            &["reader", "--scope", "a b"],
            2,
            "one scope, without blanks",
        ),
        (&["reader", "--scope", "a/b"], 1, "400 invalid_scope"),
    ] {
        let (status, out, log) = pool.token(arguments);
        assert_eq!((status, out.as_str()), (Some(expected), ""), "{log}");
        assert!(log.contains(told), "{log}");
        assert!(!log.contains("for-demo-only"), "{log}");
    }
}

#[test]
fn on_a_terminal_whoever_waits_sees_that_something_is_under_way() {
    let pool = Pool::start();
    let config = pool.scratch.path().join("portcullis.toml");
    let arguments = format!("token reader --config {}", config.display());
    let seen = on_a_terminal(&arguments, &[("WHO", "alice")]);
    let (told, token) = seen
        .split_once("…\r\u{1b}[K")
        .unwrap_or_else(|| panic!("{seen:?}"));
    assert_eq!(told, "fetching a token with credential reader");
    assert_eq!(token.trim().split('.').count(), 3, "{token}");

    let token = token.trim();
    let arguments = format!(
        "explain GET /me --token {token} --config {}",
        config.display()
    );
    let seen = on_a_terminal(&arguments, &[("WHO", "alice")]);
    let (told, explained) = seen
        .split_once("…\r\u{1b}[K")
        .unwrap_or_else(|| panic!("{seen:?}"));
    assert_eq!(told, "fetching the keys of pool demo");
    assert!(explained.contains("forwarded to upstream"), "{explained}");
}

#[test]
fn on_a_terminal_faults_have_colours_unless_nobody_wants_them() {
    let scratch = Scratch::new();
    let path = scratch.write("portcullis.toml", "[pools]\n");
    let arguments = format!("check --config {}", path.display());
    let (coloured, plain) = (
        on_a_terminal(&arguments, &[]),
        on_a_terminal(&arguments, &[("NO_COLOR", "1")]),
    );
    for (seen, colours) in [(coloured, true), (plain, false)] {
        assert!(seen.contains("no pool is configured"), "{seen}");
        assert_eq!(seen.contains("\u{1b}["), colours, "{seen:?}");
    }
}

/// What the program shows on a terminal of its own, which util-linux's `script` gives it.
fn on_a_terminal(arguments: &str, env: &[(&str, &str)]) -> String {
    let command = format!("{} {arguments}", env!("CARGO_BIN_EXE_portcullis"));
    let Output { stdout, .. } = Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .env_remove("NO_COLOR")
        .envs(env.iter().copied())
        .stdin(std::process::Stdio::null())
        .output()
        .expect("script can be started");
    String::from_utf8_lossy(&stdout).into_owned()
}
