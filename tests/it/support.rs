//! The rig: a recording upstream, stubs for two pools' keys, tokens minted here, the program between them.
//!
//! Nothing in here uses the code under test: what is minted, sent and read is made from the RFCs alone. Every rig owns
//! its addresses (port 0) and ends what it started when it is dropped.

pub mod client;
pub mod gate;
pub mod http2;
pub mod login;
pub mod mint;
pub mod recorder;
pub mod rig;

pub use client::{Connection, Request, Response, delete, get, post, request};
pub use gate::{Gate, Program};
pub use mint::{Token, a1, a2, access, b1, id};
pub use recorder::{Answer, Recorded, Recorder};
pub use rig::{Rig, Setup};

use std::time::Duration;

/// How long anything that must happen may take, on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(20);
