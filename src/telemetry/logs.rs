//! The program's own log: `tracing` events as JSON or text lines on stderr. Level and format follow the configuration.

use std::fmt;
use std::io::IsTerminal as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, Full, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::access::Style;
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
    let builder = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .event_format(Lines {
            json: Format::default()
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false),
            text: Format::default(),
        })
        .with_env_filter(filter(settings)?)
        .with_filter_reloading();
    let handle = builder.reload_handle();
    if builder.try_init().is_ok() {
        AS_JSON.store(format(settings) == LogFormat::Json, Ordering::Relaxed);
        let refilter = move |filter| {
            // Fails when the log is gone, and then there is nobody to tell.
            let _ = handle.reload(filter);
        };
        let _ = REFILTER.set(Box::new(refilter));
    }
    Ok(())
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

/// What is logged at all.
pub fn filter(settings: &Telemetry) -> Result<EnvFilter, String> {
    EnvFilter::try_new(&settings.log_level).map_err(|error| format!("log_level: {error}"))
}

/// A line for an event, as is asked for at its time.
struct Lines {
    json: Format<Json>,
    text: Format<Full>,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        match AS_JSON.load(Ordering::Relaxed) {
            true => self.json.format_event(context, writer, event),
            false => self.text.format_event(context, writer, event),
        }
    }
}
