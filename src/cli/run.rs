//! `portcullis run`.

use std::process::ExitCode;

use super::{BAD, FAILED, Source, check, load, read};
use crate::app::{self, StartFault};
use crate::telemetry::logs;

/// Runs the sidecar until it is told to stop.
pub(super) fn run(source: &Source) -> ExitCode {
    let config = match load(source) {
        Ok(config) => config,
        Err(status) => return status,
    };
    if let Err(status) = check::tests_hold(&config) {
        return status;
    }
    if let Err(fault) = logs::start(&config.telemetry) {
        eprintln!("portcullis: {fault}");
        return ExitCode::from(BAD);
    }
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    match app::start(config, &read) {
        Ok(running) => {
            running.wait();
            ExitCode::SUCCESS
        }
        Err(fault) => {
            eprintln!("portcullis: {fault}");
            ExitCode::from(if matches!(fault, StartFault::Build(_)) {
                BAD
            } else {
                FAILED
            })
        }
    }
}
