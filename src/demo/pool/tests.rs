//! The demo pool over real sockets, by clients that know Cognito.

use std::process::Command;

use http::header::CONTENT_TYPE;
use http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::json;

use super::*;
use crate::demo::claims::SIGN_IN_SCOPE;
use crate::demo::users::{ALICE, APP, BOB, POOL_ID, READER};

pub(in crate::demo) const NOW: u64 = 1_790_000_000;
const BASE: &str = "http://127.0.0.1:9229";

pub(in crate::demo) fn pool() -> DemoPool {
    DemoPool::new(Clock::fixed(NOW as f64 + 0.75))
}

/// Sends a request to `answer` and gives back the answer with its body as text.
pub(in crate::demo) fn exchange(
    request: Request<&str>,
    answer: impl FnOnce(&Parts, &[u8]) -> Answer,
) -> Response<String> {
    let (head, body) = request.into_parts();
    let (head, body) = answer(&head, body.as_bytes()).into_parts();
    let body = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
        .block_on(body.collect())
        .expect("a body in memory");
    let body = String::from_utf8(body.to_bytes().to_vec()).expect("UTF-8");
    Response::from_parts(head, body)
}

/// The claims of a token, unverified.
pub(in crate::demo) fn claims(token: &str) -> Claims {
    jsonwebtoken::dangerous::insecure_decode_claims(token).expect("a token")
}

fn get(path: &str) -> Response<String> {
    let request = Request::get(path).body("").expect("a request");
    exchange(request, |head, body| pool().answer(BASE, head, body))
}

/// Fills in what differs from token to token, so that the rest can be compared whole.
fn settled(mut claims: Claims) -> Value {
    for name in ["jti", "origin_jti", "event_id"] {
        if let Some(value) = claims.get_mut(name) {
            assert_eq!(value.as_str().map(str::len), Some(36), "{name}");
            *value = json!("a uuid");
        }
    }
    Value::Object(claims)
}

/// A sign-in through the API.
fn signed_in(user: &'static User) -> Login {
    Login::new(&APP, user, vec![SIGN_IN_SCOPE], NOW)
}

#[test]
fn a_machines_access_token_has_cognitos_claims_and_no_others() {
    let token = pool().access_token(READER.id, &["orders/read"], None, |_| {});
    assert_eq!(
        settled(claims(&token)),
        json!({
            "sub": "demo-reader",
            "client_id": "demo-reader",
            "token_use": "access",
            "scope": "orders/read",
            "auth_time": NOW,
            "iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_DemoPool1",
            "exp": NOW + 3600,
            "iat": NOW,
            "version": 2,
            "jti": "a uuid",
        })
    );
}

#[test]
fn a_users_tokens_have_cognitos_claims_and_no_others() {
    let tokens = pool().sign_in(&signed_in(&ALICE));
    let (access, id) = (claims(&tokens.access_token), claims(&tokens.id_token));
    for shared in ["origin_jti", "event_id", "auth_time", "sub"] {
        assert_eq!(access[shared], id[shared], "{shared}");
    }
    assert_ne!(access["jti"], id["jti"]);
    assert_eq!(
        settled(access),
        json!({
            "sub": ALICE.sub,
            "cognito:groups": ["staff"],
            "iss": ISSUER,
            "version": 2,
            "client_id": "demo-app",
            "origin_jti": "a uuid",
            "event_id": "a uuid",
            "token_use": "access",
            "scope": "aws.cognito.signin.user.admin",
            "auth_time": NOW,
            "exp": NOW + 3600,
            "iat": NOW,
            "jti": "a uuid",
            "username": "alice",
        })
    );
    assert_eq!(
        settled(id),
        json!({
            "sub": ALICE.sub,
            "cognito:groups": ["staff"],
            "email": "alice@example.com",
            "email_verified": true,
            "iss": ISSUER,
            "cognito:username": "alice",
            "origin_jti": "a uuid",
            "aud": "demo-app",
            "event_id": "a uuid",
            "token_use": "id",
            "auth_time": NOW,
            "exp": NOW + 3600,
            "iat": NOW,
            "jti": "a uuid",
        })
    );
}

#[test]
fn a_user_in_no_group_has_no_group_claim() {
    let pool = pool();
    let tokens = pool.sign_in(&signed_in(&BOB));
    assert!(!claims(&tokens.access_token).contains_key("cognito:groups"));
    assert!(!claims(&pool.id_token(APP.id, &BOB, |_| {})).contains_key("cognito:groups"));
}

#[test]
fn access_and_id_tokens_are_signed_with_different_keys() {
    let pool = pool();
    let tokens = pool.sign_in(&signed_in(&ALICE));
    let kid = |token: &str| jsonwebtoken::decode_header(token).expect("a header").kid;
    assert_eq!(
        kid(&tokens.access_token).as_deref(),
        Some(pool.keys().access.kid())
    );
    assert_eq!(kid(&tokens.id_token).as_deref(), Some(pool.keys().id.kid()));
}

