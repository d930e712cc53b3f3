//! `properties/configuration.rs`, whatever the bytes.
#![no_main]

mod seeds;

use portcullis_fuzz::configuration;

libfuzzer_sys::fuzz_target!(init: seeds::plant(configuration::seeds), |bytes: &[u8]| configuration::check(bytes));
