//! `tls` of an upstream: files that can be used, and what is told of those that can't. No byte of a key is ever told.

use std::path::Path;

use rcgen::{CertificateParams, KeyPair};

use super::super::{Config, Faults, Surroundings, load};
use super::POOL;

/// A certificate for `name` and its key, as PEM.
fn pair(name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// Loads an upstream with this `url` and this `tls`.
fn checked(url: &str, tls: &str) -> Result<Config, Faults> {
    let ((cert, key), (_, other)) = (pair("app.internal"), pair("other.internal"));
    let read = |path: &Path| match path.to_str() {
        Some("/cert.pem") => Ok(cert.clone().into_bytes()),
        Some("/key.pem") => Ok(key.clone().into_bytes()),
        Some("/other-key.pem") => Ok(other.clone().into_bytes()),
        Some("/cut.pem") => Ok(b"-----BEGIN CERTIFICATE-----\nMIIB".to_vec()),
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
    for (url, tls, told) in [
        (
            "http://10.0.0.1",
            r#"{ ca_file = "/cert.pem" }"#,
            "not called over TLS",
        ),
        (
            "unix:/run/app.sock",
            r#"{ ca_file = "/cert.pem" }"#,
            "not called over TLS",
        ),
        (
            "https://10.0.0.1",
            r#"{ ca_file = "/text" }"#,
            "no certificate in this file",
        ),
        (
            "https://10.0.0.1",
            r#"{ ca_file = "/cut.pem" }"#,
            "no certificate in this file",
        ),
        (
            "https://10.0.0.1",
            r#"{ ca_file = "/none" }"#,
            "cannot be read",
        ),
        (
            "https://10.0.0.1",
            r#"{ cert_file = "/cert.pem" }"#,
            "a certificate without its key",
        ),
        (
            "https://10.0.0.1",
            r#"{ key_file = "/key.pem" }"#,
            "a key without its certificate",
        ),
        (
            "https://10.0.0.1",
            r#"{ cert_file = "/cert.pem", key_file = "/other-key.pem" }"#,
            "not the key of the certificate",
        ),
        (
            "https://10.0.0.1",
            r#"{ cert_file = "/cert.pem", key_file = "/text" }"#,
            "no private key in this file",
        ),
        (
            "https://10.0.0.1",
            r#"{ cert_file = "/key.pem", key_file = "/key.pem" }"#,
            "no certificate in this file",
        ),
        (
            "https://10.0.0.1",
            r#"{ server_name = "not a name" }"#,
            "neither a host's name",
        ),
        ("https://10.0.0.1", r#"{ ca = "/cert.pem" }"#, "unknown key"),
    ] {
        let faults = match checked(url, tls) {
            Ok(_) => panic!("{tls} was taken"),
            Err(faults) => faults.render(),
        };
        assert!(faults.contains(told), "{tls}:\n{faults}");
        assert!(
            !faults.contains("hunter2") && !faults.contains("MII"),
            "{faults}"
        );
    }
}
