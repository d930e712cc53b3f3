//! `properties/head.rs`, whatever the bytes.
#![no_main]

mod seeds;

use portcullis_fuzz::head;

libfuzzer_sys::fuzz_target!(init: seeds::plant(head::seeds), |bytes: &[u8]| head::check(bytes));
