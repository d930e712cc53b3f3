//! File descriptors: as many as this process may have, and how many of them its clients may take (R09).
//!
//! The rest is kept for what clients need and are not: connections to upstreams, keys and tokens that are fetched, files that
//! are read. Were it not, whoever opens connections and says nothing would stop all of that.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a worker's runtime takes for itself: its poll, what wakes it, its ear for signals.
const RUNTIME: usize = 4;
/// What is kept at least for all that is no client.
const KEPT: usize = 16;
/// And of many, one in so many.
const KEPT_OF: usize = 32;

/// How many connections of clients there are descriptors for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptors {
    /// As many as this process may have in all; none if there is no limit.
    limit: Option<usize>,
    /// On each listener of the gate and the courier.
    pub each_front: usize,
    /// On each listener that is for operators. They have a share of their own: a crowd at the gate stops no probe.
    pub each_operator: usize,
}

/// Raises this process's own limit as far as it may, as servers do: many systems begin with 1024 for the sake of programs that
/// can count no further. Answers what it is now; none if there is none.
pub fn raise() -> Option<usize> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let now = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    now.map(|most| usize::try_from(most).unwrap_or(usize::MAX))
}

impl Descriptors {
    /// Shared out among so many listeners, of which `fronts` are the gate's and the courier's, once they are bound.
    pub fn share(limit: Option<usize>, workers: usize, fronts: usize) -> Descriptors {
        // Where that can't be seen it is what a process begins with.
        let open = std::fs::read_dir("/proc/self/fd").map_or(KEPT, Iterator::count);
        Descriptors::of(limit, open + workers * (RUNTIME + fronts), fronts)
    }

    fn of(limit: Option<usize>, own: usize, fronts: usize) -> Descriptors {
        let all = limit.unwrap_or(usize::MAX);
        let kept = KEPT + all / KEPT_OF;
        Descriptors {
            limit,
            each_front: (all.saturating_sub(own + kept) / fronts.max(1)).max(1),
            each_operator: kept / 4,
        }
    }

    /// Says so if there are fewer than the configuration asks for.
    pub fn tell(&self, connections: usize) {
        if let Some(limit) = self.limit.filter(|_| self.each_front < connections) {
            tracing::warn!(
                descriptors = limit,
                connections = self.each_front,
                "fewer connections at once than [server.limits] `connections` asks for: this process may have no more file descriptors (ulimit -n)"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Descriptors;

    #[test]
    fn clients_never_get_all_of_them() {
        for limit in [0, 1, 20, 40, 64, 256, 1024, 20_000, 1 << 20, usize::MAX] {
            for fronts in [1, 2, 5] {
                let share = Descriptors::of(Some(limit), 20, fronts);
                let clients = share.each_front * fronts + 2 * share.each_operator;
                assert!(
                    share.each_front >= 1 && share.each_operator >= 4,
                    "{share:?}"
                );
                assert!(limit < 64 || clients + 20 + 8 <= limit, "{share:?}");
            }
        }
        assert!(Descriptors::of(Some(1024), 20, 1).each_front > 900);
        assert!(Descriptors::of(None, 20, 1).each_front > 1 << 40);
    }
}
