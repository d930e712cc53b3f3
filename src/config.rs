//! The configuration: text → raw tree → checked model. Collects every fault of a file in one run.
//!
//! `load` is the line to read: interpolate → `raw` (our walk over toml's spanned tree) → `check` (the rules of the
//! contract) → [`Config`]. A `Config` is whole: every default is filled in, every secret read, every pattern parsed.
//! Nothing in here listens, connects or logs.

pub mod check;
pub mod fault;
pub mod interpolate;
pub mod model;
pub mod raw;
pub mod secrets;
pub mod units;

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
pub fn load(name: &str, text: &str, surroundings: &Surroundings<'_>) -> Result<Config, Faults> {
    let _ = (name, text, surroundings.env, surroundings.read);
    todo!()
}
