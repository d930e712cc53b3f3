//! TLS at the gate: what it says to the upstream, client certificates, renewal, and handshakes that never end.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::client::Stream;
use crate::support::gate::{Scratch, portcullis};
use crate::support::http2::{Client, head};
use crate::support::{Connection, PATIENCE, Rig, Setup, access, get, mint};

/// An authority, and the files of a listener that it vouches for.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pub files: Scratch,
}

/// A client's certificate and key.
pub type Shown = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl Authority {
    pub fn new() -> Authority {
        let mut params = CertificateParams::new(vec![]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "an authority of this test");
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        let authority = Authority {
            issuer,
            files: Scratch::new(),
        };
        authority.files.write("ca.pem", authority.issuer.pem());
        authority.renew();
        authority
    }

    /// Writes a new pair for the gate, and gives its certificate.
    pub fn renew(&self) -> CertificateDer<'static> {
        self.renew_with(|_| {})
    }

    fn renew_with(&self, change: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        self.files.write("key.pem", key.serialize_pem());
        self.files.write("cert.pem", certificate.pem());
        certificate.der().clone()
    }

    pub fn der(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// `tls = …`, and what else is in it.
    fn key(&self, more: &str) -> String {
        let (cert, key) = (self.path("cert.pem"), self.path("key.pem"));
        format!("tls = {{ cert_file = {cert:?}, key_file = {key:?}{more} }}\n")
    }

    fn asking(&self, auth: &str) -> String {
        let ca = self.path("ca.pem");
        self.key(&format!(
            ", client_ca_file = {ca:?}, client_auth = \"{auth}\""
        ))
    }

    /// A certificate for a client with these names.
    pub fn client(&self, names: &[SanType]) -> Shown {
        let mut params = CertificateParams::new(vec![]).expect("no names");
        params.subject_alt_names = names.to_vec();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::OrganizationName, "Acme, Inc.");
        params
            .distinguished_name
            .push(DnType::CommonName, "billing");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        (vec![certificate.der().clone()], key)
    }

    /// Connects; what becomes of the handshake is seen when something is sent.
    pub fn connect(&self, address: SocketAddr, alpn: &[&str], shown: Option<Shown>) -> Secure {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let mut config = match shown {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).expect("a pair"),
        };
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from("localhost").expect("a name");
        let session = ClientConnection::new(Arc::new(config), name).expect("a client");
        let stream = TcpStream::connect(address).expect("the program listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Secure(StreamOwned::new(session, stream))
    }

    fn open(&self, rig: &Rig, shown: Option<Shown>) -> Connection {
        let address = rig.gate.address;
        Connection::over(self.connect(address, &["http/1.1"], shown), address)
    }
}

pub struct Secure(pub StreamOwned<ClientConnection, TcpStream>);

