//! Browser sign-in: who is sent to the pool's pages, what comes back, and what no cookie can do (L01-L14).

mod afterwards;
mod cookies;
mod renewal;
mod ways;

use crate::support::login::{Browser, COOKIE, ORIGIN, Site, fetch, navigation, query};
use crate::support::mint::{CLIENT, SUB};
use crate::support::{get, post, request};

#[test]
fn a_browser_signs_in_and_comes_back_to_where_it_was() {
    let site = Site::start();
    let mut browser = site.browser();
    let sent = browser.navigate("/app/page?a=1&b=%20");
    assert_eq!(sent.status, 302);
    assert_eq!(sent.header("cache-control"), "no-store");
    let location = sent.header("location");
    assert!(location.starts_with(&format!("{}/oauth2/authorize?", site.idp.url())));
    let asked = query(&location);
    let asked = |name: &str| asked[name].as_str();
    assert_eq!(asked("response_type"), "code");
    assert_eq!(asked("client_id"), CLIENT);
    assert_eq!(
        asked("redirect_uri"),
        format!("{ORIGIN}/_portcullis/callback")
    );
    assert_eq!(asked("scope"), "openid email");
    assert_eq!(asked("code_challenge_method"), "S256");
    assert_eq!(asked("code_challenge").len(), 43);
    let record = site.rig.gate.record(&sent.header("x-request-id"));
    assert_eq!(record["reason"], "missing_token");

    let back = browser.send(navigation(&site.idp.grant(&location), "cross-site"));
    assert_eq!(
        (back.status, back.header("location").as_str()),
        (302, "/app/page?a=1&b=%20")
    );
    assert_eq!(back.header("referrer-policy"), "no-referrer");
    assert!(browser.states().is_empty(), "the sign-in is over");

    let recorded = site
        .rig
        .forwards(&browser.dress(navigation("/app/page?a=1&b=%20", "cross-site")));
    assert_eq!(recorded.header("x-user-sub"), Some(SUB));
    // The access token has no e-mail address; the ID token has.
    assert_eq!(recorded.header("x-user-email"), Some("jane@example.com"));
    assert_eq!(recorded.header("x-client-id"), Some(CLIENT));
    site.rig.control();
}

#[test]
fn l01_one_comes_back_to_a_path_of_ours_alone() {
    let kinds = r#"["double-slash", "backslash", "encoded-slash", "dot-segments", "semicolon"]"#;
    let site = Site::with(|setup| {
        setup.routes(&format!(
            "\"/{{*rest}}\" = {{ login = true, allow_paths = {kinds} }}"
        ))
    });
    for (target, back) in [
        ("//evil.example/x", "/"),
        ("///evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/x\\y", "/"),
        ("/x?rd=//evil.example", "/x?rd=//evil.example"),
        ("/x?rd=https:evil", "/x?rd=https:evil"),
        ("/@evil.example", "/@evil.example"),
        ("/evil.example.evil", "/evil.example.evil"),
        ("/javascript:alert(1)", "/javascript:alert(1)"),
        ("/%0d%0aSet-Cookie:x=1", ""),
        ("/%09/evil.example", ""),
        ("/x?%0d%0aSet-Cookie:%20x=1", "/x?%0d%0aSet-Cookie:%20x=1"),
    ] {
        let mut browser = site.browser();
        let sent = browser.navigate(target);
        if back.is_empty() {
            assert_eq!(sent.status, 400, "{target}");
            continue;
        }
        let callback = site.idp.grant(&sent.header("location"));
        let answer = browser.send(navigation(&callback, "cross-site"));
        assert_eq!(
            (answer.status, answer.all("location")),
            (302, vec![back]),
            "{target}"
        );
    }
    // One that no state cookie has room for loses its query, then itself.
    let mut browser = site.browser();
    let long = format!("/page?{}", "q".repeat(2000));
    assert_eq!(browser.sign_in(&site, &long).header("location"), "/page");
    let mut browser = site.browser();
    let long = format!("/{}", "p".repeat(2000));
    assert_eq!(browser.sign_in(&site, &long).header("location"), "/");
    // An origin in the target is not where one comes back to.
    let mut browser = site.browser();
    let sent = browser.send(
        navigation("http://evil.example/app", "none")
            .without_host()
            .header("Host", "evil.example"),
    );
    assert_eq!(
        query(&sent.header("location"))["redirect_uri"],
        format!("{ORIGIN}/_portcullis/callback")
    );
    let callback = site.idp.grant(&sent.header("location"));
    assert_eq!(
        browser
            .send(navigation(&callback, "cross-site"))
            .header("location"),
        "/app"
    );
}

