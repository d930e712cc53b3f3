//! Every reason as it is met: what the client is answered, and what the log says. A promise to those who match on it.

use std::fmt::Write as _;
use std::net::TcpListener;

use insta::assert_snapshot;
use portcullis::reason::Reason;
use serde_json::Value;

use crate::support::{
    Answer, Connection, Recorder, Request, Response, Rig, Setup, a2, access, b1, get, mint, post,
};

/// What is answered, without what differs from run to run.
fn answered(answer: &Response) -> String {
    let mut text = format!("{}\n", answer.status);
    for name in ["www-authenticate", "allow", "retry-after"] {
        for value in answer.all(name) {
            let _ = writeln!(text, "{name}: {value}");
        }
    }
    let id = answer.json()["request_id"].as_str().map(str::to_owned);
    let body = answer.text().replace(&id.unwrap_or_default(), "(id)");
    text + body.trim_end()
}

/// The line of log, its numbers and times left out.
fn logged(mut line: Value) -> String {
    for name in [
        "time",
        "client",
        "request_id",
        "total_ms",
        "upstream_ms",
        "trace_id",
    ] {
        if let Some(value) = line.get_mut(name) {
            *value = Value::from("…");
        }
    }
    line.to_string()
}

/// Everything that can be asked of, so that each reason is met once.
struct World {
    rig: Rig,
    _others: [Recorder; 2],
}

impl World {
    fn start() -> World {
        let silent = Recorder::start();
        silent.hold();
        let partner = Recorder::answering(|_| Answer::json(&mint::jwks(&[b1()])));
        let closed = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let rig = Setup::standard()
            .also(&format!(
                r#"
[upstreams.gone]
url = "http://{closed}"
[upstreams.silent]
url = "{}"
response_timeout = "100ms"
[pools.partner]
issuer = "https://partner.example"
client_ids = ["client-1"]
audiences = ["https://api.example"]
jwks_url = "{}/jwks.json"
[pools.dark]
issuer = "https://dark.example"
client_ids = ["client-1"]
jwks_url = "http://{closed}/jwks.json"
required = false
[tokens]
sources = [{{ header = "Authorization" }}, {{ cookie = "session" }}]
"#,
                silent.url(),
                partner.url()
            ))
            .routes(
                r#"
"/gone" = { access = "public", upstream = "gone" }
"/silent" = { access = "public", upstream = "silent" }
"/small" = { access = "public", body_bytes = "1KiB" }
"/group" = { any_group = ["staff"] }
"/claim" = { claims = { plan = "pro" } }
"/strong" = { acr = ["loa:2"] }
"/other-client" = { client_ids = ["client-2"] }
"#,
            )
            .start();
        rig.upstream.answer(|request| match request.target() {
            "/public/broken" => Answer::raw("HTTP/1.1 200 O").closing(),
            _ => Answer::ok(),
        });
        World {
            rig,
            _others: [silent, partner],
        }
    }

    /// A request that is refused for this reason.
    fn request(&self, reason: Reason) -> Option<Request> {
        let orders = || get("/orders/1");
        let with = |token: mint::Token| Some(orders().bearer(&token.sign()));
        let hour = 3600;
        match reason {
            Reason::BadRequest => Some(get("/public").header("Host", "other")),
            Reason::AmbiguousPath => Some(get("/public/../admin/x")),
            Reason::MultipleTokens => Some(
                orders()
                    .bearer(&access().sign())
                    .header("Cookie", &format!("session={}", access().sign())),
            ),
            Reason::MalformedAuthorization => Some(orders().header("Authorization", "Bearer a b")),
            Reason::MissingToken => Some(orders()),
            Reason::MalformedToken => Some(orders().bearer("abc")),
            Reason::UnsupportedAlgorithm => with(access().header("alg", "none")),
            Reason::UnknownIssuer => with(access().claim("iss", "https://evil.example")),
            Reason::UnknownKey => with(access().key(a2())),
            Reason::BadSignature => Some(orders().bearer(&access().with_signature(&[7; 256]))),
            Reason::Expired => with(access().claim("exp", mint::now() - hour)),
            Reason::NotYetValid => with(access().claim("nbf", mint::now() + hour)),
            Reason::WrongTokenUse => with(mint::id()),
            Reason::WrongClient => with(access().claim("client_id", "client-9")),
            Reason::WrongAudience => with(
                access()
                    .claim("iss", "https://partner.example")
                    .claim("aud", "https://else.example")
                    .key(b1()),
            ),
            Reason::InvalidClaims => with(access().claim("exp", "soon")),
            Reason::StepUpRequired => Some(get("/strong").bearer(&access().sign())),
            Reason::NoRoute => Some(get("/nowhere")),
            Reason::TokenNotAllowed => Some(get("/other-client").bearer(&access().sign())),
            Reason::InsufficientScope => with(access().scope("else/where")),
            Reason::MissingGroup => Some(get("/group").bearer(&access().sign())),
            Reason::ClaimMismatch => Some(get("/claim").bearer(&access().sign())),
            Reason::CrossSite => Some(
                post("/orders/1")
                    .header("Cookie", &format!("session={}", access().sign()))
                    .header("Sec-Fetch-Site", "cross-site"),
            ),
            Reason::MethodNotAllowed => Some(crate::support::delete("/orders/1")),
            Reason::BodyTooLarge => Some(post("/small").body(vec![b'x'; 2048])),
            Reason::HeadersTooLarge => {
                Some(get("/public").header("X-Large", &"x".repeat(32 << 10)))
            }
            Reason::UpstreamUnreachable => Some(get("/gone")),
            Reason::UpstreamProtocol => Some(get("/public/broken")),
            Reason::UpstreamTimeout => Some(get("/silent")),
            Reason::KeysUnavailable => with(access().claim("iss", "https://dark.example")),
            Reason::RequestTimeout | Reason::TokenUnavailable => None,
        }
    }
}

#[test]
fn every_reason_of_the_gate() {
    let world = World::start();
    let mut told = String::new();
    let mut without = Vec::new();
    for reason in Reason::ALL {
        let Some(request) = world.request(reason) else {
            without.push(reason);
            continue;
        };
        let answer = world.rig.send(&request);
        assert_eq!(answer.reason(), reason.as_str(), "{}", answer.text());
        let line = world
            .rig
            .gate
            .program
            .wait_for_log(|line| line["log"] == "access" && line["reason"] == reason.as_str());
        let _ = writeln!(told, "{}\n{}\n", answered(&answer), logged(line));
    }
    // The one takes a gate that is in a hurry, the other a courier: they have tests of their own.
    assert_eq!(without, [Reason::RequestTimeout, Reason::TokenUnavailable]);
    assert_snapshot!(told, @"");
}

#[test]
fn a_slow_request() {
    let rig = Setup::standard()
        .also("[server.limits]\nheader_timeout = \"100ms\"")
        .start();
    let mut connection = Connection::open(rig.gate.address);
    connection.write("GET /public HTTP/1.1\r\nHost: a\r\nX-Slow:");
    let answer = connection.read("GET");
    let line = rig
        .gate
        .program
        .wait_for_log(|line| line["reason"] == "request_timeout");
    assert_snapshot!(format!("{}\n{}", answered(&answer), logged(line)), @"");
}
