//! The claims of Cognito's three kinds of token, name by name.
//!
//! The pool must never say more than Cognito does: a gate that passes here because of a claim that real tokens lack (an
//! `aud` in access tokens, a `username` for machines) would refuse everyone in production.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::sessions::Login;
use super::signing::uuid;
use super::users::{ISSUER, User};

/// The claims of a token, open to change before it is signed.
pub type Claims = Map<String, Value>;

/// The one scope that signing in through the API gives. Scopes of resource servers come from the token endpoint alone.
pub const SIGN_IN_SCOPE: &str = "aws.cognito.signin.user.admin";

/// What the tokens of one issue share.
#[derive(Clone, Debug)]
pub struct Issue {
    /// Now, in whole seconds since the Unix epoch.
    pub at: u64,
    /// Seconds until the tokens expire.
    pub lifetime: u64,
    auth_time: u64,
    origin: String,
    event: String,
}

impl Issue {
    /// A new issue at `at`.
    pub fn new(at: u64, lifetime: u64) -> Issue {
        Issue {
            at,
            lifetime,
            auth_time: at,
            origin: uuid(),
            event: uuid(),
        }
    }

    /// The same for a user who signed in then, or a while ago.
    pub fn of(self, login: &Login) -> Issue {
        Issue {
            auth_time: login.at,
            origin: login.origin.clone(),
            ..self
        }
    }

    /// An access token by `client_credentials`: `sub` is the client, and there is no user, no group, no `aud`.
    pub fn machine(&self, client_id: &str, scopes: &[&str]) -> Claims {
        let mut claims = self.common(client_id, "access");
        claims.insert("client_id".into(), json!(client_id));
        claims.insert("scope".into(), json!(scopes.join(" ")));
        claims.insert("version".into(), json!(2));
        claims
    }

    /// An access token of a user: of attributes only `sub` and `username`, and no `aud`.
    pub fn user(&self, client_id: &str, user: &User, scopes: &[&str]) -> Claims {
        let mut claims = self.common(user.sub, "access");
        self.sign_in(user, &mut claims);
        claims.insert("client_id".into(), json!(client_id));
        claims.insert("scope".into(), json!(scopes.join(" ")));
        claims.insert("username".into(), json!(user.name));
        claims.insert("version".into(), json!(2));
        claims
    }

    /// An ID token: the client is its `aud`, a string, and there is neither `scope` nor `client_id`.
    pub fn id(&self, client_id: &str, user: &User) -> Claims {
        let mut claims = self.common(user.sub, "id");
        self.sign_in(user, &mut claims);
        claims.insert("aud".into(), json!(client_id));
        claims.insert("cognito:username".into(), json!(user.name));
        claims.insert("email".into(), json!(user.email));
        claims.insert("email_verified".into(), json!(true));
        claims
    }

    /// What every token has.
    fn common(&self, sub: &str, token_use: &str) -> Claims {
        let mut claims = Claims::new();
        claims.insert("sub".into(), json!(sub));
        claims.insert("iss".into(), json!(ISSUER));
        claims.insert("token_use".into(), json!(token_use));
        claims.insert("auth_time".into(), json!(self.auth_time));
        claims.insert("iat".into(), json!(self.at));
        claims.insert("exp".into(), json!(self.at.saturating_add(self.lifetime)));
        claims.insert("jti".into(), json!(uuid()));
        claims
    }

    /// What access and ID token of one sign-in share.
    fn sign_in(&self, user: &User, claims: &mut Claims) {
        claims.insert("origin_jti".into(), json!(self.origin));
        claims.insert("event_id".into(), json!(self.event));
        if !user.groups.is_empty() {
            claims.insert("cognito:groups".into(), json!(user.groups));
        }
    }
}

/// `at_hash`: binds an ID token to the access token it came with (OpenID Connect Core §3.1.3.6).
pub fn at_hash(access_token: &str) -> String {
    let digest = digest(&SHA256, access_token.as_bytes());
    URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16])
}