impl Read for Secure {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Secure {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl Stream for Secure {
    fn tcp(&self) -> &TcpStream {
        &self.0.sock
    }
}

fn start(server: &str, routes: &str) -> Rig {
    Setup::standard()
        .server(server)
        .headers("X-Subject = \"@tls.subject\"\nX-San = \"@tls.san\"\n")
        .routes(routes)
        .start()
}

#[test]
fn both_protocols_are_spoken_within_tls_and_the_upstream_is_told() {
    let authority = Authority::new();
    let rig = start(&authority.key(""), "");
    let address = rig.gate.address;
    let mut connection = authority.open(&rig, None);
    assert_eq!(connection.exchange(&get("/public")).status, 200);
    let mut secure = authority.connect(address, &["h2", "http/1.1"], None);
    secure.flush().expect("a handshake");
    assert_eq!(secure.0.conn.alpn_protocol(), Some(b"h2".as_slice()));
    let mut client = Client::over(Connection::over(secure, address), &[]);
    assert_eq!(client.request(&head("GET", "/public")).status, 200);
    for recorded in rig.upstream.requests() {
        assert_eq!(recorded.header("x-forwarded-proto"), Some("https"));
        assert_eq!(recorded.header("x-subject"), None);
    }
    // Nothing is said to who speaks no TLS.
    let mut plain = Connection::open(address);
    plain.write(get("/public").bytes(address));
    assert!(!plain.rest().starts_with(b"HTTP"));
}

#[test]
fn p14_the_name_in_the_handshake_chooses_nothing() {
    let authority = Authority::new();
    let rig = start(
        &authority.key(""),
        "\"GET inner.example/private\" = \"admin/all\"\n",
    );
    let mut connection = authority.open(&rig, None); // SNI: localhost
    let asked = get("/private")
        .without_host()
        .header("Host", "inner.example");
    assert_eq!(connection.exchange(&asked).status, 401);
    // Nor does it stand in for a host: by that name alone the route is not there.
    assert_eq!(connection.exchange(&get("/private")).status, 403);
    assert_eq!(rig.upstream.bytes(), 0);
}

#[test]
fn a_certificate_opens_routes_that_ask_for_one_and_names_its_holder() {
    let authority = Authority::new();
    let routes = r#"
"/cert" = { access = "certificate" }
"/spiffe" = { access = "certificate", client_cert = { san = ["spiffe://acme/billing"] } }
"/both" = { client_cert = { san = ["Billing.Example.com"] } }
"#;
    let rig = start(&authority.asking("optional"), routes);
    let token = access().sign();
    let names = [
        SanType::URI("spiffe://acme/billing".try_into().expect("ASCII")),
        SanType::DnsName("billing.example.com".try_into().expect("ASCII")),
        SanType::IpAddress("10.0.0.7".parse().expect("an address")),
    ];
    let mut known = authority.open(&rig, Some(authority.client(&names)));
    let mut other = authority.open(
        &rig,
        Some(authority.client(&[SanType::DnsName("x.example".try_into().expect("ASCII"))])),
    );
    let mut nobody = authority.open(&rig, None);
    for (path, bearer, statuses) in [
        ("/cert", false, [200, 200, 403]),
        ("/spiffe", false, [200, 403, 403]),
        ("/both", false, [401, 403, 403]),
        ("/both", true, [200, 403, 403]),
        ("/orders/1", true, [200, 200, 200]),
        ("/public", false, [200, 200, 200]),
    ] {
        for (connection, status) in [&mut known, &mut other, &mut nobody]
            .into_iter()
            .zip(statuses)
        {
            let asked = get(path)
                .header("X-Subject", "forged")
                .header("X-San", "forged");
            let asked = if bearer { asked.bearer(&token) } else { asked };
            let before = rig.upstream.requests().len();
            let answer = connection.exchange(&asked);
            assert_eq!(answer.status, status, "{path} {}", answer.text());
            if status == 403 {
                assert_eq!(answer.reason(), "claim_mismatch");
            }
            if status != 200 {
                assert_eq!(rig.upstream.requests().len(), before);
            }
        }
    }
    let told = |name: &str| -> Vec<Option<String>> {
        let requests = rig.upstream.requests();
        requests
            .iter()
            .map(|request| request.header(name).map(str::to_owned))
            .collect()
    };
    let (subject, san) = (told("x-subject"), told("x-san"));
    let billing = Some("CN=billing,O=Acme\\, Inc.".to_owned());
    let all = Some("spiffe://acme/billing,billing.example.com,10.0.0.7".to_owned());
    let x = Some("x.example".to_owned());
    // /cert twice, /spiffe, /both; one token from three connections, with what each has shown; /public knows nobody.
    assert_eq!(
        subject[..4],
        [
            billing.clone(),
            billing.clone(),
            billing.clone(),
            billing.clone()
        ]
    );
    assert_eq!(san[..4], [all.clone(), x.clone(), all.clone(), all.clone()]);
    assert_eq!(san[4..7], [all, x, None]);
    assert_eq!(subject[6], None);
    assert_eq!(san[7..], [None, None, None]);
    assert_eq!(
        rig.upstream.requests()[4].header("x-user-sub"),
        Some(mint::SUB)
    );
}

#[test]
fn where_certificates_are_required_nobody_else_is_spoken_to() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let rig = start(&authority.asking("required"), "");
    let good = authority.client(&[]);
    let mut connection = authority.open(&rig, Some(good));
    assert_eq!(connection.exchange(&get("/public")).status, 200);
    for shown in [None, Some(stranger.client(&[]))] {
        let mut connection = authority.open(&rig, shown);
        connection.write(get("/public").bytes(rig.gate.address));
        assert!(connection.rest().is_empty());
    }
    assert_eq!(rig.upstream.requests().len(), 1);
}

#[test]
fn q05_certificates_are_renewed_and_a_pair_that_does_not_fit_is_not_taken() {
    let authority = Authority::new();
    let rig = start(&authority.key(""), "");
    let shown = || {
        let mut secure = authority.connect(rig.gate.address, &["http/1.1"], None);
        secure.flush().expect("a handshake");
        let chain = secure.0.conn.peer_certificates().expect("a chain");
        chain[0].clone().into_owned()
    };
    let first = shown();
    // A key that belongs to nothing.
    authority.files.write(
        "key.pem",
        KeyPair::generate().expect("a key").serialize_pem(),
    );
    let said = |text: &'static str| {
        rig.gate.program.wait_for_log(move |line| {
            line["message"]
                .as_str()
                .is_some_and(|message| message.contains(text))
        })
    };
    let line = said("the new configuration was refused");
    let faults = line["faults"].as_str().unwrap_or("");
    assert!(
        faults.contains("this is not the key of the certificate"),
        "{line}"
    );
    assert_eq!(shown(), first);
    let renewed = authority.renew();
    said("the configuration was reloaded");
    assert_eq!(shown(), renewed);
    assert_eq!(
        authority.open(&rig, None).exchange(&get("/public")).status,
        200
    );
}

