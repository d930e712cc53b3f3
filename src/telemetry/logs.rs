//! The program's own log: `tracing` events as JSON or text lines on stderr. Level and format follow the configuration.
//!
//! An allow-list decides what may be talkative: at any `log_level`, only this program's own modules go below a warning.
//! What hyper, h2, reqwest or rustls tell at debug or trace holds heads of requests, tokens and all (O5, Q13).

#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::fmt::format::{Format, Full, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, reload};

use super::access::{Style, is_troublesome, render_time};
use super::sink::{Entry, Sink};
use crate::clock::Clock;
use crate::config::model::{LogFormat, Telemetry};

/// Sets the filter of this process's log, once that is started.
static REFILTER: OnceLock<Box<dyn Fn(EnvFilter) + Send + Sync>> = OnceLock::new();
/// Whether lines are JSON now.
static AS_JSON: AtomicBool = AtomicBool::new(true);

/// The format a configuration asks for: text when stderr is a terminal, else JSON, unless it is set.
pub fn format(settings: &Telemetry) -> LogFormat {
    settings
        .log_format
        .unwrap_or(match std::io::stderr().is_terminal() {
            true => LogFormat::Text,
            false => LogFormat::Json,
        })
}

/// What the access log tells, and how.
pub fn access(settings: &Telemetry) -> Style {
    Style {
        on: settings.access_log,
        format: format(settings),
        subject: settings.log_subject,
    }
}

/// Starts logging for this process. A second call changes nothing.
pub fn start(settings: &Telemetry) -> Result<(), String> {
    let sink = Sink::stderr().map_err(|error| format!("logging can't start: {error}"))?;
    let on_terminal = std::io::stderr().is_terminal();
    let (filter, handle) = reload::Layer::new(filter(settings)?);
    let lines = Lines {
        json: Format::default()
            .json()
            .without_time()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false),
        text: Format::default().without_time(),
    };
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(on_terminal)
        .event_format(lines)
        .with_writer(Lined { sink, on_terminal })
        .with_filter(filter.and(filter_fn(may_be_told)));
    if tracing_subscriber::registry()
        .with(layer)
        .try_init()
        .is_ok()
    {
        AS_JSON.store(format(settings) == LogFormat::Json, Ordering::Relaxed);
        let refilter = move |filter| {
            // Fails when the log is gone, and then there is nobody to tell.
            let _ = handle.reload(filter);
        };
        let _ = REFILTER.set(Box::new(refilter));
        std::panic::set_hook(Box::new(tell_panic));
    }
    Ok(())
}

/// A defect of ours is one line like any other (Q14). What the panic itself says is left out: the message of a slice that
/// went wrong repeats what was sliced, which may be a token (O5).
fn tell_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let at = panic.location().map(ToString::to_string);
    tracing::error!(at, "panicked: a defect, and what was being done is lost");
}

/// Logs as these settings say from now on, if logging was started.
pub fn restyle(settings: &Telemetry) -> Result<(), String> {
    let filter = filter(settings)?;
    if let Some(refilter) = REFILTER.get() {
        refilter(filter);
        AS_JSON.store(format(settings) == LogFormat::Json, Ordering::Relaxed);
    }
    Ok(())
}

/// What is logged at all, of what [`may_be_told`].
pub fn filter(settings: &Telemetry) -> Result<EnvFilter, String> {
    EnvFilter::try_new(&settings.log_level).map_err(|error| format!("log_level: {error}"))
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

/// A line for an event, as is asked for at its time. It begins with when that was, told as the access log tells it.
struct Lines {
    json: Format<Json, ()>,
    text: Format<Full, ()>,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut time = String::new();
        render_time(Clock::System.now(), &mut time);
        if !AS_JSON.load(Ordering::Relaxed) {
            write!(writer, "{time} ")?;
            return self.text.format_event(context, writer, event);
        }
        let mut object = String::new();
        self.json
            .format_event(context, Writer::new(&mut object), event)?;
        // An event has a level at least, so what follows the brace is a field.
        let fields = object.strip_prefix('{').ok_or(fmt::Error)?;
        write!(writer, "{{\"time\":\"{time}\",{fields}")
    }
}

/// Hands each event to the sink when it is whole.
struct Lined {
    sink: &'static Sink,
    /// Whether a person reads along: colours are our own then, and a fault of several lines may have them.
    on_terminal: bool,
}

/// One event in the making.
struct Told {
    sink: &'static Sink,
    on_terminal: bool,
    bytes: Vec<u8>,
}

impl<'a> MakeWriter<'a> for Lined {
    type Writer = Told;

    fn make_writer(&'a self) -> Told {
        Told {
            sink: self.sink,
            on_terminal: self.on_terminal,
            bytes: Vec::new(),
        }
    }
}

impl Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if !bytes.is_empty() {
            let line = one_line(&bytes, self.on_terminal);
            self.sink.push(Entry::Event(line.into_bytes()));
        }
    }
}

/// An event as one line (Q12): what is said by others (a server's certificate, a file's name) can't begin another.
fn one_line(bytes: &[u8], on_terminal: bool) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut line = String::with_capacity(text.len());
    for char in text.trim_end_matches('\n').chars() {
        match char {
            '\u{1b}' | '\n' if on_terminal => line.push(char),
            char if is_troublesome(char) => {
                // As JSON has it, which is right for both formats.
                line.push_str(&format!("\\u{:04x}", u32::from(char)));
            }
            char => line.push(char),
        }
    }
    line
}
