//! What happens between the gate and the service behind it: connections, framing, TLS, HTTP/2, WebSockets.

mod connections;
mod events;
mod framing;
pub mod stub;
mod tls;
mod websocket;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::mint::jwks;
use crate::support::{Answer, Gate, PATIENCE, Recorder, Setup, a1, b1};

/// The gate before an upstream that the rig does not know.
struct Behind {
    gate: Gate,
    _keys: [Recorder; 2],
}

impl Behind {
    fn start(setup: &Setup, upstream: &str) -> Behind {
        let keys =
            [a1(), b1()].map(|key| Recorder::answering(move |_| Answer::json(&jwks(&[key]))));
        let gate = Gate::start(&setup.text(upstream, &keys[0].url(), &keys[1].url()));
        gate.wait_until_ready();
        Behind { gate, _keys: keys }
    }
}

/// An upstream of bare sockets: `serve` is called with each connection and its number.
struct Bare {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Bare {
    fn start(serve: impl Fn(usize, Wire) + Send + Sync + 'static) -> Bare {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound listener");
        let connections = Arc::new(AtomicUsize::new(0));
        let (serve, count) = (Arc::new(serve), connections.clone());
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (number, serve) = (count.fetch_add(1, Ordering::SeqCst), serve.clone());
                std::thread::spawn(move || serve(number, Wire::new(stream)));
            }
        });
        Bare {
            address,
            connections,
        }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// A bare socket, and what was read from it and not yet taken.
struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    fn new(stream: TcpStream) -> Wire {
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
        Wire {
            stream,
            buffer: Vec::new(),
        }
    }

    fn open(address: SocketAddr) -> Wire {
        Wire::new(TcpStream::connect(address).expect("somebody listens"))
    }

    fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Everything up to and with an empty line.
    fn head(&mut self) -> String {
        loop {
            if let Some(at) = self.buffer.windows(4).position(|end| end == b"\r\n\r\n") {
                let head: Vec<u8> = self.buffer.drain(..at + 4).collect();
                return String::from_utf8_lossy(&head).into_owned();
            }
            assert!(self.fill(), "no head, but {:?}", self.text());
        }
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        while self.buffer.len() < count {
            assert!(self.fill(), "only {:?}", self.text());
        }
        self.buffer.drain(..count).collect()
    }

    /// Everything until the other side hangs up.
    fn rest(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.buffer)
    }

    /// Hangs up as a process that was killed does: with a RST.
    fn reset(self) {
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(std::time::Duration::ZERO));
    }

    fn finish(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.buffer).into_owned()
    }

    /// Reads more; false at the end.
    fn fill(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.buffer.extend_from_slice(&buffer[..count]);
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error}, after {:?}", self.text()),
        }
    }
}
