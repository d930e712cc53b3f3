//! A user who signs in at a user pool: by password or by SRP, then by the refresh token for as long as that is good.
//!
//! A challenge that a person would have to answer is a fault that says what to do. Signing in is the last resort: it counts
//! against quotas and, with a wrong password, locks the user out.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio::sync::Mutex;

use super::client::{Attempt, Client, Kept};
use super::cognito::Api;
use super::fault::{Fault, Kind};
use super::srp::{self, Srp};
use super::token::{self, Issued};
use crate::clock::Clock;
use crate::config::model::credentials::{self as model, Proof, UserToken};
use crate::fetch::Fetcher;
use crate::secret::Secret;

const INITIATE: &str = "AWSCognitoIdentityProviderService.InitiateAuth";
const RESPOND: &str = "AWSCognitoIdentityProviderService.RespondToAuthChallenge";
const RENEW: &str = "AWSCognitoIdentityProviderService.GetTokensFromRefreshToken";

/// A user of a `user_password` or `user_srp` credential.
pub(super) struct User {
    credential: Arc<str>,
    client: Client,
    username: Kept,
    password: Kept,
    proof: Proof,
    /// The pool's id behind its underscore.
    pool: String,
    door: Door,
    clock: Clock,
    /// One sign-in or renewal at a time: with rotation, two would take each other's refresh token away.
    session: Mutex<Option<Session>>,
}

/// What a sign-in leaves to renew it with.
struct Session {
    refresh_token: Secret,
    /// How the pool itself calls the user.
    user: Option<String>,
}

impl User {
    pub(super) fn new(
        credential: &Arc<str>,
        user: &model::User,
        fetcher: Arc<Fetcher>,
        clock: Clock,
    ) -> User {
        let (_, pool) = user.pool.id.split_once('_').unwrap_or_default();
        User {
            credential: Arc::clone(credential),
            client: Client::new(&user.client),
            username: Kept::new(&user.username),
            password: Kept::new(&user.password),
            proof: user.proof,
            pool: pool.to_owned(),
            door: Door(Api::new(&user.pool.endpoint, fetcher)),
            clock,
            session: Mutex::new(None),
        }
    }

    pub(super) async fn issue(&self, token: UserToken) -> Result<Issued, Fault> {
        let mut session = self.session.lock().await;
        let mut renewed = None;
        if let Some(known) = &*session {
            let user = known.user.as_deref();
            let renewing = self.door.renew(&self.client, &known.refresh_token, user);
            match renewing.await {
                Ok(result) => renewed = Some(result),
                // Nothing was refused: the session may well be good.
                Err(fault) if fault.kind == Kind::Other => return Err(fault),
                Err(fault) => {
                    tracing::info!(credential = &*self.credential, %fault, "the session can't be renewed; signing in again");
                    *session = None;
                }
            }
        }
        let result = match renewed {
            Some(result) => result,
            None => self.sign_in().await?,
        };
        if let Some(refresh_token) = result.refresh_token() {
            *session = Some(Session {
                refresh_token,
                user: result.user(),
            });
        }
        result.token(token, &self.door.0.source(), &self.clock)
    }

    async fn sign_in(&self) -> Result<Authentication, Fault> {
        let (name, password) = (self.username.read(), self.password.read());
        for attempt in self.client.attempts() {
            let outcome = match self.proof {
                Proof::Password => self.by_password(&attempt, &name, &password).await,
                Proof::Srp => self.by_srp(&attempt, &name, &password).await,
            };
            if let Some(settled) = self.client.settle(&attempt, outcome) {
                return settled;
            }
        }
        Err(Fault::other("the client has no secret to try"))
    }

    async fn by_password(
        &self,
        attempt: &Attempt,
        name: &Secret,
        password: &Secret,
    ) -> Result<Authentication, Fault> {
        let mut parameters = Map::new();
        parameters.insert("USERNAME".into(), json!(name.expose()));
        parameters.insert("PASSWORD".into(), json!(password.expose()));
        self.sign(attempt, name.expose(), &mut parameters);
        let body = json!({
            "AuthFlow": "USER_PASSWORD_AUTH",
            "ClientId": self.client.id,
            "AuthParameters": parameters,
        });
        let answer = self.door.0.call(INITIATE, &body).await?;
        self.finished(answer)
    }

