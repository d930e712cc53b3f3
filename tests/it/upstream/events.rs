//! Server-sent events, and whatever else is told bit by bit: each bit arrives while the upstream is still talking.

use std::sync::{Mutex, mpsc};

use super::{Bare, Behind, Wire};
use crate::support::http2::{Client, DATA, END_STREAM, HEADERS, head};
use crate::support::{Setup, access};

const EVENTS: [&str; 3] = [
    "id: 1\ndata: one\n\n",
    ": nothing at the moment\n\n",
    "id: 2\nevent: last\ndata: two\n\n",
];

/// Says the next event only once somebody tells that the last was heard; its stream ends with a last chunk, or with the
/// connection.
fn talking(chunked: bool) -> (Bare, mpsc::Sender<()>) {
    let (tell, told) = mpsc::channel();
    let told = Mutex::new(told);
    let bare = Bare::start(move |_, mut wire: Wire| {
        wire.head();
        let framing = if chunked {
            "transfer-encoding: chunked"
        } else {
            "connection: close"
        };
        wire.write(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n{framing}\r\n\r\n"
        ));
        let told = told.lock().unwrap();
        for event in EVENTS {
            match chunked {
                true => wire.write(format!("{:x}\r\n{event}\r\n", event.len())),
                false => wire.write(event),
            }
            if told.recv().is_err() {
                return;
            }
        }
        if chunked {
            wire.write("0\r\n\r\n");
        }
    });
    (bare, tell)
}

fn behind(bare: &Bare) -> Behind {
    Behind::start(
        &Setup::standard().routes("\"GET /events\" = \"orders/read\""),
        &bare.url(),
    )
}

#[test]
fn an_event_is_heard_while_its_stream_goes_on() {
    for chunked in [true, false] {
        let (bare, tell) = talking(chunked);
        let behind = behind(&bare);
        let mut client = Wire::open(behind.gate.address);
        client.write(format!(
            "GET /events HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\nAuthorization: Bearer {}\r\n\r\n",
            access().sign()
        ));
        let head = client.head().to_lowercase();
        assert!(head.starts_with("http/1.1 200 "), "{head}");
        assert!(
            head.contains("content-type: text/event-stream\r\n"),
            "{head}"
        );
        assert!(head.contains("transfer-encoding: chunked\r\n"), "{head}");
        for event in EVENTS {
            let chunk = format!("{:X}\r\n{event}\r\n", event.len());
            let heard = client.take(chunk.len());
            assert!(
                heard.eq_ignore_ascii_case(chunk.as_bytes()),
                "{:?}",
                String::from_utf8_lossy(&heard)
            );
            tell.send(()).unwrap();
        }
        assert_eq!(client.take(5), b"0\r\n\r\n");
    }
}

#[test]
fn an_event_is_heard_over_http_2_while_its_stream_goes_on() {
    let (bare, tell) = talking(true);
    let behind = behind(&bare);
    let mut client = Client::open(behind.gate.address, &[]);
    let bearer = format!("Bearer {}", access().sign());
    let mut fields = head("GET", "/events");
    fields.push(("authorization", &bearer));
    let stream = client.begin(&fields, END_STREAM);
    let answer = client.read_until(|frame| frame.stream == stream).unwrap();
    assert_eq!((answer.kind, answer.flags & END_STREAM), (HEADERS, 0));
    for event in EVENTS {
        let heard = client.read_until(|frame| frame.stream == stream).unwrap();
        assert_eq!(
            (heard.kind, heard.payload.as_slice()),
            (DATA, event.as_bytes())
        );
        assert_eq!(heard.flags & END_STREAM, 0);
        tell.send(()).unwrap();
    }
    let end = client.read_until(|frame| frame.stream == stream).unwrap();
    assert_eq!((end.kind, end.flags & END_STREAM), (DATA, END_STREAM));
}

#[test]
fn a_listener_that_goes_away_ends_the_stream_behind() {
    let (bare, tell) = talking(true);
    let behind = behind(&bare);
    let mut client = Wire::open(behind.gate.address);
    client.write(format!(
        "GET /events HTTP/1.1\r\nHost: a\r\nX-Request-Id: events-1\r\nAuthorization: Bearer {}\r\n\r\n",
        access().sign()
    ));
    client.head();
    client.take(EVENTS[0].len());
    drop(client);
    // Its record is written when the stream is over, and the upstream does not end it.
    let record = behind.gate.record("events-1");
    assert_eq!(record["status"], 200, "{record}");
    drop(tell);
}
