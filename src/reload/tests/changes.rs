//! Which changes are seen, and when they are taken.

use std::os::unix::fs::symlink;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::super::{files, watch};
use super::{Process, SOON, Scratch, keys, text};
use crate::token::mint;

/// A directory as kubelet fills it from a ConfigMap: `portcullis.toml` → `..data/portcullis.toml`, `..data` → a directory
/// for each version, and a change is a rename of the one link in the middle.
struct ConfigMap {
    scratch: Scratch,
    version: usize,
}

impl ConfigMap {
    fn new(route: &str) -> ConfigMap {
        let mut map = ConfigMap {
            scratch: Scratch::new(),
            version: 0,
        };
        map.flip(route);
        let file = map.scratch.path("portcullis.toml");
        symlink("..data/portcullis.toml", file).unwrap();
        symlink("..data/keys.json", map.scratch.path("keys.json")).unwrap();
        map
    }

    fn flip(&mut self, route: &str) {
        let old = format!("..version-{}", self.version);
        self.version += 1;
        let new = format!("..version-{}", self.version);
        std::fs::create_dir(self.scratch.path(&new)).unwrap();
        let text = text(&self.scratch, route);
        self.scratch.write(&format!("{new}/portcullis.toml"), text);
        self.scratch
            .write(&format!("{new}/keys.json"), keys(&[mint::a1()]));
        symlink(&new, self.scratch.path("..data_tmp")).unwrap();
        std::fs::rename(self.scratch.path("..data_tmp"), self.scratch.path("..data")).unwrap();
        let _ = std::fs::remove_dir_all(self.scratch.path(&old));
    }
}

#[tokio::test(start_paused = true)]
async fn q02_a_configmap_is_followed_through_a_hundred_flips() {
    let mut map = ConfigMap::new("0");
    let mut process = Process::start(&map.scratch.path("portcullis.toml"));
    for flip in 1..=100 {
        let since = Instant::now();
        map.flip(&flip.to_string());
        let facts = process.taken().await;
        assert_eq!(process.route(), format!("GET /{flip}"));
        assert_eq!(facts.reloads_ok, flip);
        assert!(since.elapsed() <= SOON);
    }
}

#[tokio::test(start_paused = true)]
async fn q02_of_rapid_flips_the_last_is_taken_soon_after_it() {
    let mut map = ConfigMap::new("0");
    let mut process = Process::start(&map.scratch.path("portcullis.toml"));
    for flip in 1..=100 {
        map.flip(&flip.to_string());
        sleep(Duration::from_millis(90)).await;
    }
    let since = Instant::now();
    while process.route() != "GET /100" {
        process.taken().await;
    }
    assert!(since.elapsed() <= SOON);
    assert_eq!(process.facts.borrow().reloads_refused, 0);
}

#[tokio::test(start_paused = true)]
async fn q02_a_file_that_is_replaced_by_another_is_followed() {
    let (mut process, scratch) = Process::with("one");
    let new = scratch.write("portcullis.toml.swp", text(&scratch, "two"));
    std::fs::rename(new, scratch.path("portcullis.toml")).unwrap();
    process.taken().await;
    assert_eq!(process.route(), "GET /two");
}

#[tokio::test(start_paused = true)]
async fn q02_a_file_that_is_gone_for_a_while_is_told_of_once_and_followed_when_it_is_back() {
    let (mut process, scratch) = Process::with("one");
    std::fs::remove_file(scratch.path("portcullis.toml")).unwrap();
    assert!(process.refused().await.contains("No such file"));
    sleep(Duration::from_secs(60)).await;
    assert!(!process.facts.has_changed().unwrap(), "it is told of once");
    scratch.write("portcullis.toml", text(&scratch, "two"));
    process.taken().await;
    assert_eq!(process.route(), "GET /two");
}

