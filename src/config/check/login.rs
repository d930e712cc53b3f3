//! `[login]`: browser sign-in. Every key, and what the rest of the configuration has to say for it to work.
//!
//! What a browser sends back is believed for its seal and its origin alone: so the key is 32 random bytes, the cookie's name
//! says that nobody else can set it, and off loopback everything is HTTPS.

use std::time::Duration;

use super::credentials::{client, confidential};
use super::origins;
use super::pools::Pools;
use super::routes::Placed;
use crate::config::fault::Fault;
use crate::config::inspection::Inspection;
use crate::config::model::credentials::is_scope;
use crate::config::model::{Listen, Login, Pool, Server, Tokens};
use crate::config::raw::Value;
use crate::config::raw::item::Item;
use crate::config::raw::table::Table;
use crate::config::secrets;
use crate::policy::path::{self, Kinds};
use crate::policy::route::{Access, Route, Segment};
use crate::session::Key;
use crate::token::find::Place;
use crate::token::trust::{Clients, TokenUse};

const HOUR: Duration = Duration::from_secs(3600);
/// Longer names leave too little room for what the cookie holds.
const LONGEST_NAME: usize = 64;

/// Reads `[login]`; tells whether there is one at all, be it good or not.
pub(super) fn login(
    item: Option<Item<'_>>,
    pools: &Pools,
    server: &Server,
    tokens: &Tokens,
) -> (Option<Login>, bool) {
    let table = item.and_then(|item| item.table("[login]", "login"));
    let login = table.and_then(|table| read(table, pools, server, tokens));
    (login, item.is_some())
}

fn read(mut table: Table<'_>, pools: &Pools, server: &Server, tokens: &Tokens) -> Option<Login> {
    let pool = pool(&mut table, pools);
    let domain = table.required(
        "domain",
        "expected `domain`: where the pool's sign-in pages are",
        domain,
    );
    let id = table.take("client_id");
    let client = client(&mut table);
    if let (Some(pool), Some(item)) = (pool, id) {
        signs_in(&pools.list[pool], &client.id, item);
    }
    let scopes = table.or(
        "scopes",
        scopes,
        ["openid", "email"].map(str::to_owned).into(),
    );
    let (callback_path, logout_path) = own_paths(&mut table);
    let after_logout = table.optional("after_logout", after_logout);
    let session_keys = table.required(
        "session_key",
        "expected `session_key`: { file = \"…\" } or { env = \"…\" }",
        session_keys,
    );
    let session_lifetime = table.or("session_lifetime", Item::lapse, 12 * HOUR);
    let cookie_name = table.or(
        "cookie_name",
        |item| cookie_name(item, tokens),
        "__Host-portcullis".to_owned(),
    );
    external(&table, server);
    table.finish();
    Some(Login {
        fetch: pools.list.get(pool?)?.fetch.clone(),
        pool: pool?,
        domain: domain?,
        client,
        scopes,
        callback_path,
        logout_path,
        after_logout,
        session_keys: session_keys?,
        session_lifetime,
        cookie_name,
    })
}

/// `callback_path` and `logout_path`
fn own_paths(table: &mut Table<'_>) -> (String, String) {
    let callback = table.take("callback_path");
    let logout = table.take("logout_path");
    let own = |item: Option<Item<'_>>, default: &str| {
        let path = item.and_then(own_path);
        path.unwrap_or_else(|| default.to_owned())
    };
    let callback_path = own(callback, "/_portcullis/callback");
    let logout_path = own(logout, "/_portcullis/logout");
    if callback_path == logout_path
        && let Some(item) = logout.or(callback)
    {
        item.refuse::<()>(
            "`callback_path` and `logout_path` are one path",
            "expected two",
        );
    }
    (callback_path, logout_path)
}

/// The pool that is named, or the only one.
fn pool(table: &mut Table<'_>, pools: &Pools) -> Option<usize> {
    if pools.list.len() == 1 {
        return table.or("pool", |item| pools.named(item).map(Some), Some(0));
    }
    let expected = "expected `pool`: which of the pools people sign in at";
    table.required("pool", expected, |item| pools.named(item))
}

