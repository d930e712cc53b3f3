//! The program as its users meet it: the real binary, real sockets, an upstream that records every byte it is sent.
//!
//! One binary, a module per chapter of the contract; `tests/README.md` says which kind of test to write. Tests of known
//! attacks carry their id. Nothing here sleeps for an event or measures time; nothing leaves loopback.
#![allow(clippy::panic, clippy::unwrap_used, unreachable_pub)] // a test may fail loudly, and nobody imports this crate

mod support;

mod admin;
mod answers;
mod claims;
mod commands;
mod courier;
mod credentials;
mod explain;
mod framing;
mod fuzz;
mod headers;
mod inject;
mod keys;
mod login;
mod paths;
mod reasons;
mod reload;
mod rules;
mod secrecy;
mod status;
mod texts;
mod tidy;
mod tokens;
mod transport;
mod upstream;
