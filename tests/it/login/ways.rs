//! Sessions beside bearer tokens, over plain HTTP, for stronger sign-ins, from other sites, and between replicas.

use http::HeaderMap;
use portcullis::secret::Secret;
use portcullis::session::{Channel, Jar, Key, Keys, Session};
use portcullis::token::claims::Claims;

use crate::support::gate::portcullis;
use crate::support::login::{
    Browser, COOKIE, Idp, KEY_1, KEY_2, ORIGIN, Site, fetch, key_file, navigation, query, table,
};
use crate::support::mint::{SUB, a1, jwks, now};
use crate::support::{Gate, Recorder, Setup, access, get, post};

#[test]
fn a_bearer_token_works_on_the_same_routes_but_not_beside_a_session() {
    let site = Site::start();
    let mut browser = site.browser();
    browser.sign_in(&site, "/app/x");
    let token = access().sign();
    let recorded = site.rig.forwards(&get("/app/x").bearer(&token));
    assert_eq!(
        recorded.header("x-user-email"),
        None,
        "that is the ID token's to say"
    );
    site.rig.refuses(
        &browser.dress(get("/app/x")).bearer(&token),
        400,
        "multiple_tokens",
    );
    site.rig
        .refuses(&get("/app/x").bearer("a.b.c"), 401, "malformed_token");
    // A cookie that does not open is no session, and no second token.
    *browser.value(COOKIE) = "1.AAAA".to_owned();
    site.rig
        .forwards(&browser.dress(get("/app/x")).bearer(&token));
    // The same access token by itself says no more than before.
    let recorded = site.rig.forwards(&get("/app/x").bearer(&token));
    assert_eq!(recorded.header("x-user-email"), None);
}

#[test]
fn a_session_sends_nothing_from_another_sites_page() {
    let site = Site::start();
    let mut browser = site.browser();
    browser.sign_in(&site, "/app/x");
    let cross = |request| browser.dress(request);
    for refused in [
        post("/app/x"),
        post("/app/x").header("Sec-Fetch-Site", "cross-site"),
        post("/app/x").header("Sec-Fetch-Site", "same-site"),
        post("/app/x").header("Origin", "https://evil.example"),
        get("/app/x")
            .header("Connection", "upgrade")
            .header("Upgrade", "websocket")
            .header("Origin", "https://evil.example"),
    ] {
        site.rig.refuses(&cross(refused), 403, "cross_site");
    }
    site.rig.forwards(&cross(
        post("/app/x").header("Sec-Fetch-Site", "same-origin"),
    ));
    site.rig
        .forwards(&cross(post("/app/x").header("Sec-Fetch-Site", "none")));
    site.rig
        .forwards(&cross(post("/app/x").header("Origin", ORIGIN)));
    site.rig
        .forwards(&cross(navigation("/app/x", "cross-site")));
}

#[test]
fn an_optional_route_takes_a_session_and_sends_nobody_away() {
    let site = Site::start();
    let mut browser = site.browser();
    let recorded = site
        .rig
        .forwards(&browser.dress(navigation("/maybe", "none")));
    assert_eq!(recorded.header("x-user-sub"), None);
    browser.sign_in(&site, "/app/x");
    let recorded = site
        .rig
        .forwards(&browser.dress(navigation("/maybe", "none")));
    assert_eq!(recorded.header("x-user-sub"), Some(SUB));
}

#[test]
fn many_tabs_sign_in_at_once() {
    let site = Site::start();
    let mut browser = site.browser();
    let tabs: Vec<String> = (0..8)
        .map(|tab| browser.navigate(&format!("/app/{tab}")).header("location"))
        .collect();
    assert_eq!(browser.states().len(), 8);
    // One more, and the oldest gives way.
    browser.navigate("/app/8");
    assert_eq!(browser.states().len(), 8);
    for (tab, location) in tabs.iter().enumerate().skip(1) {
        let callback = site.idp.grant(location);
        let back = browser.send(navigation(&callback, "cross-site"));
        assert_eq!(
            (back.status, back.header("location")),
            (302, format!("/app/{tab}"))
        );
    }
    assert_eq!(browser.states().len(), 1);
    assert_eq!(browser.fetch("/app/x").status, 200);
}

