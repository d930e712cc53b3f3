//! The one way to stderr: whoever has something to say appends it, and a thread of its own writes.
//!
//! Nobody who serves ever waits for a pipe. When the writer can't keep up (a blocked pipe, a full disk), lines are dropped
//! and counted, and requests go on (Q11). One line stays one line: whatever could break it is escaped (Q12).

#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::access::{Line, Style};

/// How long lines may wait to be written.
const PAUSE: Duration = Duration::from_millis(50);
/// How long the end of the process waits for its last lines.
const FAREWELL: Duration = Duration::from_secs(1);
/// Lines that may wait; beyond them lines are lost, and counted.
const WAITING: usize = 16_384;

/// What waits to be written.
#[allow(clippy::large_enum_variant)] // nearly all are of the large kind, and a box for each would be an allocation
pub(super) enum Entry {
    /// A line of the access log.
    Access(Line, Style),
    /// A line of the program's own.
    Event(Vec<u8>),
}

/// Takes lines, and never keeps anyone waiting.
pub struct Sink {
    waiting: Mutex<Waiting>,
    /// Told when someone waits for what was appended.
    hurry: Condvar,
    /// Told when something was written.
    written: Condvar,
}

#[derive(Default)]
struct Waiting {
    entries: Vec<Entry>,
    appended: u64,
    written: u64,
    lost: u64,
    /// How many of the lost were told of.
    told: u64,
}

impl Sink {
    /// The process's own, which writes to stderr; started by the first who asks.
    pub fn stderr() -> io::Result<&'static Sink> {
        static SINK: OnceLock<Sink> = OnceLock::new();
        static STARTED: Mutex<bool> = Mutex::new(false);
        let sink = SINK.get_or_init(Sink::new);
        let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
        if !*started {
            std::thread::Builder::new()
                .name("log".to_owned())
                .spawn(|| sink.write_all(&mut io::stderr()))?;
            *started = true;
        }
        Ok(sink)
    }

    fn new() -> Sink {
        Sink {
            waiting: Mutex::default(),
            hurry: Condvar::new(),
            written: Condvar::new(),
        }
    }

    /// Appends one, or counts it as lost.
    pub(super) fn push(&self, entry: Entry) {
        let mut waiting = self.lock();
        if waiting.entries.len() < WAITING {
            waiting.entries.push(entry);
            waiting.appended += 1;
        } else {
            waiting.lost += 1;
        }
    }

    /// Lines lost so far.
    pub fn lost(&self) -> u64 {
        self.lock().lost
    }

    /// Waits until what was appended is written, but not for long: a pipe that nobody reads must not keep the process.
    pub fn flush(&self) {
        let waiting = self.lock();
        let goal = waiting.appended;
        self.hurry.notify_all();
        let _ = self
            .written
            .wait_timeout_while(waiting, FAREWELL, |waiting| waiting.written < goal);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what comes, for ever.
    fn write_all(&self, out: &mut dyn Write) {
        loop {
            let waiting = self.lock();
            let (waiting, _) = self
                .hurry
                .wait_timeout(waiting, PAUSE)
                .unwrap_or_else(PoisonError::into_inner);
            self.write(waiting, out);
        }
    }

    /// Writes what waits.
    fn write(&self, mut waiting: MutexGuard<'_, Waiting>, out: &mut dyn Write) {
        if waiting.entries.is_empty() {
            return;
        }
        let entries = std::mem::take(&mut waiting.entries);
        let appended = waiting.appended;
        drop(waiting); // nobody waits while we write
        let mut text = String::with_capacity(entries.len() * 512);
        for entry in &entries {
            match entry {
                Entry::Access(line, style) => line.render(&mut text, *style),
                Entry::Event(bytes) => text.push_str(&String::from_utf8_lossy(bytes)),
            }
            text.push('\n');
        }
        // A log that can't be written must not stop anything.
        let outcome = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        let mut waiting = self.lock();
        waiting.written = appended;
        if outcome.is_err() {
            waiting.lost += entries.len() as u64;
        }
        let lost = waiting.lost - waiting.told;
        waiting.told = waiting.lost;
        drop(waiting);
        self.written.notify_all();
        if lost > 0 {
            tracing::warn!(
                lost,
                "log lines were lost: stderr is not read fast enough, or can't be written"
            );
        }
    }
}
