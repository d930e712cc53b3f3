//! `tls` of an upstream: files that can be used, and what is told of those that can't. No byte of a key is ever told.

use std::path::Path;

use insta::assert_snapshot;
use rcgen::{CertificateParams, KeyPair};

use super::super::{Config, Faults, Surroundings, load};
use super::POOL;
use super::words::words;

/// A certificate for `name` and its key, as PEM.
pub(super) fn pair(name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// PEM to the letter, and no certificate.
const JUNK: &[u8] = b"-----BEGIN CERTIFICATE-----\naHVudGVyMg==\n-----END CERTIFICATE-----\n";

/// Loads an upstream with this `url` and this `tls`.
fn checked(url: &str, tls: &str) -> Result<Config, Faults> {
    let ((cert, key), (_, other)) = (pair("app.internal"), pair("other.internal"));
    let read = |path: &Path| match path.to_str() {
        Some("/cert.pem") => Ok(cert.clone().into_bytes()),
        Some("/key.pem") => Ok(key.clone().into_bytes()),
        Some("/other-key.pem") => Ok(other.clone().into_bytes()),
        Some("/cut.pem") => Ok(b"-----BEGIN CERTIFICATE-----\nMIIB".to_vec()),
        Some("/junk.pem") => Ok(JUNK.to_vec()),
        Some("/text") => Ok(b"hunter2 and nothing else".to_vec()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    let surroundings = Surroundings {
        env: &|_| None,
        read: &read,
    };
    let text = format!("{POOL}[upstream]\nurl = \"{url}\"\nhttp2 = true\ntls = {tls}\n");
    load("portcullis.toml", &text, &surroundings)
}

#[test]
fn files_that_fit_are_read_and_watched() {
    let tls = r#"{ ca_file = "/cert.pem", cert_file = "/cert.pem", key_file = "/key.pem", server_name = "app.internal" }"#;
    let config = match checked("https://10.0.0.1", tls) {
        Ok(config) => config,
        Err(faults) => panic!("refused:\n{}", faults.render()),
    };
    let upstream = &config.upstreams[0];
    assert!(upstream.http2 && upstream.tls.ca_pem.is_some() && upstream.tls.identity.is_some());
    assert_eq!(upstream.tls.server_name.as_deref(), Some("app.internal"));
    assert_eq!(config.files.len(), 2, "{:?}", config.files);
    assert!(!format!("{config:?}").contains("PRIVATE KEY"));
}

#[test]
fn what_does_not_fit_is_told_without_a_byte_of_it() {
    let mut told = String::new();
    for (url, tls) in [
        ("http://10.0.0.1", r#"{ ca_file = "/cert.pem" }"#),
        ("unix:/run/app.sock", r#"{ ca_file = "/cert.pem" }"#),
        ("https://10.0.0.1", r#"{ ca_file = "/text" }"#),
        ("https://10.0.0.1", r#"{ ca_file = "/cut.pem" }"#),
        ("https://10.0.0.1", r#"{ ca_file = "/junk.pem" }"#),
        ("https://10.0.0.1", r#"{ ca_file = "/none" }"#),
        ("https://10.0.0.1", r#"{ cert_file = "/cert.pem" }"#),
        ("https://10.0.0.1", r#"{ key_file = "/key.pem" }"#),
        (
            "https://10.0.0.1",
            r#"{ cert_file = "/cert.pem", key_file = "/other-key.pem" }"#,
        ),
        (
            "https://10.0.0.1",
            r#"{ cert_file = "/cert.pem", key_file = "/text" }"#,
        ),
        (
            "https://10.0.0.1",
            r#"{ cert_file = "/key.pem", key_file = "/cert.pem" }"#,
        ),
        (
            "https://10.0.0.1",
            r#"{ cert_file = "/junk.pem", key_file = "/key.pem" }"#,
        ),
        ("https://10.0.0.1", r#"{ server_name = "not a name" }"#),
        ("https://10.0.0.1", r#"{ ca = "/cert.pem" }"#),
    ] {
        let faults = match checked(url, tls) {
            Ok(_) => panic!("{tls} was taken"),
            Err(faults) => faults,
        };
        let rendered = faults.render();
        assert!(
            !rendered.contains("hunter2") && !rendered.contains("MII"),
            "{rendered}"
        );
        told.push_str(&format!("{tls}\n  {}\n", words(&faults)));
    }
    assert_snapshot!(told, @r#"
    { ca_file = "/cert.pem" }
      `tls` is set, but this upstream is not called over TLS: expected an `url` with https://
    { ca_file = "/cert.pem" }
      `tls` is set, but this upstream is not called over TLS: expected an `url` with https://
    { ca_file = "/text" }
      there is no certificate in this file: expected PEM: -----BEGIN CERTIFICATE-----
    { ca_file = "/cut.pem" }
      there is no certificate in this file: expected PEM: -----BEGIN CERTIFICATE-----
    { ca_file = "/junk.pem" }
      a certificate in this file can't be a root: expected the certificates of authorities
    { ca_file = "/none" }
      this file cannot be read: entity not found: expected a file that can be read
    { cert_file = "/cert.pem" }
      a certificate without its key: expected `key_file` too
    { key_file = "/key.pem" }
      a key without its certificate: expected `cert_file` too
    { cert_file = "/cert.pem", key_file = "/other-key.pem" }
      this is not the key of the certificate in `cert_file`: expected its private key
    { cert_file = "/cert.pem", key_file = "/text" }
      there is no private key in this file: expected PEM: -----BEGIN PRIVATE KEY-----, not encrypted
    { cert_file = "/key.pem", key_file = "/cert.pem" }
      there is no certificate in this file: expected PEM: -----BEGIN CERTIFICATE-----
    there is no private key in this file: expected PEM: -----BEGIN PRIVATE KEY-----, not encrypted
    { cert_file = "/junk.pem", key_file = "/key.pem" }
      this certificate and its key can't be used: expected an X.509 certificate, and an RSA, ECDSA or Ed25519 key
    { server_name = "not a name" }
      `server_name` is neither a host's name nor an address: expected a name such as "app.internal"
    { ca = "/cert.pem" }
      unknown key `ca` in `tls`: this key is not known here; known keys: `ca_file`, `cert_file`, `key_file`, `server_name`
    "#);
}
