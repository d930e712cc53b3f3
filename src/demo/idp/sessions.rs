//! What the pool remembers between two requests: refresh tokens, and sign-ins that wait for their proof.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::srp::Exchange;
use crate::demo::signing::random;
use crate::demo::users::{Client, User};

/// Nobody needs more in a demo; beyond it, all are forgotten.
const MOST: usize = 10_000;

/// Sessions of one pool.
#[derive(Default)]
pub struct Sessions {
    refresh_tokens: HashMap<String, (&'static Client, &'static User)>,
    /// By their secret block.
    exchanges: HashMap<String, (&'static Client, Exchange)>,
}

impl Sessions {
    /// A new refresh token, opaque as Cognito's are.
    pub(super) fn remember(&mut self, client: &'static Client, user: &'static User) -> String {
        if self.refresh_tokens.len() >= MOST {
            self.refresh_tokens.clear();
        }
        let token = URL_SAFE_NO_PAD.encode(random::<192>());
        self.refresh_tokens.insert(token.clone(), (client, user));
        token
    }

    /// Whose refresh token this is, if it is one of this client's.
    pub(super) fn user_of(&self, client: &Client, token: &str) -> Option<&'static User> {
        let (owner, user) = self.refresh_tokens.get(token)?;
        (*owner == client).then_some(*user)
    }

    /// A refresh token that is good no more.
    pub(super) fn forget(&mut self, token: &str) {
        self.refresh_tokens.remove(token);
    }

    /// Ends every session: users have to sign in again.
    pub fn revoke_all(&mut self) {
        self.refresh_tokens.clear();
    }

    pub(super) fn await_proof(&mut self, client: &'static Client, exchange: Exchange) {
        if self.exchanges.len() >= MOST {
            self.exchanges.clear();
        }
        self.exchanges.insert(exchange.block(), (client, exchange));
    }

    /// A sign-in by its secret block: good for one proof.
    pub(super) fn take_exchange(&mut self, client: &Client, block: &str) -> Option<Exchange> {
        let (owner, exchange) = self.exchanges.remove(block)?;
        (owner == client).then_some(exchange)
    }
}
