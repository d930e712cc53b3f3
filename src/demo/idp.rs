//! The pool's API, as far as signing in needs it: by password, by SRP, and by refresh token, with or without rotation.
//!
//! Speaks JSON 1.1 as the AWS services do: the operation is named in `X-Amz-Target`, and an error carries its type in
//! `__type` and in `x-amzn-errortype`. An unknown user and a wrong password are told apart by nothing.

mod srp;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::claims::SIGN_IN_SCOPE;
use super::pool::DemoPool;
use super::serve::{self, Answer};
use super::sessions::Login;
use super::users::{self, Client, User};

pub(super) use srp::Exchange;

const JSON_1_1: &str = "application/x-amz-json-1.1";
const SERVICE: &str = "AWSCognitoIdentityProviderService.";

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

const fn refused(message: &'static str) -> Exception {
    exception("NotAuthorizedException", message)
}

const WRONG: Exception = refused("Incorrect username or password.");

/// Answers `POST /`.
pub fn answer(pool: &DemoPool, headers: &HeaderMap, body: &[u8]) -> Answer {
    match operate(pool, headers, body) {
        Ok(body) => serve::body_of(StatusCode::OK, JSON_1_1, body.to_string()),
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

fn operate(pool: &DemoPool, headers: &HeaderMap, body: &[u8]) -> Result<Value, Exception> {
    let target = headers.get("x-amz-target").map(HeaderValue::as_bytes);
    let operation = target
        .and_then(|target| target.strip_prefix(SERVICE.as_bytes()))
        .unwrap_or_default();
    let operate = match operation {
        b"InitiateAuth" => initiate,
        b"RespondToAuthChallenge" => respond,
        b"GetTokensFromRefreshToken" => renew,
        _ => {
            return Err(exception(
                "UnknownOperationException",
                "The demo pool knows what signing in needs and nothing else.",
            ));
        }
    };
    let request: Value = serde_json::from_slice(body)
        .map_err(|_| exception("SerializationException", "The body is not JSON."))?;
    operate(pool, &request)
}

/// The app client that a request names: one that signs users in.
fn app(request: &Value) -> Result<&'static Client, Exception> {
    let id = request["ClientId"]
        .as_str()
        .ok_or(invalid("Missing required parameter ClientId"))?;
    users::client(id).ok_or(exception(
        "ResourceNotFoundException",
        "User pool client does not exist.",
    ))
}

fn initiate(pool: &DemoPool, request: &Value) -> Result<Value, Exception> {
    let flow = request["AuthFlow"]
        .as_str()
        .ok_or(invalid("Missing required parameter AuthFlow"))?;
    let client = app(request)?;
    let by_flow = match flow {
        "USER_PASSWORD_AUTH" => by_password,
        "USER_SRP_AUTH" => by_srp,
        "REFRESH_TOKEN_AUTH" | "REFRESH_TOKEN" if !pool.rotates() => by_refresh_token,
        _ => return Err(invalid("This flow is not enabled for this client")),
    };
    if !client.signs_users_in() {
        return Err(invalid("This flow is not enabled for this client"));
    }
    by_flow(pool, client, &request["AuthParameters"])
}

fn by_password(
    pool: &DemoPool,
    client: &'static Client,
    parameters: &Value,
) -> Result<Value, Exception> {
    let name = parameters["USERNAME"]
        .as_str()
        .ok_or(invalid("Missing required parameter USERNAME"))?;
    let password = parameters["PASSWORD"]
        .as_str()
        .ok_or(invalid("Missing required parameter PASSWORD"))?;
    check_hash(client, parameters, name)?;
    let user = users::signing_in(name).filter(|user| user.password == password);
    Ok(signed_in(
        pool,
        sign_in(pool, client, user.ok_or(WRONG)?),
        true,
    ))
}

fn by_srp(
    pool: &DemoPool,
    client: &'static Client,
    parameters: &Value,
) -> Result<Value, Exception> {
    let name = parameters["USERNAME"]
        .as_str()
        .ok_or(invalid("Missing required parameter USERNAME"))?;
    let public = parameters["SRP_A"]
        .as_str()
        .ok_or(invalid("Missing required parameter SRP_A"))?;
    check_hash(client, parameters, name)?;
    let user = users::signing_in(name).ok_or(WRONG)?;
    let exchange =
        srp::Exchange::begin(user, public).ok_or(invalid("SRP_A is not a good number"))?;
    let answer = json!({
        "ChallengeName": "PASSWORD_VERIFIER",
        "ChallengeParameters": {
            "SALT": exchange.salt(),
            "SECRET_BLOCK": exchange.block(),
            "SRP_B": exchange.public(),
            "USERNAME": user.name,
            "USER_ID_FOR_SRP": user.name,
        },
    });
    pool.sessions().await_proof(client, exchange);
    Ok(answer)
}

fn respond(pool: &DemoPool, request: &Value) -> Result<Value, Exception> {
    let client = app(request)?;
    if request["ChallengeName"] != "PASSWORD_VERIFIER" {
        return Err(invalid("No such challenge is open"));
    }
    let responses = &request["ChallengeResponses"];
    let response = |name: &str| responses[name].as_str().unwrap_or_default();
    let timestamp = response("TIMESTAMP");
    if !srp::is_timestamp(timestamp) {
        return Err(invalid(
            "TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english",
        ));
    }
    check_hash(client, responses, response("USERNAME"))?;
    let block = response("PASSWORD_CLAIM_SECRET_BLOCK");
    let exchange = pool.sessions().take_exchange(client, block).ok_or(WRONG)?;
    let proven = response("USERNAME") == exchange.user().name
        && exchange.proves(response("PASSWORD_CLAIM_SIGNATURE"), timestamp);
    match proven {
        true => Ok(signed_in(
            pool,
            sign_in(pool, client, exchange.user()),
            true,
        )),
        false => Err(WRONG),
    }
}

fn by_refresh_token(
    pool: &DemoPool,
    client: &'static Client,
    parameters: &Value,
) -> Result<Value, Exception> {
    let token = parameters["REFRESH_TOKEN"]
        .as_str()
        .ok_or(invalid("Missing required parameter REFRESH_TOKEN"))?;
    let login = pool
        .sessions()
        .login_of(client, token)
        .ok_or(refused("Invalid Refresh Token"))?;
    // The hash is over the pool's own name of the user, whatever was typed to sign in.
    check_hash(client, parameters, login.user.name)?;
    Ok(signed_in(pool, login, false))
}

fn renew(pool: &DemoPool, request: &Value) -> Result<Value, Exception> {
    let client = app(request)?;
    let token = request["RefreshToken"]
        .as_str()
        .ok_or(invalid("Missing required parameter RefreshToken"))?;
    if client.secret != request["ClientSecret"].as_str() {
        return Err(refused("Client secret does not match."));
    }
    let mut sessions = pool.sessions();
    let login = sessions
        .login_of(client, token)
        .ok_or(refused("Invalid Refresh Token"))?;
    if pool.rotates() {
        sessions.forget(token);
    }
    drop(sessions);
    Ok(signed_in(pool, login, pool.rotates()))
}

/// A sign-in through the API.
fn sign_in(pool: &DemoPool, client: &'static Client, user: &'static User) -> Login {
    Login::new(client, user, vec![SIGN_IN_SCOPE], pool.now())
}

fn signed_in(pool: &DemoPool, login: Login, with_refresh_token: bool) -> Value {
    let tokens = pool.sign_in(&login);
    let mut result = json!({
        "AccessToken": tokens.access_token,
        "ExpiresIn": pool.lifetime(),
        "IdToken": tokens.id_token,
        "TokenType": "Bearer",
    });
    if with_refresh_token {
        result["RefreshToken"] = json!(pool.sessions().remember(login));
    }
    json!({ "AuthenticationResult": result, "ChallengeParameters": {} })
}

/// SECRET_HASH, for a client with a secret: base64(HMAC-SHA256(secret, user ‖ client id)).
fn check_hash(client: &Client, parameters: &Value, user: &str) -> Result<(), Exception> {
    let Some(secret) = client.secret else {
        return Ok(());
    };
    let shown = parameters["SECRET_HASH"].as_str().ok_or(refused(
        "Client is configured with secret but SECRET_HASH was not received",
    ))?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let message = format!("{user}{}", client.id);
    let good = STANDARD
        .decode(shown)
        .is_ok_and(|hash| hmac::verify(&key, message.as_bytes(), &hash).is_ok());
    match good {
        true => Ok(()),
        false => Err(refused("Unable to verify secret hash for client")),
    }
}

#[cfg(test)]
mod tests;
