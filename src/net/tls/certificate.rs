//! What a client's certificate says of it: its subject and its alternative names. Read only after the handshake has
//! verified it; what can't be read is as good as not shown, so that a route that asks for it refuses.

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::clock::Timestamp;
use crate::identity::ClientCertificate;

/// The facts of a verified certificate.
pub(super) fn read(der: &CertificateDer<'_>) -> Option<ClientCertificate> {
    let certificate = Certificate::from_der(der).ok()?;
    let certificate = certificate.tbs_certificate();
    let names = match certificate.get_extension::<SubjectAltName>() {
        Ok(Some((_, SubjectAltName(names)))) => names,
        Ok(None) => Vec::new(),
        Err(_) => return None,
    };
    Some(ClientCertificate {
        subject: certificate.subject().to_string(),
        san: names.iter().filter_map(name).collect(),
    })
}

/// When a certificate's time is over, in seconds since 1970.
pub(super) fn ends(der: &CertificateDer<'_>) -> Option<Timestamp> {
    let certificate = Certificate::from_der(der).ok()?;
    let end = certificate.tbs_certificate().validity().not_after;
    Some(end.to_unix_duration().as_secs_f64())
}

/// One name as a route compares it (RFC 5280 §4.2.1.6). One that could pass for a name of another kind is none: who may
/// choose a host name must not choose a SPIFFE id with it.
fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::UniformResourceIdentifier(uri) => {
            let uri = uri.as_str();
            uri.contains(':').then(|| uri.to_owned())
        }
        GeneralName::DnsName(host) => {
            let host = host.as_str().to_ascii_lowercase();
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_*".contains(&byte);
            let is_name = host.parse::<std::net::Ipv4Addr>().is_err();
            (!host.is_empty() && host.bytes().all(fits) && is_name).then_some(host)
        }
        GeneralName::Rfc822Name(address) => {
            let address = address.as_str();
            let fits = address.contains('@') && !address.contains([':', '/']);
            fits.then(|| address.to_owned())
        }
        GeneralName::IpAddress(octets) => match *octets.as_bytes() {
            [a, b, c, d] => Some(std::net::Ipv4Addr::new(a, b, c, d).to_string()),
            ref octets => <[u8; 16]>::try_from(octets)
                .ok()
                .map(|octets| std::net::Ipv6Addr::from(octets).to_string()),
        },
        _ => None,
    }
}
