//! What is left of a session when it is over: signed out here, or of a key, a pool or a client that is trusted no more.

use crate::support::login::{
    Browser, COOKIE, Idp, KEY_1, ORIGIN, Site, key_file, navigation, table,
};
use crate::support::mint::{CLIENT, a1, b1, jwks, now};
use crate::support::{Answer, Gate, PATIENCE, Recorder, Setup};

#[test]
fn l12_a_request_that_comes_late_signs_nobody_in_again() {
    let site = Site::start();
    site.idp.wishes().rotates = true;
    site.idp.wishes().access = vec![("iat", (now() - 100_000).into())];
    let mut browser = site.browser();
    browser.sign_in(&site, "/app/x");
    site.idp.wishes().access.clear();
    // A request that was under way all the time: with the cookie from before the renewal.
    let mut late = browser.clone();
    assert_eq!(browser.fetch("/app/x").status, 200);
    assert_eq!(site.granted("refresh_token"), 1);
    let out = browser.send(navigation("/_portcullis/logout", "same-origin"));
    assert_eq!(out.status, 303);

    let answer = late.fetch("/app/x");
    assert_eq!(answer.status, 401, "{answer:#?}");
    assert!(!late.is_signed_in(), "no answer brings the session back");
    assert_eq!(site.granted("refresh_token"), 1);
}

/// A gate with this session key, whose pool has these keys.
fn gate(idp: &Idp, keys: &Recorder, upstream: &Recorder, key: &str) -> (Gate, String) {
    let text = Setup::standard()
        .server(&format!(
            "external_url = \"{ORIGIN}\"\ntrusted_proxies = [\"127.0.0.1\"]\n"
        ))
        .routes("\"/app/{*rest}\" = { login = true }")
        .also(&table(idp.url(), &format!("{{ file = \"{key}\" }}")))
        .text(&upstream.url(), &keys.url(), &keys.url());
    let gate = Gate::start(&text);
    gate.wait_until_ready();
    (gate, text)
}

fn signed_in(idp: &Idp, gate: &Gate) -> Browser {
    let mut browser = Browser::at(gate);
    let sent = browser.navigate("/app/x");
    let callback = idp.grant(&sent.header("location"));
    assert_eq!(
        browser.send(navigation(&callback, "cross-site")).status,
        302
    );
    browser
}

#[test]
fn a_session_of_a_key_that_is_withdrawn_signs_in_anew() {
    let (idp, upstream, key) = (Idp::start(), Recorder::start(), key_file(KEY_1));
    let keys = Recorder::answering(|_| Answer::json(&jwks(&[a1()])));
    let others = Recorder::answering(|_| Answer::json(&jwks(&[b1()])));
    let (here, _) = gate(&idp, &keys, &upstream, &key);
    let (there, _) = gate(&idp, &others, &upstream, &key);
    let mut browser = signed_in(&idp, &here);
    assert_eq!(browser.fetch("/app/x").status, 200);
    browser.address = there.address;
    let answer = browser.fetch("/app/x");
    assert_eq!(answer.status, 401);
    assert!(answer.text().contains("missing_token"), "{answer:#?}");
    assert_eq!(browser.navigate("/app/x").status, 302, "not a dead end");
    assert!(!browser.cookies.iter().any(|(name, _)| name == COOKIE));
}

#[test]
fn a_session_of_another_client_is_none_even_if_it_is_remembered() {
    let (idp, upstream, key) = (Idp::start(), Recorder::start(), key_file(KEY_1));
    let keys = Recorder::answering(|_| Answer::json(&jwks(&[a1()])));
    let (gate, text) = gate(&idp, &keys, &upstream, &key);
    let mut browser = signed_in(&idp, &gate);
    assert_eq!(browser.fetch("/app/x").status, 200);
    let both = format!("client_ids = [\"another\", \"{CLIENT}\"");
    let changed = text
        .replacen(&format!("client_ids = [\"{CLIENT}\""), &both, 1)
        .replace(
            &format!("\nclient_id = \"{CLIENT}\""),
            "\nclient_id = \"another\"",
        );
    assert!(changed.contains(&both) && changed.contains("client_id = \"another\""));
    gate.scratch.write("portcullis.toml", changed);
    let deadline = std::time::Instant::now() + PATIENCE;
    while gate.metric("portcullis_config_reloads_total{result=\"ok\"}") != Some(1.0) {
        assert!(std::time::Instant::now() < deadline, "it is never taken");
        std::thread::yield_now();
    }
    assert_eq!(browser.fetch("/app/x").status, 401);
}
