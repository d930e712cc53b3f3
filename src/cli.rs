//! The command line. The only place that prints, and with `config::interpolate` the only one that reads the environment.
//!
//! Exit status: 0 good; 1 failed while running; 2 bad usage or bad configuration.
#![allow(clippy::print_stdout, clippy::print_stderr)] // this is the place

mod check;
mod demo;
mod explain;
mod extras;
mod inject;
mod learn;
mod ready;
mod run;
mod token;
mod working;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Config;
use crate::reload::{LoadFault, Loaded, Origin};
use crate::telemetry::logs;

/// Something failed while running.
const FAILED: u8 = 1;
/// The command line or the configuration is bad.
const BAD: u8 = 2;

/// A sidecar that gives Amazon Cognito authentication to a service nobody can change.
#[derive(Parser)]
#[command(
    name = "portcullis",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the sidecar
    Run(Source),
    /// Validates a configuration and prints its effective routes; no network
    Check(Source),
    /// Fetches a token with a configured credential and prints it alone
    Token(token::Arguments),
    /// Says what would come of a request: its route, each requirement, the headers the service would get, the answer
    Explain(explain::Arguments),
    /// Asks a running sidecar whether it is ready; exit 0 or 1
    Ready(Source),
    /// Lets everything through for a while, and drafts routes from what it saw
    Learn(learn::Arguments),
    /// Adds the sidecar to Kubernetes manifests: reads FILE or stdin, writes stdout
    Inject(inject::Arguments),
    /// Shows everything on one machine with no AWS account: a pool, a legacy service, the sidecar between them
    Demo(demo::Arguments),
    /// Prints a completion script for a shell
    Completions(extras::Completions),
    /// Prints the manual
    Man,
}

/// Where the configuration is.
#[derive(clap::Args)]
struct Source {
    /// The configuration file [default: $PORTCULLIS_CONFIG, else portcullis.toml]; $PORTCULLIS_CONFIG_TOML, when set,
    /// holds the text itself and goes before it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Parses the command line and does what it says.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(BAD));
        }
    };
    let status = match arguments.command {
        Command::Run(source) => run::run(&source),
        Command::Check(source) => check::check(&source),
        Command::Token(arguments) => token::token(&arguments),
        Command::Learn(arguments) => learn::learn(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Ready(source) => ready::ready(&source),
        Command::Inject(arguments) => inject::inject(&arguments),
        Command::Demo(arguments) => demo::demo(&arguments),
        Command::Completions(arguments) => extras::completions(&arguments),
        Command::Man => extras::man(),
    };
    logs::flush();
    status
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    std::fs::read(path)
}

/// Whether whoever reads stderr sees colours, and wants any (<https://no-color.org>).
fn takes_colours() -> bool {
    std::io::stderr().is_terminal() && env("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Where the configuration is that `source` names.
fn origin(source: &Source) -> Origin {
    if let Some(text) = env("PORTCULLIS_CONFIG_TOML") {
        return Origin::text("$PORTCULLIS_CONFIG_TOML", text, env);
    }
    let path = source.config.clone().or_else(|| {
        env("PORTCULLIS_CONFIG")
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
    });
    Origin::file(
        path.unwrap_or_else(|| PathBuf::from("portcullis.toml")),
        env,
    )
}

/// Loads the configuration that `source` names. Its faults are printed; the exit status comes back.
fn load(source: &Source) -> Result<Config, ExitCode> {
    load_from(&origin(source)).map(|loaded| loaded.config)
}

/// The same, with what was read for it.
fn load_from(origin: &Origin) -> Result<Loaded, ExitCode> {
    origin.load().map_err(|fault| {
        match fault {
            LoadFault::Faults(faults) if takes_colours() => eprint!("{}", faults.render_styled()),
            LoadFault::Faults(faults) => eprint!("{}", faults.render()),
            fault => eprintln!("portcullis: {fault}"),
        }
        ExitCode::from(BAD)
    })
}
