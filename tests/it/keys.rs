//! Keys: where they come from, how often they are asked for, and what happens when they can't be had.
//!
//! The wire's side of the table of key-server faults (K01-K11), with stubs in place of Cognito's. Cooldowns are short here
//! so that a test need not wait; it waits for what it can see, never for a time.

use std::time::Instant;

use serde_json::json;

use crate::support::mint::jwks;
use crate::support::{
    Answer, Nobody, PATIENCE, Recorder, Request, Rig, Setup, Token, a1, a2, access, get,
};

/// Keys may be asked for again at once, and are, whether they came or not.
const EAGER: &str = "jwks_cooldown = \"1ms\"";

fn orders(token: &Token) -> Request {
    get("/orders/1").bearer(&token.sign())
}

fn with_keys(keys: &[&crate::support::mint::Key]) -> Answer {
    Answer::json(&jwks(keys))
}

/// Sends until the answer is this status: what the program does by itself shows in what it answers.
fn until(rig: &Rig, request: &Request, status: u16) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = rig.send(request);
        if answer.status == status {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "never {status}: {answer:#?}\n{}",
            rig.gate.program.log()
        );
    }
}

#[test]
fn k01_without_keys_it_starts_and_is_not_ready_and_recovers() {
    // A port that nobody listens on, and that the key server takes later.
    let nobody = Nobody::new();
    let address = nobody.address();
    let keys_b = Recorder::answering(|_| with_keys(&[crate::support::b1()]));
    let upstream = Recorder::start();
    let text = Setup::standard().pool(EAGER).text(
        &upstream.url(),
        &format!("http://{address}"),
        &keys_b.url(),
    );
    let gate = crate::support::Gate::start(&text);
    gate.program
        .wait_for_log(|line| line["pool"] == "a" && line["level"] == "WARN");
    let readyz = get("/readyz").send(gate.admin);
    assert_eq!(readyz.status, 503);
    assert!(
        readyz.text().contains("keys of pool a"),
        "{}",
        readyz.text()
    );
    assert_eq!(get("/livez").send(gate.admin).status, 200);

    let refused = orders(&access()).send(gate.address);
    assert_eq!(
        (refused.status, refused.reason().as_str()),
        (503, "keys_unavailable")
    );
    assert!(refused.header("retry-after").parse::<u64>().is_ok());
    assert_eq!(upstream.connections(), 0);
    assert_eq!(get("/public").send(gate.address).status, 200);
    // The other pool has its keys, and serves.
    let other = access().of_pool_b().sign();
    assert_eq!(
        get("/orders/1").bearer(&other).send(gate.address).status,
        200
    );

    let keys_a = Recorder::on(nobody.listen(), |_| with_keys(&[a1()]));
    let rig = Rig {
        gate,
        upstream,
        keys_a,
        keys_b,
    };
    until(&rig, &orders(&access()), 200);
    rig.gate.wait_until_ready();
}

#[test]
fn k03_made_up_key_ids_cost_one_fetch_a_cooldown() {
    let rig = Setup::standard().pool("jwks_cooldown = \"1h\"").start();
    for number in 0..200 {
        let token = access()
            .key(a2())
            .header("kid", format!("made-up-{number}"));
        rig.refuses(&orders(&token), 401, "unknown_key");
        if number % 20 == 0 {
            rig.control();
        }
    }
    rig.refuses(&orders(&access().key(a2())), 401, "unknown_key");
    // The cooldown begins with the fetch at start.
    assert!(
        rig.keys_a.requests().len() <= 2,
        "{}",
        rig.keys_a.requests().len()
    );
    rig.control();
}

#[test]
fn k04_a_new_key_is_taken_and_the_old_one_stays() {
    let rig = Setup::standard().pool(EAGER).start();
    rig.refuses(&orders(&access().key(a2())), 401, "unknown_key");
    rig.keys_a.answer(|_| with_keys(&[a1(), a2()]));
    until(&rig, &orders(&access().key(a2())), 200);
    rig.control();
}

