//! The program's own log: `tracing` events as JSON or text lines on stderr.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

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
    let base = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let _ = match format(settings) {
        LogFormat::Json => base
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .try_init(),
        LogFormat::Text => base.with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
    Ok(())
}
