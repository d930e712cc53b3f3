//! What the pool remembers between two requests: who is signed in at its pages, codes, refresh tokens, and sign-ins that
//! wait for their proof. All in memory, all bounded, all gone with the process.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::idp::Exchange;
use super::signing::{random, uuid};
use super::users::{Client, User};

/// Nobody needs more in a demo; beyond it, all are forgotten.
const MOST: usize = 10_000;
/// How long a code is good for, in seconds.
const CODE_LIFETIME: u64 = 300;
/// How long a browser stays signed in at the pool's pages, in seconds.
pub const BROWSER_LIFETIME: u64 = 3600;

/// A user who signed in with a client: what tokens of the one sign-in share, however often they are renewed.
#[derive(Clone)]
pub struct Login {
    /// The app.
    pub client: &'static Client,
    /// The user.
    pub user: &'static User,
    /// What the access tokens allow.
    pub scopes: Vec<&'static str>,
    /// `auth_time`: when the user signed in, in seconds since the Unix epoch.
    pub at: u64,
    /// `origin_jti`.
    pub origin: String,
    /// `nonce`, for the first ID token alone.
    pub nonce: Option<String>,
}

impl Login {
    /// `user` signed in with `client` at this time.
    pub fn new(
        client: &'static Client,
        user: &'static User,
        scopes: Vec<&'static str>,
        at: u64,
    ) -> Login {
        Login {
            client,
            user,
            scopes,
            at,
            origin: uuid(),
            nonce: None,
        }
    }
}

/// A code and what must come with it.
pub struct Code {
    /// Whom it stands for.
    pub login: Login,
    /// Where it was sent to: to be repeated (RFC 6749 §4.1.3).
    pub redirect_uri: String,
    /// The S256 challenge that the verifier has to meet (RFC 7636).
    pub challenge: Option<String>,
}

/// A user whose browser is signed in at the pool's pages.
#[derive(Clone, Copy)]
pub struct Browser {
    /// The user.
    pub user: &'static User,
    /// When the password was given, in seconds since the Unix epoch.
    pub at: u64,
}

/// Sessions of one pool.
#[derive(Default)]
pub struct Sessions {
    browsers: HashMap<String, Browser>,
    codes: HashMap<String, (u64, Code)>,
    refresh_tokens: HashMap<String, Login>,
    /// By their secret block.
    exchanges: HashMap<String, (&'static Client, Exchange)>,
}

impl Sessions {
    /// A new refresh token, opaque as Cognito's are.
    pub fn remember(&mut self, mut login: Login) -> String {
        login.nonce = None;
        keep(&mut self.refresh_tokens, opaque::<192>(), login)
    }

    /// Whose refresh token this is, if it is one of this client's.
    pub fn login_of(&self, client: &Client, token: &str) -> Option<Login> {
        let login = self.refresh_tokens.get(token)?;
        (login.client == client).then(|| login.clone())
    }

    /// A refresh token that is good no more.
    pub fn forget(&mut self, token: &str) {
        self.refresh_tokens.remove(token);
    }

    /// Ends what a refresh token stands for, with every other token of the same sign-in.
    pub fn revoke(&mut self, login: &Login) {
        let others = |other: &Login| other.origin != login.origin;
        self.refresh_tokens.retain(|_, other| others(other));
    }

    /// Ends every session: users have to sign in again.
    pub fn revoke_all(&mut self) {
        self.refresh_tokens.clear();
        self.browsers.clear();
    }

    /// A new code, issued `now`.
    pub fn issue(&mut self, code: Code, now: u64) -> String {
        keep(&mut self.codes, opaque::<24>(), (now + CODE_LIFETIME, code))
    }

    /// What a code stands for: once, and in its time.
    pub fn redeem(&mut self, code: &str, now: u64) -> Option<Code> {
        let (until, code) = self.codes.remove(code)?;
        (now < until).then_some(code)
    }

    /// A browser whose user gave the right password: the value of its cookie.
    pub fn admit(&mut self, browser: Browser) -> String {
        keep(&mut self.browsers, opaque::<32>(), browser)
    }

    /// Who is signed in with this cookie.
    pub fn browser(&self, cookie: &str, now: u64) -> Option<Browser> {
        let browser = self.browsers.get(cookie)?;
        (now < browser.at + BROWSER_LIFETIME).then_some(*browser)
    }

    /// A browser that signs out.
    pub fn dismiss(&mut self, cookie: &str) {
        self.browsers.remove(cookie);
    }

    pub(super) fn await_proof(&mut self, client: &'static Client, exchange: Exchange) {
        keep(&mut self.exchanges, exchange.block(), (client, exchange));
    }

    /// A sign-in by its secret block: good for one proof.
    pub(super) fn take_exchange(&mut self, client: &Client, block: &str) -> Option<Exchange> {
        let (owner, exchange) = self.exchanges.remove(block)?;
        (owner == client).then_some(exchange)
    }
}

/// Something to show that nobody guesses.
pub(super) fn opaque<const N: usize>() -> String {
    URL_SAFE_NO_PAD.encode(random::<N>())
}

fn keep<T>(map: &mut HashMap<String, T>, name: String, value: T) -> String {
    if map.len() >= MOST {
        map.clear();
    }
    map.insert(name.clone(), value);
    name
}
