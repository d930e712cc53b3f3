//! The rig: a recording upstream, stubs for two pools' keys, tokens minted here, the program between them.
//!
//! Nothing in here uses the code under test: what is minted, sent and read is made from the RFCs alone. Every rig owns
//! its addresses (port 0) and ends what it started when it is dropped.

pub mod client;
pub mod gate;
pub mod http2;
pub mod login;
pub mod mint;
pub mod recorder;
pub mod rig;

pub use client::{Connection, Request, Response, delete, get, post, request};
pub use gate::{Gate, Program};
pub use mint::{Token, a1, a2, access, b1, id};
pub use recorder::{Answer, Recorded, Recorder};
pub use rig::{Rig, Setup};

use std::net::SocketAddr;
use std::time::Duration;

/// How long anything that must happen may take, on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// An address that refuses connections, and is nobody else's as long as this lives.
pub struct Nobody(socket2::Socket);

impl Nobody {
    /// A port that is bound, and not listened on.
    pub fn new() -> Nobody {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.expect("a socket");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        socket.bind(&any.into()).expect("a free port");
        Nobody(socket)
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        let address = self.0.local_addr().expect("a bound socket");
        address.as_socket().expect("an IP address")
    }

    /// From now on somebody listens there.
    pub fn listen(self) -> std::net::TcpListener {
        self.0.listen(128).expect("it can be listened on");
        self.0.into()
    }
}
