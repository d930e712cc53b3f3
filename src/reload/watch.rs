//! Waiting for the files to change: by looking at their contents, again and again.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::files::{Sighting, print};

/// How often files are looked at.
pub(super) const EVERY: Duration = Duration::from_secs(2);

/// Waits until the files are no longer what they were when `seen`. Whoever can't look assumes that they changed.
pub(super) async fn changed(seen: &Sighting, look: impl AsyncFn(&Sighting) -> Option<Sighting>) {
    let mut tick = interval_at(Instant::now() + EVERY, EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if look(seen).await.as_ref() != Some(seen) {
            return;
        }
    }
}

/// What the files of `seen` are now; none if that can't be told.
pub(super) async fn look(seen: &Sighting) -> Option<Sighting> {
    let paths: Vec<_> = seen.keys().cloned().collect();
    let looked = tokio::task::spawn_blocking(move || {
        let prints = paths.into_iter().map(|path| {
            let print = print(&path);
            (path, print)
        });
        prints.collect()
    });
    looked.await.ok()
}
