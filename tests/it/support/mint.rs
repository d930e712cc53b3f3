//! Tokens as Cognito makes them, and as attackers do: made here with aws-lc-rs alone, never by the code under test.

use std::sync::OnceLock;
use std::time::SystemTime;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaEncoding, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

/// The user pool of A's tokens.
pub const POOL_A: &str = "eu-west-1_AAAAAAAAA";
/// The user pool of B's tokens.
pub const POOL_B: &str = "eu-west-1_BBBBBBBBB";
/// The client that both pools' tokens are issued to.
pub const CLIENT: &str = "client-1";
/// The user that tokens speak for.
pub const SUB: &str = "6f1c5c2e-7c7e-4b7e-9d2c-3a1f0c9b8a77";

/// The `iss` of a user pool.
pub fn issuer(pool: &str) -> String {
    format!("https://cognito-idp.eu-west-1.amazonaws.com/{pool}")
}

/// An RSA key of 2048 bits with its `kid`.
pub struct Key {
    /// Its name.
    pub kid: &'static str,
    pair: RsaKeyPair,
}

macro_rules! keys {
    ($($(#[$about:meta])* $name:ident = $kid:literal;)*) => { $(
        $(#[$about])*
        pub fn $name() -> &'static Key {
            static KEY: OnceLock<Key> = OnceLock::new();
            KEY.get_or_init(|| Key::generate($kid))
        }
    )* };
}

keys! {
    /// Pool A's key, with a name as Cognito gives them: standard base64.
    a1 = "A1/k+9yQ0=";
    /// Another key, in no set unless a test puts it there.
    a2 = "A2";
    /// Pool B's key.
    b1 = "B1";
}

impl Key {
    /// A new key.
    pub fn generate(kid: &'static str) -> Key {
        Key {
            kid,
            pair: RsaKeyPair::generate(KeySize::Rsa2048).expect("RSA keys can be made"),
        }
    }

    /// Its public half as Cognito publishes it.
    pub fn jwk(&self) -> Value {
        json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "e": "AQAB", "n": b64(&self.modulus())})
    }

    /// The public key's DER (RFC 8017 §A.1.1).
    pub fn public_der(&self) -> Vec<u8> {
        self.pair.public_key().as_ref().to_vec()
    }

    /// The modulus, big-endian.
    pub fn modulus(&self) -> Vec<u8> {
        // SEQUENCE, INTEGER with a zero byte before 256 of its own, INTEGER 65537.
        self.public_der()[9..9 + 256].to_vec()
    }

    /// A signature by this scheme.
    pub fn sign_as(&self, scheme: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(scheme, &SystemRandom::new(), message, &mut signature)
            .expect("RSA signs");
        signature
    }

    /// An RS256 signature.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.sign_as(&RSA_PKCS1_SHA256, message)
    }
}

/// A key set of these keys.
pub fn jwks(keys: &[&Key]) -> Value {
    json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()})
}

/// A token in the making.
#[derive(Clone)]
pub struct Token {
    key: &'static Key,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

/// A good access token of pool A with the scope `orders/read`.
pub fn access() -> Token {
    let now = now();
    Token::of(json!({
        "sub": SUB, "iss": issuer(POOL_A), "version": 2, "client_id": CLIENT, "token_use": "access",
        "scope": "orders/read openid", "auth_time": now - 10, "exp": now + 3600, "iat": now - 10,
        "jti": "0b9f2a7e-5c1d-4e3f-8a6b-7c8d9e0f1a2b", "username": "jane",
    }))
}

/// A good ID token of pool A.
pub fn id() -> Token {
    let now = now();
    Token::of(json!({
        "sub": SUB, "iss": issuer(POOL_A), "aud": CLIENT, "token_use": "id", "auth_time": now - 10,
        "exp": now + 3600, "iat": now - 10, "jti": "5d6e7f80-1a2b-4c3d-9e4f-5a6b7c8d9e0f",
        "cognito:username": "jane", "email": "jane@example.com", "email_verified": true,
    }))
}

impl Token {
    fn of(claims: Value) -> Token {
        let Value::Object(claims) = claims else {
            unreachable!("claims are an object")
        };
        Token {
            key: a1(),
            header: Map::new(),
            claims,
        }
    }

    /// With this claim.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Token {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Without this claim.
    pub fn without(mut self, name: &str) -> Token {
        self.claims.remove(name);
        self
    }

    /// With this scope claim.
    pub fn scope(self, scope: &str) -> Token {
        self.claim("scope", scope)
    }

    /// In these groups.
    pub fn groups(self, groups: &[&str]) -> Token {
        self.claim("cognito:groups", groups)
    }

    /// Of a user pool, signed by its key.
    pub fn of_pool_b(self) -> Token {
        self.claim("iss", issuer(POOL_B)).key(b1())
    }

    /// Signed by this key.
    pub fn key(mut self, key: &'static Key) -> Token {
        self.key = key;
        self
    }

    /// With this in its header, beside or in place of `kid` and `alg`.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Token {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// The header's text.
    pub fn header_text(&self) -> String {
        let mut header = json!({"kid": self.key.kid, "alg": "RS256"});
        for (name, value) in &self.header {
            header[name] = value.clone();
        }
        header.to_string()
    }

    /// The payload's text.
    pub fn payload_text(&self) -> String {
        Value::Object(self.claims.clone()).to_string()
    }

    /// The payload with `text` as further members, whatever that makes of it.
    pub fn payload_with(&self, text: &str) -> String {
        let payload = self.payload_text();
        format!("{},{text}}}", &payload[..payload.len() - 1])
    }

    /// Signed.
    pub fn sign(&self) -> String {
        seal(self.key, &self.header_text(), self.payload_text())
    }

    /// Signed, with this payload.
    pub fn sign_payload(&self, payload: impl AsRef<[u8]>) -> String {
        seal(self.key, &self.header_text(), payload)
    }

    /// With this signature.
    pub fn with_signature(&self, signature: &[u8]) -> String {
        format!("{}.{}", self.unsigned(), b64(signature))
    }

    /// Header and payload: what is signed.
    pub fn unsigned(&self) -> String {
        format!(
            "{}.{}",
            b64(self.header_text().as_bytes()),
            b64(self.payload_text().as_bytes())
        )
    }
}

/// A token of exactly these bytes with an RS256 signature.
pub fn seal(key: &Key, header: &str, payload: impl AsRef<[u8]>) -> String {
    let message = format!("{}.{}", b64(header.as_bytes()), b64(payload.as_ref()));
    let signature = key.sign(message.as_bytes());
    format!("{message}.{}", b64(&signature))
}

/// Base64url without padding.
pub fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Seconds since the epoch.
pub fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("a time after 1970");
    i64::try_from(since.as_secs()).expect("a time before the end of time")
}
