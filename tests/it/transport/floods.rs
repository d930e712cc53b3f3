//! Floods over HTTP/2 (R04-R07): while one client sends nothing but trouble, memory stays where it was and others are served.

use crate::support::http2::{
    ACK, CONTINUATION, Client, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, RST_STREAM,
    SETTINGS, WINDOW_UPDATE, block, frame, head,
};
use crate::support::{Answer, Connection, Recorded, Rig, get};

/// What a flood may cost in memory, beside what the program needs anyway.
const ROOM: usize = 64 << 20;
/// What one request that waits may cost: buffers to both sides, and what the allocator keeps around them.
const WAITING: usize = 48 << 10;
/// Streams that are open at once on a connection.
const STREAMS: usize = 128;
/// INITIAL_WINDOW_SIZE (RFC 9113 §6.5.2).
const WINDOW: u16 = 4;

/// A program under attack: a client that behaves is served all the while (O7), and memory is bounded (O6).
struct Besieged {
    rig: Rig,
    canary: Connection,
    before: usize,
    room: usize,
}

impl Besieged {
    /// With an upstream that says nothing, but to the canary.
    fn start() -> Besieged {
        let rig = Rig::standard();
        rig.control();
        let besieged = Besieged {
            canary: Connection::open(rig.gate.address),
            before: rig.gate.program.memory(),
            room: ROOM,
            rig,
        };
        besieged.answer(|_| Answer::raw("").silent());
        besieged
    }

    /// How everybody but the canary is answered.
    fn answer(&self, script: impl Fn(&Recorded) -> Answer + Send + Sync + 'static) {
        self.rig
            .upstream
            .answer(move |request| match request.target() {
                "/public/canary" => Answer::ok(),
                _ => script(request),
            });
    }

    fn client(&self, settings: &[(u16, u32)]) -> Client {
        Client::open(self.rig.gate.address, settings)
    }

    fn holds(&mut self, during: &str) {
        let answer = self.canary.exchange(&get("/public/canary"));
        assert_eq!(answer.status, 200, "during {during}");
        let grown = self.rig.gate.program.memory().saturating_sub(self.before);
        assert!(grown < self.room, "during {during}: {} MB", grown >> 20);
    }

    /// The flood in pieces, one of `pieces` after the other, until the connection is closed.
    fn flood(&mut self, client: &mut Client, name: &str, piece: &[u8], pieces: usize) {
        for _ in 0..pieces {
            client.write_raw(piece);
            self.holds(name);
        }
        assert!(client.is_closed(), "{name}");
    }
}

/// A request on this stream.
fn request(stream: u32, flags: u8, method: &str) -> Vec<u8> {
    let fields = block(&head(method, "/public"));
    frame(HEADERS, END_HEADERS | flags, stream, &fields)
}

#[test]
fn r05_streams_reset_by_the_thousand_cost_neither_memory_nor_the_upstream() {
    let mut besieged = Besieged::start();
    for _ in 0..20 {
        let mut client = besieged.client(&[]);
        for piece in 0..20 {
            let streams = (0..100).map(|at| (piece * 100 + at) * 2 + 1);
            let flood: Vec<u8> = streams
                .flat_map(|stream| {
                    let reset = frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
                    [request(stream, END_STREAM, "GET"), reset].concat()
                })
                .collect();
            client.write_raw(&flood);
            besieged.holds("rapid reset");
        }
        assert!(client.is_closed());
    }
    assert!(besieged.rig.upstream.most_waiting() <= STREAMS);
    // Nothing is left of them upstream: every connection but the canary's own is over.
    let upstream = &besieged.rig.upstream;
    upstream.wait_for_ends(upstream.connections() - 1);
}

#[test]
fn r05_a_client_that_makes_us_reset_its_streams_gets_no_further() {
    let mut besieged = Besieged::start();
    type Fault = fn(u32) -> Vec<u8>;
    let faults: [(&str, Fault); 4] = [
        ("a window grown by nothing", |stream| {
            frame(WINDOW_UPDATE, 0, stream, &0_u32.to_be_bytes())
        }),
        ("a window grown too far", |stream| {
            frame(WINDOW_UPDATE, 0, stream, &0x7fff_ffff_u32.to_be_bytes())
        }),
        ("a body behind the end", |stream| {
            frame(DATA, END_STREAM, stream, b"more")
        }),
        ("a second head", |stream| request(stream, 0, "POST")),
    ];
    for (name, fault) in faults {
        let mut client = besieged.client(&[]);
        for piece in 0..40 {
            let streams = (0..100).map(|at| (piece * 100 + at) * 2 + 1);
            let flood: Vec<u8> = streams
                .flat_map(|stream| [request(stream, END_STREAM, "GET"), fault(stream)].concat())
                .collect();
            client.write_raw(&flood);
            besieged.holds(name);
        }
        assert!(client.is_closed(), "{name}");
        assert!(besieged.rig.upstream.most_waiting() <= STREAMS, "{name}");
    }
    let upstream = &besieged.rig.upstream;
    upstream.wait_for_ends(upstream.connections() - 1);
}

