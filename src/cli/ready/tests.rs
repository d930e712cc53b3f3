//! `ready` against listeners that say this and that.

use std::net::TcpListener;
use std::thread;

use super::*;

/// A listener that answers one connection so, after it has read a request.
fn answering(answer: &'static str) -> (SocketAddr, thread::JoinHandle<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has ports");
    let address = listener.local_addr().expect("it is bound");
    let asked = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody comes");
        let mut request = [0; 1024];
        let length = stream.read(&mut request).unwrap_or(0);
        let _ = stream.write_all(answer.as_bytes());
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    (address, asked)
}

#[test]
fn a_sidecar_that_is_ready_is_told_by_its_status() {
    let (address, asked) = answering("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nready\n");
    assert_eq!(ask(address, PATIENCE), Ok(()));
    let request = asked.join().unwrap_or_default();
    // The admin listener answers to a loopback Host alone.
    assert_eq!(
        request,
        "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    );
}

#[test]
fn one_that_is_not_says_why() {
    let (address, _asked) = answering(
        "HTTP/1.1 503 Service Unavailable\r\n\r\nnot ready: keys of pool main\u{1b}[2J\n",
    );
    assert_eq!(
        ask(address, PATIENCE),
        Err("not ready: keys of pool main\u{FFFD}[2J".to_owned())
    );
}

#[test]
fn what_is_no_admin_listener_is_not_ready() {
    for answer in [
        "HTTP/1.1 404 Not Found\r\n\r\n",
        "HTTP/1.1 2000 x\r\n\r\n",
        "200",
        "",
        "SSH-2.0-x\r\n\r\n",
    ] {
        let (address, _asked) = answering(answer);
        assert!(ask(address, PATIENCE).is_err(), "{answer}");
    }
}

#[test]
fn nobody_there_and_nobody_answering_are_not_ready() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has ports");
    let address = listener.local_addr().expect("it is bound");
    assert!(ask(address, Duration::from_millis(1)).is_err()); // accepted by the kernel, answered by nobody
    drop(listener);
    let told = ask(address, PATIENCE).err().unwrap_or_default();
    assert!(
        told.starts_with(&format!(
            "the admin listener at {address} does not answer: "
        )),
        "{told}"
    );
}

#[test]
fn a_listener_on_every_address_is_asked_on_loopback() {
    for (admin, asked) in [
        ("0.0.0.0:9090", "127.0.0.1:9090"),
        ("[::]:9090", "[::1]:9090"),
        ("127.0.0.1:9090", "127.0.0.1:9090"),
        ("10.0.0.7:1", "10.0.0.7:1"),
    ] {
        assert_eq!(admin.parse().map(reachable), asked.parse(), "{admin}");
    }
}
