//! The demo pool's two keys, made at start: one signs access tokens, the other ID tokens, as in every Cognito pool.
//!
//! Private keys never leave this file and are never written anywhere.

use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// The DER of an RFC 8017 `RSAPublicKey` before a modulus of 2048 bits, and after it when the exponent is 65537.
const BEFORE_MODULUS: &[u8] = &[0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00];
const AFTER_MODULUS: &[u8] = &[0x02, 0x03, 0x01, 0x00, 0x01];

/// The two keys of a pool.
pub struct Keys {
    /// Signs access tokens.
    pub access: Key,
    /// Signs ID tokens.
    pub id: Key,
}

/// An RSA key of 2048 bits with its `kid`.
pub struct Key {
    kid: String,
    modulus: String,
    pair: RsaKeyPair,
}

impl Keys {
    /// Two new keys, each made on a thread of its own: a fraction of a second.
    pub fn generate() -> Keys {
        std::thread::scope(|scope| {
            let id = scope.spawn(Key::generate);
            let access = Key::generate();
            let id = id.join().expect("making a key does not panic");
            Keys { access, id }
        })
    }

    /// The key set as Cognito publishes it.
    pub fn jwks(&self) -> Value {
        json!({ "keys": [self.id.jwk(), self.access.jwk()] })
    }
}

impl Key {
    fn generate() -> Key {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("the system can make an RSA key");
        let modulus = pair
            .public_key()
            .as_ref()
            .strip_prefix(BEFORE_MODULUS)
            .and_then(|rest| rest.strip_suffix(AFTER_MODULUS))
            .expect("a 2048-bit key with exponent 65537 has this DER");
        Key {
            kid: STANDARD.encode(random::<32>()),
            modulus: URL_SAFE_NO_PAD.encode(modulus),
            pair,
        }
    }

    /// Its name: standard base64 of 32 random bytes, so it may hold `+`, `/` and `=`.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half (RFC 7517), with the members that Cognito gives.
    pub fn jwk(&self) -> Value {
        json!({
            "alg": "RS256", "e": "AQAB", "kid": self.kid, "kty": "RSA", "n": self.modulus, "use": "sig",
        })
    }

    /// A token with these claims. Header and slashes are written as Cognito writes them: `kid`, `alg`, no `typ`; `\/`.
    pub fn sign(&self, claims: &Value) -> String {
        // A slash in JSON text stands inside a string, so this never changes what the text says.
        let kid = self.kid.replace('/', "\\/");
        let header = format!(r#"{{"kid":"{kid}","alg":"RS256"}}"#);
        self.sign_text(&header, &claims.to_string().replace('/', "\\/"))
    }

    /// A token of exactly this header and payload, well-formed or not: for tests that forge.
    pub fn sign_text(&self, header: &str, payload: &str) -> String {
        let mut token = URL_SAFE_NO_PAD.encode(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                token.as_bytes(),
                &mut signature,
            )
            .expect("a 2048-bit key signs a SHA-256 digest");
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }
}

/// `N` random bytes.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the system has random numbers");
    bytes
}

/// A random UUID (RFC 9562 §5.4, version 4).
pub fn uuid() -> String {
    let mut number = u128::from_be_bytes(random());
    number = number & !(0xf << 76) | 0x4 << 76;
    number = number & !(0x3 << 62) | 0x2 << 62;
    let hex = format!("{number:032x}");
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

#[cfg(test)]
mod tests;
