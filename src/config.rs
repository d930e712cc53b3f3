//! The configuration: text → raw tree → checked model. Collects every fault of a file in one run.
//!
//! `load` is the line to read: `raw` (our walk over toml's spanned tree, placeholders replaced) → `check` (the rules of the
//! contract) → [`Config`]. A `Config` is whole: every default is filled in, every secret read, every pattern parsed.
//! Nothing in here listens, connects or logs, and no fault or warning ever repeats a secret.

pub mod check;
pub mod compile;
pub mod fault;
pub mod inspection;
pub mod interpolate;
pub mod model;
pub mod raw;
pub mod secrets;
pub mod trials;
pub mod units;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::Path;

pub use fault::Faults;
pub use model::Config;

/// What a configuration may ask of the machine it is read on: its environment and its files. Tests hand in their own.
pub struct Surroundings<'a> {
    /// The value of an environment variable.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The bytes of a file. Relative paths are relative to the working directory.
    pub read: &'a dyn Fn(&Path) -> std::io::Result<Vec<u8>>,
}

/// Reads a configuration. `name` is how diagnostics call it (a file's path, or `$PORTCULLIS_CONFIG_TOML`).
///
/// # Errors
/// Every fault of the text, in its order. Of a text whose syntax is broken, what stands before the first syntax error is
/// checked too; what comes after it may have been misread, and nothing is said to be missing.
pub fn load(name: &str, text: &str, surroundings: &Surroundings<'_>) -> Result<Config, Faults> {
    let tree = raw::parse(text, surroundings.env);
    let inspection = inspection::Inspection::new(surroundings);
    let config = check::check(&tree.root, text, &inspection);
    let believed = tree
        .faults
        .into_iter()
        .chain(inspection.faults.into_inner())
        .filter(|fault| match (tree.trusted, &fault.span) {
            (None, _) => true,
            (Some(broken), Some(span)) => span.start < broken && !fault.absence,
            (Some(_), None) => false,
        });
    let faults: Vec<fault::Fault> = tree.syntax.into_iter().chain(believed).collect();
    let secrets = [tree.secrets, inspection.secrets.into_inner()].concat();
    match config {
        Some(config) if faults.is_empty() => Ok(config),
        _ => Err(Faults::new(name, text, faults, secrets)),
    }
}

/// `[server] admin`, if that much of a text can be read; else the default.
pub fn admin(text: &str, env: &dyn Fn(&str) -> Option<String>) -> SocketAddr {
    let tree = raw::parse(text, env);
    let server = raw::find(&tree.root, "server").and_then(|node| match &node.value {
        raw::Value::Table(entries) => raw::find(entries, "admin"),
        _ => None,
    });
    match server.map(|node| &node.value) {
        Some(raw::Value::String(address)) => address.parse().unwrap_or(model::ADMIN),
        _ => model::ADMIN,
    }
}
