//! Whom a fetch believes: a TLS server with certificates made for each test.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::Arc;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, Stream, SupportedProtocolVersion};

use super::settings;
use crate::config::model;
use crate::fetch::{FetchFault, Fetched, Fetcher};
use crate::net::client_tls::roots;

struct Identity {
    config: ServerConfig,
    /// What signed it, as PEM.
    root: String,
}

/// A server certificate for `names`, changed by `adjust`, signed by a root of its own, or by itself.
fn identity(
    names: &[&str],
    self_signed: bool,
    versions: &[&'static SupportedProtocolVersion],
    adjust: impl Fn(&mut CertificateParams),
) -> Identity {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut leaf = CertificateParams::new(names).unwrap();
    adjust(&mut leaf);
    let key = KeyPair::generate().unwrap();

    let mut root = CertificateParams::new(vec![]).unwrap();
    root.distinguished_name
        .push(DnType::CommonName, "a root of this test");
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();

    let (certificate, root) = if self_signed {
        let certificate = leaf.self_signed(&key).unwrap();
        let pem = root.pem();
        (certificate, pem)
    } else {
        (leaf.signed_by(&key, &root).unwrap(), root.pem())
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    Identity { config, root }
}

/// Answers one connection with `{}`, if the client goes on after the handshake.
fn serve(config: ServerConfig) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        let mut tls = ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = Stream::new(&mut tls, &mut tcp);
        let mut head = [0; 4096];
        if stream.read(&mut head).is_ok() {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
            tls.send_close_notify();
            let _ = tls.complete_io(&mut tcp);
        }
    });
    address
}

async fn fetch(identity: Identity, host: &str, believe: bool) -> Result<Fetched, FetchFault> {
    let fetcher = Fetcher::new(&model::Fetch {
        ca_pem: believe.then(|| identity.root.clone().into_bytes()),
        ..settings()
    })
    .unwrap();
    let port = serve(identity.config).port();
    fetcher.fetch(&format!("https://{host}:{port}/keys")).await
}

async fn fault(identity: Identity, host: &str, believe: bool) -> String {
    super::sentence(&fetch(identity, host, believe).await.unwrap_err())
}

#[tokio::test]
async fn a_server_is_believed_by_a_configured_root() {
    for versions in [&[&rustls::version::TLS12], &[&rustls::version::TLS13]] {
        let good = identity(&["127.0.0.1"], false, versions, |_| {});
        let fetched = fetch(good, "127.0.0.1", true).await.unwrap();
        assert_eq!(&fetched.body[..], b"{}");
    }
}

#[tokio::test]
async fn k13_certificates_that_prove_nothing_are_refused() {
    let all = rustls::ALL_VERSIONS;
    let unknown = identity(&["127.0.0.1"], false, all, |_| {});
    insta::assert_snapshot!(fault(unknown, "127.0.0.1", false).await, @"https://127.0.0.1:PORT/keys could not be reached: invalid peer certificate: UnknownIssuer");

    let self_signed = identity(&["127.0.0.1"], true, all, |_| {});
    insta::assert_snapshot!(fault(self_signed, "127.0.0.1", true).await, @"https://127.0.0.1:PORT/keys could not be reached: invalid peer certificate: UnknownIssuer");

    let other_name = identity(&["idp.example.com"], false, all, |_| {});
    let text = fault(other_name, "127.0.0.1", true).await;
    assert!(text.contains("not valid for name"), "{text}");

    let expired = identity(&["127.0.0.1"], false, all, |leaf| {
        leaf.not_before = rcgen::date_time_ymd(2020, 1, 1);
        leaf.not_after = rcgen::date_time_ymd(2020, 2, 1);
    });
    let text = fault(expired, "127.0.0.1", true).await;
    assert!(text.contains("expired"), "{text}");

    let early = identity(&["127.0.0.1"], false, all, |leaf| {
        leaf.not_before = rcgen::date_time_ymd(2999, 1, 1);
        leaf.not_after = rcgen::date_time_ymd(3000, 1, 1);
    });
    let text = fault(early, "127.0.0.1", true).await;
    assert!(text.contains("not valid yet"), "{text}");
}

#[tokio::test]
async fn k13_a_server_that_speaks_no_tls_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        let _ = tcp.read(&mut [0; 4096]);
        let _ = tcp.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    });
    let fetcher = Fetcher::new(&settings()).unwrap();
    let url = format!("https://127.0.0.1:{port}/keys");
    let fault = fetcher.fetch(&url).await.unwrap_err();
    insta::assert_snapshot!(super::sentence(&fault), @"https://127.0.0.1:PORT/keys could not be reached: received corrupt message of type InvalidContentType");
}

/// Set in the child of the test below.
const CHILD: &str = "PORTCULLIS_TEST_WITHOUT_ROOTS";

#[test]
fn an_image_without_roots_has_mozillas() {
    if std::env::var(CHILD).is_ok() {
        let roots = roots(None).unwrap();
        return assert_eq!(roots.len(), webpki_roots::TLS_SERVER_ROOTS.len());
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([
        "--exact",
        "fetch::tests::tls::an_image_without_roots_has_mozillas",
        "--nocapture",
    ]);
    child
        .env(CHILD, "1")
        .env("SSL_CERT_FILE", "/nonexistent")
        .env_remove("SSL_CERT_DIR");
    let output = child.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
