//! `properties/session.rs`, whatever the bytes.
#![no_main]

mod seeds;

use portcullis_fuzz::session;

libfuzzer_sys::fuzz_target!(init: seeds::plant(session::seeds), |bytes: &[u8]| session::check(bytes));
