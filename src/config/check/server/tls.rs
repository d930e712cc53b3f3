//! `[server] tls`: the files are read here and must fit together, so that `check` and a reload find out before clients do.

use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::config::model::{ClientAuth, Tls};
use crate::config::raw::item::Item;
use crate::config::secrets;

/// Reads the table.
pub(super) fn tls(item: Item<'_>) -> Option<Tls> {
    let mut table = item.table("`tls`", "server.tls")?;
    let named = |key: &str| format!("expected `{key}`: a PEM file");
    let chain = table.required("cert_file", &named("cert_file"), |item| {
        let (path, pem) = secrets::file(item)?;
        Some((path, certificates(item, &pem)?))
    });
    let key = table.required("key_file", &named("key_file"), |item| {
        let (path, pem) = secrets::file(item)?;
        match PrivateKeyDer::from_pem_slice(&pem) {
            Ok(key) => Some((path, (item, key))),
            Err(_) => item.refuse(
                "there is no private key in this file",
                "expected PEM: PKCS #8, PKCS #1 or SEC 1, not encrypted",
            ),
        }
    });
    let client_ca_file = table.optional("client_ca_file", authorities);
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
    let ((cert_file, chain), (key_file, (item, key))) = (chain?, key?);
    if CertifiedKey::from_der(chain, key, &default_provider()).is_err() {
        return item.refuse(
            "this key does not belong to the certificate in `cert_file`",
            "expected the private key of its first certificate",
        );
    }
    Some(Tls {
        cert_file,
        key_file,
        client_ca_file,
        client_auth: client_auth.unwrap_or(ClientAuth::Required),
    })
}

/// A file of certificates that can be roots.
fn authorities(item: Item<'_>) -> Option<std::path::PathBuf> {
    let (path, pem) = secrets::file(item)?;
    let mut roots = RootCertStore::empty();
    let added = certificates(item, &pem)?
        .into_iter()
        .try_for_each(|certificate| roots.add(certificate));
    match added {
        Ok(()) => Some(path),
        Err(_) => item.refuse(
            "a certificate in this file cannot be an authority",
            "expected the certificates of those who sign your clients'",
        ),
    }
}

fn certificates(item: Item<'_>, pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    match CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>() {
        Ok(all) if !all.is_empty() => Some(all),
        _ => item.refuse(
            "there is no certificate in this file",
            "expected PEM: -----BEGIN CERTIFICATE-----",
        ),
    }
}
