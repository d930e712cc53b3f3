//! Raw tree → [`Config`]: the rules of the contract, a file for each group of tables.
//!
//! A part that is wrong tells its fault and is filled in with a default, so that all faults of a file come in one run; a
//! configuration with any fault is never handed out. Nothing that is written may be ignored in silence: a key is read, or
//! unknown.

mod browsers;
mod certificates;
mod credentials;
mod fetch;
mod headers;
mod identity;
mod kept;
mod login;
mod origins;
mod outbound;
mod patterns;
mod pools;
mod review;
mod routes;
mod rules;
mod server;
mod tests_table;
mod tokens;
mod upstreams;

use std::sync::Arc;

use super::inspection::Inspection;
use super::model::{Config, Purpose};
use super::raw::Entry;
use super::raw::item::Item;
use super::raw::table::{Table, nearest};

/// Checks a whole configuration. What is wrong is in the inspection; a `Config` is only good when nothing is.
pub fn check(root: &[Entry], text: &str, at: &Inspection<'_>) -> Option<Config> {
    let mut root = Table::new("", "", None, root, at);
    let (server, limits) = server::server(root.below("server", "server"));
    let paths = server::paths(root.below("paths", "paths"));
    let upstreams = upstreams::upstreams(&mut root);
    let fetch = root.below("fetch", "fetch");
    let pools = pools::pools(root.take("pools"), &fetch, at);
    let credentials = credentials::credentials(root.below("credentials", "credentials"), &fetch);
    fetch::fetch(fetch);
    let outbound = outbound::outbound(root.below("outbound", "outbound"), &credentials, &server);
    let tokens = tokens::tokens(root.below("tokens", "tokens"));
    let (login, has_login) = login::login(root.take("login"), &pools, &server, &tokens);
    let (identity, globals) = identity::identity(root.below("identity", "identity"));
    let defaults = root.below("defaults", "routes.*");
    let routes = root.below("routes", "routes");
    let client_ca = (server.tls.as_ref()).and_then(|tls| tls.client_ca_file.as_ref());
    let around = routes::Around {
        pools: &pools,
        upstreams: &upstreams,
        globals: &globals,
        paths,
        has_login,
        login: login.as_ref(),
        any_host: server.hosts.is_empty(),
        client_certificates: client_ca.is_some(),
    };
    let routes = routes::routes(routes, &defaults, &around);
    let catch_all = routes::catch_all(&around, at)?;
    let cors = browsers::cors(root.take("cors"));
    let telemetry = tokens::telemetry(root.below("telemetry", "telemetry"));
    let tests = tests_table::tests(root.below("tests", "tests"), &pools);
    root.finish();
    let mut config = Config {
        server,
        limits,
        paths,
        upstreams: upstreams.list,
        pools: pools.list,
        tokens,
        identity,
        routes,
        purpose: Purpose::Guard,
        catch_all,
        cors,
        credentials: credentials.list,
        outbound,
        login: login.map(Arc::new),
        tests,
        telemetry,
        warnings: Vec::new(),
        files: at.files.borrow().clone(),
        hash: hash(text),
    };
    kept::note(&mut config);
    review::review(&config, at);
    Some(Config {
        warnings: at.warnings.borrow().clone(),
        ..config
    })
}

/// The index of what an item names, among the names of what is configured. `table` has its article: "a [pools.NAME]".
fn named(item: Item<'_>, known: &[&str], what: &str, table: &str) -> Option<usize> {
    let name = item.string()?;
    if let Some(at) = known.iter().position(|known| *known == name) {
        return Some(at);
    }
    let help = match (nearest(name, known), known.is_empty()) {
        (Some(near), _) => format!("did you mean \"{near}\"?"),
        (None, true) => "there is no such table".to_owned(),
        (None, false) => format!("known names: {}", known.join(", ")),
    };
    item.refuse_with_help(
        format!("this {what} is not configured"),
        format!("expected the NAME of {table}"),
        help,
    )
}

/// SHA-256 of the text, in hex.
fn hash(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