#[test]
fn k05_a_key_that_is_gone_opens_nothing_remembered_or_not() {
    let rig = Setup::standard().pool(EAGER).start();
    let remembered = orders(&access());
    rig.forwards(&remembered);
    rig.keys_a.answer(|_| with_keys(&[a2()]));
    // An unknown key makes it look: what it finds holds for all.
    until(&rig, &orders(&access().key(a2())), 200);
    rig.refuses(&remembered, 401, "unknown_key");
    rig.refuses(
        &orders(&access().claim("jti", "another")),
        401,
        "unknown_key",
    );
}

#[test]
fn k06_k07_k08_a_bad_answer_never_replaces_good_keys() {
    let rig = Setup::standard().pool(EAGER).start();
    let elsewhere = Recorder::answering(|_| with_keys(&[a2()]));
    let redirect =
        |status: u16, url: String| Answer::status(status, &[("Location", url.as_str())], "");
    let mixed = jwks(&[a1()]).to_string();
    let padding = " ".repeat(2 * 1024 * 1024);
    let answers: Vec<(&str, Answer)> = vec![
        (
            "a login page",
            Answer::status(
                200,
                &[("content-type", "text/html")],
                "<html>sign in</html>",
            ),
        ),
        ("an empty object", Answer::status(200, &[], "{}")),
        ("no keys", Answer::status(200, &[], "{\"keys\":[]}")),
        ("null keys", Answer::status(200, &[], "{\"keys\":null}")),
        (
            "a truncated document",
            Answer::status(200, &[], &mixed[..mixed.len() - 10]),
        ),
        ("204", Answer::raw("HTTP/1.1 204 No Content\r\n\r\n")),
        ("304", Answer::raw("HTTP/1.1 304 Not Modified\r\n\r\n")),
        ("404", Answer::status(404, &[], &mixed)),
        ("500", Answer::status(500, &[], &mixed)),
        ("429", Answer::status(429, &[("Retry-After", "0")], "")),
        (
            "only a symmetric key",
            Answer::json(&json!({"keys": [{"kty": "oct", "kid": "A2", "k": "c2VjcmV0"}]})),
        ),
        (
            "2 MiB",
            Answer::status(200, &[], &format!("{padding}{mixed}")),
        ),
        (
            "2 MiB in chunks",
            Answer::raw(format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n{padding}\r\n"
            )),
        ),
        (
            "half a body",
            Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n{").closing(),
        ),
        (
            "a compressed body",
            Answer::status(200, &[("Content-Encoding", "gzip")], &mixed),
        ),
        ("301 elsewhere", redirect(301, elsewhere.url())),
        (
            "302 elsewhere",
            redirect(302, format!("{}/jwks.json", elsewhere.url())),
        ),
        ("307 elsewhere", redirect(307, elsewhere.url())),
        (
            "308 here",
            redirect(308, format!("{}/other.json", rig.keys_a.url())),
        ),
        (
            "302 to a file",
            redirect(302, "file:///etc/hostname".to_owned()),
        ),
        (
            "302 to metadata",
            redirect(302, "http://169.254.169.254/".to_owned()),
        ),
        ("an empty answer", Answer::raw("").closing()),
    ];
    let failures = |rig: &Rig| {
        rig.gate
            .metric("portcullis_jwks_refreshes_total{pool=\"a\",result=\"failed\"}")
            .unwrap_or(0.0)
    };
    for (what, answer) in answers {
        let fetched = rig.keys_a.requests().len();
        let failed = failures(&rig);
        rig.keys_a.answer(move |_| answer.clone());
        until_fetched(&rig, fetched + 1);
        // Whoever asks now waits for that fetch, or finds it over.
        rig.refuses(&orders(&access().key(a2())), 401, "unknown_key");
        rig.control();
        assert!(failures(&rig) > failed, "no failure was counted for {what}");
    }
    assert_eq!(elsewhere.connections(), 0);
    assert!(
        rig.keys_a
            .requests()
            .iter()
            .all(|request| request.target() == "/jwks.json")
    );
    rig.keys_a.answer(|_| with_keys(&[a1(), a2()]));
    until(&rig, &orders(&access().key(a2())), 200);
}

/// Makes the gate ask for keys until the key server has been asked so often.
fn until_fetched(rig: &Rig, count: usize) {
    let deadline = Instant::now() + PATIENCE;
    while rig.keys_a.requests().len() < count {
        rig.refuses(&orders(&access().key(a2())), 401, "unknown_key");
        assert!(Instant::now() < deadline, "keys were never asked for again");
    }
}