    async fn by_srp(
        &self,
        attempt: &Attempt,
        name: &Secret,
        password: &Secret,
    ) -> Result<Authentication, Fault> {
        let srp = Srp::new();
        let mut parameters = Map::new();
        parameters.insert("USERNAME".into(), json!(name.expose()));
        parameters.insert("SRP_A".into(), json!(srp.public()));
        self.sign(attempt, name.expose(), &mut parameters);
        let body = json!({
            "AuthFlow": "USER_SRP_AUTH",
            "ClientId": self.client.id,
            "AuthParameters": parameters,
        });
        let answer = self.door.0.call(INITIATE, &body).await?;
        if text(&answer, "ChallengeName") != Some("PASSWORD_VERIFIER") {
            return self.finished(answer);
        }
        let body = self.proven(attempt, &srp, password, &answer)?;
        let answer = self.door.0.call(RESPOND, &body).await?;
        self.finished(answer)
    }

    /// The answer to PASSWORD_VERIFIER.
    fn proven(
        &self,
        attempt: &Attempt,
        srp: &Srp,
        password: &Secret,
        answer: &Map<String, Value>,
    ) -> Result<Value, Fault> {
        let source = self.door.0.source();
        let given = answer.get("ChallengeParameters");
        let parameter = |name: &str| given.and_then(|given| given.get(name)?.as_str());
        let unsound = || Fault::other(format!("{source} gave an SRP challenge that is not sound"));
        let user = parameter("USER_ID_FOR_SRP").ok_or_else(unsound)?;
        let block = parameter("SECRET_BLOCK").ok_or_else(unsound)?;
        let challenge = srp::Challenge {
            salt: parameter("SALT").ok_or_else(unsound)?,
            public: parameter("SRP_B").ok_or_else(unsound)?,
            block,
            user,
        };
        let timestamp = srp::timestamp(self.clock.now());
        let proof = srp
            .proof(&challenge, &self.pool, password, &timestamp)
            .map_err(|_| unsound())?;
        // From here on the user has the pool's own name, in SECRET_HASH too: with e-mail addresses to sign in with, that is
        // another one than was given.
        let name = parameter("USERNAME").unwrap_or(user);
        let mut responses = Map::new();
        responses.insert("USERNAME".into(), json!(name));
        responses.insert("PASSWORD_CLAIM_SECRET_BLOCK".into(), json!(block));
        responses.insert("PASSWORD_CLAIM_SIGNATURE".into(), json!(proof));
        responses.insert("TIMESTAMP".into(), json!(timestamp));
        self.sign(attempt, name, &mut responses);
        Ok(json!({
            "ChallengeName": "PASSWORD_VERIFIER",
            "ClientId": self.client.id,
            "ChallengeResponses": responses,
            "Session": answer.get("Session"),
        }))
    }

    fn sign(&self, attempt: &Attempt, user: &str, parameters: &mut Map<String, Value>) {
        if let Some(secret) = &attempt.secret {
            let hash = self.client.hash(secret, user);
            parameters.insert("SECRET_HASH".into(), json!(hash));
        }
    }

    fn finished(&self, answer: Map<String, Value>) -> Result<Authentication, Fault> {
        Authentication::parse(answer, &self.door.0.source())
    }
}

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
    fn parse(mut answer: Map<String, Value>, source: &str) -> Result<Authentication, Fault> {
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
    fn user(&self) -> Option<String> {
        let claims = token::claims(text(&self.0, "AccessToken")?)?;
        claims.as_map().get("username")?.as_str().map(str::to_owned)
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

fn text<'m>(members: &'m Map<String, Value>, name: &str) -> Option<&'m str> {
    members.get(name)?.as_str()
}
