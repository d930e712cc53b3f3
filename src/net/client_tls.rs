//! TLS as a client: whom we believe, and with which cryptography. Certificates are always verified; no setting turns it off.
//!
//! Roots are the machine's own; where there are none (a scratch image), Mozilla's as compiled in; and what the
//! configuration adds. The provider is named here and never taken from a process-wide default.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::config::model::ClientTls;

/// What is wrong with configured roots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    /// The file is no PEM.
    #[error("ca_file is not valid PEM")]
    NotPem,
    /// The PEM holds no certificate.
    #[error("ca_file holds no certificate")]
    NoCertificate,
    /// A certificate in it can't be used as a root.
    #[error("ca_file holds a certificate that cannot be a root")]
    NoRoot,
    /// Our own certificate and key can't be used together.
    #[error("cert_file and key_file hold no certificate with its key")]
    NoIdentity,
    /// No certificate could ever be for that name.
    #[error("server_name is neither a host's name nor an address")]
    NoName,
    /// The provider does not know TLS 1.2 and 1.3.
    #[error("TLS 1.2 and 1.3 are not available")]
    NoProtocol,
}

/// TLS 1.2 or 1.3, without a client certificate and without ALPN, believing [`roots`].
pub fn client_config(ca_pem: Option<&[u8]>) -> Result<ClientConfig, TlsFault> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| TlsFault::NoProtocol)?
        .with_root_certificates(roots(ca_pem)?)
        .with_no_client_auth();
    Ok(config)
}

/// The same as `tls` says: with our own certificate where one is configured, and offering `protocols` alone (RFC 7301).
pub fn upstream_config(tls: &ClientTls, protocols: &[&[u8]]) -> Result<ClientConfig, TlsFault> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| TlsFault::NoProtocol)?
        .with_root_certificates(roots(tls.ca_pem.as_deref())?);
    let mut config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some((certificates, key)) => {
            let chain = CertificateDer::pem_slice_iter(certificates)
                .collect::<Result<Vec<_>, _>>()
                .map_err(|_| TlsFault::NoIdentity)?;
            let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes())
                .map_err(|_| TlsFault::NoIdentity)?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|_| TlsFault::NoIdentity)?
        }
    };
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(config)
}

/// The machine's roots, else Mozilla's, and those in `ca_pem`.
pub fn roots(ca_pem: Option<&[u8]>) -> Result<RootCertStore, TlsFault> {
    let mut roots = RootCertStore::empty();
    // Single files that can't be read are passed over, as every TLS library does; what counts is what was found.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    if let Some(pem) = ca_pem {
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|_| TlsFault::NotPem)?;
            roots.add(certificate).map_err(|_| TlsFault::NoRoot)?;
        }
        if roots.len() == before {
            return Err(TlsFault::NoCertificate);
        }
    }
    Ok(roots)
}