#[test]
fn on_loopback_it_can_be_tried_over_plain_http() {
    let site = Site::on_loopback();
    let mut browser = site.browser().over_http();
    let sent = browser.navigate("/app/x");
    let here = format!("http://{}", site.rig.gate.address);
    assert_eq!(
        query(&sent.header("location"))["redirect_uri"],
        format!("{here}/_portcullis/callback")
    );
    let callback = site.idp.grant(&sent.header("location"));
    let back = browser.send(navigation(&callback, "cross-site"));
    let given = back.all("set-cookie").join("\n");
    assert!(given.contains("\nportcullis=1."), "{given}");
    assert!(
        !given.contains("__Host-") && !given.contains("Secure"),
        "{given}"
    );
    site.rig.forwards(&browser.dress(get("/app/x")));
    assert_eq!(
        browser
            .send(post("/_portcullis/logout").header("Origin", &here))
            .status,
        303
    );
    assert!(!browser.is_signed_in());

    // A name that leads here from elsewhere is not loopback, whoever chose it.
    let rebound = navigation("/app/x", "none")
        .without_host()
        .header("Host", "evil.example");
    let answer = site.rig.refuses_with(&rebound, &[401]);
    assert!(
        answer.text().contains("over https alone"),
        "{}",
        answer.text()
    );
}

#[test]
fn off_loopback_nobody_signs_in_over_plain_http() {
    let site = Site::start();
    let mut browser = site.browser();
    browser.sign_in(&site, "/app/x");
    let mut plain = browser.clone().over_http();
    // Neither with a session nor to get one; and it says why.
    let answer = site
        .rig
        .refuses_with(&plain.dress(navigation("/app/x", "none")), &[401]);
    assert!(
        answer.text().contains("no trusted proxy said otherwise"),
        "{}",
        answer.text()
    );
    assert_eq!(answer.all("set-cookie"), Vec::<&str>::new());
    assert_eq!(
        plain
            .navigate("/_portcullis/callback?code=a&state=b")
            .status,
        400
    );
    for said in ["http", "https, http", "HTTPS"] {
        let request = plain
            .dress(navigation("/app/x", "none"))
            .header("X-Forwarded-Proto", said);
        site.rig.refuses_with(&request, &[401]);
    }
    let twice = browser
        .dress(get("/app/x"))
        .header("X-Forwarded-Proto", "http");
    site.rig.refuses(&twice, 401, "missing_token");
    // Only who is trusted is believed.
    let key = format!("{{ file = \"{}\" }}", key_file(KEY_1));
    let site = Site::of(&format!("external_url = \"{ORIGIN}\"\n"), &key);
    assert_eq!(site.browser().navigate("/app/x").status, 401);
}

/// A browser that signed in so many seconds ago, with a token that is as good as new. No test can wait that long, so its cookie
/// is sealed here, with the gate's key.
fn signed_in_before(site: &Site, seconds: i64) -> Browser {
    let jar = Jar::new(COOKIE, Keys::new(&[Key::parse(KEY_1).unwrap()]));
    let token = access().claim("auth_time", now() - seconds);
    let session = Session {
        started: u64::try_from(now() - seconds).unwrap(),
        sub: SUB.to_owned(),
        access: Secret::new(token.sign()),
        refresh: None,
        identity: Claims::default(),
    };
    let given = jar
        .give(&session, 60, &HeaderMap::new(), Channel::Https)
        .unwrap();
    let pair = given[0].to_str().unwrap().split(';').next().unwrap();
    let (name, value) = pair.split_once('=').unwrap();
    let mut browser = site.browser();
    browser.cookies.push((name.to_owned(), value.to_owned()));
    browser
}

