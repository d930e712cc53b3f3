//! `properties/jwks.rs`, whatever the bytes.
#![no_main]

mod seeds;

use portcullis_fuzz::jwks;

libfuzzer_sys::fuzz_target!(init: seeds::plant(jwks::seeds), |bytes: &[u8]| jwks::check(bytes));
