//! The file that a rotated refresh token is kept in: readable by us alone, replaced whole or not at all.
//!
//! Beside the token stands a digest of the configured one that it descends from, so that a token configured anew is not
//! overruled by what the old one was rotated to.

#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::secret::Secret;

const LARGEST: u64 = 64 * 1024;

/// A `state_file`.
pub(super) struct StateFile(PathBuf);

impl StateFile {
    pub(super) fn new(path: PathBuf) -> StateFile {
        StateFile(path)
    }

    /// The token that this configured one was rotated to, if the file has it.
    pub(super) fn load(&self, configured: &Secret) -> Option<Secret> {
        let file = File::open(&self.0).ok()?;
        if file
            .metadata()
            .is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0)
        {
            tracing::warn!(file = %self.0.display(), "state_file can be read by others; it is 0600 from its next change on");
        }
        let mut text = String::new();
        file.take(LARGEST).read_to_string(&mut text).ok()?;
        let state: Value = serde_json::from_str(&text).ok()?;
        let member = |name: &str| state.get(name).and_then(Value::as_str);
        if member("from")? != origin(configured) {
            return None;
        }
        let token = member("refresh_token").filter(|token| !token.is_empty())?;
        Some(Secret::new(token.to_owned()))
    }

    /// Replaces the file: written beside it with mode 0600, flushed to disk, then renamed over it.
    pub(super) fn store(&self, token: &Secret, configured: &Secret) -> io::Result<()> {
        let state = json!({ "from": origin(configured), "refresh_token": token.expose() });
        let mut beside = self.0.clone().into_os_string();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        // One that a crash left behind may have another mode: a new file is made, never an old one opened.
        match std::fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(state.to_string().as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, &self.0)?;
        // The rename itself is on disk only with its directory.
        match self.0.parent() {
            Some(directory) if !directory.as_os_str().is_empty() => {
                File::open(directory)?.sync_all()
            }
            _ => File::open(".")?.sync_all(),
        }
    }
}

fn origin(configured: &Secret) -> String {
    STANDARD.encode(digest(&SHA256, configured.expose().as_bytes()))
}