/// The origin of the pool's own pages. Secrets go there, so it is https, unless its host is loopback.
fn domain(item: Item<'_>) -> Option<String> {
    let url = confidential(item)?;
    let expected = "expected an origin such as \"https://acme.auth.eu-west-1.amazoncognito.com\"";
    match origins::parse(&url).is_some_and(|url| url.is_bare()) {
        true => Some(url.trim_end_matches('/').to_owned()),
        false => item.refuse_with_help(
            "`domain` has a path",
            expected,
            "/oauth2/authorize and the others are put behind it",
        ),
    }
}

/// A sign-in brings an access token of this client: it must be one that the pool is trusted for.
fn signs_in(pool: &Pool, client: &str, item: Item<'_>) {
    let name = &pool.trust.name;
    if !client.is_empty() && !pool.trust.client_ids.contains(client) {
        let help = match &pool.trust.client_ids {
            Clients::These(known) => format!("[pools.{name}] takes {}", known.join(", ")),
            Clients::Any => String::new(),
        };
        item.refuse_with_help::<()>(
            format!("[pools.{name}] takes no tokens of this client"),
            "expected one of its `client_ids`",
            help,
        );
    }
    if !pool.trust.token_use.contains(TokenUse::Access) {
        item.refuse_with_help::<()>(
            format!("[pools.{name}] takes no access tokens, and a session is one"),
            "expected a pool whose `token_use` is \"access\" or \"any\"",
            "rules read the access token; identity headers read the ID token too",
        );
    }
}

fn scopes(item: Item<'_>) -> Option<Vec<String>> {
    let scopes = item.some("a list of scopes", |item| {
        item.parsed("a scope, without blanks", |text| {
            is_scope(text).then(|| text.to_owned())
        })
    })?;
    match scopes.iter().any(|scope| scope == "openid") {
        true => Some(scopes),
        false => item.refuse_with_help(
            "`scopes` lacks \"openid\"",
            "expected it among them",
            "without it a sign-in brings no ID token, and nothing would tie it to this browser",
        ),
    }
}

/// A path of our own: one that is read in one way, and matched to the letter.
fn own_path(item: Item<'_>) -> Option<String> {
    item.parsed("a path such as \"/_portcullis/callback\"", |text| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
        let sound = text.len() > 1
            && text.starts_with('/')
            && !text.ends_with('/')
            && text.bytes().all(plain)
            && path::read(text, Kinds::NONE).is_ok();
        sound.then(|| text.to_owned())
    })
}

fn after_logout(item: Item<'_>) -> Option<String> {
    let expected = "a URL such as \"https://app.example.com/\"";
    let url = origins::url(item, &["https", "http"], expected)?;
    match url.scheme == "https" || url.is_loopback() {
        true => item.string().map(str::to_owned),
        false => item.refuse("`after_logout` is plain http", "expected https://"),
    }
}

/// One key or a list of them.
fn session_keys(item: Item<'_>) -> Option<Vec<Key>> {
    match &item.node.value {
        Value::List(_) => item.some("a list of keys: { file = \"…\" }", session_key),
        _ => session_key(item).map(|key| vec![key]),
    }
}

fn session_key(item: Item<'_>) -> Option<Key> {
    let secret = secrets::secret(item)?;
    match Key::parse(secret.expose()) {
        Some(key) => Some(key),
        None => item.refuse_with_help(
            "the session key is not 32 bytes in base64",
            "expected 44 letters of base64",
            "openssl rand -base64 32",
        ),
    }
}

