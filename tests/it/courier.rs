//! The courier: calls out over real listeners, to a recording destination (OUT), with tokens of a stub endpoint (TOK).
//!
//! Rows of the catalogue's chapter 5 (X01-X18), over the real program; what tokens' fetches alone show is held beside
//! `src/credential`.

mod isolation;
mod listeners;
mod proxy;
mod relay;
mod remote;
mod signed;
mod tokens;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::json;

use crate::support::rig::Setup;
use crate::support::{Answer, PATIENCE, Recorded, Recorder, Request, Response, Rig};

/// What the courier shows the endpoint and must show nobody else.
const SECRET: &str = "tok-client-secret";

/// The program with the courier's listeners, a destination and a token endpoint.
struct Courier {
    rig: Rig,
    /// OUT.
    out: Recorder,
    /// TOK.
    tok: Recorder,
}

/// An endpoint whose tokens are `token-1`, `token-2`, … and last an hour.
fn endpoint() -> Recorder {
    let count = Arc::new(AtomicUsize::new(0));
    Recorder::answering(move |_| {
        token(&format!(
            "token-{}",
            count.fetch_add(1, Ordering::Relaxed) + 1
        ))
    })
}

/// The endpoint's answer with this token.
fn token(token: &str) -> Answer {
    Answer::json(&json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3600 }))
}

/// `[credentials.billing]` at this endpoint.
fn billing(tok: &Recorder, secret: &str) -> String {
    format!(
        r#"
[credentials.billing]
grant = "client_credentials"
token_url = "{}/oauth2/token"
client_id = "billing-client"
client_secret = {{ file = "{secret}" }}
"#,
        tok.url()
    )
}

/// `[outbound.out]`, a relay to this URL, with these keys beside the usual ones.
fn relay(out: &str, more: &str) -> String {
    format!(
        "[outbound.out]\nlisten = \"127.0.0.1:0\"\nupstream = \"{out}\"\ncredential = \"billing\"\nscopes = [\"inventory/read\"]\n{more}\n"
    )
}

/// `[outbound.out]`, a forward proxy that lists this URL.
fn proxy(out: &str, more: &str) -> String {
    format!(
        "[outbound.out]\nlisten = \"127.0.0.1:0\"\nmode = \"forward_proxy\"\n{more}\n[outbound.out.destinations]\n\"{out}\" = {{ credential = \"billing\", scopes = [\"inventory/read\"] }}\n"
    )
}

/// Asks again and again, under a deadline, whether something has happened by itself.
fn wait_until(happened: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !happened() {
        assert!(Instant::now() < deadline, "what was waited for never came");
        std::thread::yield_now();
    }
}

impl Courier {
    /// One relay, `out`, with these keys beside the usual ones.
    fn relay(more: &str) -> Courier {
        Courier::start(|out| relay(out, more))
    }

    /// A forward proxy, `out`, that lists the destination, with these keys beside.
    fn proxy(more: &str) -> Courier {
        Courier::start(|out| proxy(out, more))
    }

    /// Listeners as `outbound` writes them for a destination's URL.
    fn start(outbound: impl FnOnce(&str) -> String) -> Courier {
        Courier::with(Recorder::start(), endpoint(), outbound)
    }

    fn with(out: Recorder, tok: Recorder, outbound: impl FnOnce(&str) -> String) -> Courier {
        Courier::beside(Setup::standard(), out, tok, outbound)
    }

    /// The same beside what else is in this configuration.
    fn beside(
        setup: Setup,
        out: Recorder,
        tok: Recorder,
        outbound: impl FnOnce(&str) -> String,
    ) -> Courier {
        let scratch = crate::support::gate::Scratch::new();
        let secret = scratch.write("secret", SECRET);
        let text = billing(&tok, &secret.display().to_string()) + &outbound(&out.url());
        let rig = setup.also(&text).start();
        std::mem::forget(scratch); // the program reads the secret again for each fetch
        Courier { rig, out, tok }
    }

    /// Where a listener is.
    fn address(&self, name: &str) -> SocketAddr {
        let line =
            self.rig.gate.program.wait_for_log(|line| {
                line["outbound"] == name && line["message"] == "taking calls out"
            });
        let address = line["address"].as_str().unwrap_or_default();
        address
            .parse()
            .unwrap_or_else(|_| panic!("no address in {line}"))
    }

    /// Sends a request to the listener `out`.
    fn send(&self, request: &Request) -> Response {
        request.send(self.address("out"))
    }

    /// Sends one that must arrive, exactly once.
    fn sends(&self, request: &Request) -> Recorded {
        let before = self.out.requests().len();
        let answer = self.send(request);
        assert_eq!(
            answer.status,
            200,
            "{request:?} was answered {} {}",
            answer.status,
            answer.text()
        );
        let mut requests = self.out.requests();
        assert_eq!(requests.len(), before + 1, "{request:?}");
        requests.remove(before)
    }

    /// Sends one that must be refused before anybody is connected to: neither the destination nor the endpoint.
    fn refuses(&self, request: &Request, status: u16, reason: &str) -> Response {
        let before = (self.out.connections(), self.tok.connections());
        let answer = self.send(request);
        assert_eq!(
            (answer.status, answer.reason().as_str()),
            (status, reason),
            "{request:?} was answered {}",
            answer.text()
        );
        let after = (self.out.connections(), self.tok.connections());
        assert_eq!(before, after, "{request:?} was heard of");
        answer
    }

    /// That a plain good call still arrives, with a token.
    fn control(&self) {
        let recorded = self.sends(&crate::support::get("/items/1"));
        let token = recorded.header("authorization").unwrap_or_default();
        assert!(token.starts_with("Bearer token-"), "{recorded:#?}");
    }
}

impl Drop for Courier {
    /// Whatever was sent, neither the secret nor a token is in the log.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let log = self.rig.gate.program.log();
        for secret in [SECRET, "token-1"] {
            assert!(!log.contains(secret), "{secret} was logged:\n{log}");
        }
    }
}
