//! TLS on listeners: the gate, with routes that ask for a certificate, and the courier, whose callers are held by theirs.

use std::path::Path;

use insta::assert_snapshot;
use rcgen::{CertificateParams, KeyPair};

use super::POOL;
use super::words::words;
use crate::config::model::credentials::OutboundMode;
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
        Some("/second") => Ok([certificate.as_bytes(), certificate.as_bytes()].concat()),
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
        // One fault is told once: the gate asks for certificates, though it can't yet.
        tls("cert_file = \"/cert\", key_file = \"/other\", client_ca_file = \"/cert\"")
            + &route("{ access = \"certificate\" }"),
        tls(&format!("{PAIR}, client_ca_file = \"/key\"")) + &route("{ access = \"certificate\" }"),
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
    [server]
    tls = { cert_file = "/cert", key_file = "/other", client_ca_file = "/cert" }
    [routes]
    "/a" = { access = "certificate" }
      this is not the key of the certificate in `cert_file`: expected its private key
    [server]
    tls = { cert_file = "/cert", key_file = "/key", client_ca_file = "/key" }
    [routes]
    "/a" = { access = "certificate" }
      there is no certificate in this file: expected PEM: -----BEGIN CERTIFICATE-----
    "#);
}

/// A credential, and a listener with these keys.
fn courier(keys: &str) -> String {
    format!(
        r#"[routes]
"/x" = "a/b"
[credentials.c]
grant = "client_credentials"
token_url = "https://t/oauth2/token"
client_id = "c"
client_secret = {{ file = "/key" }}
[outbound.a]
listen = "0.0.0.0:7001"
allow_remote = true
{keys}
"#
    )
}

const RELAY: &str = "upstream = \"https://a\"\ncredential = \"c\"\n";
const PROXY: &str = "mode = \"forward_proxy\"\n[outbound.a.destinations]\n\"https://a\" = {}\n\"https://b\" = { tls = { cert_file = \"/second\", key_file = \"/key\" } }\n";

#[test]
fn x14_with_an_authority_a_listener_of_the_courier_speaks_tls_and_destinations_see_its_pair() {
    let tls = format!("tls = {{ {PAIR}, client_ca_file = \"/cert\" }}\n");
    let expected = Tls {
        cert_file: "/cert".into(),
        key_file: "/key".into(),
        client_ca_file: Some("/cert".into()),
        client_auth: ClientAuth::Required,
    };
    let config = with_files(&courier(&(tls.clone() + RELAY))).unwrap();
    assert_eq!(config.outbound[0].tls, Some(expected.clone()));
    assert!(config.outbound[0].destinations()[0].tls.identity.is_some());
    assert_eq!(config.warnings, Vec::<String>::new());

    let config = with_files(&courier(&(tls.clone() + PROXY))).unwrap();
    assert_eq!(config.outbound[0].tls, Some(expected));
    let OutboundMode::ForwardProxy { destinations, .. } = &config.outbound[0].mode else {
        panic!("another mode");
    };
    let shown = |at: usize| {
        destinations[at]
            .tls
            .identity
            .as_ref()
            .map(|pair| pair.0.len())
    };
    assert!(shown(0).is_some() && shown(1) > shown(0));
    // To a destination over plain http, or a socket, it is for callers alone.
    for upstream in ["http://a", "unix:/run/a.sock"] {
        let keys = format!("{tls}upstream = \"{upstream}\"\ncredential = \"c\"\n");
        assert!(
            with_files(&courier(&keys)).unwrap().outbound[0]
                .tls
                .is_some()
        );
    }
    // Without an authority the pair is for the destination alone.
    let keys = format!("clients = [\"10.0.0.0/8\"]\ntls = {{ {PAIR} }}\n{RELAY}");
    assert_eq!(with_files(&courier(&keys)).unwrap().outbound[0].tls, None);
}

