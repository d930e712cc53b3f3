//! Sockets: where we listen, how a connection is served, and what its bytes may do.
//!
//! `listen` accepts, as many as there is `room` and `descriptors` for; `conn` serves one connection with hyper: `tls` first, then by its `opening` HTTP/1 or HTTP/2. `wire` (with
//! `scan`) and `multiplex` (with `frames`) are the thin I/O wrappers that own the timers and the limits hyper lacks, `streams`,
//! `pace` and `unread` hold what is HTTP/2's alone, `body` is what streams through. Nothing in here knows what a token is.

pub mod alarm;
pub mod body;
pub mod client_tls;
pub mod conn;
pub mod descriptors;
pub mod dial;
mod frames;
pub mod listen;
mod multiplex;
mod opening;
mod pace;
pub mod room;
pub mod scan;
pub mod socket;
mod stall;
mod streams;
pub mod tls;
pub mod unread;
pub mod wire;
