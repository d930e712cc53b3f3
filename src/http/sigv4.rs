//! AWS Signature Version 4 over a request head: what IAM authorization of API Gateway, S3 and others ask of a caller.
//!
//! Signed are the method, the path, the query, the body's hash and the headers that give the request its meaning; headers that a
//! hop on the way may add or change are not. Whatever the client sent to prove itself is replaced: no request leaves with two
//! proofs. The secret is copied once, into memory that is wiped; derived keys are good for a day, a region and a service.

mod canonical;
#[cfg(test)]
mod tests;

use aws_lc_rs::{digest, hmac};
use http::header::{self, HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue};
use http::request::Parts;
use zeroize::Zeroizing;

use super::random::write_hex;
use crate::clock::Timestamp;
use crate::secret::Secret;
use canonical::{Head, PathForm};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const CONTENT: HeaderName = HeaderName::from_static("x-amz-content-sha256");

const UNSIGNED: HeaderValue = HeaderValue::from_static("UNSIGNED-PAYLOAD");
/// The body is in chunks with a checksum behind them, and nothing of it is signed.
const UNSIGNED_CHUNKS: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

/// AWS credentials, on loan for one signature.
pub struct Keys<'a> {
    /// `AccessKeyId`
    pub access_key_id: &'a str,
    /// `SecretAccessKey`
    pub secret_access_key: &'a Secret,
    /// `SessionToken`, which temporary credentials have.
    pub session_token: Option<&'a Secret>,
}

/// What a signature is good for, beside the request itself.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// As AWS names it for signing: `execute-api`, `s3`.
    pub service: &'a str,
    /// Where it is called.
    pub region: &'a str,
}

/// What is said of the body.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a> {
    /// All of it is here; nothing for a request without one.
    Whole(&'a [u8]),
    /// It streams past, unsigned: only where the service [takes that](takes_unsigned).
    Streaming,
}

/// The client signed the body piece by piece with credentials of its own: nobody else can put that right.
#[derive(Debug, PartialEq, Eq)]
pub struct SignedChunks;

/// Whether a service takes a body of which nothing is signed, so that it can stream: S3's services as documented
/// ("Signature calculations: transferring a payload in a single chunk"), and VPC Lattice, which takes no other.
pub fn takes_unsigned(service: &str) -> bool {
    is_s3(service) || service == "vpc-lattice-svcs"
}

fn is_s3(service: &str) -> bool {
    matches!(service, "s3" | "s3-outposts" | "s3-object-lambda")
}

/// Whether the body can be signed for at all. A client that signs for S3 itself may have signed chunks of it.
pub fn check(headers: &HeaderMap) -> Result<(), SignedChunks> {
    let declared = headers.get(&CONTENT).map(HeaderValue::as_bytes);
    match declared {
        Some(value) if value.starts_with(b"STREAMING-") && value != UNSIGNED_CHUNKS.as_bytes() => {
            Err(SignedChunks)
        }
        _ => Ok(()),
    }
}

/// Signs the request as it stands, `Host` included: nothing that is signed may change behind this. The client's own
/// `Authorization`, `X-Amz-Date` and `X-Amz-Security-Token` are replaced. Only a key id or a token that no header can hold is an
/// error.
pub fn sign(
    parts: &mut Parts,
    keys: &Keys<'_>,
    scope: Scope<'_>,
    payload: Payload<'_>,
    now: Timestamp,
) -> Result<(), InvalidHeaderValue> {
    let at = written(now);
    let headers = &mut parts.headers;
    headers.remove(header::AUTHORIZATION);
    headers.insert(DATE, HeaderValue::try_from(&at)?);
    headers.remove(TOKEN);
    if let Some(token) = keys.session_token {
        headers.insert(TOKEN, sensitive(token.expose())?);
    }
    let content = content(headers, scope.service, payload);
    headers.insert(CONTENT, content.clone());
    let authorization = authorization(parts, keys, scope, &at, content.as_bytes(), is_signed);
    parts
        .headers
        .insert(header::AUTHORIZATION, sensitive(&authorization)?);
    Ok(())
}

