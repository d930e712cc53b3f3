//! The pool's pages and what comes of them, as a browser and an app behind it see them.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{Request, Response};
use serde_json::Value;

use super::*;
use crate::clock::Clock;
use crate::demo::claims::at_hash;
use crate::demo::pool::tests::{NOW, claims, exchange};
use crate::demo::sessions::Sessions;
use crate::demo::users::{ALICE, APP, BOB, CONSOLE};

const CALLBACK: &str = "http://127.0.0.1:8080/_portcullis/callback";
const SIGN_OUT: &str = "http://127.0.0.1:8080/";
/// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn pool() -> DemoPool {
    at(NOW as f64)
}

fn at(now: f64) -> DemoPool {
    DemoPool::new(Clock::fixed(now)).with_app(CALLBACK, SIGN_OUT)
}

/// A browser: one pool, and the cookies that it set.
struct Visitor {
    pool: Arc<DemoPool>,
    cookies: Vec<(String, String)>,
}

impl Visitor {
    fn new(pool: impl Into<Arc<DemoPool>>) -> Visitor {
        Visitor {
            pool: pool.into(),
            cookies: Vec::new(),
        }
    }

    fn get(&mut self, target: &str) -> Response<String> {
        self.send(Request::get(target), "")
    }

    fn post(&mut self, target: &str, form: &str) -> Response<String> {
        let request = Request::post(target);
        let kind = "application/x-www-form-urlencoded";
        self.send(request.header(CONTENT_TYPE, kind), form)
    }

