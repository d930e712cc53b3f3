//! Who is connected to, and what is told when nobody is.

use std::time::Duration;

use tokio::time::Instant;

use super::{DialFault, Dialer, Protocol, Stream};
use crate::config::model::{Address, ClientTls};
use crate::net::client_tls::TlsFault;

fn tcp(host: &str, port: u16, tls: bool) -> Address {
    Address::Tcp {
        tls,
        host: host.to_owned(),
        port,
    }
}

fn dialer(address: &Address) -> Dialer {
    Dialer::new(address, &ClientTls::default(), Protocol::Http1).unwrap()
}

async fn dial(dialer: Dialer) -> Result<Stream, DialFault> {
    dialer.dial(Instant::now() + Duration::from_secs(20)).await
}

#[tokio::test]
async fn q07_every_address_of_a_name_is_tried() {
    // `localhost` is ::1 and 127.0.0.1 on most machines; this listens on one of them alone.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    assert!(dial(dialer(&tcp("localhost", port, false))).await.is_ok());
}

#[tokio::test]
async fn q07_nobody_there_and_no_such_socket_are_told() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let nobody = dial(dialer(&tcp("127.0.0.1", closed.port(), false))).await;
    assert!(matches!(nobody, Err(DialFault::Connect(_))));
    let missing = dial(dialer(&Address::Unix("/nonexistent/app.sock".into()))).await;
    assert!(matches!(missing, Err(DialFault::Connect(_))));
}

#[tokio::test]
async fn q07_a_server_that_says_nothing_to_tls_is_given_up_in_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let silent = dialer(&tcp("127.0.0.1", port, true));
    let dialled = silent
        .dial(Instant::now() + Duration::from_millis(50))
        .await;
    assert!(matches!(dialled, Err(DialFault::Slow)));
}

#[tokio::test]
async fn x04_an_address_that_is_not_admitted_is_not_connected_to() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let guarded = dialer(&tcp("localhost", port, false)).admitting(|ip| !ip.is_loopback());
    assert!(matches!(dial(guarded).await, Err(DialFault::Forbidden)));
}

#[test]
fn what_tls_can_t_be_spoken_with_is_told_at_once() {
    let name = ClientTls {
        server_name: Some("not a name".to_owned()),
        ..ClientTls::default()
    };
    let no_ca = ClientTls {
        ca_pem: Some(b"nothing".to_vec()),
        ..ClientTls::default()
    };
    for (tls, fault) in [(name, TlsFault::NoName), (no_ca, TlsFault::NoCertificate)] {
        let dialer = Dialer::new(&tcp("127.0.0.1", 1, true), &tls, Protocol::Http1);
        assert_eq!(dialer.err(), Some(fault));
    }
}