#[test]
fn a_stronger_sign_in_is_asked_for_once() {
    let site = Site::with(|setup| setup.routes("\"/recent\" = { login = true, max_age = \"5m\" }"));
    let mut browser = signed_in_before(&site, 3600);
    assert_eq!(browser.fetch("/app/x").status, 200);
    let refused = browser.fetch("/strong");
    assert_eq!(
        (refused.status, refused.reason().as_str()),
        (401, "step_up_required")
    );
    for (target, name, value) in [
        ("/strong", "acr_values", "strong"),
        ("/recent", "max_age", "300"),
    ] {
        let sent = browser.navigate(target);
        assert_eq!(sent.status, 302, "{sent:#?}");
        let asked = query(&sent.header("location"));
        assert_eq!(
            (asked[name].as_str(), asked["prompt"].as_str()),
            (value, "login")
        );
        assert!(
            browser.is_signed_in(),
            "until then one stays signed in as one is"
        );
    }
    // The pool knows no stronger one: nobody is sent round in circles.
    browser.sign_in(&site, "/strong");
    let again = browser.navigate("/strong");
    assert_eq!(again.status, 401);
    assert!(
        again
            .header("www-authenticate")
            .contains("acr_values=\"strong\"")
    );
    // It does now.
    site.idp.wishes().access = vec![("acr", "strong".into())];
    let mut browser = signed_in_before(&site, 3600);
    browser.sign_in(&site, "/strong");
    site.rig
        .forwards(&browser.dress(navigation("/strong", "none")));
}

#[test]
fn a_session_is_over_when_its_time_is() {
    let site = Site::start();
    let mut browser = signed_in_before(&site, 11 * 3600);
    assert_eq!(browser.fetch("/app/x").status, 200);
    let mut browser = signed_in_before(&site, 12 * 3600 + 1);
    let answer = browser.fetch("/app/x");
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (401, "missing_token")
    );
    assert_eq!(browser.navigate("/app/x").status, 302);
    assert!(!browser.is_signed_in());
}

