//! The listeners themselves: Unix sockets, WebSockets, a changed configuration, going away.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use super::Courier;
use crate::support::gate::{Scratch, said};
use crate::support::{Answer, Connection, PATIENCE, get};

#[test]
fn a_unix_socket_takes_calls() {
    let scratch = Scratch::new();
    let path = scratch.path().join("out.sock");
    let courier = Courier::start(|out| {
        format!(
            "[outbound.out]\nlisten = \"unix:{}\"\nupstream = \"{out}\"\ncredential = \"billing\"\n",
            path.display()
        )
    });
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let call = b"GET /items/1 HTTP/1.1\r\nHost: inventory\r\nConnection: close\r\n\r\n";
    stream.write_all(call).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let seen = courier.out.requests().remove(0);
    assert_eq!(seen.header("authorization"), Some("Bearer token-1"));
}

#[test]
fn a_websocket_passes_with_a_token() {
    let courier = Courier::relay("");
    courier.out.answer(|_| {
        let yes = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\u{81}\u{5}hello";
        let bytes: Vec<u8> = yes.chars().map(|char| char as u8).collect();
        Answer::raw(bytes).silent()
    });
    let mut connection = Connection::open(courier.address("out"));
    connection.write("GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    assert_eq!(connection.read("GET").status, 101);
    assert_eq!(connection.take(7).unwrap_or_default(), b"\x81\x05hello");
    connection.write(b"\x81\x85\0\0\0\0there");
    courier.out.wait_for_text("there");
    let seen = courier.out.requests().remove(0);
    assert_eq!(seen.header("authorization"), Some("Bearer token-1"));
    assert_eq!(seen.header("upgrade"), Some("websocket"));
}

#[test]
fn a_changed_configuration_keeps_tokens_and_connections() {
    let courier = Courier::relay("");
    courier.control();
    let gate = &courier.rig.gate;
    let path = gate.scratch.path().join("portcullis.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let more = "scopes = [\"inventory/read\"]\nallow = [\"GET /items/{id}\"]";
    let changed = text.replace("scopes = [\"inventory/read\"]", more);
    gate.scratch.write("portcullis.toml", &changed);
    gate.program.wait_for_log(|line| said(line, "was reloaded"));
    courier.refuses(&get("/other"), 403, "no_route");
    courier.control();
    assert_eq!(courier.tok.requests().len(), 1);
    assert_eq!(courier.out.connections(), 1);
    // A listener that is gone stays until a restart, and leads nowhere.
    let (rest, _) = text.split_once("[outbound.out]").unwrap();
    let (_, routes) = text.split_once("[routes]").unwrap();
    gate.scratch
        .write("portcullis.toml", format!("{rest}\n[routes]{routes}"));
    let restart = gate
        .program
        .wait_for_log(|line| said(line, "takes effect at the next start"));
    assert_eq!(restart["key"], "outbound.*.listen");
    gate.program
        .wait_for_log(|line| said(line, "was reloaded") && line["hash"] != restart["hash"]);
    while courier.send(&get("/items/1")).reason() != "no_route" {}
}

#[test]
fn a_call_under_way_is_finished_when_the_process_goes() {
    let mut courier = Courier::relay("");
    courier.out.hold();
    let address = courier.address("out");
    let call = std::thread::spawn(move || get("/items/1").send(address));
    courier.out.wait_for(1);
    let id = courier.rig.gate.program.id().to_string();
    std::process::Command::new("kill")
        .arg(&id)
        .status()
        .unwrap();
    courier
        .rig
        .gate
        .program
        .wait_for_log(|line| said(line, "draining"));
    courier.out.release();
    assert_eq!(call.join().unwrap().status, 200);
    assert!(courier.rig.gate.program.wait().success());
}
