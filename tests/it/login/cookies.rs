//! What browsers keep and send: sealed, whole, ours alone, and never passed on (L05-L09, L13).

use super::comes_to_nothing;
use crate::support::login::{Browser, COOKIE, Site, navigation};
use crate::support::{access, get};

#[test]
fn l05_a_session_that_was_there_before_is_not_the_one_after() {
    let site = Site::start();
    let mut attacker = site.browser();
    attacker.sign_in(&site, "/app/x");
    let planted = attacker.value(COOKIE).clone();
    let mut victim = site.browser();
    let sent = victim.navigate("/app/x");
    victim.cookies.push((COOKIE.to_owned(), planted.clone()));
    victim
        .cookies
        .push((format!("{COOKIE}-1"), "leftover".to_owned()));
    site.idp.wishes().sub = "the-victim".to_owned();
    let callback = site.idp.grant(&sent.header("location"));
    assert_eq!(victim.send(navigation(&callback, "cross-site")).status, 302);
    assert_ne!(*victim.value(COOKIE), planted);
    assert_eq!(
        victim.cookies.len(),
        1,
        "parts of the old one are taken away: {:?}",
        victim.cookies
    );
    let recorded = site.rig.forwards(&victim.dress(get("/app/x")));
    assert_eq!(recorded.header("x-user-sub"), Some("the-victim"));
}

#[test]
fn l06_a_cookie_that_another_could_have_set_is_none() {
    let site = Site::start();
    let mut browser = site.browser();
    browser.sign_in(&site, "/app/x");
    let value = browser.value(COOKIE).clone();
    let mut attacker = site.browser();
    attacker.sign_in(&site, "/app/x");
    let theirs = attacker.value(COOKIE).clone();
    let plain = || get("/app/x").header("X-Forwarded-Proto", "https");
    let none = |cookie: String| {
        site.rig
            .refuses(&plain().header("Cookie", &cookie), 401, "missing_token");
    };
    for name in [
        "portcullis",
        "__Secure-portcullis",
        "__host-portcullis",
        "__HOST-PORTCULLIS",
        "__Host_portcullis",
        "__Host-portcullis.",
        "__Host-portcullis-0",
        "__Host-portcullis-1",
    ] {
        none(format!("{name}={value}"));
    }
    none(format!("{COOKIE}={value}; {COOKIE}={theirs}"));
    none(format!("{COOKIE}={theirs}; a=b; {COOKIE}={value}"));
    none(format!("{COOKIE}={value}; {COOKIE}={value}"));
    none(format!("{COOKIE}={value}; {COOKIE}="));
    let twice = plain()
        .header("Cookie", &format!("{COOKIE}={value}"))
        .header("Cookie", &format!("{COOKIE}={theirs}"));
    site.rig.refuses(&twice, 401, "missing_token");
    // A browser that holds two is sent to sign in anew, and the one that counts is taken away.
    browser.cookies.push((COOKIE.to_owned(), theirs));
    assert_eq!(browser.navigate("/app/x").status, 302);
    assert!(!browser.is_signed_in());
    site.rig
        .forwards(&plain().header("Cookie", &format!("{COOKIE}={value}")));
}

/// A site whose sessions need several cookies, and a browser with one of them.
fn in_parts(site: &Site) -> Browser {
    let groups = (0..220).map(|n| format!("group-with-a-long-name-{n:04}"));
    site.idp.wishes().groups = groups.collect();
    let mut browser = site.browser();
    assert_eq!(browser.sign_in(site, "/app/x").status, 302);
    let parts = browser.cookies.len();
    assert!(parts >= 3, "{parts} cookies");
    browser
}

#[test]
fn l07_parts_that_do_not_belong_together_are_no_session() {
    let site = Site::start();
    let browser = in_parts(&site);
    let other = in_parts(&site);
    for (name, value) in &browser.cookies {
        assert!(
            name.len() + value.len() + 60 <= 4096,
            "{name} is {} long",
            value.len()
        );
    }
    site.rig.forwards(&browser.dress(get("/app/x")));
    let mut reordered = browser.clone();
    reordered.cookies.reverse();
    site.rig.forwards(&reordered.dress(get("/app/x"))); // their names say which is which

    let count = browser.cookies.len();
    let fails = |cookies: Vec<(String, String)>| {
        let mut browser = Browser {
            cookies,
            ..browser.clone()
        };
        site.rig
            .refuses(&browser.dress(get("/app/x")), 401, "missing_token");
        // It is as if there were none: a clean sign-in follows.
        assert_eq!(browser.sign_in(&site, "/app/x").status, 302);
        site.rig.forwards(&browser.dress(get("/app/x")));
    };
    for missing in 0..count {
        let mut cookies = browser.cookies.clone();
        cookies.remove(missing);
        fails(cookies);
    }
    for mixed in 0..count {
        let mut cookies = browser.cookies.clone();
        cookies[mixed].1 = other.cookies[mixed].1.clone();
        fails(cookies);
    }
    let mut swapped = browser.cookies.clone();
    let first = swapped[1].1.clone();
    swapped[1].1 = std::mem::replace(&mut swapped[2].1, first);
    fails(swapped);

    for cookie in [
        "foo=1; ; bar=2".to_owned(),
        ";".to_owned(),
        "=; ==; =x".to_owned(),
        COOKIE.to_owned(),
        format!("{COOKIE}="),
        format!("{COOKIE}=1"),
        format!("{COOKIE}=1."),
        format!("{COOKIE}=0.AQ"),
        format!("{COOKIE}=9.AQ"),
        format!("{COOKIE}=7.AQ; {COOKIE}-1=AQ"),
        format!("{COOKIE}=2.{}", "A".repeat(5000)),
        format!("{COOKIE}=1.{}", "A".repeat(20_000)),
        format!("{COOKIE}=\"1.AQ\""),
        (0..50).map(|n| format!("{COOKIE}-{n}=AAAA; ")).collect(),
    ] {
        let request = get("/app/x")
            .header("X-Forwarded-Proto", "https")
            .header("Cookie", &cookie);
        site.rig.refuses(&request, 401, "missing_token");
    }
    let bytes = [
        b"Cookie: ".as_slice(),
        COOKIE.as_bytes(),
        b"=1.\xff\xfe\x80",
    ]
    .concat();
    let request = get("/app/x")
        .header("X-Forwarded-Proto", "https")
        .line(bytes);
    site.rig.refuses(&request, 401, "missing_token");
    site.rig.control();
}

