//! Upstreams over TLS, and over HTTP/2.

use std::sync::Arc;

use super::Behind;
use super::stub::{Authority, Behaviour, Stub, tls};
use crate::support::gate::Scratch;
use crate::support::mint::SUB;
use crate::support::{Connection, Setup, access, get, post};

fn https(stub: &Stub) -> String {
    format!("https://127.0.0.1:{}", stub.address.port())
}

fn http(stub: &Stub) -> String {
    format!("http://{}", stub.address)
}

#[test]
fn an_upstream_over_tls_is_believed_by_its_authority_and_name() {
    let (authority, scratch) = (Authority::new(), Scratch::new());
    let ca = scratch.write("ca.pem", authority.pem());
    let other = scratch.write("other.pem", Authority::new().pem());
    let (ca, other) = (ca.display(), other.display());
    for (name, upstream, reached) in [
        (
            "127.0.0.1",
            format!(r#"tls = {{ ca_file = "{ca}" }}"#),
            true,
        ),
        (
            "app.internal",
            format!(r#"tls = {{ ca_file = "{ca}", server_name = "app.internal" }}"#),
            true,
        ),
        ("127.0.0.1", String::new(), false),
        (
            "127.0.0.1",
            format!(r#"tls = {{ ca_file = "{other}" }}"#),
            false,
        ),
        (
            "app.internal",
            format!(r#"tls = {{ ca_file = "{ca}" }}"#),
            false,
        ),
        (
            "127.0.0.1",
            format!(r#"tls = {{ ca_file = "{ca}", server_name = "app.internal" }}"#),
            false,
        ),
    ] {
        let stub = Stub::start(Behaviour {
            tls: Some(tls(&authority, name, &["http/1.1"], None)),
            ..Behaviour::default()
        });
        let behind = Behind::start(&Setup::standard().upstream(&upstream), &https(&stub));
        let answer = get("/orders/1")
            .bearer(&access().sign())
            .send(behind.gate.address);
        if reached {
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (200, "from the stub")
            );
            let seen = stub.seen().remove(0);
            assert_eq!(seen.headers["x-user-sub"], SUB);
            assert_eq!(seen.alpn.as_deref(), Some(b"http/1.1".as_slice()));
        } else {
            let told = (answer.status, answer.reason());
            assert_eq!(told, (502, "upstream_unreachable".to_owned()), "{upstream}");
            assert!(stub.seen().is_empty(), "{upstream}");
        }
    }
}

#[test]
fn q07_plain_where_tls_is_asked_for_is_unreachable() {
    let stub = Stub::start(Behaviour::default());
    let behind = Behind::start(&Setup::standard(), &https(&stub));
    let answer = get("/public").send(behind.gate.address);
    assert_eq!(answer.reason(), "upstream_unreachable");
}

#[test]
fn an_upstream_may_ask_for_our_certificate() {
    let (servers, clients, scratch) = (Authority::new(), Authority::new(), Scratch::new());
    let (certificate, key) = clients.sign("portcullis.internal");
    let ca = scratch.write("ca.pem", servers.pem());
    let cert = scratch.write("cert.pem", certificate.pem());
    let key = scratch.write("key.pem", key.serialize_pem());
    let (ca, cert, key) = (ca.display(), cert.display(), key.display());
    let stub = Stub::start(Behaviour {
        tls: Some(tls(
            &servers,
            "127.0.0.1",
            &["http/1.1"],
            Some(clients.der()),
        )),
        ..Behaviour::default()
    });
    let with = format!(r#"tls = {{ ca_file = "{ca}", cert_file = "{cert}", key_file = "{key}" }}"#);
    let behind = Behind::start(&Setup::standard().upstream(&with), &https(&stub));
    assert_eq!(get("/public").send(behind.gate.address).status, 200);
    assert!(stub.seen()[0].certificate);
    let without = format!(r#"tls = {{ ca_file = "{ca}" }}"#);
    let behind = Behind::start(&Setup::standard().upstream(&without), &https(&stub));
    assert_eq!(get("/public").send(behind.gate.address).status, 502);
    assert_eq!(stub.seen().len(), 1);
    // And the log says what is to be changed, not only that a connection failed.
    behind.gate.program.wait_for_log(|line| {
        let told = line["message"].as_str().unwrap_or_default();
        told.contains("gave no valid answer") && told.contains("CertificateRequired")
    });
}

#[test]
fn an_upstream_of_http_2_is_spoken_to_in_http_2() {
    let stub = Stub::start(Behaviour {
        http2: true,
        ..Behaviour::default()
    });
    let behind = Behind::start(&Setup::standard().upstream("http2 = true"), &http(&stub));
    let request = post("/orders/1?a=b")
        .bearer(&access().scope("orders/write").sign())
        .header("TE", "trailers, deflate")
        .header("Connection", "TE, Upgrade")
        .header("Upgrade", "h2c");
    let answer = request.send(behind.gate.address);
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (200, "from the stub")
    );
    let seen = stub.seen().remove(0);
    assert_eq!(seen.version, http::Version::HTTP_2);
    let uri = format!("http://{}/orders/1?a=b", behind.gate.address);
    assert_eq!((seen.uri, &seen.body[..]), (uri, b"{}".as_slice()));
    assert_eq!(seen.headers["x-user-sub"], SUB);
    assert_eq!(seen.headers["te"], "trailers");
    for name in ["host", "authorization", "connection", "upgrade"] {
        assert!(!seen.headers.contains_key(name), "{name}");
    }
}

#[test]
fn http_2_over_tls_is_agreed_on() {
    let (authority, scratch) = (Authority::new(), Scratch::new());
    let ca = scratch.write("ca.pem", authority.pem());
    for (alpn, status) in [("h2", 200), ("http/1.1", 502)] {
        let stub = Stub::start(Behaviour {
            http2: alpn == "h2",
            tls: Some(tls(&authority, "127.0.0.1", &[alpn], None)),
            ..Behaviour::default()
        });
        let upstream = format!("http2 = true\ntls = {{ ca_file = \"{}\" }}", ca.display());
        let behind = Behind::start(&Setup::standard().upstream(&upstream), &https(&stub));
        assert_eq!(
            get("/public").send(behind.gate.address).status,
            status,
            "{alpn}"
        );
        for seen in stub.seen() {
            assert_eq!(seen.alpn.as_deref(), Some(b"h2".as_slice()));
            assert!(seen.uri.starts_with("https://"), "{}", seen.uri);
        }
    }
}

#[test]
fn h07_trailers_of_a_request_end_here_over_http_2_too() {
    let stub = Stub::start(Behaviour {
        http2: true,
        ..Behaviour::default()
    });
    let behind = Behind::start(&Setup::standard().upstream("http2 = true"), &http(&stub));
    let answer = post("/public")
        .header("Transfer-Encoding", "chunked")
        .header("Trailer", "X-User-Sub")
        .raw_body("4\r\nbody\r\n0\r\nX-User-Sub: root\r\nAuthorization: Bearer x\r\n\r\n")
        .send(behind.gate.address);
    assert_eq!(answer.status, 200);
    let seen = stub.seen().remove(0);
    assert_eq!((&seen.body[..], seen.trailers), (b"body".as_slice(), None));
    assert!(!seen.headers.contains_key("trailer"));
}

/// Sends `count` requests over connections of their own, all before any is answered.
fn at_once(behind: &Behind, count: usize) {
    let address = behind.gate.address;
    let mut clients: Vec<Connection> = (0..count).map(|_| Connection::open(address)).collect();
    for client in &mut clients {
        client.write(get("/public").bytes(address));
    }
    for client in &mut clients {
        assert_eq!(client.read("GET").status, 200);
    }
}

#[test]
fn requests_share_a_connection_of_http_2() {
    let stub = Stub::start(Behaviour {
        http2: true,
        together: Some(Arc::new(tokio::sync::Barrier::new(10))),
        ..Behaviour::default()
    });
    let behind = Behind::start(&Setup::standard().upstream("http2 = true"), &http(&stub));
    at_once(&behind, 10);
    at_once(&behind, 10);
    assert_eq!(stub.connections(), [0; 20]);
}

#[test]
fn streams_are_no_more_than_the_upstream_allows() {
    let stub = Stub::start(Behaviour {
        http2: true,
        streams: Some(2),
        together: Some(Arc::new(tokio::sync::Barrier::new(2))),
        ..Behaviour::default()
    });
    let behind = Behind::start(&Setup::standard().upstream("http2 = true"), &http(&stub));
    at_once(&behind, 2);
    at_once(&behind, 2);
    at_once(&behind, 8);
    let mut connections = stub.connections();
    connections.sort_unstable();
    assert_eq!(connections[..4], [0; 4]);
    let first = connections[4..]
        .iter()
        .filter(|number| **number == 0)
        .count();
    assert!(connections.len() == 12 && first < 8, "{connections:?}");
}

#[test]
fn a_connection_that_bids_farewell_is_not_used_again() {
    let stub = Stub::start(Behaviour {
        http2: true,
        farewell: true,
        ..Behaviour::default()
    });
    let behind = Behind::start(&Setup::standard().upstream("http2 = true"), &http(&stub));
    for _ in 0..4 {
        assert_eq!(get("/public").send(behind.gate.address).status, 200);
        assert_eq!(post("/public").send(behind.gate.address).status, 200);
    }
    assert_eq!(stub.seen().len(), 8);
}
