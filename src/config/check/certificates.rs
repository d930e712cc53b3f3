//! Certificates and keys in PEM files: read, parsed and matched here, so that a file that can't be used is told before it is.
//!
//! Nothing of a file is repeated in a fault, a key's least of all.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use crate::config::model::ClientTls;
use crate::config::raw::item::Item;
use crate::config::raw::table::Table;
use crate::config::secrets;
use crate::secret::Secret;

/// `tls` of whoever is called: further roots, our certificate, the name that is expected. `kind` is its place in the contract.
pub(super) fn client_tls(item: Item<'_>, kind: &'static str) -> Option<ClientTls> {
    let mut table = item.table("`tls`", kind)?;
    let tls = called(&mut table);
    table.finish();
    Some(tls)
}

/// The keys of that table.
pub(super) fn called(table: &mut Table<'_>) -> ClientTls {
    let ca_pem = table.optional("ca_file", roots);
    let identity = match (table.take("cert_file"), table.take("key_file")) {
        (Some(certificates), Some(key)) => pair(certificates, key),
        (Some(alone), None) => {
            alone.refuse("a certificate without its key", "expected `key_file` too")
        }
        (None, Some(alone)) => {
            alone.refuse("a key without its certificate", "expected `cert_file` too")
        }
        (None, None) => None,
    };
    let server_name = table.optional("server_name", |item| {
        let name = item.string()?;
        match ServerName::try_from(name) {
            Ok(_) => Some(name.to_owned()),
            Err(_) => item.refuse(
                "`server_name` is neither a host's name nor an address",
                "expected a name such as \"app.internal\"",
            ),
        }
    });
    ClientTls {
        ca_pem,
        identity,
        server_name,
    }
}

/// The bytes of a file whose every certificate can be a root.
pub(super) fn roots(item: Item<'_>) -> Option<Vec<u8>> {
    let (_, pem) = secrets::file(item)?;
    let mut roots = RootCertStore::empty();
    match chain(item, &pem)?
        .into_iter()
        .try_for_each(|root| roots.add(root))
    {
        Ok(()) => Some(pem),
        Err(_) => item.refuse(
            "a certificate in this file can't be a root",
            "expected the certificates of authorities",
        ),
    }
}

/// A certificate with its chain, and its key, as PEM.
pub(super) fn pair(certificates: Item<'_>, key: Item<'_>) -> Option<(Vec<u8>, Secret)> {
    let pem = secrets::file(certificates).map(|(_, pem)| pem);
    let chain = pem.as_ref().and_then(|pem| chain(certificates, pem));
    // Both are read before either is given up: all faults come in one run.
    let key_pem = private_key(key);
    let (pem, chain, key_pem) = (pem?, chain?, key_pem?);
    let der = PrivateKeyDer::from_pem_slice(key_pem.expose().as_bytes()).ok()?; // parsed before
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    match CertifiedKey::from_der(chain, der, &provider) {
        Ok(_) => Some((pem, key_pem)),
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => key.refuse(
            "this is not the key of the certificate in `cert_file`",
            "expected its private key",
        ),
        // Kinds of key whose public half the library can't tell are taken as they are.
        Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Some((pem, key_pem)),
        Err(_) => certificates.refuse(
            "this certificate and its key can't be used",
            "expected an X.509 certificate, and an RSA, ECDSA or Ed25519 key",
        ),
    }
}

fn chain(item: Item<'_>, pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    match CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>() {
        Ok(chain) if !chain.is_empty() => Some(chain),
        _ => item.refuse(
            "there is no certificate in this file",
            "expected PEM: -----BEGIN CERTIFICATE-----",
        ),
    }
}

fn private_key(item: Item<'_>) -> Option<Secret> {
    let (_, pem) = secrets::file(item)?;
    let pem = String::from_utf8(pem).ok().map(Secret::new);
    match pem.filter(|pem| PrivateKeyDer::from_pem_slice(pem.expose().as_bytes()).is_ok()) {
        Some(pem) => Some(pem),
        None => item.refuse(
            "there is no private key in this file",
            "expected PEM: -----BEGIN PRIVATE KEY-----, not encrypted",
        ),
    }
}