#[test]
fn l07_a_session_that_no_cookies_can_hold_is_told_of() {
    let site = Site::start();
    let groups = (0..300).map(|n| format!("group-with-a-long-name-{n:04}"));
    site.idp.wishes().groups = groups.collect();
    site.idp.wishes().id = vec![
        ("cognito:groups", serde_json::Value::Null),
        ("profile", "p".repeat(11_000).into()),
    ];
    let mut browser = site.browser();
    let answer = browser.sign_in(&site, "/app/x");
    assert_eq!(answer.status, 431, "{answer:#?}");
    assert!(answer.text().contains("headers_too_large"));
    assert!(!browser.is_signed_in());
}

#[test]
fn l08_every_cookie_has_its_flags() {
    let site = Site::start();
    let mut browser = site.browser();
    let sent = browser.navigate("/app/x");
    let flags = |line: &str, seconds: &str| {
        let (pair, flags) = line.split_once("; ").unwrap();
        assert!(pair.starts_with("__Host-portcullis"), "{pair}");
        assert_eq!(
            flags,
            format!("Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax; Secure")
        );
    };
    // Lax, so that it comes along when the pool's page, another site, sends the browser back after a form was posted there.
    flags(sent.all("set-cookie")[0], "600");
    let callback = site.idp.grant(&sent.header("location"));
    let back = browser.send(navigation(&callback, "cross-site"));
    let given = back.all("set-cookie");
    flags(given[0], "0"); // the sign-in is over
    flags(given[1], "43200");
    assert_eq!(given.len(), 2);
    let out = browser.send(navigation("/_portcullis/logout", "same-origin"));
    flags(out.all("set-cookie")[0], "0");
}

#[test]
fn l09_a_cookie_that_was_tampered_with_does_not_open() {
    let site = Site::start();
    let mut browser = site.browser();
    let sent = browser.navigate("/app/x");
    let (state_name, state_value) = browser.cookies[0].clone();
    let callback = site.idp.grant(&sent.header("location"));
    browser.send(navigation(&callback, "cross-site"));
    let value = browser.value(COOKIE).clone();
    let refused = |value: &str| {
        let cookie = format!("{COOKIE}={value}");
        let request = get("/app/x")
            .header("X-Forwarded-Proto", "https")
            .header("Cookie", &cookie);
        site.rig.refuses(&request, 401, "missing_token");
    };
    // From 2 on: before that stands how many parts there are.
    for at in (2..value.len()).step_by(value.len() / 40) {
        let mut bytes = value.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        refused(std::str::from_utf8(&bytes).unwrap());
        refused(&value[..at]);
    }
    refused(&format!("{value}A"));
    refused(&format!("{value}="));
    refused(&format!("1.{value}"));
    // A sealed cookie of another purpose is no session, and a session no sign-in.
    refused(&format!("1.{state_value}"));
    let mut liar = site.browser();
    let sent = liar.navigate("/app/x");
    let name = liar.states()[0].clone();
    *liar.value(&name) = value[2..].to_owned();
    comes_to_nothing(&site, &mut liar, &site.idp.grant(&sent.header("location")));
    // Nor is one sign-in another.
    let mut liar = site.browser();
    let sent = liar.navigate("/app/x");
    let name = liar.states()[0].clone();
    assert_ne!(name, state_name);
    *liar.value(&name) = state_value;
    comes_to_nothing(&site, &mut liar, &site.idp.grant(&sent.header("location")));
    site.rig.forwards(&browser.dress(get("/app/x")));
}

#[test]
fn l13_no_cookie_of_ours_reaches_the_service() {
    let site = Site::start();
    let mut browser = in_parts(&site);
    browser.navigate("/strong"); // nobody is sent away for that, for they have just signed in
    let mut other = site.browser();
    other.navigate("/app/x");
    browser.cookies.extend(other.cookies);
    browser
        .cookies
        .insert(0, ("theme".to_owned(), "dark".to_owned()));
    browser
        .cookies
        .push(("portcullis".to_owned(), "1.plain".to_owned()));
    browser
        .cookies
        .push(("portcullis-theme".to_owned(), "kept".to_owned()));
    for target in ["/app/x", "/public", "/maybe"] {
        let recorded = site.rig.forwards(&browser.dress(get(target)));
        assert_eq!(
            recorded.header("cookie"),
            Some("theme=dark; portcullis-theme=kept"),
            "{target}"
        );
        assert_eq!(recorded.header("authorization"), None);
        assert!(!recorded.holds("eyJ"));
    }
    // Nor where a route takes no session.
    let recorded = site
        .rig
        .forwards(&browser.dress(get("/orders/1").bearer(&access().sign())));
    assert_eq!(
        recorded.header("cookie"),
        Some("theme=dark; portcullis-theme=kept")
    );
    site.rig
        .refuses(&browser.dress(get("/api")), 401, "missing_token");
}
