//! Connections: what no client may do with bytes, frames, certificates and time.

mod drain;
mod exhaustion;
mod floods;
mod handed_over;
mod http2;
mod reuse;
pub mod tls;
