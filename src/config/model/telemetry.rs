//! `[telemetry]`, checked.

/// `[telemetry]`
#[derive(Clone, Debug, PartialEq)]
pub struct Telemetry {
    /// `None`: text when stderr is a terminal, else JSON.
    pub log_format: Option<LogFormat>,
    /// A level or a filter as `tracing_subscriber::EnvFilter` reads it.
    pub log_level: String,
    /// Whether there is a line for each request.
    pub access_log: bool,
    /// Whether that line has `sub` and `client_id`.
    pub log_subject: bool,
    /// The collector of traces, OTLP over HTTP; without a slash at its end.
    pub otlp_endpoint: Option<String>,
}

/// `log_format`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}