/// Sends a callback that must come to nothing.
pub fn comes_to_nothing(site: &Site, browser: &mut Browser, callback: &str) {
    let exchanges = site.granted("authorization_code");
    let answer = browser.send(navigation(callback, "cross-site"));
    assert_eq!(answer.status, 400, "{callback}: {answer:#?}");
    assert!(answer.text().contains("bad_request"), "{answer:#?}");
    assert!(!browser.is_signed_in(), "{callback}");
    assert_eq!(site.granted("authorization_code"), exchanges, "{callback}");
}

#[test]
fn l02_a_callback_is_good_once_and_in_the_browser_that_began_it() {
    let site = Site::start();
    let begin = |browser: &mut Browser| {
        let sent = browser.navigate("/app/x");
        site.idp.grant(&sent.header("location"))
    };
    let mut browser = site.browser();
    let callback = begin(&mut browser);
    let (path, said) = callback.split_once('?').unwrap();
    let (code, state) = said.split_once('&').unwrap();
    comes_to_nothing(&site, &mut browser, path);
    comes_to_nothing(&site, &mut browser, &format!("{path}?{code}"));
    comes_to_nothing(&site, &mut browser, &format!("{path}?{code}&state="));
    comes_to_nothing(&site, &mut browser, &format!("{path}?{code}&state=short"));
    comes_to_nothing(&site, &mut browser, &format!("{path}?{code}&{state}x"));
    comes_to_nothing(
        &site,
        &mut browser,
        &format!("{path}?{code}&state=%0d%0aSet-Cookie:x"),
    );
    comes_to_nothing(
        &site,
        &mut browser,
        &format!("{path}?{code}&{state}&{state}"),
    );
    comes_to_nothing(
        &site,
        &mut browser,
        &format!("{path}?{code}&{code}&{state}"),
    );
    // Another browser knows the address and has no such cookie.
    comes_to_nothing(&site, &mut site.browser(), &callback);
    let mut other = site.browser();
    begin(&mut other);
    comes_to_nothing(&site, &mut other, &callback);
    // What stands there twice is nobody's.
    let mut twice = browser.clone();
    twice.cookies.push(twice.cookies[0].clone());
    comes_to_nothing(&site, &mut twice, &callback);

    let kept = browser.clone();
    assert_eq!(
        browser.send(navigation(&callback, "cross-site")).status,
        302
    );
    assert!(browser.is_signed_in());
    // Again, without the cookie that was taken away, and with it.
    assert_eq!(
        browser.send(navigation(&callback, "cross-site")).status,
        400
    );
    comes_to_nothing(&site, &mut kept.clone(), &callback);

    // Why the pool did not sign someone in is for the log; whoever made the link chose the words.
    let mut browser = site.browser();
    let callback = begin(&mut browser);
    let (_, state) = callback.split_once('&').unwrap();
    let denied = format!("{path}?error=%3Cscript%3E&error_description=hunter2&{state}");
    let answer = browser.send(navigation(&denied, "cross-site"));
    assert_eq!(answer.status, 400);
    assert!(!answer.text().contains("script>") && !answer.text().contains("hunter2"));
    assert!(browser.states().is_empty(), "it is used up");
    for method in ["POST", "HEAD", "DELETE"] {
        let answer = browser.send(request(method, &callback));
        assert_eq!(
            (answer.status, answer.header("allow").as_str()),
            (405, "GET")
        );
    }
    site.rig.control();
}

