//! TLS on the gate, and routes that ask for a certificate.

use std::path::Path;

use insta::assert_snapshot;
use rcgen::{CertificateParams, KeyPair};

use super::POOL;
use super::words::words;
use crate::config::model::{ClientAuth, Tls};
use crate::config::{Config, Faults, Surroundings, load};
use crate::policy::route::Access;

/// Loads a pool and what is added, on a machine with a certificate, its key, and another key.
fn with_files(added: &str) -> Result<Config, Faults> {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    let read = |path: &Path| match path.to_str() {
        Some("/cert") => Ok(certificate.clone().into_bytes()),
        Some("/key") => Ok(key.serialize_pem().into_bytes()),
        Some("/other") => Ok(KeyPair::generate().unwrap().serialize_pem().into_bytes()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    let surroundings = Surroundings {
        env: &|_| None,
        read: &read,
    };
    load("portcullis.toml", &format!("{POOL}{added}"), &surroundings)
}

const PAIR: &str = "cert_file = \"/cert\", key_file = \"/key\"";

#[test]
fn a_pair_and_an_authority_are_read_and_watched() {
    let config = with_files(&format!("[server]\ntls = {{ {PAIR} }}\n")).unwrap();
    let expected = Tls {
        cert_file: "/cert".into(),
        key_file: "/key".into(),
        client_ca_file: None,
        client_auth: ClientAuth::Required,
    };
    assert_eq!(config.server.tls, Some(expected));
    assert!(config.files.iter().any(|file| file == Path::new("/key")));

    let asking = format!(
        "[server]\ntls = {{ {PAIR}, client_ca_file = \"/cert\", client_auth = \"optional\" }}\n"
    );
    let routes = "[routes]\n\"/a\" = { access = \"certificate\" }\n\"/b\" = { client_cert = { san = [\"API.example.com\", \"spiffe://A/b\"] } }\n";
    let config = with_files(&(asking + routes)).unwrap();
    assert_eq!(config.server.tls.unwrap().client_auth, ClientAuth::Optional);
    assert_eq!(config.routes[0].access, Access::Certificate);
    let names = config.routes[1].client_cert.clone().unwrap();
    assert_eq!(names, ["api.example.com", "spiffe://A/b"]);
}

#[test]
fn what_does_not_fit_together_is_told() {
    let tls = |inside: &str| format!("[server]\ntls = {{ {inside} }}\n");
    let asking = tls(&format!("{PAIR}, client_ca_file = \"/cert\""));
    let route = |text: &str| format!("[routes]\n\"/a\" = {text}\n");
    let mut told = String::new();
    for text in [
        tls("cert_file = \"/cert\""),
        tls("key_file = \"/key\""),
        tls("cert_file = \"/cert\", key_file = \"/other\""),
        tls("cert_file = \"/key\", key_file = \"/key\""),
        tls("cert_file = \"/cert\", key_file = \"/cert\""),
        tls("cert_file = \"/none\", key_file = \"/key\""),
        tls(&format!("{PAIR}, client_auth = \"required\"")),
        tls(&format!("{PAIR}, client_ca = \"/cert\"")),
        tls(&format!("{PAIR}, client_ca_file = \"/key\"")),
        route("{ access = \"certificate\" }"),
        tls(PAIR) + &route("{ client_cert = { san = [\"a\"] } }"),
        asking.clone() + &route("{ client_cert = { san = [] } }"),
        asking.clone() + &route("{ client_cert = {} }"),
        asking.clone() + &route("{ access = \"public\", client_cert = { san = [\"a\"] } }"),
        asking.clone() + &route("{ access = \"certificate\", any_scope = [\"a/b\"] }"),
        asking + &route("{ access = \"certificate\", pools = [\"main\"] }"),
    ] {
        let faults = with_files(&text).expect_err(&text);
        told.push_str(&format!("{text}  {}\n", words(&faults)));
    }
    assert_snapshot!(told, @r#"
    [server]
    tls = { cert_file = "/cert" }
      `tls` has no `key_file`: expected `key_file`: a PEM file
    [server]
    tls = { key_file = "/key" }
      `tls` has no `cert_file`: expected `cert_file`: a PEM file
    [server]
    tls = { cert_file = "/cert", key_file = "/other" }
      this is not the key of the certificate in `cert_file`: expected its private key
    [server]
    tls = { cert_file = "/key", key_file = "/key" }
      there is no certificate in this file: expected PEM: -----BEGIN CERTIFICATE-----
    [server]
    tls = { cert_file = "/cert", key_file = "/cert" }
      there is no private key in this file: expected PEM: -----BEGIN PRIVATE KEY-----, not encrypted
    [server]
    tls = { cert_file = "/none", key_file = "/key" }
      this file cannot be read: entity not found: expected a file that can be read
    [server]
    tls = { cert_file = "/cert", key_file = "/key", client_auth = "required" }
      `client_auth` without `client_ca_file`: expected `client_ca_file` too: whose certificates are believed
    [server]
    tls = { cert_file = "/cert", key_file = "/key", client_ca = "/cert" }
      unknown key `client_ca` in `tls`: this key is not known here; did you mean `client_ca_file`?
    [server]
    tls = { cert_file = "/cert", key_file = "/key", client_ca_file = "/key" }
      there is no certificate in this file: expected PEM: -----BEGIN CERTIFICATE-----
    [routes]
    "/a" = { access = "certificate" }
      this route asks for a certificate, and the gate asks nobody for one: expected `[server] tls` with `client_ca_file`; tls = { cert_file = "…", key_file = "…", client_ca_file = "…" }
    [server]
    tls = { cert_file = "/cert", key_file = "/key" }
    [routes]
    "/a" = { client_cert = { san = ["a"] } }
      this route asks for a certificate, and the gate asks nobody for one: expected `[server] tls` with `client_ca_file`; tls = { cert_file = "…", key_file = "…", client_ca_file = "…" }
    [server]
    tls = { cert_file = "/cert", key_file = "/key", client_ca_file = "/cert" }
    [routes]
    "/a" = { client_cert = { san = [] } }
      `san` is an empty list: expected a list of alternative names, not empty; a list that asks for nothing is never meant: fill it, or leave the key out
    [server]
    tls = { cert_file = "/cert", key_file = "/key", client_ca_file = "/cert" }
    [routes]
    "/a" = { client_cert = {} }
      `client_cert` has no `san`: expected `san`: a list of alternative names
    [server]
    tls = { cert_file = "/cert", key_file = "/key", client_ca_file = "/cert" }
    [routes]
    "/a" = { access = "public", client_cert = { san = ["a"] } }
      this route asks for something, and is open: only an `authenticated` or `certificate` route asks for a certificate; set `access = "authenticated"`, or leave this out
    [server]
    tls = { cert_file = "/cert", key_file = "/key", client_ca_file = "/cert" }
    [routes]
    "/a" = { access = "certificate", any_scope = ["a/b"] }
      this route asks for something, and is open: only an `authenticated` route has requirements; set `access = "authenticated"`, or leave this out
    [server]
    tls = { cert_file = "/cert", key_file = "/key", client_ca_file = "/cert" }
    [routes]
    "/a" = { access = "certificate", pools = ["main"] }
      this route asks for something, and is open: no token is looked at on a `certificate` route; set `access = "authenticated"`, or leave this out
    "#);
}
