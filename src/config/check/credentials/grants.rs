//! The keys of each grant.

use std::path::PathBuf;

use super::named;
use crate::config::check::origins;
use crate::config::check::pools::cognito;
use crate::config::model::credentials::{
    Client, ClientAuth, Grant, IdentityPool, Proof, Refresh, Source, TokenEndpoint, User, UserPool,
    UserToken, Via,
};
use crate::config::raw::Value;
use crate::config::raw::item::Item;
use crate::config::raw::table::Table;
use crate::config::secrets;
use crate::secret::Secret;

/// `grant`
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    ClientCredentials,
    UserPassword,
    UserSrp,
    RefreshToken,
    IdentityPool,
}

/// As they are written.
pub(super) const KINDS: [(&str, Kind); 5] = [
    ("client_credentials", Kind::ClientCredentials),
    ("user_password", Kind::UserPassword),
    ("user_srp", Kind::UserSrp),
    ("refresh_token", Kind::RefreshToken),
    ("identity_pool", Kind::IdentityPool),
];

/// A credential's grant. An identity pool's comes with the item that names its user, to be looked at when all are read.
pub(super) fn grant<'t>(
    kind: Option<Kind>,
    table: &mut Table<'t>,
    names: &[&str],
) -> (Grant, Option<Item<'t>>) {
    match kind {
        Some(Kind::UserPassword) => (Grant::User(user(table, Proof::Password)), None),
        Some(Kind::UserSrp) => (Grant::User(user(table, Proof::Srp)), None),
        Some(Kind::RefreshToken) => (Grant::Refresh(refresh(table)), None),
        Some(Kind::IdentityPool) => {
            let user = table.take("credential");
            (Grant::IdentityPool(identity_pool(table, names)), user)
        }
        Some(Kind::ClientCredentials) => {
            let endpoint = endpoint(table);
            let client = client(table);
            if client.secrets.is_empty() && table.take("client_secret").is_none() {
                table.lacks(
                    "client_secret",
                    "expected `client_secret`: no other proof is known to this grant",
                );
            }
            (Grant::ClientCredentials(endpoint, client), None)
        }
        // That it has no grant has been told: what else it would need, and not, nobody knows.
        None => {
            table.asked_for(&KEYS);
            (Grant::ClientCredentials(nowhere(), nobody()), None)
        }
    }
}

/// The keys of all grants.
const KEYS: [&str; 16] = [
    "token_url",
    "client_id",
    "client_secret",
    "client_auth",
    "parameters",
    "user_pool_id",
    "endpoint",
    "username",
    "password",
    "token",
    "refresh_token",
    "state_file",
    "identity_pool_id",
    "credential",
    "region",
    "grant",
];

/// Stands in for an endpoint that could not be read.
fn nowhere() -> TokenEndpoint {
    TokenEndpoint {
        url: String::new(),
        auth: ClientAuth::Basic,
        parameters: Vec::new(),
    }
}

fn nobody() -> Client {
    Client {
        id: String::new(),
        secrets: Vec::new(),
    }
}

/// Stands in for a secret that could not be read.
fn no_secret() -> Source {
    Source {
        value: Secret::new(String::new()),
        file: None,
    }
}

fn endpoint(table: &mut Table<'_>) -> TokenEndpoint {
    let expected = "expected `token_url`: the pool's domain and /oauth2/token";
    TokenEndpoint {
        url: table
            .required("token_url", expected, confidential)
            .unwrap_or_default(),
        auth: table.or(
            "client_auth",
            |item| item.one_of(&[("basic", ClientAuth::Basic), ("post", ClientAuth::Post)]),
            ClientAuth::Basic,
        ),
        parameters: table.or("parameters", parameters, Vec::new()),
    }
}

/// A URL that secrets are sent to.
pub(in crate::config::check) fn confidential(item: Item<'_>) -> Option<String> {
    let expected = "a URL such as \"https://acme.auth.eu-west-1.amazoncognito.com/oauth2/token\"";
    let url = origins::url(item, &["https", "http"], expected)?;
    if url.scheme == "http" && !url.is_loopback() {
        return item.refuse_with_help(
            format!("`{}` is plain http", item.key),
            "expected https://",
            "the secret would be sent in the clear; http is taken on loopback alone",
        );
    }
    item.string().map(str::to_owned)
}

/// Form fields that the grant itself sets.
const SET: [&str; 8] = [
    "grant_type",
    "client_id",
    "client_secret",
    "scope",
    "refresh_token",
    "client_assertion",
    "client_assertion_type",
    "token",
];

fn parameters(item: Item<'_>) -> Option<Vec<(String, Secret)>> {
    let table = item.table("`parameters`", "credentials.*.parameters")?;
    let mut parameters = Vec::new();
    for item in table.names() {
        // Nobody knows which of them an endpoint takes for a secret.
        item.at.blank(item.span());
        if SET.contains(&item.key) {
            item.refuse::<()>(
                format!("`{}` is set by the grant itself", item.key),
                "expected another form field",
            );
        } else if let Some(value) = item.string() {
            parameters.push((item.key.to_owned(), Secret::new(value.to_owned())));
        }
    }
    Some(parameters)
}