#[test]
fn r06_frames_without_end_cost_neither_memory_nor_others_their_turn() {
    let mut besieged = Besieged::start();
    let before = besieged.rig.gate.program.processor();
    for (name, one) in [
        ("SETTINGS", frame(SETTINGS, 0, 0, &[])),
        ("PING", frame(PING, 0, 0, &[0; 8])),
        ("PING ACK", frame(PING, ACK, 0, &[0; 8])),
        ("PRIORITY", frame(PRIORITY, 0, 5, &[0, 0, 0, 0, 16])),
        (
            "WINDOW_UPDATE",
            frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes()),
        ),
        ("unknown", frame(0x42, 0, 0, &[0; 1000])),
        ("empty DATA", frame(DATA, 0, 1, &[])),
        ("padded DATA", frame(DATA, 8, 1, &[0])),
    ] {
        let mut client = besieged.client(&[]);
        client.begin(&head("POST", "/public"), 0);
        besieged.flood(&mut client, name, &one.repeat(1_000), 50);
    }
    // All of them together: less than a second each, of one processor.
    let used = besieged.rig.gate.program.processor() - before;
    assert!(used.as_secs() < 8, "{used:?}");
}

#[test]
fn r06_a_header_block_without_end_is_not_collected() {
    let mut besieged = Besieged::start();
    let value = "x".repeat(4_000);
    for (name, part) in [
        ("empty CONTINUATION", Vec::new()),
        (
            "full CONTINUATION",
            block(&[("x-a", &value), ("x-b", &value)]),
        ),
        // Entries of the table that are named again and again: the block grows when it is read.
        ("indexed CONTINUATION", vec![0x82; 16_000]),
    ] {
        let mut client = besieged.client(&[]);
        client.write(HEADERS, END_STREAM, 1, &block(&head("GET", "/public")));
        let piece = frame(CONTINUATION, 0, 1, &part).repeat(100);
        besieged.flood(&mut client, name, &piece, 30);
    }
}

#[test]
fn r07_blocks_that_grow_when_they_are_read_cost_no_memory() {
    let mut besieged = Besieged::start();
    let mut bomb = block(&head("GET", "/public"));
    let mut entry = block(&[("x-bomb", &"x".repeat(3_900))]);
    entry[0] = 0x40; // kept in the table, and named 4000 times behind it: 16 MB from 8 KB (RFC 7541 §6.1)
    bomb.extend(entry);
    bomb.extend([0xbe; 4_000]);
    for _ in 0..20 {
        let mut client = besieged.client(&[]);
        for stream in 0..STREAMS as u32 {
            client.write(HEADERS, END_STREAM | END_HEADERS, stream * 2 + 1, &bomb);
        }
        besieged.holds("a bomb");
    }
    assert_eq!(besieged.rig.upstream.most_waiting(), 1); // the canary
}

#[test]
fn r07_answers_nobody_takes_are_not_collected() {
    let mut besieged = Besieged::start();
    besieged.room = 4 * STREAMS * WAITING; // where the answers together are 512 MB
    besieged.answer(|_| Answer::status(200, &[], &"x".repeat(1 << 20)));
    let mut fields = head("GET", "/public");
    fields.extend(std::iter::repeat_n(("cookie", "a=1"), 400));
    let mut clients: Vec<Client> = (0..4)
        .map(|_| {
            let mut client = besieged.client(&[(WINDOW, 0)]);
            for _ in 0..STREAMS {
                client.begin(&fields, END_STREAM);
            }
            besieged.holds("closed windows");
            client
        })
        .collect();
    besieged.rig.upstream.wait_for(4 * STREAMS);
    for client in &mut clients {
        // Every head has been answered, though nothing of its body could be sent.
        let mut heads = 0;
        while heads < STREAMS {
            let frame = client.read().expect("the connection is open");
            heads += usize::from(frame.kind == HEADERS);
            assert!(frame.kind != DATA);
        }
        besieged.holds("closed windows");
    }
}
