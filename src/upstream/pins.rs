//! Connections that belong to one client's connection, for the upstream knows that client by them (S21).
//!
//! NTLM and Negotiate authenticate a connection, not a request (RFC 4559 §6): whoever used it next would be taken for
//! the first one. Such a connection never sees the pool again, and is closed with its client's.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

use super::pool::{Connection, Pool};

type Kept = Mutex<Vec<Connection>>;

/// What one client connection has pinned. Empty, and one allocation, for nearly all.
#[derive(Clone, Default)]
pub struct Pins(Arc<Kept>);

impl Pins {
    /// The connection of this client to this upstream, if there is one and it lives.
    pub(super) fn take(&self, pool: &Arc<Pool>) -> Option<Connection> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_empty() {
            return None;
        }
        kept.retain_mut(Connection::is_ready);
        let at = kept.iter().position(|pinned| pinned.is_of(pool))?;
        let mut connection = kept.swap_remove(at);
        connection.pin(self);
        Some(connection)
    }

    /// Whom a connection belongs to, without keeping that alive.
    pub(super) fn owner(&self) -> Owner {
        Owner(Arc::downgrade(&self.0))
    }
}

/// The client connection that a pinned connection belongs to.
pub(super) struct Owner(Weak<Kept>);

impl Owner {
    /// Gives a connection back to its owner; it is closed if that is gone.
    pub(super) fn keep(self, connection: Connection) {
        if let Some(kept) = self.0.upgrade() {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push(connection);
        }
    }
}

/// Whether an answer offers, or goes on with, a scheme that authenticates the connection. Schemes stand first in an
/// element of the list (RFC 9110 §11.6.1); one inside a quoted string pins without need, which harms nobody.
pub(super) fn binds(headers: &HeaderMap) -> bool {
    headers.get_all(WWW_AUTHENTICATE).iter().any(|line| {
        line.as_bytes()
            .split(|&byte| byte == b',')
            .filter_map(|element| {
                element
                    .trim_ascii()
                    .split(|byte| byte.is_ascii_whitespace())
                    .next()
            })
            .any(|scheme| {
                scheme.eq_ignore_ascii_case(b"ntlm") || scheme.eq_ignore_ascii_case(b"negotiate")
            })
    })
}

#[cfg(test)]
mod tests;