fn cookie_name(item: Item<'_>, tokens: &Tokens) -> Option<String> {
    let name = item.parsed(
        "the name of a cookie such as \"__Host-portcullis\"",
        |text| {
            // RFC 6265 §4.1.1: a cookie's name is a token, as a header's is.
            let is_token = http::HeaderName::from_bytes(text.as_bytes()).is_ok();
            (is_token && text.len() <= LONGEST_NAME).then(|| text.to_owned())
        },
    )?;
    if name.strip_prefix("__Host-").is_none_or(str::is_empty) {
        return item.refuse_with_help(
            "`cookie_name` does not begin with `__Host-`",
            "expected a name such as \"__Host-portcullis\"",
            "without it a neighbouring subdomain could set the cookie; over http on loopback it is left out by itself",
        );
    }
    let is_source = tokens
        .sources
        .places
        .iter()
        .any(|place| matches!(place, Place::Cookie(known) if *known == name));
    match is_source {
        true => item.refuse(
            "[tokens] looks for a token in this cookie",
            "expected a name of its own",
        ),
        false => Some(name),
    }
}

/// Off loopback browsers are told to come back to one address, and it is https.
fn external(table: &Table<'_>, server: &Server) {
    let is_loopback = matches!(&server.listen, Listen::Tcp(address) if address.ip().is_loopback());
    match &server.external_origin {
        None if !is_loopback => table.at.tell(
            Fault::missing(
                table.span.clone(),
                "[login] needs `external_url` in [server]",
                "expected what browsers call this service",
            )
            .with_help(
                "external_url = \"https://app.example.com\"; on loopback it may be left out",
            ),
        ),
        Some(origin) => {
            let url = origins::parse(origin);
            if url.is_some_and(|url| url.scheme == "http" && !url.is_loopback()) {
                table.at.tell(
                    Fault::missing(
                        table.span.clone(),
                        "[login] needs an `external_url` that is https",
                        "sessions over plain http are anybody's",
                    )
                    .with_help("plain http is taken on loopback alone"),
                );
            }
        }
        None => {}
    }
}

/// What `login` of a route says, if it may say so.
pub(super) fn asked(item: Item<'_>, access: Access, own: bool) -> Option<bool> {
    if !item.boolean()? {
        return Some(false);
    }
    match access {
        Access::Authenticated | Access::Optional => Some(true),
        // A default holds where it can.
        Access::Public | Access::Certificate if !own => Some(false),
        Access::Public | Access::Certificate => item.refuse_with_help(
            "nobody signs in for this route",
            "no token is looked at here",
            "set `access = \"authenticated\"`, or leave this out",
        ),
    }
}

/// What routes and `[login]` must be to each other.
pub(super) fn routes(placed: &[Placed], login: Option<&Login>, at: &Inspection<'_>) {
    let Some(login) = login else { return };
    for Placed { route, span } in placed {
        if is_hidden(route, login) {
            at.tell(
                Fault::at(
                    span.clone(),
                    "[login] answers this path itself",
                    "no request ever comes here",
                )
                .with_help("`callback_path` and `logout_path` can be changed"),
            );
        }
        if route.login && !can_pass(route, login) {
            at.tell(
                Fault::at(
                    span.clone(),
                    "nobody who signs in can pass this route",
                    "takes no access token of the pool and client of [login]",
                )
                .with_help("look at its `pools`, `client_ids` and `token_use`"),
            );
        }
    }
    if !placed.iter().any(|placed| placed.route.login) {
        at.warn(
            "there is a [login], and no route has `login = true`: nobody is ever sent to sign in",
        );
    }
}

fn can_pass(route: &Route, login: &Login) -> bool {
    let (pools, clients, uses) = (&route.pools, &route.client_ids, route.token_use);
    pools
        .as_ref()
        .is_none_or(|pools| pools.contains(&login.pool))
        && clients
            .as_ref()
            .is_none_or(|known| known.contains(&login.client.id))
        && uses.is_none_or(|uses| uses.contains(TokenUse::Access))
}

/// Whether a route is a path that is answered before any route is looked at.
fn is_hidden(route: &Route, login: &Login) -> bool {
    let segments = route.pattern.segments.iter().map(|segment| match segment {
        Segment::Literal(text) => Some(text.as_str()),
        Segment::Parameter(_) | Segment::Rest(_) => None,
    });
    let path = segments.collect::<Option<Vec<_>>>();
    let path = path.map(|segments| format!("/{}", segments.join("/")));
    path.is_some_and(|path| path == login.callback_path || path == login.logout_path)
}
