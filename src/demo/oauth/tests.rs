//! The demo pool's token endpoint, as Cognito answers.

use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use http::{Request, Response};
use serde_json::Value;

use super::*;
use crate::demo::pool::tests::{claims, exchange, pool};

const FORM: &str = "application/x-www-form-urlencoded";
const READER: &str = "demo-reader:reader-secret-for-demo-only";
const WRITER: &str = "demo-writer:writer-secret-for-demo-only";

fn post(pool: &DemoPool, basic: Option<&str>, kind: &str, body: &str) -> Response<String> {
    let mut request = Request::post("/oauth2/token").header(CONTENT_TYPE, kind);
    if let Some(pair) = basic {
        let encoded = STANDARD.encode(pair);
        request = request.header(AUTHORIZATION, format!("Basic {encoded}"));
    }
    let request = request.body(body).expect("a request");
    exchange(request, |head, body| answer(pool, &head.headers, body))
}

/// The scopes of the token that this request gets, or the error.
fn outcome(pool: &DemoPool, basic: Option<&str>, body: &str) -> String {
    let answer = post(pool, basic, FORM, body);
    let reply: Value = serde_json::from_str(answer.body()).expect("JSON");
    match reply["access_token"].as_str() {
        Some(token) => {
            assert_eq!(answer.status(), 200);
            let claims = claims(token);
            format!(
                "{}: {}",
                claims["client_id"].as_str().unwrap_or_default(),
                claims["scope"].as_str().unwrap_or_default()
            )
        }
        None => {
            assert_eq!(answer.status(), 400);
            assert_eq!(reply.as_object().map(|reply| reply.len()), Some(1));
            reply["error"].as_str().unwrap_or_default().to_owned()
        }
    }
}

#[test]
fn a_grant_is_a_bearer_token_for_an_hour_and_nothing_else() {
    let answer = post(&pool(), Some(READER), FORM, "grant_type=client_credentials");
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
    assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
    let reply: Value = serde_json::from_str(answer.body()).expect("JSON");
    let members: Vec<_> = reply.as_object().expect("an object").keys().collect();
    assert_eq!(members, ["access_token", "expires_in", "token_type"]);
    assert_eq!(reply["expires_in"], json!(3600));
    assert_eq!(reply["token_type"], json!("Bearer"));
}

#[test]
fn scopes_and_credentials_are_taken_as_cognito_takes_them() {
    let pool = pool();
    let grant = "grant_type=client_credentials";
    for (basic, rest, expected) in [
        (Some(READER), "", "demo-reader: orders/read"),
        (Some(WRITER), "", "demo-writer: orders/read orders/write"),
        (
            Some(WRITER),
            "&scope=",
            "demo-writer: orders/read orders/write",
        ),
        (
            Some(WRITER),
            "&scope=orders%2Fwrite",
            "demo-writer: orders/write",
        ),
        (
            Some(WRITER),
            "&scope=orders/write+orders/read+orders/write",
            "demo-writer: orders/write orders/read",
        ),
        (
            Some(WRITER),
            "&client_id=demo-writer",
            "demo-writer: orders/read orders/write",
        ),
        (
            None,
            "&client_id=demo-reader&client_secret=reader-secret-for-demo-only",
            "demo-reader: orders/read",
        ),
        (Some(READER), "&scope=orders/write", "invalid_scope"),
        (
            Some(READER),
            "&scope=orders/read+orders/delete",
            "invalid_scope",
        ),
        (Some(READER), "&scope=openid", "invalid_scope"),
        (Some(READER), "&scope=ORDERS/READ", "invalid_scope"),
        (Some("demo-reader:wrong"), "", "invalid_client"),
        (Some("nobody:wrong"), "", "invalid_client"),
        (Some("demo-reader"), "", "invalid_client"),
        (None, "&client_id=demo-reader", "invalid_client"),
        (
            None,
            "&client_id=demo-reader&client_secret=",
            "invalid_client",
        ),
        (None, "&client_id=demo-app", "unauthorized_client"),
        (Some("demo-app:"), "", "invalid_client"),
        (None, "", "invalid_request"),
        (Some(READER), "&client_id=demo-writer", "invalid_request"),
        (
            Some(READER),
            "&client_secret=reader-secret-for-demo-only",
            "invalid_request",
        ),
        (
            Some(READER),
            "&scope=orders/read&scope=orders/read",
            "invalid_request",
        ),
        (
            Some(READER),
            "&grant_type=client_credentials",
            "invalid_request",
        ),
    ] {
        let body = format!("{grant}{rest}");
        assert_eq!(outcome(&pool, basic, &body), expected, "{basic:?} {rest}");
    }
}

#[test]
fn other_grants_and_other_bodies_are_refused() {
    let pool = pool();
    assert_eq!(outcome(&pool, Some(READER), ""), "invalid_request");
    for (grant, expected) in [
        ("password", "unsupported_grant_type"),
        ("Client_Credentials", "unsupported_grant_type"),
        ("authorization_code", "unauthorized_client"),
        ("refresh_token", "unauthorized_client"),
    ] {
        let body = format!("grant_type={grant}");
        assert_eq!(outcome(&pool, Some(READER), &body), expected);
    }
    for grant in ["authorization_code", "refresh_token"] {
        let body = format!("grant_type={grant}&client_id=demo-app");
        assert_eq!(outcome(&pool, None, &body), "invalid_request");
    }
    let body = "grant_type=client_credentials";
    let answer = post(&pool, Some(READER), "text/plain", body);
    assert_eq!(answer.body(), r#"{"error":"invalid_request"}"#);
    let answer = post(&pool, Some(READER), &format!("{FORM}; charset=UTF-8"), body);
    assert_eq!(answer.status(), 200);
}