#[test]
fn x14_what_does_not_make_a_listener_of_the_courier_is_told() {
    let tls = |inside: &str| format!("tls = {{ {inside} }}\n");
    let mut told = String::new();
    for keys in [
        tls("client_ca_file = \"/cert\"") + RELAY,
        tls("client_ca_file = \"/cert\", cert_file = \"/cert\"") + RELAY,
        tls("client_ca_file = \"/cert\", key_file = \"/key\"") + RELAY,
        tls("client_ca_file = \"/cert\", cert_file = \"/cert\", key_file = \"/other\"") + RELAY,
        tls(&format!("{PAIR}, client_ca_file = \"/key\"")) + RELAY,
        tls(&format!("{PAIR}, client_ca_file = \"/none\"")) + RELAY,
        tls(&format!(
            "{PAIR}, client_ca_file = \"/cert\", client_auth = \"optional\""
        )) + RELAY,
        tls(&format!(
            "{PAIR}, client_ca_file = \"/cert\", ca_file = \"/cert\""
        )) + "upstream = \"http://a\"\ncredential = \"c\"\n",
        tls(&format!(
            "{PAIR}, client_ca_file = \"/cert\", server_name = \"a\""
        )) + PROXY,
        format!("clients = [\"10.0.0.0/8\"]\n{}", tls(PAIR)) + PROXY,
        format!(
            "clients = [\"10.0.0.0/8\"]\n{}",
            PROXY.replace("{}", "{ tls = { client_ca_file = \"/cert\" } }")
        ),
        RELAY.to_owned(),
    ] {
        let faults = with_files(&courier(&keys)).expect_err(&keys);
        told.push_str(&format!("{keys}  {}\n", words(&faults)));
    }
    assert_snapshot!(told, @r#"
    tls = { client_ca_file = "/cert" }
    upstream = "https://a"
    credential = "c"
      `client_ca_file` without `cert_file` and `key_file`: expected both: the certificate that this listener shows its callers, and its key
    tls = { client_ca_file = "/cert", cert_file = "/cert" }
    upstream = "https://a"
    credential = "c"
      a certificate without its key: expected `key_file` too
    tls = { client_ca_file = "/cert", key_file = "/key" }
    upstream = "https://a"
    credential = "c"
      a key without its certificate: expected `cert_file` too
    tls = { client_ca_file = "/cert", cert_file = "/cert", key_file = "/other" }
    upstream = "https://a"
    credential = "c"
      this is not the key of the certificate in `cert_file`: expected its private key
    tls = { cert_file = "/cert", key_file = "/key", client_ca_file = "/key" }
    upstream = "https://a"
    credential = "c"
      there is no certificate in this file: expected PEM: -----BEGIN CERTIFICATE-----
    tls = { cert_file = "/cert", key_file = "/key", client_ca_file = "/none" }
    upstream = "https://a"
    credential = "c"
      this file cannot be read: entity not found: expected a file that can be read
    tls = { cert_file = "/cert", key_file = "/key", client_ca_file = "/cert", client_auth = "optional" }
    upstream = "https://a"
    credential = "c"
      unknown key `client_auth` in `tls`: this key is not known here; known keys: `ca_file`, `cert_file`, `key_file`, `server_name`, `client_ca_file`
    tls = { cert_file = "/cert", key_file = "/key", client_ca_file = "/cert", ca_file = "/cert" }
    upstream = "http://a"
    credential = "c"
      `ca_file` has no meaning here: only an https:// destination has it
    tls = { cert_file = "/cert", key_file = "/key", client_ca_file = "/cert", server_name = "a" }
    mode = "forward_proxy"
    [outbound.a.destinations]
    "https://a" = {}
    "https://b" = { tls = { cert_file = "/second", key_file = "/key" } }
      `server_name` has no meaning here: a destination's keys stand in `destinations`
    clients = ["10.0.0.0/8"]
    tls = { cert_file = "/cert", key_file = "/key" }
    mode = "forward_proxy"
    [outbound.a.destinations]
    "https://a" = {}
    "https://b" = { tls = { cert_file = "/second", key_file = "/key" } }
      `tls` does not belong to this mode: a destination's keys stand in `destinations`; mode is "relay" (the default) or "forward_proxy"
    clients = ["10.0.0.0/8"]
    mode = "forward_proxy"
    [outbound.a.destinations]
    "https://a" = { tls = { client_ca_file = "/cert" } }
    "https://b" = { tls = { cert_file = "/second", key_file = "/key" } }
      unknown key `client_ca_file` in `tls`: this key is not known here; known keys: `ca_file`, `cert_file`, `key_file`, `server_name`
    upstream = "https://a"
    credential = "c"
      [outbound.a] has no `clients`: expected `clients`, the networks that may call, or `tls.client_ca_file`, beside `allow_remote`
    "#);
}