fn sensitive(text: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::try_from(text)?;
    value.set_sensitive(true);
    Ok(value)
}

/// `20150830T123600Z`. A clock that stands beyond all calendars reads as 1970, and AWS refuses the signature.
fn written(now: Timestamp) -> String {
    let at = jiff::Timestamp::from_second(now as i64).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// The value of `x-amz-content-sha256`, which is the last line of what is signed.
fn content(headers: &HeaderMap, service: &str, payload: Payload<'_>) -> HeaderValue {
    match payload {
        Payload::Whole(body) => hash(body),
        // What the client says of a body that nobody here has read: S3 checks it.
        Payload::Streaming => {
            let declared = headers.get(&CONTENT).filter(|_| is_s3(service));
            let told = declared.filter(|value| is_hash(value) || *value == UNSIGNED_CHUNKS);
            told.cloned().unwrap_or(UNSIGNED)
        }
    }
}

fn is_hash(value: &HeaderValue) -> bool {
    let lower_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    value.len() == 64 && value.as_bytes().iter().all(lower_hex)
}

fn hash(bytes: &[u8]) -> HeaderValue {
    let text = hex(digest::digest(&digest::SHA256, bytes).as_ref());
    HeaderValue::from_bytes(&text).expect("hex digits")
}

fn hex(bytes: &[u8]) -> [u8; 64] {
    let mut text = [0; 64];
    write_hex(bytes, &mut text);
    text
}

/// The headers that are signed: those that AWS asks for, and those that say what the body is. A client's other headers reach
/// the service as well; a signature over them would break at the first proxy that touches one.
fn is_signed(name: &HeaderName) -> bool {
    const NAMED: [HeaderName; 3] = [
        header::HOST,
        header::CONTENT_TYPE,
        HeaderName::from_static("content-md5"),
    ];
    NAMED.contains(name) || name.as_str().starts_with("x-amz-")
}

/// The header's value over the request as it stands. `at` and `content` are what the request says of itself.
fn authorization(
    parts: &Parts,
    keys: &Keys<'_>,
    scope: Scope<'_>,
    at: &str,
    content: &[u8],
    is_signed: fn(&HeaderName) -> bool,
) -> String {
    let head = Head {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
    };
    let form = match is_s3(scope.service) {
        true => PathForm::Once,
        false => PathForm::Twice { normalised: true },
    };
    let (request, signed) = canonical::request(&head, form, is_signed, content);
    let day = &at[..8];
    let reach = format!("{day}/{}/{}/aws4_request", scope.region, scope.service);
    let text = string_to_sign(at, &reach, &request);
    let signature = hex(signature(keys.secret_access_key, day, scope, &text).as_ref());
    let signature = str::from_utf8(&signature).expect("hex digits");
    let who = keys.access_key_id;
    format!("{ALGORITHM} Credential={who}/{reach}, SignedHeaders={signed}, Signature={signature}")
}

fn string_to_sign(at: &str, reach: &str, request: &[u8]) -> Vec<u8> {
    let mut text = format!("{ALGORITHM}\n{at}\n{reach}\n").into_bytes();
    text.extend_from_slice(&hex(digest::digest(&digest::SHA256, request).as_ref()));
    text
}

/// The signature by a key that is derived for this day, region and service alone.
fn signature(secret: &Secret, day: &str, scope: Scope<'_>, text: &[u8]) -> hmac::Tag {
    let secret = secret.expose().as_bytes();
    let mut first = Zeroizing::new(Vec::with_capacity(4 + secret.len())); // never moved: no copy stays behind
    first.extend_from_slice(b"AWS4");
    first.extend_from_slice(secret);
    let steps = [day, scope.region, scope.service, "aws4_request"];
    let key = hmac::Key::new(hmac::HMAC_SHA256, &first);
    let key = steps.iter().fold(key, |key, step| {
        let derived = hmac::sign(&key, step.as_bytes());
        hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref())
    });
    hmac::sign(&key, text)
}
