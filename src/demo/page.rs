//! The page that shows the gate at work: one file with its style and script, nothing from elsewhere.
//!
//! The legacy service gives it out at `/`, which is a public route. Its script asks the pool for tokens and calls the
//! gate, so it works in a browser on the machine that runs the demo.

use super::Addresses;

/// The page for these addresses.
pub fn page(addresses: &Addresses) -> String {
    include_str!("page.html").replace("%POOL%", &addresses.pool_url())
}
