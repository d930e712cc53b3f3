//! The pool's API, as far as a user's sign-in by password needs it: `InitiateAuth` with `USER_PASSWORD_AUTH`.
//!
//! Speaks JSON 1.1 as the AWS services do: the operation is named in `X-Amz-Target`, and an error carries its type in
//! `__type` and in `x-amzn-errortype`. An unknown user and a wrong password are told apart by nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::pool::DemoPool;
use super::serve::{self, Answer};
use super::signing::random;
use super::users::{self, APP, User};

const JSON_1_1: &str = "application/x-amz-json-1.1";
const OPERATION: &str = "AWSCognitoIdentityProviderService.InitiateAuth";

/// An AWS exception: its type, as in `x-amzn-errortype`, and its message.
struct Exception {
    kind: &'static str,
    message: &'static str,
}

const fn exception(kind: &'static str, message: &'static str) -> Exception {
    Exception { kind, message }
}

const fn invalid(message: &'static str) -> Exception {
    exception("InvalidParameterException", message)
}

/// Answers `POST /`.
pub fn answer(pool: &DemoPool, headers: &HeaderMap, body: &[u8]) -> Answer {
    match initiate_auth(headers, body) {
        Ok(user) => {
            let tokens = pool.sign_in(APP.id, user);
            let body = json!({
                "AuthenticationResult": {
                    "AccessToken": tokens.access_token,
                    "ExpiresIn": pool.lifetime(),
                    "IdToken": tokens.id_token,
                    "RefreshToken": URL_SAFE_NO_PAD.encode(random::<192>()),
                    "TokenType": "Bearer",
                },
                "ChallengeParameters": {},
            });
            serve::body_of(StatusCode::OK, JSON_1_1, body.to_string())
        }
        Err(Exception { kind, message }) => {
            let body = json!({ "__type": kind, "message": message });
            let mut answer = serve::body_of(StatusCode::BAD_REQUEST, JSON_1_1, body.to_string());
            let headers = answer.headers_mut();
            headers.insert(
                HeaderName::from_static("x-amzn-errortype"),
                HeaderValue::from_static(kind),
            );
            headers.insert(
                HeaderName::from_static("x-amzn-errormessage"),
                HeaderValue::from_static(message),
            );
            answer
        }
    }
}

fn initiate_auth(headers: &HeaderMap, body: &[u8]) -> Result<&'static User, Exception> {
    if headers.get("x-amz-target").map(HeaderValue::as_bytes) != Some(OPERATION.as_bytes()) {
        return Err(exception(
            "UnknownOperationException",
            "The demo pool knows InitiateAuth alone.",
        ));
    }
    let request: Value = serde_json::from_slice(body)
        .map_err(|_| exception("SerializationException", "The body is not JSON."))?;
    let flow = request["AuthFlow"]
        .as_str()
        .ok_or(invalid("Missing required parameter AuthFlow"))?;
    let client = request["ClientId"]
        .as_str()
        .ok_or(invalid("Missing required parameter ClientId"))?;
    let client = users::client(client).ok_or(exception(
        "ResourceNotFoundException",
        "User pool client does not exist.",
    ))?;
    if flow != "USER_PASSWORD_AUTH" {
        return Err(invalid("This flow is not enabled for this client"));
    }
    if *client != APP {
        return Err(invalid(
            "USER_PASSWORD_AUTH flow not enabled for this client",
        ));
    }
    let name = request["AuthParameters"]["USERNAME"]
        .as_str()
        .ok_or(invalid("Missing required parameter USERNAME"))?;
    let password = request["AuthParameters"]["PASSWORD"]
        .as_str()
        .ok_or(invalid("Missing required parameter PASSWORD"))?;
    users::user(name)
        .filter(|user| user.password == password)
        .ok_or(exception(
            "NotAuthorizedException",
            "Incorrect username or password.",
        ))
}

#[cfg(test)]
mod tests;
