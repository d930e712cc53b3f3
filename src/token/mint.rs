//! Keys, pools and tokens for tests: minted here with aws-lc-rs alone, never by the code under test.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::keys::{KeySet, Keys};
use super::trust::{Clients, Pool, PoolKind, Trust, Uses};
use crate::clock::Timestamp;

/// The time in all tests.
pub(crate) const NOW: Timestamp = 1_800_000_000.0;
/// The issuer of the pool `main`, index 0.
pub(crate) const ISSUER_A: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AAAA";
/// The issuer of the pool `other`, index 1.
pub(crate) const ISSUER_B: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_BBBB";
/// The issuer of the pool `oidc`, index 2.
pub(crate) const ISSUER_C: &str = "https://issuer.example.com/";

/// A key pair.
pub(crate) struct Signer {
    /// Its `kid`.
    pub(crate) kid: &'static str,
    pair: Pair,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// The first key of pool `main`.
pub(crate) fn a1() -> &'static Signer {
    static KEY: OnceLock<Signer> = OnceLock::new();
    KEY.get_or_init(|| rsa("a1+/="))
}

/// A second key, in no set unless a test puts it there.
pub(crate) fn a2() -> &'static Signer {
    static KEY: OnceLock<Signer> = OnceLock::new();
    KEY.get_or_init(|| rsa("a2"))
}

/// The key of pool `other`.
pub(crate) fn b1() -> &'static Signer {
    static KEY: OnceLock<Signer> = OnceLock::new();
    KEY.get_or_init(|| rsa("b1"))
}

/// An RSA key, freshly made.
pub(crate) fn rsa(kid: &'static str) -> Signer {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("RSA keys can be made");
    Signer {
        kid,
        pair: Pair::Rsa(Box::new(pair)),
    }
}

/// A P-256 key.
pub(crate) fn p256() -> &'static Signer {
    static KEY: OnceLock<Signer> = OnceLock::new();
    KEY.get_or_init(|| {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        Signer {
            kid: "p256",
            pair: Pair::P256(pair.expect("P-256 keys can be made")),
        }
    })
}

/// A P-384 key.
pub(crate) fn p384() -> &'static Signer {
    static KEY: OnceLock<Signer> = OnceLock::new();
    KEY.get_or_init(|| {
        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING);
        Signer {
            kid: "p384",
            pair: Pair::P384(pair.expect("P-384 keys can be made")),
        }
    })
}

/// An Ed25519 key.
pub(crate) fn ed() -> &'static Signer {
    static KEY: OnceLock<Signer> = OnceLock::new();
    KEY.get_or_init(|| {
        let pair = Ed25519KeyPair::generate().expect("Ed25519 keys can be made");
        Signer {
            kid: "ed",
            pair: Pair::Ed(pair),
        }
    })
}

