//! The session of a browser: everything a sign-in brought, in one sealed cookie. There is no store behind it.
//!
//! Any replica with the key opens what any other sealed. What a cookie says is believed because of its seal alone (an AEAD,
//! with its purpose and its name bound to it); all the same its access token is verified like any other. A cookie that does
//! not open is no cookie: nothing here ever tells why, and nothing panics whatever is sent.

mod callback;
mod cookies;
mod seal;
#[cfg(test)]
mod tests;
mod wire;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub use callback::{NOT_BEGUN, Said};
pub use cookies::{Channel, Jar, MOST_PARTS};
pub use seal::{Key, Keys, Purpose};

use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::token::claims::Claims;
use wire::{Reader, Writer};

/// How long a sign-in may take from the redirect to the callback, in seconds.
pub const SIGN_IN_SECONDS: u64 = 600;
/// The longest path and query that one comes back to; a state cookie must stay small.
const LONGEST_RETURN: usize = 1024;

/// What a sign-in brought. `Debug` shows none of it.
#[derive(Clone, PartialEq)]
pub struct Session {
    /// When one signed in, in seconds since the epoch: `session_lifetime` counts from here.
    pub started: u64,
    /// Whose it is: what is renewed must be of the same.
    pub sub: String,
    /// The access token.
    pub access: Secret,
    /// The refresh token, if there is one.
    pub refresh: Option<Secret>,
    /// Claims of the ID token that the access token does not have as well.
    pub identity: Claims,
}

/// A sign-in under way, in a cookie of the browser that began it. `Debug` shows none of it.
#[derive(Clone, PartialEq)]
pub struct State {
    /// The `state` parameter, and part of the cookie's name.
    pub id: String,
    /// What the ID token must repeat.
    pub nonce: String,
    /// The PKCE verifier (RFC 7636 §4.1).
    pub verifier: Secret,
    /// When it began, in seconds since the epoch.
    pub started: u64,
    /// Where to come back to: path and query.
    pub back: String,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session(secret)")
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("State(secret)")
    }
}

impl Session {
    fn write(&self) -> Writer {
        let mut writer = Writer::default();
        writer.put_number(self.started);
        writer.put(self.sub.as_bytes());
        writer.put_token(self.access.expose());
        // An empty one is none: no endpoint issues it, and none would be worth sending.
        writer.put_token(self.refresh.as_ref().map_or("", Secret::expose));
        let claims = serde_json::Value::Object(self.identity.clone().into_map());
        writer.put(claims.to_string().as_bytes());
        writer
    }

    fn read(bytes: &[u8]) -> Option<Session> {
        let mut reader = Reader(bytes);
        let session = Session {
            started: reader.number()?,
            sub: reader.text()?.to_owned(),
            access: Secret::new(reader.token()?),
            refresh: Some(reader.token()?)
                .filter(|token| !token.is_empty())
                .map(Secret::new),
            identity: Claims::parse(reader.bytes()?).ok()?,
        };
        reader.is_done().then_some(session)
    }
}

impl State {
    /// A new one, to come back to `target`; nothing if the machine has no randomness.
    pub fn begin(target: &str, now: Timestamp) -> Option<State> {
        Some(State {
            id: random(16)?,
            nonce: random(16)?,
            // 43 characters, the fewest that are allowed: 256 bits.
            verifier: Secret::new(random(32)?),
            started: now as u64,
            back: safe_return(target),
        })
    }

    /// The S256 challenge of its verifier (RFC 7636 §4.2).
    pub fn challenge(&self) -> String {
        let digest = &aws_lc_rs::digest::SHA256;
        let digest = aws_lc_rs::digest::digest(digest, self.verifier.expose().as_bytes());
        URL_SAFE_NO_PAD.encode(digest)
    }

    /// Whether it is still time to come back. One from the future was sealed by a clock that is wrong by minutes.
    pub fn is_current(&self, now: Timestamp) -> bool {
        let age = now - self.started as Timestamp;
        (-60.0..=SIGN_IN_SECONDS as Timestamp).contains(&age)
    }

    fn write(&self) -> Writer {
        let mut writer = Writer::default();
        writer.put_number(self.started);
        for text in [&self.id, &self.nonce, self.verifier.expose(), &self.back] {
            writer.put(text.as_bytes());
        }
        writer
    }

    fn read(bytes: &[u8]) -> Option<State> {
        let mut reader = Reader(bytes);
        let state = State {
            started: reader.number()?,
            id: reader.text()?.to_owned(),
            nonce: reader.text()?.to_owned(),
            verifier: Secret::new(reader.text()?.to_owned()),
            back: safe_return(reader.text()?),
        };
        reader.is_done().then_some(state)
    }
}

/// So many random bytes in base64url.
fn random(count: usize) -> Option<String> {
    let mut bytes = vec![0; count];
    rand::fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

/// `target` if every browser reads it as a path of this very origin, else `/` (L01). `//host`, `/\host` and what holds a
/// control character are read as another origin by some; one that is too long loses its query first.
pub fn safe_return(target: &str) -> String {
    let is_safe = target.starts_with('/')
        && !target[1..].starts_with('/')
        && target
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let path = target.split(['?', '#']).next().unwrap_or("/");
    match is_safe {
        true if target.len() <= LONGEST_RETURN => target,
        true if path.len() <= LONGEST_RETURN => path,
        _ => "/",
    }
    .to_owned()
}
