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
use super::session::{Authentication, Door, INITIATE, text};
use super::srp::{self, Srp};
use super::token::Issued;
use crate::clock::Clock;
use crate::config::model::credentials::{self as model, Proof, UserToken};
use crate::fetch::Fetcher;
use crate::secret::Secret;

const RESPOND: &str = "AWSCognitoIdentityProviderService.RespondToAuthChallenge";

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
