//! The program's own log: `tracing` events as JSON or text lines on stderr.
//!
//! An allow-list decides what may be talkative: at any `log_level`, only this program's own modules go below a warning.
//! What hyper, h2, reqwest or rustls tell at debug or trace holds heads of requests, tokens and all (O5, Q13).

#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal as _, Write};

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use super::access::is_troublesome;
use super::sink::{Entry, Sink};
use crate::config::model::{LogFormat, Telemetry};

/// The format a configuration asks for: text when stderr is a terminal, else JSON, unless it is set.
pub fn format(settings: &Telemetry) -> LogFormat {
    settings
        .log_format
        .unwrap_or(match std::io::stderr().is_terminal() {
            true => LogFormat::Text,
            false => LogFormat::Json,
        })
}

/// Starts logging for this process. A second call changes nothing.
pub fn start(settings: &Telemetry) -> Result<(), String> {
    let filter =
        EnvFilter::try_new(&settings.log_level).map_err(|error| format!("log_level: {error}"))?;
    let filter = filter.and(filter_fn(may_be_told));
    let sink = Sink::stderr().map_err(|error| format!("logging can't start: {error}"))?;
    let colour = std::io::stderr().is_terminal();
    let base = fmt::layer().with_writer(Events {
        sink,
        keeps_escape: colour,
    });
    let _ = match format(settings) {
        LogFormat::Json => tracing_subscriber::registry()
            .with(
                base.json()
                    .flatten_event(true)
                    .with_current_span(false)
                    .with_filter(filter),
            )
            .try_init(),
        LogFormat::Text => tracing_subscriber::registry()
            .with(base.with_ansi(colour).with_filter(filter))
            .try_init(),
    };
    Ok(())
}

/// Writes what still waits, at the end of the process.
pub fn flush() {
    if let Ok(sink) = Sink::stderr() {
        sink.flush();
    }
}

/// Lines of both logs that could not be written.
pub fn lost() -> u64 {
    Sink::stderr().map_or(0, Sink::lost)
}

/// Ours at any level; others' only from warnings on.
fn may_be_told(event: &Metadata<'_>) -> bool {
    let ours = event
        .target()
        .strip_prefix(env!("CARGO_PKG_NAME"))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    ours || *event.level() <= Level::WARN
}

/// Hands each event to the sink when it is whole.
struct Events {
    sink: &'static Sink,
    /// Whether escape characters are our own colours; values' are escaped before they come here.
    keeps_escape: bool,
}

struct Event {
    sink: &'static Sink,
    keeps_escape: bool,
    bytes: Vec<u8>,
}

impl<'a> MakeWriter<'a> for Events {
    type Writer = Event;

    fn make_writer(&'a self) -> Event {
        Event {
            sink: self.sink,
            keeps_escape: self.keeps_escape,
            bytes: Vec::new(),
        }
    }
}

impl Write for Event {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if !bytes.is_empty() {
            let line = one_line(&bytes, self.keeps_escape);
            self.sink.push(Entry::Event(line.into_bytes()));
        }
    }
}

/// An event as one line (Q12): what is said by others (a server's certificate, a file's name) can't begin another.
fn one_line(bytes: &[u8], keeps_escape: bool) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut line = String::with_capacity(text.len());
    for char in text.trim_end_matches('\n').chars() {
        match char {
            '\u{1b}' if keeps_escape => line.push(char),
            char if is_troublesome(char) => {
                // As JSON has it, which is right for both formats.
                line.push_str(&format!("\\u{:04x}", u32::from(char)));
            }
            char => line.push(char),
        }
    }
    line
}
