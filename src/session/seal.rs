//! The seal: AES-256-GCM with a random nonce. The first key seals, all of them open, so that a key can be replaced while
//! browsers are signed in.
//!
//! Purpose and cookie name are bound to what is sealed: a state cookie is no session, and a cookie given out over plain HTTP
//! on loopback is none behind HTTPS.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// In front of the nonce: how the rest is to be read.
const VERSION: u8 = 1;
const KEY_LEN: usize = 32;
const CONTEXT: &[u8] = b"portcullis sealed cookie";

/// Both alphabets are taken, with or without padding: what `openssl rand -base64 32` writes, and what others do.
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A key of 32 bytes. `Debug` shows nothing of it, and comparing takes the same time whatever differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(Secret);

impl Key {
    /// Reads 32 bytes in base64.
    pub fn parse(text: &str) -> Option<Key> {
        let bytes = STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text));
        let bytes = Zeroizing::new(bytes.ok()?);
        (bytes.len() == KEY_LEN).then(|| Key(Secret::new(STANDARD.encode(&*bytes))))
    }

    fn bytes(&self) -> Zeroizing<Vec<u8>> {
        // It was encoded when it was read.
        Zeroizing::new(STANDARD.decode(self.0.expose()).unwrap_or_default())
    }
}

/// What a sealed cookie is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A session.
    Session,
    /// A sign-in under way.
    State,
}

/// The keys in their order.
pub struct Keys {
    keys: Vec<LessSafeKey>,
    fingerprint: [u8; 32],
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({})", self.keys.len())
    }
}

impl Keys {
    /// Makes them ready for use.
    pub fn new(keys: &[Key]) -> Keys {
        let mut fingerprint = Context::new(&SHA256);
        fingerprint.update(CONTEXT);
        let ready = |key: &Key| {
            fingerprint.update(&key.bytes());
            // Every key has the one length that this takes.
            UnboundKey::new(&AES_256_GCM, &key.bytes()).map(LessSafeKey::new)
        };
        let keys = keys.iter().map(ready).filter_map(Result::ok).collect();
        let mut bytes = [0; 32];
        bytes.copy_from_slice(fingerprint.finish().as_ref());
        Keys {
            keys,
            fingerprint: bytes,
        }
    }

    /// Changes with the keys and says nothing about them: what was opened is remembered under it.
    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// Seals `content` for the cookie of this name. Nothing if the machine has no randomness.
    pub fn seal(&self, purpose: Purpose, name: &str, content: &[u8]) -> Option<String> {
        let key = self.keys.first()?;
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).ok()?;
        let mut sealed = content.to_vec();
        let bound = Aad::from(bound(purpose, name));
        let nonce_used = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(nonce_used, bound, &mut sealed)
            .ok()?;
        let mut bytes = Vec::with_capacity(1 + NONCE_LEN + sealed.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Opens what one of the keys sealed for this purpose and name.
    pub fn open(&self, purpose: Purpose, name: &str, text: &str) -> Option<Zeroizing<Vec<u8>>> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (&version, rest) = bytes.split_first()?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN)?;
        if version != VERSION {
            return None;
        }
        self.keys.iter().find_map(|key| {
            // Opening in place destroys what was sealed with another key.
            let mut content = Zeroizing::new(sealed.to_vec());
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let bound = Aad::from(bound(purpose, name));
            let length = key.open_in_place(nonce, bound, &mut content).ok()?.len();
            content.truncate(length);
            Some(content)
        })
    }
}

/// What is bound to a seal: each part with its length before it.
fn bound(purpose: Purpose, name: &str) -> Vec<u8> {
    let purpose: &[u8] = match purpose {
        Purpose::Session => b"session",
        Purpose::State => b"sign-in",
    };
    let mut bytes = Vec::new();
    for part in [CONTEXT, purpose, name.as_bytes()] {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}
