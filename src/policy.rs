//! The decision: path → route → token → rule. Pure: no clock, no network, no logging, no await.
//!
//! `permit::admit` is the line to read; `path`, `route` and `rule` are its three steps that are not about tokens.
//! `explain` and policy tests run this very code. Nothing here may ever let a request through by default.

pub mod explain;
pub mod learn;
pub mod path;
pub mod permit;
pub mod route;
pub mod rule;
pub mod session;

pub use permit::{Admission, Permit, admit};
