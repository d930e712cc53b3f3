//! One entry of a JWKS: a key that may verify signatures, or the reason why it may not (RFC 7517, RFC 7518 §6).
//!
//! jsonwebtoken would use keys marked for encryption, off-label curves and symmetric secrets alike; so everything that
//! makes a key fit is checked here, and the material is handed on in one canonical form.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

use super::{VerifyKey, roca};
use crate::token::trust::PoolKind;

/// Members that only a private or symmetric key has (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
const PRIVATE: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/// Material that passed, and the algorithms it may be used with: the first one when the JWK names none.
struct Material {
    decoding: DecodingKey,
    thumbprint: [u8; 32],
    algorithms: &'static [(&'static str, Algorithm)],
}

const RSA: &[(&str, Algorithm)] = &[
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
];
const P256: &[(&str, Algorithm)] = &[("ES256", Algorithm::ES256)];
const P384: &[(&str, Algorithm)] = &[("ES384", Algorithm::ES384)];
/// RFC 9864 gives Ed25519 a name of its own beside the older one for the family.
const ED: &[(&str, Algorithm)] = &[("EdDSA", Algorithm::EdDSA), ("Ed25519", Algorithm::EdDSA)];

/// Reads one entry. The error is a sentence without any byte of the entry.
pub(super) fn parse(entry: &Value, kind: PoolKind) -> Result<VerifyKey, &'static str> {
    let jwk = entry.as_object().ok_or("it is not a JSON object")?;
    let kid = match jwk.get("kid") {
        Some(Value::String(kid)) if !kid.is_empty() => kid.clone(),
        _ => return Err("it has no kid"),
    };
    if text(jwk, "kty") == Some("oct") {
        return Err("it is symmetric");
    }
    check_purpose(jwk)?;
    let material = match text(jwk, "kty") {
        Some("RSA") => rsa(jwk)?,
        Some("EC") if kind == PoolKind::Issuer => ec(jwk)?,
        Some("OKP") if kind == PoolKind::Issuer => okp(jwk)?,
        Some("EC" | "OKP") => return Err("a Cognito user pool signs with RSA keys"),
        _ => return Err("its type is unknown"),
    };
    let algorithm = match jwk.get("alg") {
        None => material.algorithms[0].1,
        Some(alg) => material
            .algorithms
            .iter()
            .find(|(name, _)| alg == name)
            .map(|(_, algorithm)| *algorithm)
            .ok_or("its algorithm is not accepted for its type")?,
    };
    if kind == PoolKind::Cognito && algorithm != Algorithm::RS256 {
        return Err("a Cognito user pool signs with RS256");
    }
    Ok(VerifyKey {
        kid,
        algorithm,
        thumbprint: material.thumbprint,
        decoding: material.decoding,
    })
}

/// RFC 7517 §4.2, §4.3: what the issuer says the key is for.
fn check_purpose(jwk: &Map<String, Value>) -> Result<(), &'static str> {
    if jwk.get("use").is_some_and(|purpose| purpose != "sig") {
        return Err("it is not for signatures");
    }
    let verifies = |operations: &Value| match operations {
        Value::Array(operations) => operations.iter().any(|operation| operation == "verify"),
        _ => false,
    };
    if jwk
        .get("key_ops")
        .is_some_and(|operations| !verifies(operations))
    {
        return Err("it is not for verifying");
    }
    if PRIVATE.iter().any(|member| jwk.contains_key(*member)) {
        // A private key that is published may be used by anyone to sign.
        return Err("it holds private material");
    }
    Ok(())
}

