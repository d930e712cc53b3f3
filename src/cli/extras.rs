//! `completions` and `man`: what shells and manuals are told, made from the very definition of the command line.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::FAILED;

/// What `completions` takes.
#[derive(clap::Args)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

/// Prints a completion script.
pub(super) fn completions(arguments: &Completions) -> ExitCode {
    print(&script(arguments.shell))
}

fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    let mut command = super::Arguments::command();
    clap_complete::generate(shell, &mut command, "portcullis", &mut script);
    script
}

/// Prints the manual: a page for the program, and one after it for each command.
pub(super) fn man() -> ExitCode {
    match pages(super::Arguments::command()) {
        Ok(pages) => print(&pages),
        Err(_) => ExitCode::from(FAILED),
    }
}

fn pages(mut command: clap::Command) -> io::Result<Vec<u8>> {
    command.build();
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut text)?;
    for below in command.get_subcommands() {
        if below.get_name() != "help" {
            clap_mangen::Man::new(below.clone()).render(&mut text)?;
        }
    }
    Ok(text)
}

/// A reader that has gone away, as `head` does, is no failure to speak of; its shell knows.
fn print(text: &[u8]) -> ExitCode {
    match io::stdout().lock().write_all(text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(FAILED),
    }
}

#[cfg(test)]
mod tests;
