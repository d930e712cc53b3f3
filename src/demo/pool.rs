//! The demo pool: keys, a clock, and the HTTP face of a Cognito user pool with its domain and its API in one place.
//!
//! Beside serving, it mints tokens in-process for tests, with any claim changed. It stands behind no configuration key,
//! and what it vouches for is good only at a gate that was started with its keys.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ALLOW, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use serde_json::{Value, json};

use super::claims::{Claims, Issue, at_hash};
use super::serve::{self, Answer};
use super::sessions::{Login, Sessions};
use super::signing::Keys;
use super::users::{ISSUER, User};
use super::{hosted, idp, oauth};
use crate::clock::Clock;

/// Where the pool's keys are, below its address.
pub const JWKS_PATH: &str = "/eu-west-1_DemoPool1/.well-known/jwks.json";
const DISCOVERY_PATH: &str = "/eu-west-1_DemoPool1/.well-known/openid-configuration";

/// A user pool with keys of its own.
pub struct DemoPool {
    keys: RwLock<Arc<Keys>>,
    clock: Clock,
    lifetime: u64,
    rotates: bool,
    sessions: Mutex<Sessions>,
    callbacks: Vec<String>,
    sign_outs: Vec<String>,
}

/// The tokens of one sign-in.
pub struct SignIn {
    /// Signed with the access key.
    pub access_token: String,
    /// Signed with the ID key.
    pub id_token: String,
}

impl DemoPool {
    /// A pool with new keys, whose tokens live for an hour by `clock`.
    pub fn new(clock: Clock) -> DemoPool {
        DemoPool {
            keys: RwLock::new(Arc::new(Keys::generate())),
            clock,
            lifetime: 3600,
            rotates: false,
            sessions: Mutex::default(),
            callbacks: Vec::new(),
            sign_outs: Vec::new(),
        }
    }

    /// The same with an app's addresses registered: where its users come back to with a code, and where signed out.
    pub fn with_app(mut self, callback: &str, sign_out: &str) -> DemoPool {
        self.callbacks.push(callback.to_owned());
        self.sign_outs.push(sign_out.to_owned());
        self
    }

    /// The same with tokens that live for `lifetime`, in whole seconds.
    pub fn with_lifetime(self, lifetime: Duration) -> DemoPool {
        DemoPool {
            lifetime: lifetime.as_secs(),
            ..self
        }
    }

    /// The same with refresh tokens that are good once, and bring the next one.
    pub fn with_rotation(self) -> DemoPool {
        DemoPool {
            rotates: true,
            ..self
        }
    }

    /// Whether refresh tokens are rotated.
    pub fn rotates(&self) -> bool {
        self.rotates
    }

    /// Whether users may come back here with a code: compared to the byte.
    pub fn knows_callback(&self, url: &str) -> bool {
        self.callbacks.iter().any(|known| known == url)
    }

    /// Whether users may be sent here when they are signed out: compared to the byte.
    pub fn knows_sign_out(&self, url: &str) -> bool {
        self.sign_outs.iter().any(|known| known == url)
    }

    /// Now, in whole seconds since the Unix epoch.
    pub fn now(&self) -> u64 {
        self.clock.now() as u64
    }

    /// Who is signed in.
    pub fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its keys as they are now.
    pub fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes new keys. The old ones are gone from the key set at once.
    pub fn rotate(&self) {
        let keys = Arc::new(Keys::generate());
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// How long its tokens live, in seconds.
    pub fn lifetime(&self) -> u64 {
        self.lifetime
    }

    /// An access token: of `user`, or of the client itself. `amend` may change any claim before it is signed. Nothing
    /// is checked, neither client nor scopes.
    pub fn access_token(
        &self,
        client_id: &str,
        scopes: &[&str],
        user: Option<&User>,
        amend: impl FnOnce(&mut Claims),
    ) -> String {
        let issue = self.issue();
        let mut claims = match user {
            Some(user) => issue.user(client_id, user, scopes),
            None => issue.machine(client_id, scopes),
        };
        amend(&mut claims);
        self.keys().access.sign(&Value::Object(claims))
    }

    /// An ID token of `user`; `amend` as for [`DemoPool::access_token`].
    pub fn id_token(
        &self,
        client_id: &str,
        user: &User,
        amend: impl FnOnce(&mut Claims),
    ) -> String {
        let mut claims = self.issue().id(client_id, user);
        amend(&mut claims);
        self.keys().id.sign(&Value::Object(claims))
    }

    /// The tokens of a sign-in: the first, or later ones. Those by the pool's pages bind the ID token to the access token.
    pub fn sign_in(&self, login: &Login) -> SignIn {
        let (issue, keys) = (self.issue().of(login), self.keys());
        let access = issue.user(login.client.id, login.user, &login.scopes);
        let access_token = keys.access.sign(&Value::Object(access));
        let mut id = issue.id(login.client.id, login.user);
        if login.scopes.contains(&"openid") {
            id.insert("at_hash".into(), json!(at_hash(&access_token)));
        }
        if let Some(nonce) = &login.nonce {
            id.insert("nonce".into(), json!(nonce));
        }
        SignIn {
            access_token,
            id_token: keys.id.sign(&Value::Object(id)),
        }
    }

    fn issue(&self) -> Issue {
        Issue::new(self.now(), self.lifetime)
    }

    /// Serves on `listener`, which must be on loopback, until the future is dropped.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) -> io::Result<Infallible> {
        let base = format!("http://{}", listener.local_addr()?);
        serve::serve(listener, move |head, body| self.answer(&base, head, body)).await
    }

