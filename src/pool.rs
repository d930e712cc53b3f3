//! Pools at run time: each has a ring of keys, and a task that keeps it fresh.
//!
//! `keyring` holds what verifies signatures now; `round` lets many ask for a refresh and has one made; `refresh` makes
//! it, on `schedule`, from `source`. No answer of a key server ever takes keys away from a ring except by replacing
//! them with good ones; only time (`jwks_max_stale`) does. Pools share nothing: one that hangs delays no other (K10).

pub mod keyring;
pub mod refresh;
mod round;
mod schedule;
mod source;
#[cfg(test)]
mod tests;

pub use keyring::{KeyRing, KeyRings};
pub use refresh::{PoolTask, refresh_once};
pub use round::Asked;
