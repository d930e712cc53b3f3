//! AWS credentials from an identity pool, for a user of another credential (the enhanced flow: GetId, then
//! GetCredentialsForIdentity). Only an ID token will do: an access token has no audience.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio::sync::Mutex;

use super::cognito::Api;
use super::fault::{Fault, Kind};
use super::life::Life;
use super::token::{AwsKeys, Issued, Token, is_visible};
use super::{Credential, chance};
use crate::clock::Clock;
use crate::config::model::credentials as model;
use crate::config::model::credentials::{Grant, Via};
use crate::fetch::Fetcher;
use crate::secret::Secret;

const IDENTIFY: &str = "AWSCognitoIdentityService.GetId";
const CREDENTIALS: &str = "AWSCognitoIdentityService.GetCredentialsForIdentity";

/// An identity pool, and who signs in for it.
pub(super) struct IdentityPool {
    id: String,
    user: Option<Arc<Credential>>,
    api: Api,
    clock: Clock,
    /// The identity never changes: asked for once.
    identity: Mutex<Option<String>>,
}

impl IdentityPool {
    pub(super) fn new(
        pool: &model::IdentityPool,
        user: Option<Arc<Credential>>,
        fetcher: Arc<Fetcher>,
        clock: Clock,
    ) -> IdentityPool {
        IdentityPool {
            id: pool.id.clone(),
            user,
            api: Api::new(&pool.endpoint, fetcher),
            clock,
            identity: Mutex::new(None),
        }
    }

    pub(super) async fn issue(&self) -> Result<Issued, Fault> {
        let no_user = || Fault::other("the identity pool's credential is not of a user");
        let user = self.user.as_ref().ok_or_else(no_user)?;
        let login = login(user).ok_or_else(no_user)?;
        // Awaiting another supply: its task runs beside this one, and it never waits for us.
        let lease = user
            .id_tokens()
            .lease()
            .await
            .map_err(|fault| Fault::other(fault.to_string()))?;
        let token = lease.token().ok_or_else(no_user)?;
        let mut logins = Map::new();
        logins.insert(login.to_owned(), json!(token.expose()));
        let outcome = self.exchange(&logins).await;
        if outcome
            .as_ref()
            .is_err_and(|fault| fault.kind == Kind::Grant)
        {
            // A token that was revoked meanwhile.
            lease.reject();
        }
        outcome
    }

    async fn exchange(&self, logins: &Map<String, Value>) -> Result<Issued, Fault> {
        let mut identity = self.identity.lock().await;
        let id = match &*identity {
            Some(known) => known.clone(),
            None => {
                let body = json!({ "IdentityPoolId": self.id, "Logins": logins });
                let answer = self.api.call(IDENTIFY, &body).await?;
                self.member(&answer, "IdentityId")?.to_owned()
            }
        };
        let body = json!({ "IdentityId": id, "Logins": logins });
        // Forgotten until it has worked: an identity can be deleted, and is then made anew.
        *identity = None;
        let answer = self.api.call(CREDENTIALS, &body).await?;
        *identity = Some(id);
        let keys = answer.get("Credentials").and_then(Value::as_object);
        self.keys(keys.unwrap_or(&Map::new()))
    }

    fn keys(&self, keys: &Map<String, Value>) -> Result<Issued, Fault> {
        let expires = keys.get("Expiration").and_then(Value::as_f64);
        let token = AwsKeys {
            access_key_id: self.member(keys, "AccessKeyId")?.to_owned(),
            secret_access_key: Secret::new(self.member(keys, "SecretKey")?.to_owned()),
            session_token: Secret::new(self.member(keys, "SessionToken")?.to_owned()),
        };
        Ok(Issued {
            token: Token::Aws(token),
            life: Life::of(None, expires, self.clock.now(), chance()),
        })
    }

    fn member<'m>(&self, members: &'m Map<String, Value>, name: &str) -> Result<&'m str, Fault> {
        let value = members.get(name).and_then(Value::as_str);
        value.filter(|value| is_visible(value)).ok_or_else(|| {
            let source = self.api.source();
            Fault::other(format!("{source} answered without a sound {name}"))
        })
    }
}

/// How an identity pool calls the user pool that the user is of.
fn login(user: &Credential) -> Option<&str> {
    match &user.settings().grant {
        Grant::User(user) => Some(&user.pool.login),
        Grant::Refresh(refresh) => match &refresh.via {
            Via::Pool(pool) => Some(&pool.login),
            Via::Endpoint(_) => None,
        },
        Grant::ClientCredentials(..) | Grant::IdentityPool(_) => None,
    }
}
