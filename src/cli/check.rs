//! `portcullis check`: is this configuration good, and what does it really say?

mod outbound;

use std::process::ExitCode;

use super::{BAD, FAILED, Source, load_from, origin};
use crate::clock::Clock;
use crate::config::Config;
use crate::config::fault::printable;
use crate::config::trials::run_tests;
use crate::policy::route::Route;
use crate::policy::rule::{Expected, Requirement, Rule};
use crate::reload::Loaded;
use crate::snapshot::Snapshot;
use crate::token::trust::{Clients, Uses};

/// Validates the configuration, prints its effective routes and runs its tests.
pub(super) fn check(source: &Source) -> ExitCode {
    let Loaded { config, reading } = match load_from(&origin(source)) {
        Ok(loaded) => loaded,
        Err(status) => return status,
    };
    // What `run` and a reload would do with it, but for the network (Q20).
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else {
        eprintln!("portcullis: this machine gives no threads or timers");
        return ExitCode::from(FAILED);
    };
    let _entered = runtime.enter(); // credentials are made for one; nothing is run on it
    let built = Snapshot::build(config, 1, &Clock::System, &|path| reading.read(path));
    let config = match built {
        Ok(snapshot) => snapshot.config,
        Err(fault) => {
            eprintln!("portcullis: {fault}");
            return ExitCode::from(BAD);
        }
    };
    print!("{}", render(&config));
    for warning in &config.warnings {
        println!("warning: {warning}");
    }
    if let Err(status) = tests_hold(&config) {
        return status;
    }
    println!("{}", summary(&config));
    ExitCode::SUCCESS
}

/// Runs the configuration's `[tests]`. Those that fail are printed; the exit status comes back.
pub(super) fn tests_hold(config: &Config) -> Result<(), ExitCode> {
    let failed = run_tests(config, Clock::System.now());
    if failed.is_empty() {
        return Ok(());
    }
    for test in &failed {
        eprintln!("{test}");
    }
    let (failed, all) = (failed.len(), config.tests.len());
    eprintln!("portcullis: {failed} of {} failed", counted(all, "test"));
    Err(ExitCode::from(BAD))
}

fn summary(config: &Config) -> String {
    let tests = match config.tests.len() {
        0 => "no tests".to_owned(),
        1 => "1 test passed".to_owned(),
        more => format!("{more} tests passed"),
    };
    let mut parts = vec![
        counted(config.routes.len(), "route"),
        counted(config.pools.len(), "pool"),
    ];
    let calls_out = [
        (config.credentials.len(), "credential"),
        (config.outbound.len(), "outbound listener"),
    ];
    let named = calls_out.into_iter().filter(|(count, _)| *count > 0);
    parts.extend(named.map(|(count, what)| counted(count, what)));
    parts.push(tests);
    format!("good: {}", parts.join(", "))
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        more => format!("{more} {what}s"),
    }
}

/// Columns that what a route asks for may take; more of it goes on further lines.
const ASKED: usize = 56;

/// The effective routes, aligned; and the effective listeners of the courier, if there are any.
fn render(config: &Config) -> String {
    let mut rows = vec![["ROUTE", "ACCESS", "REQUIRES", "UPSTREAM", "MODE"].map(str::to_owned)];
    for route in &config.routes {
        rows.extend(row(config, route));
    }
    aligned(&rows) + &outbound::render(config)
}

/// Rows with their cells below one another.
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A route's lines: one, and one more for each further line of what it asks for.
fn row(config: &Config, route: &Route) -> Vec<[String; 5]> {
    let mut lines: Vec<[String; 5]> = asked(&requires(config, route))
        .into_iter()
        .map(|asked| {
            [
                String::new(),
                String::new(),
                asked,
                String::new(),
                String::new(),
            ]
        })
        .collect();
    if let Some(first) = lines.first_mut() {
        first[0] = printable(&route.name);
        first[1] = match route.login {
            true => format!("{}, login", route.access.as_str()),
            false => route.access.as_str().to_owned(),
        };
        first[3] = config.upstreams[route.upstream].name.clone();
        first[4] = route.mode.as_str().to_owned();
    }
    lines
}

/// Requirements as lines: all on one if that is short, else each on its own, a long one broken between words.
fn asked(requirements: &[String]) -> Vec<String> {
    let whole = printable(&requirements.join(" and "));
    if whole.is_empty() {
        return vec!["-".to_owned()];
    }
    if whole.chars().count() <= ASKED {
        return vec![whole];
    }
    let mut lines = Vec::new();
    for (at, requirement) in requirements.iter().enumerate() {
        let mut line = if at == 0 { "" } else { "and" }.to_owned();
        for word in printable(requirement).split(' ') {
            if line.chars().count() + 1 + word.chars().count() > ASKED {
                lines.push(std::mem::replace(&mut line, "   ".to_owned()));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// What a route asks for beside a good token.
fn requires(config: &Config, route: &Route) -> Vec<String> {
    let mut asks = Vec::new();
    if let Some(names) = &route.client_cert {
        asks.push(format!("certificate {}", names.join(" | ")));
    }
    if let Some(pools) = &route.pools {
        let names: Vec<&str> = (pools.iter())
            .map(|pool| &*config.pools[*pool].trust.name)
            .collect();
        asks.push(format!("pool {}", names.join(" | ")));
    }
    match route.token_use {
        Some(Uses::Access) => asks.push("access token".to_owned()),
        Some(Uses::Id) => asks.push("ID token".to_owned()),
        Some(Uses::Any) | None => {}
    }
    if let Some(Clients::These(clients)) = &route.client_ids {
        asks.push(format!("client {}", clients.join(" | ")));
    }
    asks.extend(route.rule.requirements.iter().map(requirement));
    asks
}

/// A rule in a line.
fn rule(rule: &Rule) -> String {
    match rule.requirements.as_slice() {
        [] => "-".to_owned(),
        requirements => requirements
            .iter()
            .map(requirement)
            .collect::<Vec<_>>()
            .join(" and "),
    }
}

fn requirement(requirement: &Requirement) -> String {
    let list = |word: &str, items: &[String]| format!("{word} {}", items.join(" | "));
    match requirement {
        Requirement::AnyScope(scopes) => list("scope", scopes),
        Requirement::AllScopes(scopes) => format!("scopes {}", scopes.join(" + ")),
        Requirement::AnyGroup(groups) => list("group", groups),
        Requirement::AllGroups(groups) => format!("groups {}", groups.join(" + ")),
        Requirement::Claim(name, Expected::Parameter(parameter)) => {
            format!("{} = {{{parameter}}}", name.as_str())
        }
        Requirement::Claim(name, Expected::OneOf(values)) => {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            format!("{} = {}", name.as_str(), values.join(" | "))
        }
        Requirement::AnyOf(rules) => {
            let rules: Vec<String> = rules.iter().map(rule).collect();
            format!("({})", rules.join(" or "))
        }
        Requirement::Acr(accepted) => list("acr", accepted),
        Requirement::MaxAge(age) => format!("signed in at most {} s ago", age.as_secs()),
    }
}

#[cfg(test)]
mod tests;
