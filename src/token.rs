//! Tokens: where they are found, whom they are trusted from, how they are verified, and what they say.
//!
//! Pure like the rest of the core. `verify::verify` is the line to read: structure → issuer → key → signature → claims.

pub mod cache;
pub mod claims;
pub mod find;
pub mod keys;
#[cfg(test)]
pub(crate) mod mint;
pub mod trust;
pub mod verify;

pub use verify::Principal;
