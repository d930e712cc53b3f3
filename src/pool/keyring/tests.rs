//! How long keys serve, and who is told that there are none.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{KeyRing, KeyRings};
use crate::clock::Clock;
use crate::config::model::{JwksSource, Pool};
use crate::pool::Asked;
use crate::pool::tests::{jwks, key_set, pool, remote, ring, serving};
use crate::token::keys::Keys;

const NOW: f64 = 1_800_000_000.0;
const DAY: f64 = 86_400.0;

fn with_file(pool: Pool) -> Pool {
    Pool {
        jwks_file: Some(PathBuf::from("/etc/portcullis/jwks.json")),
        ..pool
    }
}

fn ring_of_file(pool: Pool, clock: &Clock, json: &str) -> KeyRing {
    let read = |path: &Path| {
        assert_eq!(path, Path::new("/etc/portcullis/jwks.json"));
        Ok(json.as_bytes().to_vec())
    };
    KeyRing::new(Arc::new(with_file(pool)), clock.clone(), &read).unwrap()
}

#[test]
fn k02_keys_serve_until_they_are_too_old_and_none_are_made_up() {
    let clock = Clock::fixed(NOW);
    let ring = ring(remote(), &clock);
    assert_eq!(serving(&ring, &clock), [""; 0]);

    ring.replace(Arc::new(key_set(&["a", "b"])));
    for age in [0.0, 6.0 * 3600.0, DAY] {
        clock.set(NOW + age);
        assert_eq!(serving(&ring, &clock), ["a", "b"], "{age}");
        assert_eq!(ring.facts().age, Some(age));
    }
    ring.keep("the key server is down".to_owned());
    clock.set(NOW + DAY + 1.0);
    assert_eq!(serving(&ring, &clock), [""; 0]);
    let facts = ring.facts();
    assert!(!facts.serving);
    assert_eq!(facts.last_success, Some(NOW));
    assert_eq!(facts.last_fault.unwrap(), "the key server is down");

    ring.replace(Arc::new(key_set(&["c"])));
    assert_eq!(serving(&ring, &clock), ["c"]);
    let facts = ring.facts();
    assert_eq!((facts.refreshes_ok, facts.refreshes_failed), (2, 1));
    assert_eq!(facts.last_fault, None);
}

#[test]
fn q06_a_clock_that_was_far_ahead_does_not_make_keys_last() {
    let clock = Clock::fixed(NOW + 3650.0 * DAY);
    let ring = ring(remote(), &clock);
    ring.replace(Arc::new(key_set(&["a"])));
    clock.set(NOW);
    assert_eq!(serving(&ring, &clock), [""; 0]);
    // A step of an hour, either way, is nothing.
    ring.replace(Arc::new(key_set(&["a"])));
    for step in [-3600.0, 3600.0] {
        clock.set(NOW + step);
        assert_eq!(serving(&ring, &clock), ["a"]);
    }
}

#[tokio::test]
async fn keys_of_a_file_alone_never_age_and_are_never_refreshed() {
    let clock = Clock::fixed(NOW);
    let ring = ring_of_file(pool(JwksSource::None), &clock, &jwks(&["a"]));
    clock.set(NOW + 3650.0 * DAY);
    assert_eq!(serving(&ring, &clock), ["a"]);
    assert!(ring.facts().from_file);
    assert_eq!(ring.facts().last_success, None);
    assert_eq!(ring.refreshed().await, Asked::Stopped);
}

#[test]
fn keys_of_a_file_serve_until_fetched_ones_come() {
    let clock = Clock::fixed(NOW);
    let ring = ring_of_file(remote(), &clock, &jwks(&["file"]));
    assert_eq!(serving(&ring, &clock), ["file"]);

    // The file changed, and nothing was fetched yet.
    let read = |_: &Path| Ok(jwks(&["newer"]).into_bytes());
    ring.load_file(&read).unwrap();
    assert_eq!(serving(&ring, &clock), ["newer"]);

    ring.replace(Arc::new(key_set(&["fetched"])));
    assert_eq!(serving(&ring, &clock), ["fetched"]);
    ring.load_file(&read).unwrap();
    assert_eq!(serving(&ring, &clock), ["fetched"]);

    let ring = ring_of_file(remote(), &clock, &jwks(&["file"]));
    clock.set(NOW + DAY + 1.0);
    assert_eq!(serving(&ring, &clock), [""; 0]);
}

#[test]
fn k06_a_broken_file_is_told_and_changes_nothing() {
    let clock = Clock::fixed(NOW);
    let ring = ring_of_file(pool(JwksSource::None), &clock, &jwks(&["a"]));
    let fault = |bytes: io::Result<Vec<u8>>| {
        let once = std::cell::Cell::new(Some(bytes));
        let read = |_: &Path| once.take().unwrap();
        ring.load_file(&read).unwrap_err().to_string()
    };
    insta::assert_snapshot!(
        fault(Err(io::ErrorKind::NotFound.into())),
        @"the jwks_file of pool main cannot be read: entity not found"
    );
    insta::assert_snapshot!(
        fault(Ok(vec![b' '; 2 << 20])),
        @"the jwks_file of pool main has more than 1 MiB"
    );
    for bytes in ["", "{}", r#"{"keys":[]}"#, "<html>"] {
        let fault = fault(Ok(bytes.into()));
        let start = "the jwks_file of pool main is no key set: ";
        assert!(fault.starts_with(start), "{fault}");
    }
    assert_eq!(serving(&ring, &clock), ["a"]);
}

#[test]
fn a_reload_keeps_fetched_keys_if_they_would_come_from_the_same_place() {
    let clock = Clock::fixed(NOW);
    let old = ring(remote(), &clock);
    old.replace(Arc::new(key_set(&["a"])));
    clock.set(NOW + 60.0);

    let changed = Pool {
        cooldown: std::time::Duration::from_secs(5),
        ..remote()
    };
    let new = ring(changed, &clock);
    new.inherit(&old);
    assert_eq!(serving(&new, &clock), ["a"]);
    // They are as old as they were.
    assert_eq!(new.facts().age, Some(60.0));

    let elsewhere = JwksSource::Urls(vec!["https://other.example.com/keys".to_owned()]);
    let new = ring(pool(elsewhere), &clock);
    new.inherit(&old);
    assert_eq!(serving(&new, &clock), [""; 0]);
}

#[test]
fn a_reload_reads_the_file_anew() {
    let clock = Clock::fixed(NOW);
    let old = ring_of_file(remote(), &clock, &jwks(&["old"]));
    let new = ring_of_file(remote(), &clock, &jwks(&["new"]));
    new.inherit(&old);
    assert_eq!(serving(&new, &clock), ["new"]);
    old.replace(Arc::new(key_set(&["fetched"])));
    new.inherit(&old);
    assert_eq!(serving(&new, &clock), ["fetched"]);
}

#[test]
fn rings_are_found_by_the_index_of_their_pool() {
    let clock = Clock::fixed(NOW);
    let (empty, full) = (ring(remote(), &clock), ring(remote(), &clock));
    full.replace(Arc::new(key_set(&["a"])));
    let rings = KeyRings::new(vec![empty, full], clock.clone());
    assert!(rings.of(0).is_none());
    assert_eq!(rings.of(1).unwrap().kids(), ["a"]);
    assert!(rings.of(2).is_none());
    clock.set(NOW + 2.0 * DAY);
    assert!(rings.of(1).is_none());
    assert_eq!(rings.iter().count(), 2);
    assert_eq!(rings.ring(1).unwrap().name(), "main");
}
