//! The demo's text is a script that a shell takes.

use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;

use super::banner;
use crate::demo::Addresses;
use crate::demo::legacy::Legacy;
use crate::demo::page::page;
use crate::demo::pool::tests::{claims, pool};
use crate::demo::users::{ALICE, BOB, READER, WRITER};

pub(in crate::demo) fn addresses(gate: &str) -> Addresses {
    let address = |text: &str| text.parse().expect("an address");
    Addresses {
        gate: address(gate),
        admin: address("127.0.0.1:9090"),
        service: address("127.0.0.1:3000"),
        pool: address("127.0.0.1:9229"),
    }
}

#[test]
fn the_whole_text_is_a_script_that_curl_and_sh_can_run() {
    let bind = || TcpListener::bind("127.0.0.1:0").expect("a port");
    let (service, users) = (bind(), bind());
    let address = |listener: &TcpListener| listener.local_addr().expect("bound");
    // Without a gate in between, the service answers in its place: every command must work, none is refused.
    let addresses = Addresses {
        gate: address(&service),
        service: address(&service),
        pool: address(&users),
        admin: address(&users),
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.spawn(Arc::new(pool()).serve(users));
    runtime.spawn(Legacy::new(page(&addresses)).serve(service));

    let script = format!(
        "{}\nprintf '\\n%s\\n' \"tokens $READER $WRITER $ALICE $BOB\"",
        banner(&addresses)
    );
    if Command::new("curl").arg("--version").output().is_err() {
        return; // no curl on this machine
    }
    let run = Command::new("sh")
        .args(["-euc", &script])
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .expect("sh runs");
    let (output, errors) = (
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr),
    );
    assert!(run.status.success() && errors.is_empty(), "{errors}");
    let statuses: Vec<_> = output
        .lines()
        .filter_map(|line| line.strip_prefix("HTTP/1.1 "))
        .map(|line| &line[..3])
        .collect();
    assert_eq!(
        statuses,
        [
            "200", "200", "201", "201", "200", "200", "200", "200", "200"
        ]
    );
    assert_eq!(output.matches("You are admin.").count(), 3);

    let last = output.lines().last().expect("the tokens");
    let tokens: Vec<_> = last.split(' ').skip(1).map(claims).collect();
    let said: Vec<_> = tokens.iter().map(|claims| claims["sub"].as_str()).collect();
    let expected = [READER.id, WRITER.id, ALICE.sub, BOB.sub];
    assert_eq!(said, expected.map(Some));
}

#[test]
fn a_gate_off_loopback_is_called_by_loopback_and_says_what_does_not_work() {
    let text = banner(&addresses("0.0.0.0:8080"));
    assert!(text.contains("curl -si http://127.0.0.1:8080/orders/1"));
    assert!(text.contains("The gate can be reached from other machines."));
    assert!(!banner(&addresses("127.0.0.1:8080")).contains("other machines"));
    assert!(banner(&addresses("[::]:8080")).contains("http://[::1]:8080/"));
}

#[test]
fn comments_can_be_pasted_into_a_shell_that_runs_them() {
    for line in banner(&addresses("0.0.0.0:8080")).lines() {
        if line.starts_with('#') {
            assert!(
                !line.contains(['\'', '"', '`', '$', '(', '*', '!', '>']),
                "{line}"
            );
        }
    }
}

#[test]
fn the_page_is_whole_and_knows_the_same_credentials() {
    let page = page(&addresses("127.0.0.1:8080"));
    assert!(page.contains(r#"const POOL = "http://127.0.0.1:9229";"#));
    assert!(!page.contains("%POOL%"));
    for client in [&READER, &WRITER] {
        let secret = client.secret.unwrap_or_default();
        assert!(page.contains(&format!(r#""{}": "{secret}""#, client.id)));
    }
    for user in [&ALICE, &BOB] {
        assert!(page.contains(&format!(r#"{}: "{}""#, user.name, user.password)));
    }
    for outside in ["src=", "@import", "<link rel=\"stylesheet\"", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
}
