//! `portcullis check`: is this configuration good, and what does it really say?

use std::process::ExitCode;

use super::{BAD, Source, load};
use crate::config::Config;
use crate::policy::route::{Access, Mode, Route, RouteTable};
use crate::policy::rule::{Expected, Requirement, Rule};

/// Validates the configuration and prints its effective routes.
pub(super) fn check(source: &Source) -> ExitCode {
    let config = match load(source) {
        Ok(config) => config,
        Err(status) => return status,
    };
    if RouteTable::compile(&config.routes, config.paths.case, config.paths.allow).is_err() {
        eprintln!("portcullis: two routes can't be told apart");
        return ExitCode::from(BAD);
    }
    print!("{}", render(&config));
    for warning in &config.warnings {
        println!("warning: {warning}");
    }
    ExitCode::SUCCESS
}

/// The effective routes, aligned.
fn render(config: &Config) -> String {
    let mut rows = vec![["ROUTE", "ACCESS", "REQUIRES", "UPSTREAM", "MODE"].map(str::to_owned)];
    rows.extend(config.routes.iter().map(|route| row(config, route)));
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text.push_str(&format!(
        "{} routes, {} pools: good\n",
        config.routes.len(),
        config.pools.len()
    ));
    text
}

fn row(config: &Config, route: &Route) -> [String; 5] {
    let access = match route.access {
        Access::Authenticated => "authenticated",
        Access::Public => "public",
        Access::Optional => "optional",
        Access::Certificate => "certificate",
    };
    let mode = match route.mode {
        Mode::Enforce => "enforce",
        Mode::Audit => "audit",
    };
    [
        route.name.to_string(),
        access.to_owned(),
        rule(&route.rule),
        config.upstreams[route.upstream].name.clone(),
        mode.to_owned(),
    ]
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
        Requirement::MaxAge(age) => format!("signed in at most {age:?} ago"),
    }
}
