//! Addresses of metadata services, and of this host.

use super::*;

#[test]
fn x03_metadata_addresses_are_known_in_every_spelling() {
    for text in [
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "fd00:ec2::254",
        "fe80::1",
        "::ffff:169.254.169.254",
        "::a9fe:a9fe",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
    ] {
        assert!(is_metadata(text.parse().unwrap()), "{text}");
    }
    for text in ["127.0.0.1", "10.0.0.1", "::1", "2001:db8::1", "fd00::1"] {
        assert!(!is_metadata(text.parse().unwrap()), "{text}");
    }
}

#[test]
fn x04_this_host_is_known_in_every_spelling() {
    for text in [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "::",
        "::1",
        "::ffff:127.0.0.1",
    ] {
        assert!(is_here(text.parse().unwrap()), "{text}");
    }
    assert!(!is_here("10.0.0.1".parse().unwrap()));
}
