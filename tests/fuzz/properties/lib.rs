//! What must hold of any bytes at all, one module for each thing that reads what a stranger wrote.
//!
//! `check` panics where it does not hold; `seeds` are bytes worth beginning with. libFuzzer calls them (`targets`), and the
//! ordinary tests do: each seed as it is, and thousands of mutations of them (`tests/it/fuzz.rs`).

pub mod authorization;
pub mod configuration;
pub mod head;
pub mod jwks;
pub mod path;
pub mod session;
pub mod standing;
pub mod token;
