//! The JSON APIs of user pools and identity pools: an operation posted, its answer or its exception read.
//!
//! The calls are unsigned: who calls is shown by what is in them. Exceptions are told by their type alone, and in our words:
//! their messages come from the other side and may repeat what was sent.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Map, Value};

use super::fault::{Fault, Kind};
use crate::fetch::post::Answer;
use crate::fetch::{Fetcher, Post, shown};

/// One API at one address.
pub(super) struct Api {
    endpoint: String,
    fetcher: Arc<Fetcher>,
}

impl Api {
    pub(super) fn new(endpoint: &str, fetcher: Arc<Fetcher>) -> Api {
        Api {
            endpoint: endpoint.to_owned(),
            fetcher,
        }
    }

    /// How the API is called in faults.
    pub(super) fn source(&self) -> String {
        shown(&self.endpoint)
    }

    /// Calls an operation (`Service.Operation`).
    pub(super) async fn call(
        &self,
        target: &'static str,
        body: &Value,
    ) -> Result<Map<String, Value>, Fault> {
        let post = Post::operation(target, body);
        let answer = self.fetcher.post(&self.endpoint, post).await?;
        let operation = target.rsplit('.').next().unwrap_or(target);
        let members = serde_json::from_slice(&answer.body);
        match (answer.status, members) {
            (StatusCode::OK, Ok(Value::Object(members))) => Ok(members),
            (StatusCode::OK, _) => Err(Fault::other(format!(
                "{} answered {operation} with what is no JSON object",
                self.source()
            ))),
            (_, members) => {
                let members = members.unwrap_or_default();
                Err(self.exception(operation, &answer, &members))
            }
        }
    }

    fn exception(&self, operation: &str, answer: &Answer, members: &Value) -> Fault {
        let source = self.source();
        let status = answer.status.as_u16();
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let kind = text("__type").unwrap_or_default();
        // Either form is in use: `NotAuthorizedException`, `com.amazonaws.…#NotAuthorizedException`.
        let kind = kind.rsplit('#').next().unwrap_or_default();
        let message = text("message").or(text("Message")).unwrap_or_default();
        let known = EXCEPTIONS.iter().find(|(known, ..)| *known == kind);
        let fault = match known {
            Some(&(word, Kind::Grant, _)) if speaks_of_secret(message) => Fault::new(
                Kind::Client,
                format!("{source} answered {operation} {word}: client_secret is wrong or missing"),
            ),
            Some(&(word, next, hint)) => Fault::new(
                next,
                format!("{source} answered {operation} {word}: {hint}"),
            ),
            None => Fault::other(format!("{source} answered {operation} with {status}")),
        };
        fault.with_retry_after(answer.retry_after)
    }
}

/// `NotAuthorizedException` stands for a wrong password and for a wrong SECRET_HASH; only its message tells them apart
/// ("Unable to verify secret hash for client …", "… is configured with secret but SECRET_HASH was not received").
fn speaks_of_secret(message: &str) -> bool {
    message.to_ascii_lowercase().contains("secret")
}

const EXCEPTIONS: [(&str, Kind, &str); 24] = [
    (
        "NotAuthorizedException",
        Kind::Grant,
        "user name, password or refresh token is wrong, or the user is disabled or locked out",
    ),
    (
        "UserNotFoundException",
        Kind::Grant,
        "there is no such user",
    ),
    (
        "UserNotConfirmedException",
        Kind::Grant,
        "the user is not confirmed yet",
    ),
    (
        "PasswordResetRequiredException",
        Kind::Grant,
        "the user must set a new password first",
    ),
    (
        "RefreshTokenReuseException",
        Kind::Grant,
        "the refresh token was used before; somebody else has the newer one",
    ),
    (
        "UnsupportedTokenTypeException",
        Kind::Grant,
        "this is no refresh token",
    ),
    (
        "InvalidParameterException",
        Kind::Other,
        "the app client may not have this flow enabled (ALLOW_USER_PASSWORD_AUTH, ALLOW_USER_SRP_AUTH), or an identifier is wrong",
    ),
    (
        "ResourceNotFoundException",
        Kind::Other,
        "there is no such app client or pool in this region",
    ),
    (
        "ResourceConflictException",
        Kind::Other,
        "it conflicts with another sign-in",
    ),
    (
        "InvalidUserPoolConfigurationException",
        Kind::Other,
        "the user pool is misconfigured",
    ),
    (
        "InvalidIdentityPoolConfigurationException",
        Kind::Other,
        "the identity pool has no role for such users",
    ),
    ("TooManyRequestsException", Kind::Other, "too many requests"),
    ("LimitExceededException", Kind::Other, "a quota is used up"),
    ("ThrottlingException", Kind::Other, "too many requests"),
    (
        "ForbiddenException",
        Kind::Other,
        "a firewall in front of the pool forbids it",
    ),
    (
        "UserLambdaValidationException",
        Kind::Other,
        "a Lambda trigger of the pool refused it",
    ),
    (
        "UnexpectedLambdaException",
        Kind::Other,
        "a Lambda trigger of the pool failed",
    ),
    (
        "InvalidLambdaResponseException",
        Kind::Other,
        "a Lambda trigger of the pool answered wrongly",
    ),
    (
        "InternalErrorException",
        Kind::Other,
        "something failed there",
    ),
    (
        "ExternalServiceException",
        Kind::Other,
        "a service behind it failed",
    ),
    (
        "CodeMismatchException",
        Kind::Other,
        "a challenge was answered wrongly",
    ),
    (
        "UnknownOperationException",
        Kind::Operation,
        "it does not know this operation",
    ),
    (
        "UnknownOperation",
        Kind::Operation,
        "it does not know this operation",
    ),
    (
        "InvalidAction",
        Kind::Operation,
        "it does not know this operation",
    ),
];
