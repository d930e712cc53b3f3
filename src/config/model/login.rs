//! `[login]`, checked.

use std::sync::Arc;
use std::time::Duration;

use super::Fetch;
use super::credentials::Client;
use crate::session::Key;

/// `[login]`: how browsers sign in.
#[derive(Clone, Debug, PartialEq)]
pub struct Login {
    /// The index of the pool.
    pub pool: usize,
    /// Where its pages are: an origin.
    pub domain: String,
    /// The app client.
    pub client: Client,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// Where the pool's pages send a browser back to.
    pub callback_path: String,
    /// Where one signs out.
    pub logout_path: String,
    /// Where one is afterwards; `None` is the root of wherever the browser was.
    pub after_logout: Option<String>,
    /// The first seals, all open.
    pub session_keys: Vec<Key>,
    /// How long one stays signed in.
    pub session_lifetime: Duration,
    /// Begins with `__Host-`.
    pub cookie_name: String,
    /// How the pool is called: as for its keys.
    pub fetch: Arc<Fetch>,
}