#[test]
fn l03_a_code_is_worth_nothing_without_its_verifier_and_its_nonce() {
    let site = Site::start();
    for (claim, value) in [
        ("nonce", serde_json::json!("another")),
        ("nonce", serde_json::Value::Null),
        ("nonce", serde_json::json!(["x"])),
        ("aud", serde_json::json!("client-2")),
        ("aud", serde_json::json!([CLIENT, "client-2"])),
        ("sub", serde_json::json!("somebody-else")),
        ("token_use", serde_json::json!("access")),
        ("exp", serde_json::json!(1000)),
        ("iss", serde_json::json!("https://elsewhere.example")),
    ] {
        site.idp.wishes().id = vec![(claim, value.clone())];
        let mut browser = site.browser();
        let answer = browser.sign_in(&site, "/app/x");
        assert_eq!(answer.status, 401, "{claim} {value}: {answer:#?}");
        assert!(!browser.is_signed_in(), "{claim} {value}");
    }
    site.idp.wishes().id.clear();
    for (claim, value) in [
        ("client_id", serde_json::json!("client-2")),
        ("token_use", serde_json::json!("id")),
        ("exp", serde_json::json!(1000)),
        ("iss", serde_json::json!("https://elsewhere.example")),
    ] {
        site.idp.wishes().access = vec![(claim, value.clone())];
        let mut browser = site.browser();
        assert_eq!(
            browser.sign_in(&site, "/app/x").status,
            401,
            "{claim} {value}"
        );
        assert!(!browser.is_signed_in(), "{claim} {value}");
    }
    site.idp.wishes().access.clear();

    // A code of another flow: the pool refuses it for its challenge.
    let (mut mine, mut theirs) = (site.browser(), site.browser());
    let my_callback = site.idp.grant(&mine.navigate("/app/x").header("location"));
    let their_callback = site
        .idp
        .grant(&theirs.navigate("/app/x").header("location"));
    let code_of = |callback: &str| {
        callback
            .split_once("code=")
            .unwrap()
            .1
            .split('&')
            .next()
            .unwrap()
            .to_owned()
    };
    let injected = my_callback.replace(&code_of(&my_callback), &code_of(&their_callback));
    let answer = mine.send(navigation(&injected, "cross-site"));
    assert_eq!(answer.status, 400, "{answer:#?}");
    assert!(!mine.is_signed_in());
    assert_eq!(theirs.sign_in(&site, "/app/y").status, 302);
}

#[test]
fn l04_nobody_is_signed_in_with_somebody_elses_code() {
    let site = Site::start();
    let mut attacker = site.browser();
    let callback = site
        .idp
        .grant(&attacker.navigate("/app/x").header("location"));
    let mut victim = site.browser();
    comes_to_nothing(&site, &mut victim, &callback);
    victim.sign_in(&site, "/app/x");
    let before = victim.value(COOKIE).clone();
    assert_eq!(victim.send(navigation(&callback, "cross-site")).status, 400);
    assert_eq!(
        *victim.value(COOKIE),
        before,
        "whoever is signed in stays so"
    );
}

