//! Sessions are renewed while they are used, once, and end when the pool says so (L10, L11).

use crate::support::login::{Browser, Site, fetch, navigation};
use crate::support::mint::{SUB, now};
use crate::support::{Answer, PATIENCE, get};

/// A browser whose session is due for renewal from the start: most of its token's life is over.
fn nearly_over(site: &Site) -> Browser {
    site.idp.wishes().access = vec![("iat", (now() - 100_000).into())];
    let mut browser = site.browser();
    assert_eq!(browser.sign_in(site, "/app/x").status, 302);
    site.idp.wishes().access.clear();
    browser
}

#[test]
fn l10_fifty_requests_renew_a_session_once() {
    let site = Site::start();
    site.idp.wishes().rotates = true;
    let browser = nearly_over(&site);
    let before = browser.cookies.clone();
    site.rig.keys_a.hold();
    let asked = site.rig.keys_a.requests().len();
    let threads: Vec<_> = (0..50)
        .map(|_| {
            let (request, address) = (browser.dress(fetch(get("/app/x"))), browser.address);
            std::thread::spawn(move || request.send(address))
        })
        .collect();
    // However long the pool takes, nobody asks it twice.
    site.rig.keys_a.wait_for(asked + 1);
    site.rig.keys_a.release();
    let answers: Vec<_> = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    for answer in &answers {
        assert_eq!(answer.status, 200, "{answer:#?}");
        assert_eq!(answer.header("cache-control"), "no-store");
        let mut renewed = browser.clone();
        renewed.keep(answer);
        assert_ne!(renewed.cookies, before, "everyone gets the new session");
    }
    assert_eq!(site.granted("refresh_token"), 1);
    // Whoever still has the older cookie is served too, without another renewal: the refresh token in it is worth nothing.
    for _ in 0..3 {
        assert_eq!(
            browser.dress(get("/app/x")).send(browser.address).status,
            200
        );
    }
    assert_eq!(site.granted("refresh_token"), 1);

    // What was rotated is what is kept: the new session renews with the new token.
    let mut renewed = browser.clone();
    renewed.keep(&answers[0]);
    let answer = renewed.fetch("/app/x");
    assert_eq!((answer.status, answer.all("set-cookie").len()), (200, 0));
    assert_eq!(
        renewed
            .send(navigation("/_portcullis/logout", "same-origin"))
            .status,
        303
    );
    let revoked = site.rig.keys_a.requests().pop().unwrap();
    assert_eq!(revoked.target(), "/oauth2/revoke");
    assert!(!String::from_utf8_lossy(&revoked.body).contains("refresh-2&"));
    site.rig.control();
}

#[test]
fn l10_renewal_goes_on_from_token_to_token() {
    let site = Site::start();
    site.idp.wishes().rotates = true;
    let mut browser = nearly_over(&site);
    // Each renewed token is due at once as well.
    site.idp.wishes().access = vec![("iat", (now() - 100_000).into())];
    for renewals in 1..=4 {
        assert_eq!(browser.fetch("/app/x").status, 200);
        assert_eq!(site.granted("refresh_token"), renewals);
    }
}

#[test]
fn l10_a_session_outlives_a_pool_that_is_down() {
    let site = Site::start();
    let mut browser = nearly_over(&site);
    site.idp.wishes().instead = Some(Answer::status(503, &[], ""));
    // Its token is still good.
    assert_eq!(browser.fetch("/app/x").status, 200);
    assert!(browser.is_signed_in());
    site.idp.wishes().instead = None;
    let deadline = std::time::Instant::now() + PATIENCE;
    while browser.fetch("/app/x").all("set-cookie").is_empty() {
        assert!(std::time::Instant::now() < deadline, "it is never renewed");
    }
}

#[test]
fn l10_a_session_whose_token_is_over_waits_for_the_pool() {
    let site = Site::start();
    site.idp.wishes().life = 2;
    let mut browser = site.browser();
    while !browser.is_signed_in() {
        // On a machine that is busy a short-lived token may be over before it comes back.
        site.idp.wishes().life += 1;
        browser.sign_in(&site, "/app/x");
    }
    site.idp.wishes().instead = Some(Answer::status(503, &[], ""));
    let deadline = std::time::Instant::now() + PATIENCE;
    let refused = loop {
        let answer = browser.fetch("/app/x");
        if answer.status != 200 {
            break answer;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "the token is never over"
        );
    };
    assert_eq!(
        (refused.status, refused.reason().as_str()),
        (503, "token_unavailable")
    );
    assert!(!refused.header("retry-after").is_empty());
    assert!(browser.is_signed_in(), "an outage signs nobody out");
    let record = site.rig.gate.record(&refused.header("x-request-id"));
    assert_eq!(record["route"], "/app/{*rest}");
    site.idp.wishes().life = 3600;
    site.idp.wishes().instead = None;
    while browser.fetch("/app/x").status != 200 {
        assert!(std::time::Instant::now() < deadline, "it is never renewed");
    }
    assert_eq!(browser.fetch("/app/x").all("set-cookie").len(), 0);
}

#[test]
fn l11_a_renewal_that_brings_somebody_else_ends_the_session() {
    let site = Site::start();
    let mut browser = nearly_over(&site);
    site.idp.wishes().sub = "somebody-else".to_owned();
    let answer = browser.fetch("/app/x");
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (401, "missing_token")
    );
    assert!(!browser.is_signed_in());
    // The older cookie is not worth anything either.
    let mut browser = nearly_over(&site);
    site.idp.wishes().sub = SUB.to_owned();
    let kept = browser.clone();
    assert_eq!(browser.navigate("/app/x").status, 302);
    assert!(!browser.is_signed_in());
    assert_eq!(kept.dress(get("/app/x")).send(kept.address).status, 401);
}

#[test]
fn l11_a_refusal_ends_the_session() {
    let site = Site::start();
    let mut browser = nearly_over(&site);
    let refusal = r#"{"error":"invalid_grant"}"#;
    site.idp.wishes().instead = Some(Answer::status(400, &[], refusal));
    let answer = browser.fetch("/app/x");
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (401, "missing_token")
    );
    assert!(!browser.is_signed_in());
    assert_eq!(browser.navigate("/app/x").status, 302);
}

#[test]
fn l11_groups_follow_the_newest_token() {
    let site = Site::start();
    site.idp.wishes().groups = vec!["staff".to_owned()];
    let mut browser = nearly_over(&site);
    site.idp.wishes().groups.clear();
    // The old token would have passed: it is the new one that counts, at once.
    let answer = browser.fetch("/staff");
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (403, "missing_group")
    );
    site.idp.wishes().groups = vec!["staff".to_owned()];
    let mut browser = nearly_over(&site);
    let recorded = site.rig.forwards(&browser.dress(get("/staff")));
    assert_eq!(recorded.header("x-user-groups"), Some("staff"));
    assert_eq!(browser.fetch("/staff").status, 200);
}