#[tokio::test(start_paused = true)]
async fn q01_a_file_that_is_being_written_is_not_taken_by_halves() {
    let (mut process, scratch) = Process::with("one");
    let whole = format!("{}\"GET /more\" = \"orders/read\"\n", text(&scratch, "two"));
    // The looks are at whole multiples of 2 s: this is half written at one, and whole before it has been at rest.
    sleep(Duration::from_millis(1_950)).await;
    scratch.write("portcullis.toml", "");
    sleep(Duration::from_millis(100)).await;
    scratch.write("portcullis.toml", text(&scratch, "two"));
    sleep(Duration::from_millis(90)).await;
    scratch.write("portcullis.toml", whole);
    let facts = process.taken().await;
    assert_eq!((facts.reloads_ok, facts.reloads_refused), (1, 0));
    assert_eq!(process.live.load().policy.routes.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn contents_count_not_times() {
    let (process, scratch) = Process::with("one");
    for _ in 0..5 {
        scratch.write("portcullis.toml", text(&scratch, "one"));
        sleep(Duration::from_secs(3)).await;
    }
    assert!(!process.facts.has_changed().unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_taken_back_before_it_rests_is_none() {
    let (process, scratch) = Process::with("one");
    sleep(Duration::from_millis(1_950)).await;
    scratch.write("portcullis.toml", text(&scratch, "two"));
    sleep(Duration::from_millis(100)).await;
    scratch.write("portcullis.toml", text(&scratch, "one"));
    sleep(Duration::from_secs(10)).await;
    assert!(!process.facts.has_changed().unwrap());
    assert_eq!(process.route(), "GET /one");
}

#[tokio::test(start_paused = true)]
async fn being_told_to_reload_waits_for_nothing() {
    let (mut process, scratch) = Process::with("one");
    let since = Instant::now();
    scratch.write("portcullis.toml", text(&scratch, "two"));
    process.now.notify_one();
    process.taken().await;
    assert_eq!(process.route(), "GET /two");
    assert_eq!(since.elapsed(), Duration::ZERO);
    process.now.notify_one();
    assert_eq!(
        process.taken().await.reloads_ok,
        2,
        "even if nothing changed"
    );
}

#[tokio::test(start_paused = true)]
async fn files_that_never_rest_are_taken_when_told_to() {
    let (mut process, scratch) = Process::with("one");
    let base = text(&scratch, "two");
    let writer = tokio::spawn(async move {
        for line in 0.. {
            let new = scratch.write("new", format!("{base}# {line}\n"));
            std::fs::rename(new, scratch.path("portcullis.toml")).unwrap();
            sleep(Duration::from_millis(50)).await;
        }
    });
    sleep(Duration::from_secs(30)).await;
    assert!(!process.facts.has_changed().unwrap());
    process.now.notify_one();
    process.taken().await;
    assert_eq!(process.route(), "GET /two");
    writer.abort();
}

#[tokio::test(start_paused = true)]
async fn whoever_cannot_look_assumes_a_change() {
    let seen = files::Sighting::new();
    let since = Instant::now();
    watch::changed(&seen, async |_| None).await;
    assert_eq!(since.elapsed(), watch::EVERY);
}

#[tokio::test(start_paused = true)]
async fn a_key_file_is_watched_as_the_configuration_is() {
    let (mut process, scratch) = Process::with("one");
    let before = process.live.load();
    scratch.write("keys.json", keys(&[mint::a2()]));
    process.taken().await;
    assert_eq!(process.kids(), ["a2"]);
    let after = process.live.load();
    let ring = after.keys.ring(0).unwrap();
    assert!(std::sync::Arc::ptr_eq(ring, before.keys.ring(0).unwrap()));
}

#[tokio::test(start_paused = true)]
async fn q05_a_broken_key_file_leaves_the_keys_as_they_were() {
    let (mut process, scratch) = Process::with("one");
    let before = process.kids();
    for broken in ["", "{", r#"{"keys": []}"#, "\0"] {
        scratch.write("keys.json", broken);
        let faults = process.refused().await;
        assert!(faults.contains("jwks_file"), "{faults}");
        assert_eq!(process.kids(), before);
    }
    scratch.write("keys.json", keys(&[mint::a1(), mint::a2()]));
    process.taken().await;
    assert_eq!(process.kids(), ["a1+/=", "a2"]);
}
