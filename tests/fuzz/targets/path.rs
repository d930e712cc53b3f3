//! `properties/path.rs`, whatever the bytes.
#![no_main]

mod seeds;

use portcullis_fuzz::path;

libfuzzer_sys::fuzz_target!(init: seeds::plant(path::seeds), |bytes: &[u8]| path::check(bytes));
