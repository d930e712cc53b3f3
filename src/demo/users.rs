//! Who the demo pool knows: one resource server, four app clients, two users. All in memory, all printed.
//!
//! These are no secrets: they are in this file, on the screen, and worth something on loopback only.

/// The pool's id, shaped as Cognito's are.
pub const POOL_ID: &str = "eu-west-1_DemoPool1";

/// What tokens say in `iss`, wherever the pool listens: a gate that trusts it has to be told the JWKS URL apart, as with
/// any emulator of Cognito.
pub const ISSUER: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_DemoPool1";

/// An app client.
#[derive(Debug, PartialEq, Eq)]
pub struct Client {
    /// `client_id` in access tokens, `aud` in ID tokens.
    pub id: &'static str,
    /// Without one, it is a public client.
    pub secret: Option<&'static str>,
    /// Scopes it may have by `client_credentials`: with any it is a machine, with none an app that signs users in.
    pub scopes: &'static [&'static str],
}

impl Client {
    /// Whether users sign in with it.
    pub fn signs_users_in(&self) -> bool {
        self.scopes.is_empty()
    }
}

/// A user.
#[derive(Debug, PartialEq, Eq)]
pub struct User {
    /// `username`, `cognito:username`.
    pub name: &'static str,
    /// For `USER_PASSWORD_AUTH`.
    pub password: &'static str,
    /// `sub`.
    pub sub: &'static str,
    /// `email`, in ID tokens.
    pub email: &'static str,
    /// `cognito:groups`; without any, tokens have no such claim.
    pub groups: &'static [&'static str],
}

/// A machine that may read orders.
pub static READER: Client = Client {
    id: "demo-reader",
    secret: Some("reader-secret-for-demo-only"),
    scopes: &["orders/read"],
};

/// A machine that may read and write orders.
pub static WRITER: Client = Client {
    id: "demo-writer",
    secret: Some("writer-secret-for-demo-only"),
    scopes: &["orders/read", "orders/write"],
};

/// The app that users sign in with.
pub static APP: Client = Client {
    id: "demo-app",
    secret: None,
    scopes: &[],
};

/// Another one, that keeps a secret.
pub static CONSOLE: Client = Client {
    id: "demo-console",
    secret: Some("console-secret-for-demo-only"),
    scopes: &[],
};

/// A member of staff.
pub static ALICE: User = User {
    name: "alice",
    password: "Alice-demo-1",
    sub: "a11ce000-5d3f-4c52-9d4e-0d6c1f2b7a10",
    email: "alice@example.com",
    groups: &["staff"],
};

/// In no group.
pub static BOB: User = User {
    name: "bob",
    password: "Bob-demo-1",
    sub: "b0b00000-8e1a-4f0b-a6c7-93d2e5f4c821",
    email: "bob@example.com",
    groups: &[],
};

/// The client with this id.
pub fn client(id: &str) -> Option<&'static Client> {
    [&READER, &WRITER, &APP, &CONSOLE]
        .into_iter()
        .find(|client| client.id == id)
}

/// What an app may ask for at the pool's pages. As on Cognito, it is the client that is given scopes, not the user.
pub const PAGE_SCOPES: &[&str] = &[
    "openid",
    "email",
    "phone",
    "profile",
    "aws.cognito.signin.user.admin",
    "orders/read",
    "orders/write",
];

/// The user with this name.
pub fn user(name: &str) -> Option<&'static User> {
    [&ALICE, &BOB].into_iter().find(|user| user.name == name)
}

/// The user who signs in with this name or e-mail address.
pub fn signing_in(name: &str) -> Option<&'static User> {
    [&ALICE, &BOB]
        .into_iter()
        .find(|user| user.name == name || user.email == name)
}
