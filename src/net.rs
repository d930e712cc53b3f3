//! Sockets: where we listen, how a connection is served, and what its bytes may do.
//!
//! `listen` accepts, `conn` serves one connection with hyper, `wire` is the thin I/O wrapper that owns the timers and the
//! limits hyper lacks, `body` holds the two bodies that stream through. Nothing in here knows what a token is.

pub mod alarm;
pub mod body;
pub mod client_tls;
pub mod conn;
pub mod dial;
pub mod listen;
pub mod room;
pub mod scan;
pub mod socket;
pub mod wire;
