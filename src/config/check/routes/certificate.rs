//! `client_cert` of a route, and `access = "certificate"`: what is asked of the certificate that TLS has verified.

use crate::config::raw::item::Item;
use crate::config::raw::table::Table;
use crate::policy::route::Access;

/// Reads `client_cert`. A route that asks for a certificate where the gate asks nobody for one would refuse everybody.
pub(super) fn read(table: &mut Table<'_>, access: Access, asked_for: bool) -> Option<Vec<String>> {
    if matches!(access, Access::Public | Access::Optional) {
        let why = "only an `authenticated` or `certificate` route asks for a certificate";
        super::pointless(table, &["client_cert"], why);
        return None;
    }
    let item = table.take("client_cert");
    if !asked_for {
        let asking = match access {
            Access::Certificate => table.take("access"),
            _ => item,
        };
        return asking?.refuse_with_help(
            "this route asks for a certificate, and the gate asks nobody for one",
            "expected `[server] tls` with `client_ca_file`",
            "tls = { cert_file = \"…\", key_file = \"…\", client_ca_file = \"…\" }",
        );
    }
    let mut table = item?.table("`client_cert`", "client_cert")?;
    let names = table.required(
        "san",
        "expected `san`: a list of alternative names",
        |item| item.some("a list of alternative names", name),
    );
    table.finish();
    names
}

/// A name as it is compared: host names without regard to case, everything else to the letter.
fn name(item: Item<'_>) -> Option<String> {
    let name = item.string()?;
    match name.contains([':', '@']) {
        true => Some(name.to_owned()),
        false => Some(name.to_ascii_lowercase()),
    }
}
