//! `portcullis learn`: the gate in audit over everything, for a stated time; then a `[routes]` table on stdout.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::PoisonError;
use std::time::Duration;

use super::{BAD, FAILED, Source, load_from, origin};
use crate::app::{self, StartFault};
use crate::config::model::Purpose;
use crate::config::units;
use crate::reload::Loaded;
use crate::telemetry::logs;

/// What `learn` takes.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// How long to learn: "10m", "24h". SIGINT or SIGTERM ends it earlier, and what was learnt is written all the same
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    time: Duration,
    #[command(flatten)]
    source: Source,
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    units::duration(text)
        .filter(|time| !time.is_zero())
        .ok_or("expected a time such as 30s, 10m or 24h")
}

/// Lets everything through, and writes what it learnt.
pub(super) fn learn(arguments: &Arguments) -> ExitCode {
    let origin = origin(&arguments.source);
    let loaded = match load_from(&origin) {
        Ok(loaded) => Loaded {
            config: loaded.config.for_purpose(Purpose::Learn),
            ..loaded
        },
        Err(status) => return status,
    };
    if let Err(fault) = logs::start(&loaded.config.telemetry) {
        eprintln!("portcullis: {fault}");
        return ExitCode::from(BAD);
    }
    tracing::warn!(
        time = ?arguments.time,
        "LEARNING: everything is let through, whatever token it carries or lacks, and on paths that no route names"
    );
    let running = match app::start(origin, loaded) {
        Ok(running) => running,
        Err(fault) => {
            eprintln!("portcullis: {fault}");
            return ExitCode::from(if matches!(fault, StartFault::Build(_)) {
                BAD
            } else {
                FAILED
            });
        }
    };
    let telemetry = running.telemetry.clone();
    running.stop_after(arguments.time);
    running.wait();
    let Some(lessons) = &telemetry.lessons else {
        return ExitCode::from(FAILED);
    };
    let text = lessons
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .render();
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portcullis: what was learnt can't be written: {error}");
            ExitCode::from(FAILED)
        }
    }
}
