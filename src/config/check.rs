//! Raw tree → [`Config`]: the rules of the contract, a file for each group of tables.
//!
//! A part that is wrong tells its fault and is filled in with a default, so that all faults of a file come in one run; a
//! configuration with any fault is never handed out. Nothing that is written may be ignored in silence: a key is read,
//! unknown, or said to be unavailable.

mod browsers;
mod fetch;
mod headers;
mod identity;
mod origins;
mod patterns;
mod pools;
mod review;
mod routes;
mod rules;
mod server;
mod tokens;
pub mod unavailable;
mod upstreams;

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use super::Surroundings;
use super::fault::Fault;
use super::model::Config;
use super::raw::table::Table;
use super::raw::{Entry, Span};

/// An inspection under way: where it may look, and what it has found so far.
pub struct Inspection<'a> {
    /// The machine's environment and files.
    pub surroundings: &'a Surroundings<'a>,
    /// What is wrong.
    pub faults: RefCell<Vec<Fault>>,
    /// What is legal but suspicious.
    pub warnings: RefCell<Vec<String>>,
    /// Files that are named.
    pub files: RefCell<Vec<PathBuf>>,
    /// Further values that may be secrets.
    pub secrets: RefCell<Vec<Span>>,
}

impl<'a> Inspection<'a> {
    /// One that has found nothing yet.
    pub fn new(surroundings: &'a Surroundings<'a>) -> Inspection<'a> {
        Inspection {
            surroundings,
            faults: RefCell::default(),
            warnings: RefCell::default(),
            files: RefCell::default(),
            secrets: RefCell::default(),
        }
    }

    /// Notes a fault.
    pub fn tell(&self, fault: Fault) {
        self.faults.borrow_mut().push(fault);
    }

    /// Notes a warning, once.
    pub fn warn(&self, warning: impl Into<String>) {
        let (warning, mut warnings) = (warning.into(), self.warnings.borrow_mut());
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    /// Notes a file to watch, once.
    pub fn watch(&self, path: &Path) {
        let mut files = self.files.borrow_mut();
        if !files.iter().any(|known| known == path) {
            files.push(path.to_owned());
        }
    }

    /// Notes that what stands here may be a secret.
    pub fn blank(&self, span: Span) {
        self.secrets.borrow_mut().push(span);
    }
}

/// Checks a whole configuration. What is wrong is in the inspection; a `Config` is only good when nothing is.
pub fn check(root: &[Entry], text: &str, at: &Inspection<'_>) -> Option<Config> {
    let mut root = Table::new("", "", None, root, at);
    let (server, limits) = server::server(root.below("server", "server"));
    let paths = server::paths(root.below("paths", "paths"));
    let upstreams = upstreams::upstreams(&mut root);
    let fetch = root.below("fetch", "fetch");
    let pools = pools::pools(root.take("pools"), &fetch, at);
    fetch::fetch(fetch);
    let tokens = tokens::tokens(root.below("tokens", "tokens"));
    let (identity, globals) = identity::identity(root.below("identity", "identity"));
    let defaults = root.below("defaults", "routes.*");
    let routes = root.below("routes", "routes");
    let around = routes::Around {
        pools: &pools,
        upstreams: &upstreams,
        globals: &globals,
        paths,
        any_host: server.hosts.is_empty(),
    };
    let routes = routes::routes(routes, &defaults, &around);
    let cors = root
        .take("cors")
        .and_then(|item| item.table("[cors]", "cors"))
        .map(browsers::cors);
    let telemetry = tokens::telemetry(root.below("telemetry", "telemetry"));
    root.finish();
    let config = Config {
        server,
        limits,
        paths,
        upstreams: upstreams.list,
        pools: pools.list,
        tokens,
        identity,
        routes,
        cors,
        telemetry,
        warnings: Vec::new(),
        files: at.files.borrow().clone(),
        hash: hash(text),
    };
    review::review(&config, at);
    Some(Config {
        warnings: at.warnings.borrow().clone(),
        ..config
    })
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
