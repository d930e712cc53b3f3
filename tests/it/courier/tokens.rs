//! A 401 from the destination, and no token to be had.

use std::time::Instant;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{Courier, billing, endpoint, token};
use crate::support::gate::Scratch;
use crate::support::{Answer, PATIENCE, Recorded, Recorder, Setup, get, post, request};

#[test]
fn x07_without_a_token_the_answer_is_503_and_nothing_is_called() {
    let courier = Courier::relay("");
    courier.tok.answer(|_| {
        Answer::status(
            400,
            &[("content-type", "application/json")],
            r#"{"error":"invalid_client"}"#,
        )
    });
    let answer = courier.send(&get("/items/1"));
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (503, "token_unavailable")
    );
    assert!(
        answer
            .header("retry-after")
            .parse::<u64>()
            .is_ok_and(|seconds| seconds >= 1)
    );
    assert_eq!(courier.out.connections(), 0);
    let line = courier
        .rig
        .gate
        .program
        .wait_for_log(|line| line["credential"] == "billing");
    assert!(
        line["fault"]
            .as_str()
            .is_some_and(|fault| fault.contains("invalid_client")),
        "{line}"
    );
}

#[test]
fn x12_a_withdrawn_token_is_replaced_however_young() {
    let courier = Courier::relay("");
    refuse_the_first(&courier.out);
    let answer = courier.send(&post("/items/1").body("a body"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let requests = courier.out.requests();
    let shown: Vec<_> = requests
        .iter()
        .map(|seen| seen.header("authorization"))
        .collect();
    assert_eq!(shown, [Some("Bearer token-1"), Some("Bearer token-2")]);
    assert!(requests.iter().all(|seen| seen.body == b"a body"));
    assert_eq!(courier.tok.requests().len(), 2);
}

#[test]
fn x12_a_young_token_is_not_given_up_for_another_401() {
    let courier = Courier::relay("");
    courier
        .out
        .answer(|_| Answer::status(401, &[("www-authenticate", "Bearer")], "no"));
    for _ in 0..5 {
        let answer = courier.send(&get("/items/1"));
        assert_eq!((answer.status, answer.text().as_str()), (401, "no"));
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    assert_eq!(courier.tok.requests().len(), 2);
    assert_eq!(
        courier.out.requests().len(),
        6,
        "the first was tried once more"
    );
}

/// The destination refuses the first token, whatever it is asked.
fn refuse_the_first(out: &Recorder) {
    out.answer(|request| match request.header("authorization") {
        Some("Bearer token-1") => Answer::status(401, &[], "old"),
        _ => Answer::ok(),
    });
}

/// As many descriptors for this process as it may have, if it has fewer than it needs.
fn allow_descriptors(wanted: u64) {
    let now = getrlimit(Resource::Nofile);
    if now.current.is_some_and(|current| current < wanted) {
        let all = Rlimit {
            current: now.maximum,
            ..now
        };
        setrlimit(Resource::Nofile, all).unwrap();
    }
}

#[test]
fn x12_a_refused_token_is_replaced_and_the_call_made_once_more() {
    let courier = Courier::relay("");
    refuse_the_first(&courier.out);
    courier.out.hold(); // all four leave with the same token
    let large = vec![b'x'; 64 * 1024];
    let larger = vec![b'y'; 64 * 1024 + 1];
    let chunked = "Transfer-Encoding: chunked";
    let calls = [
        (get("/nothing"), 200),
        (post("/large").body(large.clone()), 200),
        (post("/larger").body(larger), 401),
        (
            request("POST", "/chunked")
                .line(chunked)
                .raw_body("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
            200,
        ),
    ];
    let address = courier.address("out");
    let count = calls.len();
    let answers: Vec<_> = calls
        .into_iter()
        .map(|(call, status)| std::thread::spawn(move || (call.send(address), status)))
        .collect();
    courier.out.wait_for(count);
    courier.out.release();
    for answer in answers {
        let (answer, status) = answer.join().unwrap();
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    let requests = courier.out.requests();
    let of = |target: &str| -> Vec<&Recorded> {
        requests
            .iter()
            .filter(|seen| seen.target() == target)
            .collect()
    };
    for (target, body) in [
        ("/nothing", &b""[..]),
        ("/large", &large[..]),
        ("/chunked", b"abcde"),
    ] {
        let seen = of(target);
        assert_eq!(seen.len(), 2, "{target}");
        assert_eq!(seen[1].header("authorization"), Some("Bearer token-2"));
        assert!(seen.iter().all(|seen| seen.body == body), "{target}");
    }
    assert_eq!(of("/larger").len(), 1);
    assert_eq!(
        courier.tok.requests().len(),
        2,
        "four refusals cause no storm"
    );
}

#[test]
fn x12_a_second_401_is_the_applications() {
    let courier = Courier::relay("");
    courier.out.answer(|_| Answer::status(401, &[], "never"));
    assert_eq!(courier.send(&get("/items/1")).text(), "never");
    assert_eq!(courier.out.requests().len(), 2);
    assert_eq!(courier.tok.requests().len(), 2);
}

#[tokio::test]
async fn x11_however_many_wait_one_token_is_fetched() {
    const CALLS: usize = 1000;
    allow_descriptors(3 * CALLS as u64);
    let courier = Courier::relay("");
    courier.tok.hold();
    let address = courier.address("out");
    let mut calls = JoinSet::new();
    for _ in 0..CALLS {
        let mut connection = TcpStream::connect(address).await.unwrap();
        let call = get("/items/1").header("Connection", "close").bytes(address);
        calls.spawn(async move {
            connection.write_all(&call).await.unwrap();
            let mut answer = String::new();
            connection.read_to_string(&mut answer).await.unwrap();
            answer
        });
    }
    let waiting = "portcullis_requests_in_flight{listener=\"out\"}";
    let deadline = Instant::now() + PATIENCE;
    while courier.rig.gate.metric(waiting) != Some(CALLS as f64) {
        assert!(Instant::now() < deadline, "they are not all there");
        tokio::task::yield_now().await;
    }
    assert_eq!(courier.out.connections(), 0);
    courier.tok.release();
    while let Some(answer) = calls.join_next().await {
        let answer = answer.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!(courier.tok.requests().len(), 1);
    assert_eq!(courier.out.requests().len(), CALLS);
}

#[test]
fn x07_x09_what_is_no_answer_brings_no_token_and_nothing_of_it_is_told() {
    let large = format!("{{\"access_token\":\"{}\"}}", "x".repeat(2 << 20));
    let html = Answer::status(502, &[("content-type", "text/html")], "<p>leak-1</p>");
    let json = |body: &str| Answer::status(200, &[("content-type", "application/json")], body);
    for answer in [
        html,
        json(""),
        json("{\"access_token\":\"leak-1"),
        json(&large),
        json(r#"{"access_token":"leak-1","token_type":"mac","expires_in":3600}"#),
        json(r#"{"access_token":"leak-1","token_type":"DPoP","expires_in":3600}"#),
        json(
            "{\"access_token\":\"leak-1 \\r\\nX-A: b\",\"token_type\":\"Bearer\",\"expires_in\":3600}",
        ),
        json(r#"{"access_token":["leak-1"],"token_type":"Bearer","expires_in":3600}"#),
        json(r#"{"access_token":"","token_type":"Bearer","expires_in":3600}"#),
        Answer::status(429, &[("retry-after", "1000000000")], "leak-1"),
    ] {
        let courier = Courier::relay("");
        courier.tok.answer(move |_| answer.clone());
        let refused = courier.send(&get("/items/1"));
        assert_eq!(
            (refused.status, refused.reason().as_str()),
            (503, "token_unavailable")
        );
        let wait = refused.header("retry-after").parse::<u64>().unwrap_or(0);
        assert!((1..=60).contains(&wait), "{wait}");
        // The next one has the same answer at once, without another fetch: there is one a second at most.
        assert_eq!(courier.send(&get("/items/1")).status, 503);
        assert!(courier.tok.requests().len() <= 2);
        assert_eq!(courier.out.connections(), 0);
        assert!(!courier.rig.gate.program.log().contains("leak-1"));
        assert!(!refused.text().contains("leak-1"));
    }
}

#[test]
fn x08_a_life_that_nobody_believes_is_still_a_token() {
    for life in ["0", "-1", "null", "true", "1e18", "\"soon\""] {
        let courier = Courier::relay("");
        let body = format!(
            "{{\"access_token\":\"token-1\",\"token_type\":\"Bearer\",\"expires_in\":{life}}}"
        );
        courier
            .tok
            .answer(move |_| Answer::status(200, &[("content-type", "application/json")], &body));
        // How long it is kept, and that it is not fetched in a loop, is held where time can be moved.
        courier.sends(&get("/items/1"));
    }
}

#[test]
fn x10_a_redirect_of_the_endpoint_is_not_followed() {
    let elsewhere = Recorder::start();
    for status in [301, 302, 307, 308] {
        let courier = Courier::relay("");
        let location = format!("{}/oauth2/token", elsewhere.url());
        courier
            .tok
            .answer(move |_| Answer::status(status, &[("location", &location)], ""));
        assert_eq!(courier.send(&get("/items/1")).reason(), "token_unavailable");
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn x13_each_listener_has_a_token_of_its_own() {
    let courier = Courier::start(|out| {
        let relay = |name: &str, scope: &str| {
            format!(
                "[outbound.{name}]\nlisten = \"127.0.0.1:0\"\nupstream = \"{out}\"\ncredential = \"billing\"\nscopes = [\"{scope}\"]\n"
            )
        };
        relay("out", "a/read") + &relay("other", "a/write") + &relay("same", "a/read")
    });
    courier
        .tok
        .answer(|request| match request.holds("a%2Fwrite") {
            true => token("token-write"),
            false => token("token-read"),
        });
    for (listener, shown) in [
        ("out", "read"),
        ("other", "write"),
        ("same", "read"),
        ("out", "read"),
    ] {
        assert_eq!(get("/items/1").send(courier.address(listener)).status, 200);
        let seen = courier.out.requests().pop().unwrap();
        assert_eq!(
            seen.header("authorization"),
            Some(format!("Bearer token-{shown}").as_str())
        );
    }
    assert_eq!(courier.tok.requests().len(), 2);
}

#[test]
fn x16_a_secret_that_is_replaced_is_used_without_a_restart() {
    let scratch = Scratch::new();
    let secret = scratch.write("own", "first-secret\n");
    let (out, tok) = (Recorder::start(), endpoint());
    let text = billing(&tok, &secret.display().to_string())
        + &["out", "other"].map(|name| {
            format!("[outbound.{name}]\nlisten = \"127.0.0.1:0\"\nupstream = \"{}\"\ncredential = \"billing\"\nscopes = [\"{name}/read\"]\n", out.url())
        }).concat();
    let rig = Setup::standard().also(&text).start();
    let courier = Courier { rig, out, tok };
    courier.control();
    scratch.write("own", "second-secret");
    assert_eq!(get("/items/1").send(courier.address("other")).status, 200);
    let shown = |number: usize, secret: &str| {
        use base64::Engine as _;
        let pair =
            base64::engine::general_purpose::STANDARD.encode(format!("billing-client:{secret}"));
        let expected = format!("Basic {pair}");
        assert_eq!(
            courier.tok.requests()[number].header("authorization"),
            Some(expected.as_str())
        );
    };
    shown(0, "first-secret");
    shown(1, "second-secret");
    let gate = &courier.rig.gate;
    let told = [
        gate.program.log(),
        get("/status").send(gate.admin).text(),
        get("/metrics").send(gate.admin).text(),
    ];
    assert!(
        told.iter().all(|text| !text.contains("-secret")),
        "{told:?}"
    );
}
