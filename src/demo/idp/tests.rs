//! The demo pool's sign-in calls, as Cognito answers.

use http::Request;
use http::Response;
use http::header::CONTENT_TYPE;

use super::*;
use crate::demo::pool::tests::{claims, exchange, pool};

fn post(target: &str, body: &str) -> Response<String> {
    let request = Request::post("/")
        .header(CONTENT_TYPE, JSON_1_1)
        .header("X-Amz-Target", target)
        .body(body)
        .expect("a request");
    let pool = pool();
    exchange(request, |head, body| answer(&pool, &head.headers, body))
}

fn sign_in(flow: &str, client: &str, parameters: Value) -> Response<String> {
    let body = json!({ "AuthFlow": flow, "ClientId": client, "AuthParameters": parameters });
    post(OPERATION, &body.to_string())
}

#[test]
fn alice_signs_in_with_her_password() {
    let answer = sign_in(
        "USER_PASSWORD_AUTH",
        "demo-app",
        json!({ "USERNAME": "alice", "PASSWORD": "Alice-demo-1" }),
    );
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/x-amz-json-1.1");
    let reply: Value = serde_json::from_str(answer.body()).expect("JSON");
    assert_eq!(reply["ChallengeParameters"], json!({}));
    let result = reply["AuthenticationResult"].as_object().expect("a result");
    let members: Vec<_> = result.keys().collect();
    assert_eq!(
        members,
        [
            "AccessToken",
            "ExpiresIn",
            "IdToken",
            "RefreshToken",
            "TokenType"
        ]
    );
    assert_eq!(result["ExpiresIn"], json!(3600));
    assert_eq!(result["TokenType"], json!("Bearer"));
    let token = |name: &str| claims(result[name].as_str().unwrap_or_default());
    assert_eq!(token("AccessToken")["username"], json!("alice"));
    assert_eq!(token("IdToken")["aud"], json!("demo-app"));
    assert!(!result["RefreshToken"].to_string().contains('.'));
}

#[test]
fn refusals_have_the_shape_of_the_aws_services() {
    let answer = sign_in(
        "USER_PASSWORD_AUTH",
        "demo-app",
        json!({ "USERNAME": "alice", "PASSWORD": "wrong" }),
    );
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/x-amz-json-1.1");
    assert_eq!(
        answer.headers()["x-amzn-errortype"],
        "NotAuthorizedException"
    );
    assert_eq!(
        answer.body(),
        r#"{"__type":"NotAuthorizedException","message":"Incorrect username or password."}"#
    );
}

#[test]
fn each_fault_has_its_type() {
    let good = json!({ "USERNAME": "bob", "PASSWORD": "Bob-demo-1" });
    let flow = "USER_PASSWORD_AUTH";
    let kind = |answer: Response<String>| {
        let reply: Value = serde_json::from_str(answer.body()).expect("JSON");
        let kind = reply["__type"].as_str().unwrap_or("none").to_owned();
        kind.replace("Exception", "")
    };
    for (answer, expected) in [
        (sign_in(flow, "demo-app", good.clone()), "none"),
        (
            sign_in(
                flow,
                "demo-app",
                json!({ "USERNAME": "carol", "PASSWORD": "x" }),
            ),
            "NotAuthorized",
        ),
        (
            sign_in(flow, "demo-app", json!({ "USERNAME": "bob" })),
            "InvalidParameter",
        ),
        (
            sign_in(
                flow,
                "demo-app",
                json!({ "USERNAME": "bob", "PASSWORD": 1 }),
            ),
            "InvalidParameter",
        ),
        (sign_in(flow, "demo-app", json!(null)), "InvalidParameter"),
        (
            sign_in(flow, "demo-reader", good.clone()),
            "InvalidParameter",
        ),
        (
            sign_in(flow, "no-such-client", good.clone()),
            "ResourceNotFound",
        ),
        (
            sign_in("USER_SRP_AUTH", "demo-app", good.clone()),
            "InvalidParameter",
        ),
        (post(OPERATION, "{}"), "InvalidParameter"),
        (post(OPERATION, "[]"), "InvalidParameter"),
        (post(OPERATION, "not JSON"), "Serialization"),
        (
            post("AWSCognitoIdentityProviderService.SignUp", "{}"),
            "UnknownOperation",
        ),
        (post("", "{}"), "UnknownOperation"),
    ] {
        assert_eq!(kind(answer), expected);
    }
}

#[test]
fn an_unknown_user_and_a_wrong_password_look_alike() {
    let refusal = |name: &str| {
        let parameters = json!({ "USERNAME": name, "PASSWORD": "wrong" });
        sign_in("USER_PASSWORD_AUTH", "demo-app", parameters).into_body()
    };
    assert_eq!(refusal("alice"), refusal("nobody"));
}
