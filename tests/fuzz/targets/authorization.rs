//! `properties/authorization.rs`, whatever the bytes.
#![no_main]

mod seeds;

use portcullis_fuzz::authorization;

libfuzzer_sys::fuzz_target!(init: seeds::plant(authorization::seeds), |bytes: &[u8]| authorization::check(bytes));