#[test]
fn r02_handshakes_that_never_end_are_given_up() {
    let authority = Authority::new();
    let limits = "\n[server.limits]\nheader_timeout = \"2s\"\n";
    let rig = start(&(authority.key("") + limits), "");
    // A record of a ClientHello, a byte of it, and nothing at all.
    for bytes in [&b""[..], &[0x16], &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]] {
        let mut connection = Connection::open(rig.gate.address);
        connection.write(bytes);
        connection.rest();
    }
    // After the handshake: silence.
    let mut silent = authority.open(&rig, None);
    silent.write("");
    silent.rest();
    assert_eq!(
        authority.open(&rig, None).exchange(&get("/public")).status,
        200
    );
}

#[test]
fn r11_a_hello_in_records_of_one_byte_harms_nobody() {
    let authority = Authority::new();
    let rig = start(&authority.key(""), "");
    let mut hello = vec![1, 0, 1, 0];
    hello.resize(260, 3);
    let mut connection = Connection::open(rig.gate.address);
    for byte in hello {
        connection.write([0x16, 3, 1, 0, 1, byte]);
    }
    connection.finish();
    connection.rest();
    assert_eq!(
        authority.open(&rig, None).exchange(&get("/public")).status,
        200
    );
}

#[test]
fn r11_a_chain_of_certificates_without_end_is_not_followed() {
    let authority = Authority::new();
    let rig = start(
        &authority.asking("optional"),
        "\"/cert\" = { access = \"certificate\" }\n",
    );
    let (mut chain, key) = authority.client(&[]);
    chain.extend((0..100).map(|_| authority.client(&[]).0.remove(0)));
    let before = rig.gate.program.processor();
    for _ in 0..20 {
        let (chain, key) = (chain.clone(), key.clone_key());
        let mut connection = authority.open(&rig, Some((chain, key)));
        connection.write(get("/cert").bytes(rig.gate.address));
        connection.finish();
        connection.rest(); // served or not, it ends
    }
    let used = rig.gate.program.processor() - before;
    assert!(used.as_secs() < 5, "{used:?}");
    assert_eq!(
        authority.open(&rig, None).exchange(&get("/public")).status,
        200
    );
}

#[test]
fn a_certificate_that_has_expired_is_told_of_at_the_start() {
    let told = "[server] tls: the certificate in cert_file has expired";
    let authority = Authority::new();
    authority.renew_with(|params| params.not_after = rcgen::date_time_ymd(2001, 1, 1));
    let setup = Setup::standard().server(&authority.key(""));
    let none = "http://127.0.0.1:1";
    let text = setup.text(none, none, none);
    let path = authority.files.write("portcullis.toml", text);
    let mut check = portcullis();
    let check = check.arg("check").arg("--config").arg(path).output();
    let check = check.expect("the binary can be started");
    assert!(check.status.success(), "it is legal");
    let out = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(out.contains(&format!("warning: {told}")), "{out}");

    let rig = setup.start();
    rig.gate
        .program
        .wait_for_log(|line| line["message"] == told);
}
