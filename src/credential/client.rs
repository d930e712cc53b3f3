//! An app client's secrets: read again for each fetch, tried one after the other, the one that worked last first.
//!
//! A client of Cognito may hold two active secrets, so that one can be replaced while the other serves. A file that can't be
//! read for a moment (it is being replaced) leaves the secret as it was (X16).

use std::io::Read as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::fault::{Fault, Kind};
use crate::config::model::credentials as model;
use crate::secret::Secret;

/// The largest file that is read for a secret.
const LARGEST: u64 = 64 * 1024;

/// A secret that may change in its file.
pub(super) struct Kept {
    source: model::Source,
    last: Mutex<Secret>,
}

impl Kept {
    pub(super) fn new(source: &model::Source) -> Kept {
        Kept {
            last: Mutex::new(source.value.clone()),
            source: source.clone(),
        }
    }

    /// As it is now.
    pub(super) fn read(&self) -> Secret {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &self.source.file {
            match read(path) {
                Some(fresh) => *last = fresh,
                None => {
                    tracing::warn!(file = %path.display(), "a secret's file holds no secret now; the last one read is used");
                }
            }
        }
        last.clone()
    }
}

/// A file's one line: the end that editors put behind it is not meant.
fn read(path: &std::path::Path) -> Option<Secret> {
    let mut text = String::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(LARGEST).read_to_string(&mut text).ok()?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    (!text.is_empty()).then(|| Secret::new(text))
}

/// An app client.
pub(super) struct Client {
    pub(super) id: String,
    secrets: Vec<Kept>,
    /// The secret that worked last.
    first: AtomicUsize,
}

impl Client {
    pub(super) fn new(client: &model::Client) -> Client {
        Client {
            id: client.id.clone(),
            secrets: client.secrets.iter().map(Kept::new).collect(),
            first: AtomicUsize::new(0),
        }
    }

    /// The attempts to make, in their order: a secret each, or none at all for a public client.
    pub(super) fn attempts(&self) -> impl Iterator<Item = Attempt> {
        let count = self.secrets.len().max(1);
        let first = self.first.load(Ordering::Relaxed);
        (0..count).map(move |step| {
            let index = (first + step) % count;
            Attempt {
                secret: self.secrets.get(index).map(Kept::read),
                index,
                is_last: step + 1 == count,
            }
        })
    }

    /// What comes of an attempt: its outcome, unless it was refused for its secret and another one is left to try.
    pub(super) fn settle<T>(
        &self,
        attempt: &Attempt,
        outcome: Result<T, Fault>,
    ) -> Option<Result<T, Fault>> {
        match &outcome {
            Err(fault) if fault.kind == Kind::Client && !attempt.is_last => {
                tracing::debug!(%fault, "trying the client's next secret");
                None
            }
            Err(_) => Some(outcome),
            Ok(_) => {
                self.first.store(attempt.index, Ordering::Relaxed);
                Some(outcome)
            }
        }
    }

    /// What Cognito's API wants in place of the secret: base64(HMAC-SHA256(secret, user ‖ client id)). The user is the one
    /// that the same message names: in a pool with e-mail addresses as user names, it changes during sign-in.
    pub(super) fn hash(&self, secret: &Secret, user: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        let message = [user.as_bytes(), self.id.as_bytes()].concat();
        STANDARD.encode(hmac::sign(&key, &message))
    }
}

/// One attempt with one secret.
pub(super) struct Attempt {
    pub(super) secret: Option<Secret>,
    index: usize,
    is_last: bool,
}
