//! What signing in at a user pool brings, and how it is renewed: for users who signed in here or elsewhere.

use serde_json::{Map, Value, json};

use super::client::{Attempt, Client};
use super::cognito::Api;
use super::fault::{Fault, Kind};
use super::token::{self, Issued};
use crate::clock::Clock;
use crate::config::model::credentials::UserToken;
use crate::secret::Secret;

pub(super) const INITIATE: &str = "AWSCognitoIdentityProviderService.InitiateAuth";
const RENEW: &str = "AWSCognitoIdentityProviderService.GetTokensFromRefreshToken";

/// A user pool's way to renew a session, for users who signed in here or elsewhere.
pub(super) struct Door(pub(super) Api);

impl Door {
    /// Renews by a refresh token. `user` is how the pool calls the user, for pools that only know the older operation.
    pub(super) async fn renew(
        &self,
        client: &Client,
        refresh_token: &Secret,
        user: Option<&str>,
    ) -> Result<Authentication, Fault> {
        for attempt in client.attempts() {
            let outcome = match self.renew_with(client, &attempt, refresh_token).await {
                Err(fault) if fault.kind == Kind::Operation => {
                    self.renew_as_before(client, &attempt, refresh_token, user)
                        .await
                }
                outcome => outcome,
            };
            if let Some(settled) = client.settle(&attempt, outcome) {
                return settled;
            }
        }
        Err(Fault::other("the client has no secret to try"))
    }

    /// The operation that takes part in rotation, and takes the secret itself.
    async fn renew_with(
        &self,
        client: &Client,
        attempt: &Attempt,
        refresh_token: &Secret,
    ) -> Result<Authentication, Fault> {
        let mut body = json!({ "ClientId": client.id, "RefreshToken": refresh_token.expose() });
        if let Some(secret) = &attempt.secret {
            body["ClientSecret"] = json!(secret.expose());
        }
        Authentication::parse(self.0.call(RENEW, &body).await?, &self.0.source())
    }

    async fn renew_as_before(
        &self,
        client: &Client,
        attempt: &Attempt,
        refresh_token: &Secret,
        user: Option<&str>,
    ) -> Result<Authentication, Fault> {
        let mut parameters = json!({ "REFRESH_TOKEN": refresh_token.expose() });
        if let Some(secret) = &attempt.secret {
            let hash = client.hash(secret, user.unwrap_or_default());
            parameters["SECRET_HASH"] = json!(hash);
        }
        let body = json!({
            "AuthFlow": "REFRESH_TOKEN_AUTH",
            "ClientId": client.id,
            "AuthParameters": parameters,
        });
        Authentication::parse(self.0.call(INITIATE, &body).await?, &self.0.source())
    }
}

/// An `AuthenticationResult`.
pub(super) struct Authentication(Map<String, Value>);

impl Authentication {
    pub(super) fn parse(
        mut answer: Map<String, Value>,
        source: &str,
    ) -> Result<Authentication, Fault> {
        if let Some(Value::Object(result)) = answer.remove("AuthenticationResult") {
            return Ok(Authentication(result));
        }
        let wanted = text(&answer, "ChallengeName").unwrap_or_default();
        let (name, hint) = CHALLENGES
            .iter()
            .find(|(names, _)| names.contains(&wanted))
            .map_or(("another challenge", UNANSWERABLE), |(names, hint)| {
                let name = names.iter().find(|name| **name == wanted);
                (name.copied().unwrap_or_default(), hint)
            });
        Err(Fault::other(format!("{source} asks for {name}: {hint}")))
    }

    /// The refresh token, if there is one: the first sign-in brings it, and each renewal where the pool rotates them.
    pub(super) fn refresh_token(&self) -> Option<Secret> {
        let token = text(&self.0, "RefreshToken")?;
        (!token.is_empty()).then(|| Secret::new(token.to_owned()))
    }

    /// How the pool itself calls the user.
    pub(super) fn user(&self) -> Option<String> {
        let claims = token::claims(text(&self.0, "AccessToken")?)?;
        claims.get("username")?.as_str().map(str::to_owned)
    }

    pub(super) fn token(
        &self,
        token: UserToken,
        source: &str,
        clock: &Clock,
    ) -> Result<Issued, Fault> {
        let name = match token {
            UserToken::Access => "AccessToken",
            UserToken::Id => "IdToken",
        };
        token::bearer(
            self.0.get(name),
            self.0.get("TokenType"),
            self.0.get("ExpiresIn"),
            source,
            clock.now(),
        )
    }
}

const UNANSWERABLE: &str = "this grant cannot answer it; use a user that signs in with a password alone, or client_credentials";

/// Challenges that need a person, and what to do.
const CHALLENGES: [(&[&str], &str); 4] = [
    (
        &["NEW_PASSWORD_REQUIRED"],
        "the user's password is a temporary one; set a lasting one (aws cognito-idp admin-set-user-password --permanent)",
    ),
    (
        &[
            "SMS_MFA",
            "EMAIL_OTP",
            "SMS_OTP",
            "SOFTWARE_TOKEN_MFA",
            "SELECT_MFA_TYPE",
            "MFA_SETUP",
        ],
        "the user has multi-factor authentication, which a program cannot answer; use a user without it, or client_credentials",
    ),
    (
        &["DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER"],
        "the pool remembers devices, and this is none of them; turn device tracking off for this app client",
    ),
    (
        &[
            "CUSTOM_CHALLENGE",
            "SELECT_CHALLENGE",
            "PASSWORD",
            "PASSWORD_SRP",
            "WEB_AUTHN",
            "PASSWORD_VERIFIER",
        ],
        UNANSWERABLE,
    ),
];

/// A member that is text.
pub(super) fn text<'m>(members: &'m Map<String, Value>, name: &str) -> Option<&'m str> {
    members.get(name)?.as_str()
}
