//! `[server] tls`: the files are read here and must fit together, so that `check` and a reload find out before clients do.

use std::path::PathBuf;

use crate::config::check::certificates;
use crate::config::model::{ClientAuth, Tls};
use crate::config::raw::item::Item;

/// Reads the table.
pub(super) fn tls(item: Item<'_>) -> Option<Tls> {
    let mut table = item.table("`tls`", "server.tls")?;
    let named = |key: &str| format!("expected `{key}`: a PEM file");
    let certificate = table.required("cert_file", &named("cert_file"), Some);
    let key = table.required("key_file", &named("key_file"), Some);
    let client_ca_file = table.optional("client_ca_file", |item| {
        certificates::roots(item); // what is wrong with it is told; that there is one is true all the same
        path(item)
    });
    let client_auth = table.optional("client_auth", |item| {
        let auth = item.one_of(&[
            ("required", ClientAuth::Required),
            ("optional", ClientAuth::Optional),
        ])?;
        match client_ca_file {
            Some(_) => Some(auth),
            None => item.refuse(
                "`client_auth` without `client_ca_file`",
                "expected `client_ca_file` too: whose certificates are believed",
            ),
        }
    });
    table.finish();
    let (certificate, key) = (certificate?, key?);
    certificates::pair(certificate, key); // likewise
    Some(Tls {
        cert_file: path(certificate)?,
        key_file: path(key)?,
        client_ca_file,
        client_auth: client_auth.unwrap_or(ClientAuth::Required),
    })
}

fn path(item: Item<'_>) -> Option<PathBuf> {
    item.string().map(PathBuf::from)
}
