//! What a person who waits is told: that something is under way, while it is. Nothing where no person reads.

use std::io::{self, IsTerminal as _, Write as _};

/// Does something that may take long. On a terminal `what` stands on stderr meanwhile, and is gone when it is done.
pub(super) fn working<T>(what: &str, task: impl FnOnce() -> T) -> T {
    let mut terminal = Some(io::stderr()).filter(|stderr| stderr.is_terminal());
    if let Some(stderr) = &mut terminal {
        let _ = write!(stderr, "{what}…");
        let _ = stderr.flush();
    }
    let done = task();
    if let Some(stderr) = &mut terminal {
        // Back to the line's beginning, and clear it.
        let _ = write!(stderr, "\r\x1b[K");
        let _ = stderr.flush();
    }
    done
}
