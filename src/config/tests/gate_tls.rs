//! TLS on the gate, and routes that ask for a certificate.

use std::path::Path;

use rcgen::{CertificateParams, KeyPair};

use super::POOL;
use crate::config::model::{ClientAuth, Tls};
use crate::config::{Config, Surroundings, load};
use crate::policy::route::Access;

/// Loads a pool and what is added, on a machine with a certificate, its key, and another key.
fn with_files(added: &str) -> Result<Config, String> {
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
        .map_err(|faults| faults.render())
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
    for (text, told) in [
        (tls("cert_file = \"/cert\""), "has no `key_file`"),
        (tls("key_file = \"/key\""), "has no `cert_file`"),
        (
            tls("cert_file = \"/cert\", key_file = \"/other\""),
            "this key does not belong",
        ),
        (
            tls("cert_file = \"/key\", key_file = \"/key\""),
            "there is no certificate in this file",
        ),
        (
            tls("cert_file = \"/cert\", key_file = \"/cert\""),
            "there is no private key in this file",
        ),
        (
            tls("cert_file = \"/none\", key_file = \"/key\""),
            "this file cannot be read",
        ),
        (
            tls(&format!("{PAIR}, client_auth = \"required\"")),
            "`client_auth` without `client_ca_file`",
        ),
        (
            tls(&format!("{PAIR}, client_ca = \"/cert\"")),
            "did you mean `client_ca_file`",
        ),
        (
            route("{ access = \"certificate\" }"),
            "the gate asks nobody for one",
        ),
        (
            tls(PAIR) + &route("{ client_cert = { san = [\"a\"] } }"),
            "the gate asks nobody for one",
        ),
        (
            asking.clone() + &route("{ client_cert = { san = [] } }"),
            "`san` is an empty list",
        ),
        (
            asking.clone() + &route("{ client_cert = {} }"),
            "has no `san`",
        ),
        (
            asking.clone() + &route("{ access = \"public\", client_cert = { san = [\"a\"] } }"),
            "asks for something, and is open",
        ),
        (
            asking.clone() + &route("{ access = \"certificate\", any_scope = [\"a/b\"] }"),
            "asks for something, and is open",
        ),
        (
            asking + &route("{ access = \"certificate\", pools = [\"main\"] }"),
            "no token is looked at",
        ),
    ] {
        let faults = with_files(&text).expect_err(&text);
        assert!(faults.contains(told), "{text}\n{faults}");
    }
}