impl Signer {
    /// The public key as a JWK without `alg`.
    pub(crate) fn bare_jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Rsa(pair) => {
                let (n, e) = rsa_numbers(pair.public_key().as_ref());
                json!({"kty": "RSA", "n": b64(&n), "e": b64(&e)})
            }
            Pair::P256(pair) => ec_jwk("P-256", pair),
            Pair::P384(pair) => ec_jwk("P-384", pair),
            Pair::Ed(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key().as_ref())})
            }
        };
        jwk["kid"] = json!(self.kid);
        jwk["use"] = json!("sig");
        jwk
    }

    /// The public key as a JWK for this algorithm.
    pub(crate) fn jwk(&self, alg: &str) -> Value {
        let mut jwk = self.bare_jwk();
        jwk["alg"] = json!(alg);
        jwk
    }

    /// The public key's DER, as an attacker would take it for a secret.
    pub(crate) fn public_der(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Rsa(pair) => pair.public_key().as_ref().to_vec(),
            Pair::P256(pair) | Pair::P384(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Ed(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    /// Signs bytes; `alg` tells which of the RSA schemes.
    pub(crate) fn sign(&self, alg: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let scheme: &'static dyn RsaEncoding = match alg {
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    "PS512" => &RSA_PSS_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(scheme, &random, message, &mut signature)
                    .expect("RSA signs");
                signature
            }
            Pair::P256(pair) | Pair::P384(pair) => pair
                .sign(&random, message)
                .expect("ECDSA signs")
                .as_ref()
                .to_vec(),
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// A token of exactly these bytes, signed as `alg` says.
    pub(crate) fn seal(&self, alg: &str, header: &str, payload: impl AsRef<[u8]>) -> String {
        let message = format!("{}.{}", b64(header.as_bytes()), b64(payload.as_ref()));
        format!("{message}.{}", b64(&self.sign(alg, message.as_bytes())))
    }

    /// A token with Cognito's header and these claims.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_of("RS256", claims)
    }

    /// A token with a plain header of this algorithm, and these claims.
    pub(crate) fn token_of(&self, alg: &str, claims: &Value) -> String {
        let header = json!({"kid": self.kid, "alg": alg}).to_string();
        self.seal(alg, &header, claims.to_string())
    }
}

/// Base64url without padding.
pub(crate) fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn ec_jwk(curve: &str, pair: &EcdsaKeyPair) -> Value {
    let point = &pair.public_key().as_ref()[1..];
    let (x, y) = point.split_at(point.len() / 2);
    json!({"kty": "EC", "crv": curve, "x": b64(x), "y": b64(y)})
}

/// Modulus and exponent out of an `RSAPublicKey` (RFC 8017 §A.1.1).
fn rsa_numbers(der: &[u8]) -> (Vec<u8>, Vec<u8>) {
    fn element(der: &[u8]) -> (&[u8], &[u8]) {
        let (start, length) = match der[1] {
            0x82 => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
            0x81 => (3, usize::from(der[2])),
            short => (2, usize::from(short)),
        };
        (&der[start..start + length], &der[start + length..])
    }
    let (sequence, _) = element(der);
    let (n, rest) = element(sequence);
    let (e, _) = element(rest);
    let n = n.strip_prefix(&[0]).unwrap_or(n);
    (n.to_vec(), e.to_vec())
}

/// A set of these keys.
pub(crate) fn key_set(kind: PoolKind, jwks: &[Value]) -> Arc<KeySet> {
    let document = json!({ "keys": jwks }).to_string();
    let (set, dropped) = KeySet::parse(document.as_bytes(), kind).expect("a good set");
    assert_eq!(dropped, Vec::<String>::new());
    Arc::new(set)
}

/// The keys of each pool, by index.
pub(crate) struct Ring(pub(crate) Vec<Option<Arc<KeySet>>>);

impl Keys for Ring {
    fn of(&self, pool: usize) -> Option<Arc<KeySet>> {
        self.0.get(pool).cloned().flatten()
    }
}

/// `a1` for pool `main`, `b1` for `other`, one key of each kind for `oidc`.
pub(crate) fn ring() -> Ring {
    let oidc = [
        p256().jwk("ES256"),
        p384().bare_jwk(),
        ed().jwk("EdDSA"),
        a2().jwk("PS256"),
    ];
    Ring(vec![
        Some(key_set(PoolKind::Cognito, &[a1().jwk("RS256")])),
        Some(key_set(PoolKind::Cognito, &[b1().jwk("RS256")])),
        Some(key_set(PoolKind::Issuer, &oidc)),
    ])
}

/// A pool with every setting at its default.
pub(crate) fn pool(name: &str, issuer: &str, kind: PoolKind) -> Pool {
    Pool {
        name: name.into(),
        issuers: vec![issuer.to_owned()],
        kind,
        client_ids: Clients::These(vec!["client-1".to_owned(), "client-2".to_owned()]),
        token_use: Uses::Access,
        audiences: Vec::new(),
        scope_claim: "scope".to_owned(),
        groups_claim: "cognito:groups".to_owned(),
        client_claim: "client_id".to_owned(),
        leeway: 0.0,
        kept: None,
    }
}

/// `main` and `other` are Cognito's, `oidc` is another issuer.
pub(crate) fn trust() -> Trust {
    trust_with(|_| {})
}

/// The same with every pool changed first.
pub(crate) fn trust_with(change: impl Fn(&mut Pool)) -> Trust {
    let pools = [
        ("main", ISSUER_A, PoolKind::Cognito),
        ("other", ISSUER_B, PoolKind::Cognito),
        ("oidc", ISSUER_C, PoolKind::Issuer),
    ];
    let changed = pools.map(|(name, issuer, kind)| {
        let mut pool = pool(name, issuer, kind);
        change(&mut pool);
        Arc::new(pool)
    });
    Trust::new(changed.into())
}

/// The claims of a good access token of pool `main`.
pub(crate) fn access() -> Value {
    json!({
        "sub": "6f1c5c2e-0000-4000-8000-000000000001", "iss": ISSUER_A, "client_id": "client-1",
        "token_use": "access", "scope": "orders/read openid", "auth_time": NOW - 10.0,
        "exp": NOW + 3600.0, "iat": NOW - 10.0, "jti": "j-1", "version": 2, "username": "jane",
        "cognito:groups": ["staff", "admin"],
    })
}

/// The claims of a good ID token of pool `main`.
pub(crate) fn id() -> Value {
    json!({
        "sub": "6f1c5c2e-0000-4000-8000-000000000001", "iss": ISSUER_A, "aud": "client-1",
        "token_use": "id", "exp": NOW + 3600.0, "iat": NOW - 10.0, "cognito:username": "jane",
        "email": "jane@example.com", "email_verified": true,
    })
}

/// `claims` with these changed; null takes one away.
pub(crate) fn but(mut claims: Value, changes: Value) -> Value {
    let (Some(map), Value::Object(changes)) = (claims.as_object_mut(), changes) else {
        return claims;
    };
    for (name, value) in changes {
        match value {
            Value::Null => map.remove(&name),
            value => map.insert(name, value),
        };
    }
    claims
}
