//! Completions and the manual know every command there is.

use super::*;
use crate::cli::Arguments;

fn commands() -> Vec<String> {
    let command = Arguments::command();
    let below = command.get_subcommands();
    below.map(|command| command.get_name().to_owned()).collect()
}

#[test]
fn the_command_line_is_well_defined() {
    Arguments::command().debug_assert();
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let text = pages(Arguments::command()).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    for command in commands() {
        assert!(
            text.contains(&format!(".TH portcullis-{command} ")),
            "{command}"
        );
    }
}

#[test]
fn completions_offer_each_command() {
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let text = String::from_utf8(script(shell)).unwrap_or_default();
        for command in commands() {
            assert!(text.contains(&command), "{shell}: {command}");
        }
    }
}