#[test]
fn tests_can_change_any_claim_and_the_lifetime() {
    let pool = pool().with_lifetime(Duration::from_secs(300));
    let token = pool.access_token(READER.id, &[], Some(&ALICE), |claims| {
        claims.remove("sub");
        claims.insert("token_use".into(), json!("id"));
    });
    let claims = claims(&token);
    assert_eq!(claims["exp"], json!(NOW + 300));
    assert_eq!(claims["token_use"], json!("id"));
    assert!(!claims.contains_key("sub"));
}

#[test]
fn rotation_replaces_both_keys() {
    let pool = pool();
    let before = pool.keys();
    pool.rotate();
    let set = pool.keys().jwks().to_string();
    assert!(!set.contains(before.access.kid()) && !set.contains(before.id.kid()));
}

#[test]
fn discovery_says_cognitos_issuer_and_this_pools_addresses() {
    let answer = get("/eu-west-1_DemoPool1/.well-known/openid-configuration");
    let document: Value = serde_json::from_str(answer.body()).expect("JSON");
    assert_eq!(document["issuer"], json!(ISSUER));
    assert_eq!(document["jwks_uri"], json!(format!("{BASE}{JWKS_PATH}")));
    assert_eq!(
        document["token_endpoint"],
        json!("http://127.0.0.1:9229/oauth2/token")
    );
}

#[test]
fn addresses_and_issuer_follow_from_the_pool_id() {
    assert_eq!(JWKS_PATH, format!("/{POOL_ID}/.well-known/jwks.json"));
    assert!(DISCOVERY_PATH.starts_with(&format!("/{POOL_ID}/")));
    assert!(ISSUER.ends_with(&format!("/{POOL_ID}")));
}

#[test]
fn keys_are_served_as_json() {
    let answer = get(JWKS_PATH);
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
    let set: Value = serde_json::from_str(answer.body()).expect("JSON");
    assert_eq!(set["keys"].as_array().map(Vec::len), Some(2));
}

#[test]
fn other_paths_pools_and_methods_are_refused() {
    assert_eq!(get("/other_Pool/.well-known/jwks.json").status(), 404);
    assert_eq!(get("/oauth2/userInfo").status(), 404);
    let answer = get("/oauth2/token");
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()[ALLOW]),
        (405, &HeaderValue::from_static("POST"))
    );
    let request = Request::post(JWKS_PATH).body("").expect("a request");
    let answer = exchange(request, |head, body| pool().answer(BASE, head, body));
    assert_eq!(answer.headers()[ALLOW], "GET, HEAD");
}

#[test]
fn pages_of_this_machine_may_read_the_answers_and_no_others() {
    let pool = pool();
    for (origin, allowed) in [
        ("http://127.0.0.1:8080", true),
        ("http://localhost:8080", true),
        ("http://[::1]:8080", true),
        ("http://127.9.9.9", true),
        ("https://localhost", true),
        ("https://evil.example", false),
        ("http://localhost.evil.example", false),
        ("http://127.0.0.1.evil.example:80", false),
        ("http://127.0.0.1@evil.example", false),
        ("http://192.168.0.2:8080", false),
        ("ftp://localhost", false),
        ("null", false),
        ("", false),
    ] {
        let request = Request::options("/oauth2/token")
            .header(ORIGIN, origin)
            .body("")
            .expect("a request");
        let answer = exchange(request, |head, body| pool.answer(BASE, head, body));
        let named = answer.headers().get(ACCESS_CONTROL_ALLOW_ORIGIN);
        assert_eq!(
            named.is_some_and(|named| named == origin),
            allowed,
            "{origin}"
        );
        assert_eq!(named.is_some(), allowed, "{origin}");
        assert_eq!(answer.headers()[VARY], "origin");
        assert_eq!(answer.status(), 204);
    }
}

#[test]
fn neither_server_leaves_loopback() {
    let listener = TcpListener::bind("0.0.0.0:0").expect("a port");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let refused = runtime.block_on(Arc::new(pool()).serve(listener));
    assert_eq!(
        refused.expect_err("not on loopback").kind(),
        io::ErrorKind::InvalidInput
    );
}

#[test]
fn it_answers_over_a_socket() {
    let curl = |url: &str| {
        let output = Command::new("curl")
            .args(["-s", "--noproxy", "*", url])
            .output();
        output.ok().map(|output| output.stdout)
    };
    let pool = Arc::new(pool());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!(
        "http://{}{JWKS_PATH}",
        listener.local_addr().expect("bound")
    );
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.spawn(Arc::clone(&pool).serve(listener));
    let Some(body) = curl(&url) else {
        return; // no curl on this machine
    };
    let set: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(set, pool.keys().jwks());
}
