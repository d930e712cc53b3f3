//! `[fetch]`, and a pool's own: what a pool does not set itself holds as `[fetch]` says.

use std::time::Duration;

use super::origins;
use crate::config::model::Fetch;
use crate::config::raw::item::Item;
use crate::config::raw::table::Table;
use crate::config::secrets;

/// Reads a fetch table.
pub(super) fn fetch(mut table: Table<'_>) -> Fetch {
    let fetch = Fetch {
        timeout: table.or("timeout", Item::lapse, Duration::from_secs(3)),
        ca_pem: table.optional("ca_file", certificates),
        proxy: table.optional("proxy", proxy),
    };
    table.finish();
    fetch
}

/// The bytes of a file with at least one certificate in it.
fn certificates(item: Item<'_>) -> Option<Vec<u8>> {
    let (_, pem) = secrets::file(item)?;
    let marker = b"-----BEGIN CERTIFICATE-----";
    match memchr::memmem::find(&pem, marker) {
        Some(_) => Some(pem),
        None => item.refuse(
            "there is no certificate in this file",
            "expected PEM: -----BEGIN CERTIFICATE-----",
        ),
    }
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
