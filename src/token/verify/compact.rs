//! The structure of a token: three segments of canonical base64url, and a header that asks for nothing unusual.
//!
//! Read strictly, so that a token has exactly one spelling (J07): no padding, no blanks, no bits that are thrown away.
//! A spelling more would be a second cache entry, or a token that another parser reads otherwise.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::token::claims::parse_object;

/// The longest token that is read, in bytes.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

const TOO_LONG: Refusal = Refusal::new(Reason::MalformedToken, "the token is longer than 16 KiB");
const NOT_COMPACT: Refusal = Refusal::new(
    Reason::MalformedToken,
    "the token is not three parts of base64url with dots between them",
);
const BAD_HEADER: Refusal = Refusal::new(
    Reason::MalformedToken,
    "the token's header is not a JSON object with alg and kid as strings",
);
const UNUSUAL: Refusal = Refusal::new(
    Reason::MalformedToken,
    "the token's header asks for processing that is not supported",
);
const BAD_TYP: Refusal = Refusal::new(
    Reason::MalformedToken,
    "the token's typ is neither JWT nor at+jwt",
);
const NOT_ACCEPTED: Refusal = Refusal::new(
    Reason::UnsupportedAlgorithm,
    "the token's algorithm is not one of those accepted here",
);

/// A token taken apart (RFC 7515 §3.1).
pub(super) struct Compact<'a> {
    /// What the signature is over: header and payload as they were sent.
    pub(super) signed: &'a str,
    /// The header's bytes.
    pub(super) header: Vec<u8>,
    /// The payload's bytes.
    pub(super) payload: Vec<u8>,
    /// The signature, in base64url that is known to be canonical.
    pub(super) signature: &'a str,
}

impl<'a> Compact<'a> {
    pub(super) fn parse(token: &'a str) -> Result<Compact<'a>, Refusal> {
        // Before anything is read: a million dots cost one comparison (J06, J17).
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TOO_LONG);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(NOT_COMPACT)?;
        // A fourth segment leaves a dot in the first one, which is no base64url.
        let (header, payload) = signed.rsplit_once('.').ok_or(NOT_COMPACT)?;
        decode(signature)?;
        Ok(Compact {
            signed,
            header: decode(header)?,
            payload: decode(payload)?,
            signature,
        })
    }
}

/// The engine refuses padding, blanks, the standard alphabet, and unused bits that are not zero (RFC 4648 §3.5).
fn decode(segment: &str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD.decode(segment).map_err(|_| NOT_COMPACT)
}

/// What a header says that matters.
pub(super) struct Header {
    /// Asymmetric, by type of [`Header::parse`].
    pub(super) algorithm: Algorithm,
    /// Absent when missing or empty.
    pub(super) kid: Option<String>,
    /// Whether `typ` is that of an access token (RFC 9068 §2.1).
    pub(super) is_access_typ: bool,
}

impl Header {
    pub(super) fn parse(json: &[u8]) -> Result<Header, Refusal> {
        let mut members = parse_object(json).map_err(|_| BAD_HEADER)?;
        // RFC 7515 §4.1.11: whoever does not understand what is critical must refuse. Unencoded payloads (RFC 7797),
        // compression, encryption and nesting have no place in an access token (J09, J10, J12).
        if ["crit", "b64", "zip", "enc", "cty"]
            .iter()
            .any(|name| members.contains_key(*name))
        {
            return Err(UNUSUAL);
        }
        let is_access_typ = parse_typ(&members)?;
        let algorithm = match members.get("alg") {
            Some(Value::String(name)) => parse_algorithm(name).ok_or(NOT_ACCEPTED)?,
            _ => return Err(BAD_HEADER),
        };
        let kid = match members.remove("kid") {
            None => None,
            Some(Value::String(kid)) => (!kid.is_empty()).then_some(kid),
            Some(_) => return Err(BAD_HEADER),
        };
        Ok(Header {
            algorithm,
            kid,
            is_access_typ,
        })
    }
}

/// RFC 8725 §3.11: a token made for another purpose (`logout+jwt`, `dpop+jwt`) is none of ours (J15).
fn parse_typ(members: &Map<String, Value>) -> Result<bool, Refusal> {
    match members.get("typ") {
        None => Ok(false),
        Some(Value::String(typ)) if typ.eq_ignore_ascii_case("JWT") => Ok(false),
        Some(Value::String(typ))
            if typ.eq_ignore_ascii_case("at+jwt")
                || typ.eq_ignore_ascii_case("application/at+jwt") =>
        {
            Ok(true)
        }
        Some(_) => Err(BAD_TYP),
    }
}

/// Asymmetric algorithms alone, spelt exactly (RFC 7515 §4.1.1). There is no way from here to `none` or to a MAC whose
/// secret would be a public key (J01, J02).
fn parse_algorithm(name: &str) -> Option<Algorithm> {
    Some(match name {
        "RS256" => Algorithm::RS256,
        "RS384" => Algorithm::RS384,
        "RS512" => Algorithm::RS512,
        "PS256" => Algorithm::PS256,
        "PS384" => Algorithm::PS384,
        "PS512" => Algorithm::PS512,
        "ES256" => Algorithm::ES256,
        "ES384" => Algorithm::ES384,
        "EdDSA" | "Ed25519" => Algorithm::EdDSA,
        _ => return None,
    })
}