    fn send(&mut self, mut request: http::request::Builder, body: &str) -> Response<String> {
        for (name, value) in &self.cookies {
            request = request.header(COOKIE, format!("{name}={value}"));
        }
        let request = request.body(body).expect("a request");
        let answer = exchange(request, |head, body| self.pool.answer("", head, body));
        for line in answer.headers().get_all(SET_COOKIE) {
            let line = line.to_str().expect("a line");
            let attributes = "; HttpOnly; SameSite=Lax";
            assert!(
                line.ends_with(attributes) && line.contains("; Path=/; "),
                "{line}"
            );
            let (name, value) = line
                .split(';')
                .next()
                .and_then(|pair| pair.split_once('='))
                .expect("a cookie");
            self.cookies.retain(|(known, _)| known != name);
            if !line.contains("Max-Age=0;") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    /// The form's mark, from the page.
    fn mark(page: &str) -> String {
        let (_, rest) = page.split_once(r#"name="_csrf" value=""#).expect("a form");
        rest[..32].to_owned()
    }

    /// From the app's redirect to the form and back: where the browser is sent to.
    fn sign_in(&mut self, query: &str, name: &str, password: &str) -> Response<String> {
        let answer = self.get(&format!("/oauth2/authorize?{query}"));
        let login = location(&answer);
        assert!(login.starts_with("/login?"), "{login}");
        let page = self.get(&login);
        assert_eq!(page.status(), 200);
        let mark = Visitor::mark(page.body());
        let form = format!("_csrf={mark}&username={name}&password={password}");
        self.post(&login, &form)
    }

    fn token(&mut self, form: &str) -> (u16, Value) {
        let answer = self.post("/oauth2/token", form);
        let body = serde_json::from_str(answer.body()).expect("JSON");
        (answer.status().as_u16(), body)
    }
}

fn location(answer: &Response<String>) -> String {
    assert_eq!(answer.status(), 302, "{}", answer.body());
    answer.headers()[LOCATION]
        .to_str()
        .expect("an address")
        .to_owned()
}

/// What `asked` says in place of, or beside, a request that is good.
fn asking(changes: &[(&str, Option<&str>)]) -> String {
    let good = [
        ("response_type", "code"),
        ("client_id", APP.id),
        ("redirect_uri", CALLBACK),
        ("scope", "openid email orders/read"),
        ("state", "st/a+te"),
        ("nonce", "n-once"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let mut query = Serializer::new(String::new());
    for (name, value) in good {
        if !changes.iter().any(|(changed, _)| *changed == name) {
            query.append_pair(name, value);
        }
    }
    for (name, value) in changes {
        query.extend_pairs(value.map(|value| (name, value)));
    }
    query.finish()
}

/// The code with which a browser was sent back.
fn code(answer: &Response<String>) -> String {
    let location = location(answer);
    let (_, query) = location.split_once('?').expect("a query");
    assert!(location.starts_with(CALLBACK), "{location}");
    request::one(query, "code").unwrap_or_else(|| panic!("no code in {location}"))
}

fn redeeming(code: &str) -> String {
    format!(
        "grant_type=authorization_code&client_id=demo-app&code={code}&redirect_uri={CALLBACK}&code_verifier={VERIFIER}"
    )
}

#[test]
fn alice_signs_in_and_the_app_gets_her_tokens() {
    let mut visitor = Visitor::new(pool());
    let answer = visitor.sign_in(&asking(&[]), "alice", ALICE.password);
    let sent_to = location(&answer);
    assert!(sent_to.ends_with("&state=st%2Fa%2Bte"), "{sent_to}");
    let code = code(&answer);
    let (status, tokens) = visitor.token(&redeeming(&code));
    assert_eq!(status, 200, "{tokens}");
    let members: Vec<_> = tokens.as_object().expect("an object").keys().collect();
    let expected = [
        "access_token",
        "expires_in",
        "id_token",
        "refresh_token",
        "token_type",
    ];
    assert_eq!(members, expected);
    let access_token = tokens["access_token"].as_str().expect("a token");
    let access = claims(access_token);
    assert_eq!(access["scope"], "openid email orders/read");
    assert_eq!(access["username"], "alice");
    assert_eq!(access["client_id"], APP.id);
    assert!(!access.contains_key("nonce") && !access.contains_key("aud"));
    let id = claims(tokens["id_token"].as_str().expect("a token"));
    assert_eq!(id["aud"], APP.id);
    assert_eq!(id["nonce"], "n-once");
    assert_eq!(id["at_hash"], at_hash(access_token));
    assert_eq!(id["cognito:username"], "alice");
    assert_eq!(id["email"], ALICE.email);
    assert_eq!(id["cognito:groups"][0], "staff");
    assert_eq!(id["origin_jti"], access["origin_jti"]);
}

#[test]
fn at_hash_is_the_left_half_of_the_digest() {
    // OpenID Connect Core 1.0, appendix A.3.
    assert_eq!(
        at_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"),
        "77QmUPtjPfzWtF2AnpK9RQ"
    );
}

#[test]
fn a_code_is_good_once_with_all_that_it_was_asked_with() {
    let pool = Arc::new(pool());
    for (name, spoil) in [
        (
            "another verifier",
            redeeming("CODE").replace(VERIFIER, &"x".repeat(43)),
        ),
        (
            "no verifier",
            redeeming("CODE").replace("&code_verifier=", "&ignored="),
        ),
        (
            "another address",
            redeeming("CODE").replace(CALLBACK, SIGN_OUT),
        ),
        (
            "another client",
            redeeming("CODE").replace(
                "demo-app",
                "demo-console&client_secret=console-secret-for-demo-only",
            ),
        ),
    ] {
        let mut visitor = Visitor::new(Arc::clone(&pool));
        let code = code(&visitor.sign_in(&asking(&[]), "alice", ALICE.password));
        let refused = (400, serde_json::json!({ "error": "invalid_grant" }));
        assert_eq!(
            visitor.token(&spoil.replace("CODE", &code)),
            refused,
            "{name}"
        );
        // It is spent, even for who has all of it.
        assert_eq!(visitor.token(&redeeming(&code)), refused, "{name}");
    }
    let mut visitor = Visitor::new(Arc::clone(&pool));
    let code = code(&visitor.sign_in(&asking(&[]), "alice", ALICE.password));
    assert_eq!(visitor.token(&redeeming(&code)).0, 200);
    assert_eq!(visitor.token(&redeeming(&code)).0, 400);
}

#[test]
fn a_verifier_for_a_code_without_a_challenge_is_refused() {
    let mut visitor = Visitor::new(pool());
    let plain = asking(&[("code_challenge", None), ("code_challenge_method", None)]);
    let code_of = |visitor: &mut Visitor, query: &str| {
        let answer = visitor.get(&format!("/oauth2/authorize?{query}"));
        code(&answer)
    };
    code(&visitor.sign_in(&plain, "alice", ALICE.password));
    let code = code_of(&mut visitor, &plain);
    assert_eq!(visitor.token(&redeeming(&code)).0, 400);
    let code = code_of(&mut visitor, &plain);
    let without = redeeming(&code).replace("&code_verifier=", "&ignored=");
    assert_eq!(visitor.token(&without).0, 200);
}

#[test]
fn a_code_dies_after_five_minutes() {
    let sessions = &mut Sessions::default();
    let issue = |sessions: &mut Sessions| {
        let code = Code {
            login: Login::new(&APP, &ALICE, vec!["openid"], NOW),
            redirect_uri: CALLBACK.to_owned(),
            challenge: None,
        };
        sessions.issue(code, NOW)
    };
    let (early, late) = (issue(sessions), issue(sessions));
    assert!(sessions.redeem(&early, NOW + 299).is_some());
    assert!(sessions.redeem(&late, NOW + 300).is_none());
}

#[test]
fn a_client_with_a_secret_has_to_show_it() {
    let pool = Arc::new(pool());
    let asked = asking(&[("client_id", Some(CONSOLE.id))]);
    for (secret, status) in [(CONSOLE.secret, 200), (Some("wrong"), 400), (None, 400)] {
        let mut visitor = Visitor::new(Arc::clone(&pool));
        let code = code(&visitor.sign_in(&asked, "bob", BOB.password));
        let form = redeeming(&code).replace("demo-app", CONSOLE.id);
        let form = secret.map_or(form.clone(), |secret| {
            format!("{form}&client_secret={secret}")
        });
        assert_eq!(visitor.token(&form).0, status, "{secret:?}");
    }
}

#[test]
fn who_is_signed_in_is_not_asked_again() {
    let mut visitor = Visitor::new(pool());
    code(&visitor.sign_in(&asking(&[]), "alice", ALICE.password));
    let mut again = |changes: &[(&str, Option<&str>)]| {
        let answer = visitor.get(&format!("/oauth2/authorize?{}", asking(changes)));
        location(&answer)
    };
    assert!(again(&[]).starts_with(CALLBACK));
    assert!(again(&[("prompt", Some("none"))]).contains("?code="));
    assert!(again(&[("max_age", Some("60"))]).contains("?code="));
    assert!(again(&[("prompt", Some("login"))]).starts_with("/login?"));

    // An hour later the pool asks again, and so it does when the app wants a sign-in of late.
    for (later, changes, asks) in [
        (61, vec![("max_age", Some("60"))], true),
        (61, vec![("max_age", Some("61"))], false),
        (3599, vec![], false),
        (3600, vec![], true),
    ] {
        let pool = at((NOW + later) as f64);
        let browser = Browser {
            user: &ALICE,
            at: NOW,
        };
        let value = pool.sessions().admit(browser);
        let mut visitor = Visitor::new(pool);
        visitor.cookies = vec![(SESSION.to_owned(), value)];
        let answer = visitor.get(&format!("/oauth2/authorize?{}", asking(&changes)));
        assert_eq!(location(&answer).starts_with("/login?"), asks, "{later}");
    }
}

#[test]
fn who_is_not_signed_in_and_may_not_be_asked_is_sent_back() {
    let mut visitor = Visitor::new(pool());
    visitor.cookies = vec![(SESSION.to_owned(), "made-up".to_owned())];
    let query = asking(&[("prompt", Some("none"))]);
    let answer = visitor.get(&format!("/oauth2/authorize?{query}"));
    assert_eq!(
        location(&answer),
        format!("{CALLBACK}?error=login_required&state=st%2Fa%2Bte")
    );
}

#[test]
fn a_complaint_goes_to_the_app_only_when_the_app_is_known() {
    let pool = Arc::new(pool());
    let here = |word: &str| format!("/error?error={word}");
    let there = |word: &str| format!("{CALLBACK}?error={word}&state=st%2Fa%2Bte");
    for (name, value, expected) in [
        ("client_id", None, here("invalid_request")),
        ("client_id", Some("nobody"), here("invalid_request")),
        ("redirect_uri", None, here("invalid_request")),
        (
            "redirect_uri",
            Some("https://evil.example/"),
            here("redirect_mismatch"),
        ),
        (
            "redirect_uri",
            Some("http://127.0.0.1:8080/_portcullis/callback/"),
            here("redirect_mismatch"),
        ),
        (
            "redirect_uri",
            Some("http://127.0.0.1:8080/_portcullis/callback?x=1"),
            here("redirect_mismatch"),
        ),
        (
            "redirect_uri",
            Some("HTTP://127.0.0.1:8080/_portcullis/callback"),
            here("redirect_mismatch"),
        ),
        ("response_type", None, there("invalid_request")),
        ("response_type", Some("token"), there("unauthorized_client")),
        (
            "client_id",
            Some("demo-reader"),
            there("unauthorized_client"),
        ),
        (
            "scope",
            Some("openid orders/delete"),
            there("invalid_scope"),
        ),
        (
            "code_challenge_method",
            Some("plain"),
            there("invalid_request"),
        ),
        ("code_challenge_method", None, there("invalid_request")),
        ("code_challenge", None, there("invalid_request")),
        ("code_challenge", Some("short"), there("invalid_request")),
        ("prompt", Some("maybe"), there("invalid_request")),
        ("max_age", Some("-1"), there("invalid_request")),
    ] {
        let query = asking(&[(name, value)]);
        for page in ["/oauth2/authorize", "/login"] {
            let answer = Visitor::new(Arc::clone(&pool)).get(&format!("{page}?{query}"));
            assert_eq!(location(&answer), expected, "{page} {name} {value:?}");
        }
        let posted = Visitor::new(Arc::clone(&pool)).post(&format!("/login?{query}"), "");
        assert_eq!(location(&posted), expected, "{name} {value:?}");
    }
    // A parameter that is there twice says nothing.
    let twice = format!("{}&redirect_uri=https://evil.example/", asking(&[]));
    let answer = Visitor::new(Arc::clone(&pool)).get(&format!("/oauth2/authorize?{twice}"));
    assert_eq!(location(&answer), here("invalid_request"));
}

#[test]
fn scopes_not_named_are_all_and_without_openid_there_is_no_id_token() {
    for (scope, granted, has_id) in [
        (
            None,
            "openid email phone profile aws.cognito.signin.user.admin orders/read orders/write",
            true,
        ),
        (Some("orders/write"), "orders/write", false),
    ] {
        let mut visitor = Visitor::new(pool());
        let code = code(&visitor.sign_in(&asking(&[("scope", scope)]), "bob", BOB.password));
        let (_, tokens) = visitor.token(&redeeming(&code));
        let access = claims(tokens["access_token"].as_str().expect("a token"));
        assert_eq!(access["scope"], granted);
        assert_eq!(tokens.get("id_token").is_some(), has_id);
    }
}

#[test]
fn a_wrong_password_shows_the_form_again() {
    let mut visitor = Visitor::new(pool());
    for (name, password) in [
        ("alice", "wrong"),
        ("nobody", "Alice-demo-1"),
        ("alice", ""),
    ] {
        let answer = visitor.sign_in(&asking(&[]), name, password);
        assert_eq!(answer.status(), 200);
        assert!(answer.body().contains(WRONG));
        assert!(!answer.headers().contains_key(LOCATION));
    }
    assert!(!visitor.cookies.iter().any(|(name, _)| name == SESSION));
    let by_address = visitor.sign_in(&asking(&[]), "alice@example.com", ALICE.password);
    code(&by_address);
}

#[test]
fn a_form_from_elsewhere_is_refused() {
    let pool = Arc::new(pool());
    let login = format!("/login?{}", asking(&[]));
    let filled = |mark: &str| format!("_csrf={mark}&username=alice&password={}", ALICE.password);
    let mut visitor = Visitor::new(Arc::clone(&pool));
    let mark = Visitor::mark(visitor.get(&login).body());
    let theirs = Visitor::mark(Visitor::new(Arc::clone(&pool)).get(&login).body());
    for form in [
        filled(""),
        filled(&theirs),
        filled("x"),
        format!("username=alice&password={}", ALICE.password),
    ] {
        assert_eq!(visitor.post(&login, &form).status(), 403, "{form}");
    }
    // Without the cookie that goes with it, not even the right mark will do.
    assert_eq!(
        Visitor::new(Arc::clone(&pool))
            .post(&login, &filled(&mark))
            .status(),
        403
    );
    code(&visitor.post(&login, &filled(&mark)));
}

#[test]
fn three_tabs_do_not_spoil_each_others_forms() {
    let mut visitor = Visitor::new(pool());
    let login = |state: &str| format!("/login?{}", asking(&[("state", Some(state))]));
    let marks: Vec<String> = ["one", "two", "three"]
        .map(|tab| Visitor::mark(visitor.get(&login(tab)).body()))
        .into();
    for (tab, mark) in ["one", "two", "three"].iter().zip(marks) {
        let form = format!("_csrf={mark}&username=alice&password={}", ALICE.password);
        let answer = visitor.post(&login(tab), &form);
        assert!(location(&answer).ends_with(&format!("&state={tab}")));
    }
}

#[test]
fn refresh_tokens_renew_a_sign_in_until_they_are_revoked() {
    let mut visitor = Visitor::new(pool());
    let code = code(&visitor.sign_in(&asking(&[]), "alice", ALICE.password));
    let (_, first) = visitor.token(&redeeming(&code));
    let token = first["refresh_token"].as_str().expect("a token").to_owned();
    let renewing = format!("grant_type=refresh_token&client_id=demo-app&refresh_token={token}");
    let (status, next) = visitor.token(&renewing);
    assert_eq!(status, 200);
    assert!(next.get("refresh_token").is_none());
    let (before, after) = (
        claims(first["id_token"].as_str().expect("a token")),
        claims(next["id_token"].as_str().expect("a token")),
    );
    for same in ["sub", "aud", "auth_time", "origin_jti"] {
        assert_eq!(before[same], after[same], "{same}");
    }
    assert_ne!(before["jti"], after["jti"]);
    assert!(!after.contains_key("nonce"));
    let stranger = renewing.replace(
        "demo-app",
        "demo-console&client_secret=console-secret-for-demo-only",
    );
    assert_eq!(visitor.token(&stranger).1["error"], "invalid_grant");

    let gone = visitor.post(
        "/oauth2/revoke",
        &format!("client_id=demo-app&token={token}"),
    );
    assert_eq!((gone.status().as_u16(), gone.body().as_str()), (200, ""));
    assert_eq!(visitor.token(&renewing).1["error"], "invalid_grant");
}

#[test]
fn rotated_refresh_tokens_are_good_once_and_revoked_together() {
    let mut visitor = Visitor::new(pool().with_rotation());
    let code = code(&visitor.sign_in(&asking(&[]), "alice", ALICE.password));
    let mut tokens = visitor.token(&redeeming(&code)).1;
    let mut used = Vec::new();
    for _ in 0..3 {
        let token = tokens["refresh_token"]
            .as_str()
            .expect("a token")
            .to_owned();
        let form = format!("grant_type=refresh_token&client_id=demo-app&refresh_token={token}");
        let (status, next) = visitor.token(&form);
        assert_eq!(status, 200);
        assert_eq!(visitor.token(&form).1["error"], "invalid_grant");
        used.push(token);
        tokens = next;
    }
    let last = tokens["refresh_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    assert!(!used.contains(&last));
    visitor.post(
        "/oauth2/revoke",
        &format!("client_id=demo-app&token={last}"),
    );
    let form = format!("grant_type=refresh_token&client_id=demo-app&refresh_token={last}");
    assert_eq!(visitor.token(&form).1["error"], "invalid_grant");
}

#[test]
fn revocation_tells_what_is_wrong() {
    let pool = Arc::new(pool());
    for (form, expected) in [
        ("client_id=demo-app&token=unknown", (200, "")),
        (
            "client_id=demo-app",
            (400, r#"{"error":"invalid_request"}"#),
        ),
        ("token=unknown", (400, r#"{"error":"invalid_request"}"#)),
        (
            "client_id=demo-app&token=a.b.c",
            (400, r#"{"error":"unsupported_token_type"}"#),
        ),
        (
            "client_id=demo-console&token=unknown",
            (401, r#"{"error":"invalid_client"}"#),
        ),
        (
            "client_id=nobody&token=unknown",
            (401, r#"{"error":"invalid_client"}"#),
        ),
    ] {
        let answer = Visitor::new(Arc::clone(&pool)).post("/oauth2/revoke", form);
        assert_eq!(
            (answer.status().as_u16(), answer.body().as_str()),
            expected,
            "{form}"
        );
    }
}

#[test]
fn signing_out_ends_the_pools_own_session() {
    let mut visitor = Visitor::new(pool());
    code(&visitor.sign_in(&asking(&[]), "alice", ALICE.password));
    let kept = visitor.cookies.clone();
    let answer = visitor.get(&format!("/logout?client_id=demo-app&logout_uri={SIGN_OUT}"));
    assert_eq!(location(&answer), SIGN_OUT);
    assert!(!visitor.cookies.iter().any(|(name, _)| name == SESSION));
    // A cookie that was kept is worth nothing.
    visitor.cookies = kept;
    let answer = visitor.get(&format!("/oauth2/authorize?{}", asking(&[])));
    assert!(location(&answer).starts_with("/login?"));
}

#[test]
fn signing_out_sends_nobody_where_no_app_is() {
    let pool = Arc::new(pool());
    for query in [
        "",
        "client_id=demo-app",
        "client_id=demo-app&logout_uri=https://evil.example/",
        "client_id=demo-app&logout_uri=http://127.0.0.1:8080/x",
        "client_id=demo-app&post_logout_redirect_uri=http://127.0.0.1:8080/",
        "client_id=demo-reader&logout_uri=http://127.0.0.1:8080/",
        "client_id=nobody&logout_uri=http://127.0.0.1:8080/",
        "logout_uri=http://127.0.0.1:8080/",
    ] {
        let answer = Visitor::new(Arc::clone(&pool)).get(&format!("/logout?{query}"));
        assert_eq!(location(&answer), "/error?error=invalid_request", "{query}");
    }
}

#[test]
fn the_pages_run_no_script_and_ask_for_nothing_elsewhere() {
    let mut visitor = Visitor::new(pool());
    let form = visitor.get(&format!("/login?{}", asking(&[])));
    let error = visitor.get("/error?error=%3Cscript%3Ealert(1)%3C/script%3E");
    assert_eq!(
        (form.status().as_u16(), error.status().as_u16()),
        (200, 400)
    );
    for page in [form, error] {
        let policy = page.headers()["content-security-policy"]
            .to_str()
            .expect("a line");
        assert!(
            policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'")
        );
        assert_eq!(page.headers()[REFERRER_POLICY], "no-referrer");
        assert_eq!(page.headers()["cache-control"], "no-store");
        for outside in [
            "<script", "src=", "@import", "url(", "http://", "https://", "%",
        ] {
            let text = page.body().replace("100%", "");
            assert!(!text.contains(outside), "{outside}");
        }
    }
}

#[test]
fn pages_that_do_something_take_no_head_request() {
    let mut visitor = Visitor::new(pool());
    code(&visitor.sign_in(&asking(&[]), "alice", ALICE.password));
    let request = Request::head(format!("/oauth2/authorize?{}", asking(&[])));
    let answer = visitor.send(request, "");
    assert_eq!(answer.status(), 405);
    assert_eq!(answer.headers()["allow"], "GET");
}