    /// The answer to one request, with `Access-Control-*` for pages of this machine: the demo's page is at the gate,
    /// another origin. Cognito lets any origin read; here a page from elsewhere has no business.
    pub(in crate::demo) fn answer(&self, base: &str, head: &Parts, body: &[u8]) -> Answer {
        let mut answer = self.route(base, head, body);
        let headers = answer.headers_mut();
        headers.insert(VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = loopback_origin(&head.headers) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        }
        answer
    }

    fn route(&self, base: &str, head: &Parts, body: &[u8]) -> Answer {
        let path = head.uri.path();
        // Pages that do something take no HEAD.
        let allow = match path {
            JWKS_PATH | DISCOVERY_PATH => "GET, HEAD",
            "/oauth2/authorize" | "/logout" | "/error" => "GET",
            "/login" => "GET, POST",
            "/oauth2/token" | "/oauth2/revoke" | "/" => "POST",
            _ => return serve::text(StatusCode::NOT_FOUND, "the demo pool has nothing here\n"),
        };
        if head.method == Method::OPTIONS {
            return preflight();
        }
        if !allow.split(", ").any(|method| head.method == method) {
            let mut refusal = serve::text(StatusCode::METHOD_NOT_ALLOWED, "not with this method\n");
            let headers = refusal.headers_mut();
            headers.insert(ALLOW, HeaderValue::from_static(allow));
            return refusal;
        }
        match path {
            JWKS_PATH => ok(&self.keys().jwks()),
            DISCOVERY_PATH => ok(&discovery(base)),
            "/oauth2/authorize" => hosted::authorize(self, head),
            "/login" if head.method == Method::POST => hosted::login(self, head, body),
            "/login" => hosted::form(self, head),
            "/logout" => hosted::logout(self, head),
            "/error" => hosted::error(head),
            "/oauth2/token" => oauth::answer(self, &head.headers, body),
            "/oauth2/revoke" => oauth::revoke(self, &head.headers, body),
            _ => idp::answer(self, &head.headers, body),
        }
    }
}

fn ok(body: &Value) -> Answer {
    serve::json(StatusCode::OK, body)
}

/// The discovery document: the issuer as tokens say it, everything else where this pool really is.
fn discovery(base: &str) -> Value {
    json!({
        "issuer": ISSUER,
        "jwks_uri": format!("{base}{JWKS_PATH}"),
        "authorization_endpoint": format!("{base}/oauth2/authorize"),
        "token_endpoint": format!("{base}/oauth2/token"),
        "revocation_endpoint": format!("{base}/oauth2/revoke"),
        "end_session_endpoint": format!("{base}/logout"),
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code"],
        "scopes_supported": ["openid", "email", "phone", "profile"],
        "subject_types_supported": ["public"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    })
}

fn preflight() -> Answer {
    let mut answer = serve::text(StatusCode::NO_CONTENT, "");
    let headers = answer.headers_mut();
    headers.remove(http::header::CONTENT_TYPE);
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (
            ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization, content-type, x-amz-target",
        ),
        (ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// The request's `Origin`, if it is one of this machine: `localhost` or a loopback address, at any port.
fn loopback_origin(headers: &HeaderMap) -> Option<&HeaderValue> {
    let origin = headers.get(ORIGIN)?;
    let uri: Uri = origin.to_str().ok()?.parse().ok()?;
    let host = uri.host()?.trim_matches(['[', ']']);
    let loopback = host == "localhost"
        || host
            .parse()
            .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    (loopback && matches!(uri.scheme_str(), Some("http" | "https"))).then_some(origin)
}

#[cfg(test)]
pub(in crate::demo) mod tests;