#[test]
fn l12_signing_out_is_for_our_own_pages() {
    let site = Site::start();
    let mut browser = site.browser();
    browser.sign_in(&site, "/app/x");
    let out = "/_portcullis/logout";
    let image = get(out)
        .header("Sec-Fetch-Mode", "no-cors")
        .header("Accept", "image/*");
    for foreign in [
        image.clone().header("Sec-Fetch-Site", "cross-site"),
        image.header("Sec-Fetch-Site", "same-site"),
        get(out),
        navigation(out, "none"),
        post(out),
        post(out).header("Origin", "https://evil.example"),
        post(out).header("Origin", "null"),
        post(out)
            .header("Sec-Fetch-Site", "cross-site")
            .header("Origin", ORIGIN),
    ] {
        let answer = browser.send(foreign);
        assert_eq!(answer.status, 403, "{answer:#?}");
        assert!(answer.text().contains("cross_site"));
        assert!(browser.is_signed_in());
    }
    assert_eq!(site.asked("/oauth2/revoke"), 0);
    for method in ["HEAD", "PUT", "OPTIONS"] {
        let answer = browser.send(request(method, out));
        assert_eq!(
            (answer.status, answer.header("allow").as_str()),
            (405, "GET, POST")
        );
    }

    let answer = browser.send(post(out).header("Origin", ORIGIN));
    assert_eq!(answer.status, 303);
    let location = answer.header("location");
    assert!(
        location.starts_with(&format!("{}/logout?", site.idp.url())),
        "{location}"
    );
    assert_eq!(query(&location)["client_id"], CLIENT);
    assert_eq!(query(&location)["logout_uri"], format!("{ORIGIN}/bye"));
    assert!(!browser.is_signed_in());
    assert_eq!(site.asked("/oauth2/revoke"), 1);
    assert_eq!(
        browser.fetch("/app/x").status,
        401,
        "the back button brings nothing"
    );
    // Whoever is not signed in here may still be at the pool.
    assert_eq!(browser.send(navigation(out, "same-origin")).status, 303);
    assert_eq!(site.asked("/oauth2/revoke"), 1);
    // A cookie that opens no more is taken away on the way to the pool's page.
    browser
        .cookies
        .push((COOKIE.to_owned(), "1.stale".to_owned()));
    assert_eq!(browser.navigate("/app/x").status, 302);
    assert!(!browser.is_signed_in());
}

#[test]
fn l12_a_pool_that_does_not_answer_keeps_nobody_signed_in() {
    let site = Site::with(|setup| setup.also("[fetch]\ntimeout = \"2s\"\n"));
    let mut browser = site.browser();
    browser.sign_in(&site, "/app/x");
    site.rig
        .keys_a
        .answer(|_| crate::support::Answer::raw("").silent());
    let answer = browser.send(navigation("/_portcullis/logout", "same-origin"));
    assert_eq!(answer.status, 303);
    assert!(!browser.is_signed_in());
}

#[test]
fn l14_only_who_navigates_is_sent_away() {
    let site = Site::start();
    let html = "text/html,*/*;q=0.8";
    let out = |request: crate::support::Request| {
        let answer = site.rig.refuses(
            &request.header("X-Forwarded-Proto", "https"),
            401,
            "missing_token",
        );
        assert_eq!(answer.all("location"), Vec::<&str>::new());
        assert_eq!(answer.all("set-cookie"), Vec::<&str>::new());
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
    };
    out(get("/app/x"));
    out(get("/app/x").header("Accept", "*/*"));
    out(get("/app/x").header("Accept", "application/json, text/html;q=0.5"));
    out(fetch(get("/app/x")));
    out(get("/app/x")
        .header("X-Requested-With", "XMLHttpRequest")
        .header("Accept", "*/*"));
    out(get("/app/x")
        .header("Accept", "application/json")
        .header("Sec-Fetch-Mode", "same-origin"));
    out(post("/app/x"));
    out(post("/app/x")
        .header("Accept", "application/json")
        .header("Sec-Fetch-Mode", "navigate"));
    out(request("DELETE", "/app/x"));
    for mode in ["cors", "no-cors", "websocket", "same-origin", "Navigate"] {
        let request = get("/app/x")
            .header("Accept", "*/*")
            .header("Sec-Fetch-Mode", mode);
        out(request);
    }
    // A form that is posted by a browser gets a page, and no redirect: what was in it would be lost.
    let form = post("/app/x")
        .header("Accept", html)
        .header("Sec-Fetch-Mode", "navigate");
    let answer = site
        .rig
        .refuses_with(&form.header("X-Forwarded-Proto", "https"), &[401]);
    assert_eq!(answer.all("location"), Vec::<&str>::new());
    // Browsers that say nothing of their mode.
    let old = get("/app/x")
        .header("Accept", html)
        .header("X-Forwarded-Proto", "https");
    assert_eq!(site.rig.refuses_with(&old, &[302]).status, 302);
    site.rig.control();
}
