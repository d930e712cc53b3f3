//! `properties/token.rs`, whatever the bytes.
#![no_main]

mod seeds;

use portcullis_fuzz::token;

libfuzzer_sys::fuzz_target!(init: seeds::plant(token::seeds), |bytes: &[u8]| token::check(bytes));
