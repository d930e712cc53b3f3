//! `[fetch]`, and a pool's own: what a pool does not set itself holds as `[fetch]` says.

use std::time::Duration;

use super::{certificates, origins};
use crate::config::model::Fetch;
use crate::config::raw::item::Item;
use crate::config::raw::table::Table;

/// Reads a fetch table.
pub(super) fn fetch(mut table: Table<'_>) -> Fetch {
    let fetch = Fetch {
        timeout: table.or("timeout", Item::lapse, Duration::from_secs(3)),
        ca_pem: table.optional("ca_file", certificates::roots),
        proxy: table.optional("proxy", proxy),
    };
    table.finish();
    fetch
}

fn proxy(item: Item<'_>) -> Option<String> {
    let expected = "a URL such as \"http://proxy.internal:3128\"";
    let url = origins::url(item, &["http", "https"], expected)?;
    match url.is_bare() {
        true => item.string().map(str::to_owned),
        false => item.refuse(
            "`proxy` has a path",
            format!("expected {expected}, without a path"),
        ),
    }
}
