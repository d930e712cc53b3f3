//! TLS on a listener: 1.2 and 1.3, client certificates if asked for, and files that may change while it listens (`reload`
//! sees to that).
//!
//! A pair that does not fit, or that has expired, never takes the place of one that serves. There is no early data, for
//! it can be replayed. Where client certificates are asked for there is no resumption either: a resumed session would bring
//! one that nobody has verified again. SNI chooses nothing here: routes are chosen by `Host` and `:authority` alone (P14).

mod certificate;

use std::io;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use rustls::crypto::{CryptoProvider, aws_lc_rs as provider};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsStream};

use super::socket::Socket;
use crate::clock::Timestamp;
use crate::config::model::{ClientAuth, Tls};
use crate::identity::ClientCertificate;

/// What ALPN offers (RFC 7301), best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// How the bytes of a file are had.
pub type Read<'a> = dyn Fn(&Path) -> io::Result<Vec<u8>> + 'a;

/// What is wrong with a listener's certificates, in words for whoever runs it.
#[derive(Debug, thiserror::Error)]
pub enum CertificateFault {
    /// A file can't be read.
    #[error("{0} can't be read: {1}")]
    Unreadable(String, io::Error),
    /// The certificate's file is not what it should be.
    #[error("cert_file holds no certificate that can be used: {0}")]
    Certificate(String),
    /// The key's file is not what it should be.
    #[error("key_file holds no private key that can be used (PKCS #8, PKCS #1 or SEC 1, in PEM)")]
    Key,
    /// They don't belong together.
    #[error("key_file and cert_file can't be used together: {0}")]
    Pair(rustls::Error),
    /// The time of the certificate is over.
    #[error("the certificate in cert_file has expired")]
    Expired,
    /// The authorities' file is not what it should be.
    #[error("client_ca_file holds no authority that can be used: {0}")]
    Authorities(String),
}

/// A listener's certificates.
pub struct Certificates {
    /// What they were made from: files and settings.
    digest: [u8; 32],
    config: Arc<ServerConfig>,
    /// When the listener's own certificate ends, if that can be read.
    ends: Option<Timestamp>,
}

/// What TLS has shown of a client.
#[derive(Debug, Default)]
pub struct Secured {
    /// Its certificate, verified; none if it showed none.
    pub certificate: Option<ClientCertificate>,
}

impl Certificates {
    /// Reads the files that `settings` names. A certificate that has expired is taken: there is no other, and whoever connects
    /// will say so.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub fn load(settings: &Tls, read: &Read<'_>) -> Result<Certificates, CertificateFault> {
        Files::read(settings, read)?.compile(settings, None)
    }

    /// The same for a listener that serves with `self` already: these very ones if nothing has changed, so that sessions can
    /// still be resumed.
    ///
    /// # Errors
    /// What is wrong with one of them; at `now`, that the new certificate has expired too.
    pub fn renew(
        self: &Arc<Certificates>,
        settings: &Tls,
        read: &Read<'_>,
        now: Timestamp,
    ) -> Result<Arc<Certificates>, CertificateFault> {
        let files = Files::read(settings, read)?;
        match files.digest(settings) == self.digest {
            true => Ok(self.clone()),
            false => files.compile(settings, Some(now)).map(Arc::new),
        }
    }

    /// Whether the time of the listener's own certificate is over.
    pub fn have_expired(&self, now: Timestamp) -> bool {
        self.ends.is_some_and(|end| end <= now)
    }

    /// What new connections are served with.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }
}

/// The bytes of a listener's files.
struct Files {
    certificate: Vec<u8>,
    key: zeroize::Zeroizing<Vec<u8>>,
    authorities: Option<Vec<u8>>,
}

impl Files {
    fn read(settings: &Tls, read: &Read<'_>) -> Result<Files, CertificateFault> {
        let bytes = |path: &Path| {
            read(path)
                .map_err(|error| CertificateFault::Unreadable(path.display().to_string(), error))
        };
        Ok(Files {
            certificate: bytes(&settings.cert_file)?,
            key: bytes(&settings.key_file)?.into(),
            authorities: match &settings.client_ca_file {
                Some(path) => Some(bytes(path)?),
                None => None,
            },
        })
    }

    fn digest(&self, settings: &Tls) -> [u8; 32] {
        let mut context = Context::new(&SHA256);
        context.update(&[settings.client_auth as u8]);
        let authorities = self.authorities.as_deref().unwrap_or_default();
        for bytes in [&self.certificate, &*self.key, authorities] {
            context.update(&(bytes.len() as u64).to_be_bytes());
            context.update(bytes);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        digest
    }

    /// Everything a handshake needs. With `now`, a certificate whose time is over is refused.
    fn compile(
        &self,
        settings: &Tls,
        now: Option<Timestamp>,
    ) -> Result<Certificates, CertificateFault> {
        let chain = certificates(&self.certificate).map_err(CertificateFault::Certificate)?;
        let ends = chain.first().and_then(certificate::ends);
        if now.is_some_and(|now| ends.is_some_and(|end| end <= now)) {
            return Err(CertificateFault::Expired);
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| CertificateFault::Key)?;
        let provider = Arc::new(provider::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(CertificateFault::Pair)?;
        let builder = match &self.authorities {
            None => builder.with_no_client_auth(),
            Some(pem) => builder.with_client_cert_verifier(
                verifier(pem, settings.client_auth, provider)
                    .map_err(CertificateFault::Authorities)?,
            ),
        };
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(CertificateFault::Pair)?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        if self.authorities.is_some() {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        } else if let Ok(ticketer) = provider::Ticketer::new() {
            config.ticketer = ticketer;
        }
        Ok(Certificates {
            digest: self.digest(settings),
            config: Arc::new(config),
            ends,
        })
    }
}

/// The certificates in a PEM file; the error is why there are none.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| "it is not PEM".to_owned())?;
    match all.is_empty() {
        true => Err("there is none in it".to_owned()),
        false => Ok(all),
    }
}

fn verifier(
    pem: &[u8],
    auth: ClientAuth,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    match auth {
        ClientAuth::Required => builder.build(),
        ClientAuth::Optional => builder.allow_unauthenticated().build(),
    }
    .map_err(|error| error.to_string())
}

/// Shakes hands. The caller owns the timer.
pub(super) async fn accept(
    config: Arc<ServerConfig>,
    socket: Socket,
) -> io::Result<(Socket, Secured)> {
    let stream = TlsAcceptor::from(config).accept(socket).await?;
    let (_, session) = stream.get_ref();
    let leaf = session.peer_certificates().and_then(<[_]>::first);
    let secured = Secured {
        certificate: leaf.and_then(|leaf| certificate::read(leaf)),
    };
    Ok((Socket::Tls(Box::new(TlsStream::Server(stream))), secured))
}

#[cfg(test)]
mod tests;
