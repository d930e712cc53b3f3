//! Readiness: the one answer to "may traffic come?", put together from what start-up still waits for.
//!
//! Whoever must be waited for holds a [`Guard`]; the last one gone, we are ready. Keys lost later don't take readiness
//! back: other routes still work, and a restart would make it worse. Only draining ends it, and for good.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

/// Whether this process may get traffic. Clones speak of the same process.
#[derive(Clone, Debug)]
pub struct Readiness {
    state: Arc<watch::Sender<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// What is waited for, by guard.
    waiting: BTreeMap<u64, String>,
    next: u64,
    draining: bool,
}

impl State {
    fn causes(&self) -> Vec<String> {
        let draining = self.draining.then(|| "draining".to_owned());
        draining
            .into_iter()
            .chain(self.waiting.values().cloned())
            .collect()
    }
}

impl Default for Readiness {
    fn default() -> Readiness {
        Readiness::new()
    }
}

impl Readiness {
    /// Ready, until something is to be waited for.
    pub fn new() -> Readiness {
        Readiness {
            state: Arc::new(watch::Sender::new(State::default())),
        }
    }

    /// Not ready until the guard is done or dropped. `name` is the cause that `/readyz` tells: "waiting for keys of pool main".
    pub fn wait_for(&self, name: impl Into<String>) -> Guard {
        let mut id = 0;
        self.state.send_modify(|state| {
            id = state.next;
            state.next += 1;
            state.waiting.insert(id, name.into());
        });
        Guard {
            state: Arc::clone(&self.state),
            id,
        }
    }

    /// Not ready from now on, whatever guards say.
    pub fn drain(&self) {
        self.state.send_modify(|state| state.draining = true);
    }

    /// Whether traffic may come; if not, why: every cause, in the order they arose, draining first.
    pub fn state(&self) -> Result<(), Vec<String>> {
        let causes = self.state.borrow().causes();
        if causes.is_empty() {
            Ok(())
        } else {
            Err(causes)
        }
    }

    /// Waits until traffic may come. Never, once draining.
    pub async fn ready(&self) {
        let mut changes = self.state.subscribe();
        // The sender lives as long as `self`, so this can't end early.
        let _ = changes
            .wait_for(|state| !state.draining && state.waiting.is_empty())
            .await;
    }
}

/// Something that readiness waits for.
#[must_use = "dropping the guard says that what it stands for is ready"]
#[derive(Debug)]
pub struct Guard {
    state: Arc<watch::Sender<State>>,
    id: u64,
}

impl Guard {
    /// What this guard stood for is ready.
    pub fn done(self) {}
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.state.send_modify(|state| {
            state.waiting.remove(&self.id);
        });
    }
}
