//! A process without sockets whose configuration changes under it, at a time that passes when nothing else happens.

mod changes;
mod verdicts;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::{Facts, Origin, Reach, Reloader, Rooms, Status};
use crate::clock::Clock;
use crate::net::room::Room;
use crate::ready::Readiness;
use crate::snapshot::{Live, Snapshot};
use crate::telemetry::{Metrics, Telemetry};
use crate::token::mint::{self, NOW, Signer};

/// Between a change and its being taken there may be this much: one look, and a moment of rest.
const SOON: Duration = Duration::from_millis(2_150);

/// A directory that is removed when this is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "portcullis-reload-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, contents).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A configuration whose one route is called as `route` says, with keys from `keys.json` beside it.
fn text(scratch: &Scratch, route: &str) -> String {
    let keys = scratch.path("keys.json");
    format!(
        r#"
[upstream]
url = "http://127.0.0.1:3000"
[pools.main]
user_pool_id = "eu-west-1_AAAAAAAAA"
client_ids = ["one"]
jwks_url = "none"
jwks_file = "{}"
[routes]
"GET /{route}" = "orders/read"
"#,
        keys.display()
    )
}

fn keys(signers: &[&Signer]) -> String {
    let keys: Vec<_> = signers.iter().map(|signer| signer.jwk("RS256")).collect();
    serde_json::json!({ "keys": keys }).to_string()
}

/// The process.
struct Process {
    live: Arc<Live>,
    telemetry: Arc<Telemetry>,
    reach: Arc<Reach>,
    now: Arc<Notify>,
    facts: watch::Receiver<Facts>,
    task: JoinHandle<()>,
}

impl Process {
    /// Starts with the configuration at `path`.
    fn start(path: &Path) -> Process {
        let origin = Origin::file(path.to_owned(), |_| None);
        let loaded = origin.load().unwrap();
        let (clock, reading) = (Clock::fixed(NOW), loaded.reading);
        let read = |path: &Path| reading.read(path);
        let snapshot = Snapshot::build(loaded.config, 1, &clock, &read).unwrap();
        let status = Arc::new(Status::new(&snapshot.config, NOW));
        let settings = &snapshot.config.telemetry;
        let telemetry = Telemetry::start(Metrics::new().unwrap(), settings, NOW);
        let telemetry = Arc::new(telemetry.unwrap());
        let (live, now) = (Arc::new(Live::new(snapshot)), Arc::new(Notify::new()));
        let connections = live.load().config.limits.connections;
        let reach = Arc::new(Reach {
            live: live.clone(),
            telemetry: telemetry.clone(),
            readiness: Arc::new(Readiness::new()),
            clock,
            workers: 1,
            rooms: Rooms {
                gate: Room::new(connections),
                admin: Room::new(connections),
                probes: Room::new(connections),
                outbound: Vec::new(),
            },
            status: status.clone(),
        });
        let reloader = Reloader::new(origin, &reading, reach.clone());
        Process {
            live,
            telemetry,
            reach,
            facts: status.subscribe(),
            task: tokio::spawn(reloader.watch(now.clone())),
            now,
        }
    }

    /// Starts with a file of its own.
    fn with(route: &str) -> (Process, Scratch) {
        let scratch = Scratch::new();
        scratch.write("keys.json", keys(&[mint::a1()]));
        let path = scratch.write("portcullis.toml", text(&scratch, route));
        (Process::start(&path), scratch)
    }

    /// What is known once the next configuration has been taken or refused.
    async fn next(&mut self) -> Facts {
        self.facts.changed().await.unwrap();
        self.facts.borrow_and_update().clone()
    }

    /// The same, for one that is taken.
    async fn taken(&mut self) -> Facts {
        let facts = self.next().await;
        assert_eq!(facts.last.as_ref().unwrap().refused, None);
        facts
    }

    /// The same, for one that is refused; and why.
    async fn refused(&mut self) -> String {
        let before = self.live.load();
        let facts = self.next().await;
        assert!(Arc::ptr_eq(&before, &self.live.load()), "the old one stays");
        assert_eq!(facts.hash, before.config.hash);
        facts.last.unwrap().refused.expect("it is refused")
    }

    /// The name of the one route.
    fn route(&self) -> String {
        self.live.load().policy.routes[0].name.to_string()
    }

    /// The ids of the keys that verify.
    fn kids(&self) -> Vec<String> {
        self.live.load().keys.ring(0).unwrap().facts().kids
    }

    fn metric(&self, sample: &str) -> String {
        let text = self.telemetry.metrics.render();
        let line = text.lines().find(|line| line.starts_with(sample));
        line.unwrap_or_default().to_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.task.abort();
    }
}