#[test]
fn k07_a_key_server_that_drips_is_given_up() {
    let rig = Setup::standard()
        .pool(EAGER)
        .also("[fetch]\ntimeout = \"200ms\"")
        .start();
    rig.keys_a.answer(|_| {
        Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n{\"keys\":[").silent()
    });
    let fetched = rig.keys_a.requests().len();
    until_fetched(&rig, fetched + 1);
    rig.refuses(&orders(&access().key(a2())), 401, "unknown_key");
    rig.control();
    rig.keys_a.answer(|_| with_keys(&[a1(), a2()]));
    until(&rig, &orders(&access().key(a2())), 200);
}

#[test]
fn k09_one_bad_key_does_not_take_the_set_down() {
    let good = a1().jwk();
    let mut encrypting = a2().jwk();
    encrypting["use"] = json!("enc");
    let keys = json!({"keys": [
        {"kty": "oct", "kid": "x", "k": "c2VjcmV0"}, {"kty": "RSA", "kid": "small", "n": "AQAB", "e": "AQAB"},
        {"kty": "new"}, 5, null, encrypting, good,
    ]});
    let rig = Setup::standard().start_unready(Recorder::answering(move |_| Answer::json(&keys)));
    rig.gate.wait_until_ready();
    rig.control();
    rig.refuses(&orders(&access().key(a2())), 401, "unknown_key");
    rig.gate
        .program
        .wait_for_log(|line| line["level"] == "WARN" && line["pool"] == "a");
}

#[test]
fn k10_a_pool_whose_keys_hang_delays_no_other() {
    let keys_a = Recorder::answering(|_| with_keys(&[a1()]));
    keys_a.hold();
    let rig = Setup::standard().start_unready(keys_a);
    rig.keys_a.wait_for(1);
    let other = get("/orders/1").bearer(&access().of_pool_b().sign());
    until(&rig, &other, 200);
    assert_eq!(get("/readyz").send(rig.gate.admin).status, 503);
    rig.keys_a.release();
    rig.gate.wait_until_ready();
    rig.control();
}

#[test]
fn k11_many_at_a_cold_start_wait_for_one_fetch() {
    let keys_a = Recorder::answering(|_| with_keys(&[a1()]));
    keys_a.hold();
    let rig = Setup::standard().start_unready(keys_a);
    rig.keys_a.wait_for(1);
    let request = orders(&access());
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..50)
            .map(|_| scope.spawn(|| rig.send(&request).status))
            .collect();
        let in_flight = "portcullis_requests_in_flight{listener=\"gate\"}";
        let deadline = Instant::now() + PATIENCE;
        // All of them are inside, unless the first have already been told to come again.
        while rig.gate.metric(in_flight) < Some(50.0)
            && Instant::now() < deadline
            && !waiting.iter().any(|one| one.is_finished())
        {
            std::thread::yield_now();
        }
        rig.keys_a.release();
        for status in waiting.into_iter().map(|one| one.join().unwrap()) {
            assert!(matches!(status, 200 | 503), "{status}");
        }
    });
    assert_eq!(rig.keys_a.most_waiting(), 1);
    rig.gate.wait_until_ready();
    rig.control();
    assert!(rig.keys_a.requests().len() <= 2);
}

#[test]
fn keys_from_a_file_serve_without_a_key_server() {
    let scratch = crate::support::gate::Scratch::new();
    let file = scratch.write("jwks.json", jwks(&[a1()]).to_string());
    let upstream = Recorder::start();
    let keys = Recorder::answering(|_| with_keys(&[crate::support::b1()]));
    let text = Setup::standard()
        .pool(&format!("jwks_file = {:?}", file.display().to_string()))
        .text(&upstream.url(), &keys.url(), &keys.url())
        .replacen(
            &format!("jwks_url = \"{}/jwks.json\"", keys.url()),
            "jwks_url = \"none\"",
            1,
        );
    let gate = crate::support::Gate::start(&text);
    gate.wait_until_ready();
    let rig = Rig {
        gate,
        upstream,
        keys_a: Recorder::start(),
        keys_b: keys,
    };
    rig.control();
    rig.refuses(&orders(&access().key(a2())), 401, "unknown_key");
    assert_eq!(rig.keys_b.requests().len(), 1);
}
