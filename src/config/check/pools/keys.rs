//! `jwks_url` and `jwks_file`: where a pool's keys come from.

use std::path::PathBuf;

use crate::config::check::origins;
use crate::config::model::JwksSource;
use crate::config::raw::item::Item;
use crate::config::raw::table::Table;
use crate::config::secrets;
use crate::token::keys::KeySet;
use crate::token::trust::PoolKind;

/// Where keys are fetched: as `jwks_url` says, else as follows from the pool's identity.
pub(super) fn source(table: &mut Table<'_>, derived: JwksSource) -> JwksSource {
    let has_file = table.take("jwks_file").is_some();
    let given = table.take("jwks_url").map(|item| match item.string() {
        Some("none") if !has_file => item.refuse(
            "keys come from nowhere",
            "expected a URL, or a `jwks_file` beside \"none\"",
        ),
        Some("none") => Some(JwksSource::None),
        Some(_) => origins::trusted(item).map(|url| JwksSource::Urls(vec![url])),
        None => None,
    });
    given.flatten().unwrap_or(derived)
}

/// A file with a JWKS that has a usable key.
pub(super) fn file(item: Item<'_>, kind: PoolKind) -> Option<PathBuf> {
    let (path, bytes) = secrets::file(item)?;
    match KeySet::parse(&bytes, kind) {
        Ok(_) => Some(path),
        Err(why) => item.refuse_with_help(
            "this file holds no keys for this pool",
            "expected a JWKS with a key that verifies signatures",
            why.0,
        ),
    }
}
