//! What the targets stand on: a configuration, its policy, keys made once for the run, and what is signed with them.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis::config::{self, Config, Faults, Surroundings, compile};
use portcullis::demo::signing;
use portcullis::policy::permit::Policy;
use portcullis::token::keys::{KeySet, Keys, VerifyKey};
use portcullis::token::trust::PoolKind;
use serde_json::{Value, json};

/// The time.
pub const NOW: f64 = 1_800_000_000.0;
/// A secret that stands in the environment, and must stand nowhere else.
pub const SECRET: &str = "hunter2-never-to-be-seen";
/// The pool `main`'s issuer.
pub const COGNITO: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC123xyz";
/// The pool `partner`'s.
pub const PARTNER: &str = "https://id.partner.example";

const CONFIGURATION: &str = r#"
[upstream]
url = "http://127.0.0.1:3000"

[pools.main]
user_pool_id = "eu-west-1_AbC123xyz"
client_ids = ["client-1"]

[pools.partner]
issuer = "https://id.partner.example"
client_ids = ["client-1"]
audiences = ["orders"]

[tokens]
sources = [{ header = "Authorization" }, { cookie = "session" }, { query = "access_token" }]

[identity.headers]
X-User = "sub"

[routes]
"/public" = { access = "public" }
"/files/{*rest}" = { access = "public" }
"/files/private/{*rest}" = "files/read"
"GET /orders/{id}" = "orders/read"
"POST /orders" = "orders/write"
"/maybe/{*rest}" = { access = "optional" }
"/admin/{*rest}" = "admin/all"

[routes."/legacy/{*rest}"]
access = "public"
strip_prefix = "/legacy"
add_prefix = "/old"
"#;

/// Reads a configuration on a machine with one secret in its environment and no file.
pub fn load(text: &str) -> Result<Config, Faults> {
    let env = |name: &str| match name {
        "SECRET" => Some(SECRET.to_owned()),
        "NAME" => Some("name".to_owned()),
        _ => None,
    };
    let read = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
    config::load(
        "fuzz.toml",
        text,
        &Surroundings {
            env: &env,
            read: &read,
        },
    )
}

/// The policy of the configuration above.
pub fn policy() -> &'static Policy {
    static POLICY: OnceLock<Policy> = OnceLock::new();
    POLICY.get_or_init(|| {
        let config = load(CONFIGURATION).unwrap_or_else(|faults| panic!("{}", faults.render()));
        compile::policy(&config).expect("no two routes collide")
    })
}

/// The algorithm of Cognito's keys, as a key names it.
pub fn is_rs256(key: &VerifyKey) -> bool {
    format!("{:?}", key.algorithm) == "RS256"
}

/// The keys of the pool `main`.
pub fn keys() -> &'static signing::Keys {
    static KEYS: OnceLock<signing::Keys> = OnceLock::new();
    KEYS.get_or_init(signing::Keys::generate)
}

fn ed() -> &'static Ed25519KeyPair {
    static KEY: OnceLock<Ed25519KeyPair> = OnceLock::new();
    KEY.get_or_init(|| Ed25519KeyPair::generate().expect("keys can be made"))
}

/// The key of the pool `partner`.
pub fn ed_jwk() -> Value {
    let x = URL_SAFE_NO_PAD.encode(ed().public_key());
    json!({ "kty": "OKP", "crv": "Ed25519", "kid": "ed", "alg": "EdDSA", "use": "sig", "x": x })
}

/// A token of this header and payload, signed with the key of the pool `partner`.
pub fn ed_token(header: &[u8], payload: &[u8]) -> String {
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload)
    );
    let signature = URL_SAFE_NO_PAD.encode(ed().sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// The claims of a good access token.
pub fn claims(issuer: &str) -> Value {
    json!({
        "iss": issuer, "sub": "6f1c5c2e", "client_id": "client-1", "token_use": "access", "aud": "orders",
        "scope": "orders/read openid", "exp": NOW + 3600.0, "iat": NOW - 10.0, "jti": "j-1", "username": "jane",
        "cognito:groups": ["staff"],
    })
}

/// The keys of both pools.
pub struct Ring(Vec<Arc<KeySet>>);

impl Keys for Ring {
    fn of(&self, pool: usize) -> Option<Arc<KeySet>> {
        self.0.get(pool).cloned()
    }
}

/// The keys of both pools.
pub fn ring() -> &'static Ring {
    static RING: OnceLock<Ring> = OnceLock::new();
    RING.get_or_init(|| {
        let set = |kind, jwks: Value| {
            let (set, _) = KeySet::parse(jwks.to_string().as_bytes(), kind).expect("sound keys");
            Arc::new(set)
        };
        let partner = json!({ "keys": [ed_jwk()] });
        Ring(vec![
            set(PoolKind::Cognito, keys().jwks()),
            set(PoolKind::Issuer, partner),
        ])
    })
}