fn rsa(jwk: &Map<String, Value>) -> Result<Material, &'static str> {
    let n = integer(jwk, "n")?;
    let e = integer(jwk, "e")?;
    let bits = n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize);
    if !(2048..=8192).contains(&bits) {
        return Err("its modulus is not between 2048 and 8192 bits long");
    }
    if e.len() > 4 || e.last().is_none_or(|last| last % 2 == 0) || e == [1] {
        return Err("its exponent is not an odd number from 3 to 2^32");
    }
    if n.last().is_none_or(|last| last % 2 == 0) {
        return Err("its modulus is even");
    }
    if roca::is_marked(&n) {
        return Err("it was made by a generator that is broken (CVE-2017-15361)");
    }
    RsaPublicKeyComponents { n: &n, e: &e }
        .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
        .map_err(|_| "it is not a valid RSA key")?;
    let (n64, e64) = (URL_SAFE_NO_PAD.encode(&n), URL_SAFE_NO_PAD.encode(&e));
    Ok(Material {
        decoding: DecodingKey::from_rsa_raw_components(&n, &e),
        thumbprint: thumbprint(&format!(r#"{{"e":"{e64}","kty":"RSA","n":"{n64}"}}"#)),
        algorithms: RSA,
    })
}

fn ec(jwk: &Map<String, Value>) -> Result<Material, &'static str> {
    let (curve, size, verification, algorithms): (_, _, &'static dyn VerificationAlgorithm, _) =
        match text(jwk, "crv") {
            Some("P-256") => ("P-256", 32, &ECDSA_P256_SHA256_FIXED, P256),
            Some("P-384") => ("P-384", 48, &ECDSA_P384_SHA384_FIXED, P384),
            _ => return Err("its curve is not supported"),
        };
    let (x, y) = (octets(jwk, "x")?, octets(jwk, "y")?);
    // RFC 7518 §6.2.1.2: the full size of a coordinate, leading zeros included.
    if x.len() != size || y.len() != size {
        return Err("its coordinates do not have the size of its curve");
    }
    let point = [&[4], x.as_slice(), y.as_slice()].concat();
    ParsedPublicKey::new(verification, &point).map_err(|_| "its point is not on its curve")?;
    let (x, y) = (URL_SAFE_NO_PAD.encode(&x), URL_SAFE_NO_PAD.encode(&y));
    Ok(Material {
        decoding: DecodingKey::from_ec_der(&point),
        thumbprint: thumbprint(&format!(
            r#"{{"crv":"{curve}","kty":"EC","x":"{x}","y":"{y}"}}"#
        )),
        algorithms,
    })
}

fn okp(jwk: &Map<String, Value>) -> Result<Material, &'static str> {
    if text(jwk, "crv") != Some("Ed25519") {
        return Err("its curve is not supported");
    }
    let x = octets(jwk, "x")?;
    if x.len() != 32 || ParsedPublicKey::new(&ED25519, &x).is_err() {
        return Err("it is not a valid Ed25519 key");
    }
    let x64 = URL_SAFE_NO_PAD.encode(&x);
    Ok(Material {
        decoding: DecodingKey::from_ed_der(&x),
        thumbprint: thumbprint(&format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x64}"}}"#)),
        algorithms: ED,
    })
}

fn text<'a>(jwk: &'a Map<String, Value>, member: &str) -> Option<&'a str> {
    jwk.get(member).and_then(Value::as_str)
}

/// A member's bytes, in strict base64url without padding.
fn octets(jwk: &Map<String, Value>, member: &str) -> Result<Vec<u8>, &'static str> {
    text(jwk, member)
        .and_then(|encoded| URL_SAFE_NO_PAD.decode(encoded).ok())
        .ok_or("its material is missing or not base64url")
}

/// A member that is a number, without leading zeros: some issuers write one (RFC 7518 §6.3.1.1 warns of it), and the
/// same number must have the same thumbprint.
fn integer(jwk: &Map<String, Value>, member: &str) -> Result<Vec<u8>, &'static str> {
    let bytes = octets(jwk, member)?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    Ok(bytes[zeros..].to_vec())
}

/// SHA-256 of the canonical JSON of a key's required members (RFC 7638 §3).
fn thumbprint(canonical: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, canonical.as_bytes()).as_ref());
    bytes
}