#[test]
fn commands_and_the_status_page_know_which_routes_let_browsers_in() {
    let site = Site::start();
    let config = site.rig.gate.scratch.path().join("portcullis.toml");
    let told = |arguments: &[&str]| {
        let mut command = portcullis();
        let output = command
            .args(arguments)
            .arg("--config")
            .arg(&config)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let check = told(&["check"]);
    assert!(
        check
            .lines()
            .any(|line| line.starts_with("/app/{*rest}") && line.contains("authenticated, login")),
        "{check}"
    );
    let explained = told(&["explain", "GET", "/app/x"]);
    assert!(explained.contains("401 missing_token"), "{explained}");
    assert!(
        explained.contains("a browser that navigates here is sent to sign in"),
        "{explained}"
    );
    let explained = told(&["explain", "GET", "/_portcullis/callback"]);
    assert!(
        explained.contains("answered by the gate itself"),
        "{explained}"
    );
    assert!(explained.contains("browsers come back here"), "{explained}");
    let explained = told(&["explain", "POST", "/_portcullis/logout", "--json"]);
    let explained: serde_json::Value = serde_json::from_str(&explained).unwrap();
    assert_eq!(explained["answer"]["outcome"], "login");
    // A session that is shown is opened, and the rule looked at as ever.
    let mut browser = site.browser();
    browser.sign_in(&site, "/app/x");
    let cookie = format!("Cookie: {}", browser.cookie());
    let explained = told(&["explain", "GET", &format!("{ORIGIN}/staff"), "-H", &cookie]);
    assert!(
        explained.contains("verified, in the session cookie"),
        "{explained}"
    );
    assert!(explained.contains("403 missing_group"), "{explained}");
    let status = get("/status").send(site.rig.gate.admin).json();
    let routes = status["routes"].as_array().unwrap();
    let login =
        |name: &str| routes.iter().find(|route| route["name"] == name).unwrap()["login"].clone();
    assert_eq!(
        (login("/app/{*rest}"), login("/api")),
        (true.into(), false.into())
    );
}

#[test]
fn replicas_serve_one_browser_turn_and_turn_about_while_the_key_is_replaced() {
    let idp = Idp::start();
    idp.wishes().rotates = true;
    let upstream = Recorder::start();
    let keys_b = Recorder::answering(|_| crate::support::Answer::json(&jwks(&[a1()])));
    let (old, new) = (key_file(KEY_1), key_file(KEY_2));
    let source = |path: &str| format!("{{ file = \"{path}\" }}");
    let text = |keys: &[&str]| {
        let keys: Vec<String> = keys.iter().map(|path| source(path)).collect();
        Setup::standard()
            .server(&format!(
                "external_url = \"{ORIGIN}\"\ntrusted_proxies = [\"127.0.0.1\"]\n"
            ))
            .routes("\"/app/{*rest}\" = { login = true }")
            .also(&table(idp.url(), &format!("[{}]", keys.join(", "))))
            .text(&upstream.url(), idp.url(), &keys_b.url())
    };
    let replicas = [Gate::start(&text(&[&old])), Gate::start(&text(&[&old]))];
    replicas.iter().for_each(Gate::wait_until_ready);
    let mut browser = Browser::at(&replicas[0]);
    let sent = browser.navigate("/app/x");
    idp.wishes().access = vec![("iat", (now() - 100_000).into())];
    browser.address = replicas[1].address;
    let back = browser.send(navigation(
        &idp.grant(&sent.header("location")),
        "cross-site",
    ));
    assert_eq!(back.status, 302, "what one began, the other ends");
    // Every request finds a token that is due, so each is renewed by the one and used by the other.
    let used = |browser: &mut Browser| {
        for turn in 0..4 {
            browser.address = replicas[turn % 2].address;
            assert_eq!(browser.fetch("/app/x").status, 200);
        }
    };
    used(&mut browser);
    let steps = [vec![&*old, &*new], vec![&*new, &*old], vec![&*new]];
    for (taken, keys) in (1..).zip(steps) {
        for replica in &replicas {
            replica.scratch.write("portcullis.toml", text(&keys));
            let deadline = std::time::Instant::now() + crate::support::PATIENCE;
            let reloads = || replica.metric("portcullis_config_reloads_total{result=\"ok\"}");
            while reloads() != Some(f64::from(taken)) {
                assert!(std::time::Instant::now() < deadline, "it is never taken");
                std::thread::yield_now();
            }
            used(&mut browser);
        }
    }
    // What the old key sealed is worth nothing now.
    let mut stranger = Browser::at(&replicas[0]);
    idp.wishes().access.clear();
    let sent = stranger.navigate("/app/x");
    stranger.send(navigation(
        &idp.grant(&sent.header("location")),
        "cross-site",
    ));
    assert_eq!(stranger.fetch("/app/x").status, 200);
    replicas[0].scratch.write("portcullis.toml", text(&[&old]));
    let deadline = std::time::Instant::now() + crate::support::PATIENCE;
    while stranger
        .dress(fetch(get("/app/x")))
        .send(replicas[0].address)
        .status
        != 401
    {
        assert!(
            std::time::Instant::now() < deadline,
            "a key that is gone opens still"
        );
    }
    assert_eq!(
        stranger
            .dress(fetch(get("/app/x")))
            .send(replicas[1].address)
            .status,
        200
    );
}

#[test]
fn the_key_is_read_again_when_its_file_changes() {
    let path = key_file(KEY_1);
    let site = Site::of("", &format!("{{ file = \"{path}\" }}"));
    let mut browser = site.browser().over_http();
    browser.sign_in(&site, "/app/x");
    std::fs::write(&path, KEY_2).unwrap();
    let deadline = std::time::Instant::now() + crate::support::PATIENCE;
    while browser
        .dress(fetch(get("/app/x")))
        .send(browser.address)
        .status
        != 401
    {
        assert!(
            std::time::Instant::now() < deadline,
            "the old key opens still"
        );
    }
    browser.sign_in(&site, "/app/x");
    assert_eq!(browser.fetch("/app/x").status, 200);
}

#[test]
fn no_secret_of_a_sign_in_is_logged() {
    let site = Site::with(|setup| setup.telemetry("log_level = \"trace\"\n"));
    let mut browser = site.browser();
    let sent = browser.navigate("/app/x?secret=hunter2");
    let state = query(&sent.header("location"))["state"].clone();
    let sealed: Vec<String> = browser
        .cookies
        .iter()
        .map(|(_, value)| value.clone())
        .collect();
    browser.send(navigation(
        &site.idp.grant(&sent.header("location")),
        "cross-site",
    ));
    let session = browser.value(COOKIE).clone();
    assert_eq!(browser.fetch("/app/x").status, 200);
    let last = browser.send(navigation("/_portcullis/logout", "same-origin"));
    site.rig.gate.record(&last.header("x-request-id"));
    let log = site.rig.gate.program.log();
    for secret in [
        "hunter2",
        "refresh-",
        "code-1",
        &*state,
        &*session,
        &*sealed[0],
        KEY_1,
    ] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
    let status = get("/status").send(site.rig.gate.admin).text();
    assert!(!status.contains(KEY_1) && !status.contains(&*state));
}
