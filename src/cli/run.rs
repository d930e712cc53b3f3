//! `portcullis run`.

use std::process::ExitCode;

use super::{BAD, FAILED, Source, check, load_from, origin};
use crate::app::{self, StartFault};
use crate::telemetry::logs;

/// Runs the sidecar until it is told to stop.
pub(super) fn run(source: &Source) -> ExitCode {
    let origin = origin(source);
    let loaded = match load_from(&origin) {
        Ok(loaded) => loaded,
        Err(status) => return status,
    };
    if let Err(status) = check::tests_hold(&loaded.config) {
        return status;
    }
    if let Err(fault) = logs::start(&loaded.config.telemetry) {
        eprintln!("portcullis: {fault}");
        return ExitCode::from(BAD);
    }
    match app::start(origin, loaded) {
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
