//! What a grant brings: a bearer token, or AWS credentials. Checked before anybody may hold one: what comes from here can be
//! put into a header as it is (X09).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use serde_json::Value;

use super::fault::Fault;
use super::life::Life;
use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::token::claims::{ClaimName, Claims};

/// The longest token that is taken, in bytes: what the gate of another sidecar would read.
const LONGEST: usize = 16 * 1024;

/// A token, and how long it is kept.
pub(super) struct Issued {
    pub(super) token: Token,
    pub(super) life: Life,
}

/// A token of any kind. `Debug` shows none of it.
#[derive(Debug)]
pub(super) enum Token {
    Bearer(Bearer),
    Aws(AwsKeys),
}

/// A bearer token (RFC 6750), and the header value that most destinations want.
#[derive(Debug)]
pub(super) struct Bearer {
    pub(super) token: Secret,
    pub(super) header: HeaderValue,
}

/// Temporary AWS credentials, for signing.
#[derive(Clone, Debug)]
pub struct AwsKeys {
    /// `AccessKeyId`
    pub access_key_id: String,
    /// `SecretAccessKey`
    pub secret_access_key: Secret,
    /// `SessionToken`
    pub session_token: Secret,
}

impl Bearer {
    /// Takes a token that a header can hold. `source` is who issued it, for the fault.
    pub(super) fn parse(token: &str, source: &str) -> Result<Bearer, Fault> {
        if !is_visible(token) {
            return Err(Fault::other(format!(
                "{source} issued a token that is empty, longer than 16 KiB, or not fit for a header"
            )));
        }
        let mut header = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| Fault::other(format!("{source} issued a token not fit for a header")))?;
        header.set_sensitive(true);
        Ok(Bearer {
            token: Secret::new(token.to_owned()),
            header,
        })
    }
}

/// Visible ASCII without a blank, neither empty nor too long.
pub(super) fn is_visible(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A bearer token out of the answer of a token endpoint or of the pool's API. `expires_in` and `token_type` are what
/// stands beside it.
pub(super) fn bearer(
    token: Option<&Value>,
    token_type: Option<&Value>,
    expires_in: Option<&Value>,
    source: &str,
    now: Timestamp,
) -> Result<Issued, Fault> {
    // RFC 6749 §7.1: a type that isn't understood must not be used; a DPoP or MAC token without its proof is worth nothing.
    let kind = token_type.and_then(Value::as_str).unwrap_or_default();
    if !kind.eq_ignore_ascii_case("bearer") {
        return Err(Fault::other(format!(
            "{source} issued a token whose token_type is not Bearer"
        )));
    }
    let token = token
        .and_then(Value::as_str)
        .ok_or_else(|| Fault::other(format!("{source} answered without the token")))?;
    let bearer = Bearer::parse(token, source)?;
    let exp = claims(token).and_then(|claims| claims.find(&ClaimName::new("exp"))?.as_f64());
    Ok(Issued {
        life: Life::of(expires_in, exp, now, crate::credential::chance()),
        token: Token::Bearer(bearer),
    })
}

/// What a token says of itself, unverified: it is ours to send, not to believe. `None` for an opaque one.
pub fn claims(token: &str) -> Option<Claims> {
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    Claims::parse(&payload)
        .ok()
        .filter(|_| parts.next().is_none())
}