pub(in crate::config::check) fn client(table: &mut Table<'_>) -> Client {
    let id = table.required(
        "client_id",
        "expected `client_id`: the app client's",
        |item| {
            let id = item.string()?;
            match id.bytes().all(|byte| byte.is_ascii_graphic()) {
                true => Some(id.to_owned()),
                false => item.refuse(
                    "`client_id` has blanks or letters beyond ASCII",
                    "expected an app client's id",
                ),
            }
        },
    );
    Client {
        id: id.unwrap_or_default(),
        secrets: table.or("client_secret", client_secrets, Vec::new()),
    }
}

/// One secret or a list of them.
fn client_secrets(item: Item<'_>) -> Option<Vec<Source>> {
    match &item.node.value {
        Value::List(_) => item.some("a list of secrets: { file = \"…\" }", secrets::source),
        _ => secrets::source(item).map(|source| vec![source]),
    }
}

fn user_pool(table: &mut Table<'_>) -> UserPool {
    let expected = "expected `user_pool_id`: where the user signs in";
    let id = table.required("user_pool_id", expected, pool_id);
    let endpoint = table.optional("endpoint", confidential);
    let (id, host) = id.unwrap_or_default();
    UserPool {
        endpoint: endpoint.unwrap_or_else(|| format!("https://{host}/")),
        login: format!("{host}/{id}"),
        id,
    }
}

/// A pool's id and the host of its API.
fn pool_id(item: Item<'_>) -> Option<(String, String)> {
    item.parsed(cognito::EXPECTED, |id| {
        let host = cognito::host("cognito-idp", id.split_once('_')?.0);
        cognito::issuers(id).map(|_| (id.to_owned(), host))
    })
}

fn user(table: &mut Table<'_>, proof: Proof) -> User {
    let mut secret = |key: &'static str, expected: &str| {
        let source = table.required(key, expected, secrets::source);
        source.unwrap_or_else(no_secret)
    };
    let username = secret(
        "username",
        "expected `username`: { file = \"…\" } or { env = \"…\" }",
    );
    let password = secret(
        "password",
        "expected `password`: { file = \"…\" } or { env = \"…\" }",
    );
    User {
        pool: user_pool(table),
        client: client(table),
        username,
        password,
        proof,
        token: table.or("token", user_token, UserToken::Access),
    }
}

fn user_token(item: Item<'_>) -> Option<UserToken> {
    item.one_of(&[("access", UserToken::Access), ("id", UserToken::Id)])
}

fn refresh(table: &mut Table<'_>) -> Refresh {
    let (url, pool) = (table.take("token_url"), table.take("user_pool_id"));
    let via = match (url, pool) {
        (None, Some(_)) => Via::Pool(user_pool(table)),
        (Some(url), Some(_)) => {
            url.refuse::<()>(
                format!("{} has both `token_url` and `user_pool_id`", table.name),
                "expected one of them: where the refresh token is good",
            );
            Via::Pool(user_pool(table))
        }
        (Some(_), None) => Via::Endpoint(endpoint(table)),
        (None, None) => {
            let expected = "expected `token_url`, or `user_pool_id` for the pool's own API";
            table.lacks("token_url", expected);
            // Its other keys are known all the same.
            table.asked_for(&["client_auth", "parameters", "endpoint"]);
            Via::Endpoint(nowhere())
        }
    };
    let expected = "expected `refresh_token`: { file = \"…\" } or { env = \"…\" }";
    let refresh_token = table.required("refresh_token", expected, secrets::source);
    Refresh {
        via,
        client: client(table),
        refresh_token: refresh_token.unwrap_or_else(no_secret),
        state_file: table.optional("state_file", |item| item.string().map(PathBuf::from)),
        token: table.or("token", user_token, UserToken::Access),
    }
}

fn identity_pool(table: &mut Table<'_>, names: &[&str]) -> IdentityPool {
    let expected = "expected `identity_pool_id`: region, colon, UUID";
    let pool = table.required("identity_pool_id", expected, |item| {
        item.parsed(
            "an id such as \"eu-west-1:1a2b3c4d-0000-1111-2222-333344445555\"",
            |id| {
                let (region, uuid) = id.split_once(':')?;
                let plain = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
                let sound =
                    cognito::is_region(region) && !uuid.is_empty() && uuid.bytes().all(plain);
                sound.then(|| (id.to_owned(), region.to_owned()))
            },
        )
    });
    let (id, home) = pool.unwrap_or_default();
    let region = table.or("region", region, home);
    let expected = "expected `credential`: the user whose ID token is shown";
    let credential = table.required("credential", expected, |item| named(item, names));
    let endpoint = table.optional("endpoint", confidential);
    IdentityPool {
        id,
        credential: credential.unwrap_or_default(),
        endpoint: endpoint
            .unwrap_or_else(|| format!("https://{}/", cognito::host("cognito-identity", &region))),
    }
}

/// A region of AWS.
pub(in crate::config::check) fn region(item: Item<'_>) -> Option<String> {
    item.parsed("a region such as \"eu-west-1\"", |text| {
        cognito::is_region(text).then(|| text.to_owned())
    })
}
