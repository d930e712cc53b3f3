//! The lessons as TOML: lines that `check` accepts, and comments for a person to decide on.
//!
//! Nothing that a request or a token brought reaches the text but through `quote`, or as a pattern of plain characters.

use std::fmt::Write as _;

use super::rule::{Asked, Item, asked};
use super::{Lessons, Tally};

/// Comment lines on what was not learnt.
const REST: usize = 100;
/// Clients that a comment names.
const CLIENTS: usize = 5;

impl Lessons {
    /// The text.
    pub fn render(&self) -> String {
        let mut text = format!(
            "# Learnt from {} requests. A draft: read every line before it guards anything.\n\
             # Each is the tightest rule that admits all that was seen with a verified token and answered 2xx or 3xx.\n",
            self.requests
        );
        text.push_str("\n[routes]\n");
        for (pattern, seen) in self.learnt.patterns() {
            for (method, tally) in seen {
                let asked = asked(&tally);
                let _ = writeln!(text, "# {}", explain(&tally, &asked));
                let key = quote(&format!("{method} {pattern}"));
                let _ = writeln!(text, "{key} = {}", value(&asked));
            }
        }
        self.render_kept(&mut text);
        self.render_rest(&mut text);
        text
    }

    fn render_kept(&self, text: &mut String) {
        if self.kept.is_empty() {
            return;
        }
        text.push_str(
            "\n# Keep these lines of the configuration: they say more than a pattern, scopes and groups.\n",
        );
        for (key, kept) in &self.kept {
            let _ = writeln!(
                text,
                "#   {}: {}, of which {} would have been refused",
                quote(key),
                requests(kept.requests),
                kept.refused
            );
        }
    }

    fn render_rest(&self, text: &mut String) {
        let mut rest: Vec<(u64, String)> = Vec::new();
        for (pattern, seen) in self.rest.patterns() {
            for (method, tally) in seen {
                rest.push((
                    tally.requests,
                    format!("{method} {pattern}: {}", why(&tally)),
                ));
            }
        }
        rest.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
        if !rest.is_empty() {
            text.push_str(
                "\n# Not written: no verified token, or no good answer. With no line of their own, these will be refused.\n",
            );
        }
        for (count, line) in rest.iter().take(REST) {
            let _ = writeln!(text, "#   {count} x {line}");
        }
        if rest.len() > REST {
            let _ = writeln!(text, "#   and {} more like these", rest.len() - REST);
        }
        for (reason, count) in &self.refused {
            let _ = writeln!(
                text,
                "# {} refused all the same: {reason}",
                requests(*count)
            );
        }
        if self.beyond > 0 {
            let _ = writeln!(
                text,
                "# {} not remembered: there were too many different paths",
                requests(self.beyond)
            );
        }
    }
}

/// What the line above a route says.
fn explain(tally: &Tally, asked: &Asked) -> String {
    let mut text = requests(tally.requests);
    let mut clients: Vec<(&String, &u64)> = tally.clients.iter().collect();
    clients.sort_by(|one, other| other.1.cmp(one.1).then_with(|| one.0.cmp(other.0)));
    if !clients.is_empty() {
        let named: Vec<String> = clients
            .iter()
            .take(CLIENTS)
            .map(|(client, _)| quote(client))
            .collect();
        let more = clients.len() > CLIENTS || tally.other_clients > 0;
        let more = if more { " and more" } else { "" };
        let _ = write!(text, " by {}{more}", named.join(", "));
    }
    text.push_str(match asked {
        Asked::All(_) => "; every token carried this",
        Asked::Any(_) => "; every token carried one of these",
        Asked::Clients(_) => "; the tokens had no scope or group in common, only their clients",
        Asked::Anyone => "; the tokens had nothing in common: any good token passes",
    });
    if !tally.refused.is_empty() {
        let refused: Vec<String> = counts(tally.refused.iter());
        let _ = write!(
            text,
            "; BEWARE, the present rule refuses some: {}",
            refused.join(", ")
        );
    }
    text
}

/// Why something was not learnt.
fn why(tally: &Tally) -> String {
    let mut parts = counts(tally.refused.iter());
    let answers = tally
        .answers
        .iter()
        .map(|(hundred, count)| format!("answered {hundred}xx {count}"));
    parts.extend(answers);
    parts.join(", ")
}

fn counts<'a, T: std::fmt::Display + 'a>(
    counted: impl Iterator<Item = (&'a T, &'a u64)>,
) -> Vec<String> {
    counted
        .map(|(what, count)| format!("{what} {count}"))
        .collect()
}

fn requests(count: u64) -> String {
    match count {
        1 => "1 request".to_owned(),
        count => format!("{count} requests"),
    }
}

/// A route's value, in its shortest form.
fn value(asked: &Asked) -> String {
    match asked {
        Asked::All(items) => match items.as_slice() {
            [Item::Scope(scope)] => quote(scope),
            items => {
                let (scopes, groups) = split(items);
                let mut keys = Vec::new();
                if !scopes.is_empty() {
                    keys.push(format!("all_scopes = {}", list(&scopes)));
                }
                if !groups.is_empty() {
                    keys.push(format!("all_groups = {}", list(&groups)));
                }
                format!("{{ {} }}", keys.join(", "))
            }
        },
        Asked::Any(items) => {
            let (scopes, groups) = split(items);
            match (scopes.is_empty(), groups.is_empty()) {
                (true, _) => format!("{{ any_group = {} }}", list(&groups)),
                (_, true) => list(&scopes),
                _ => {
                    let mut ways: Vec<String> = scopes.iter().map(|scope| quote(scope)).collect();
                    ways.push(format!("{{ any_group = {} }}", list(&groups)));
                    format!("[{}]", ways.join(", "))
                }
            }
        }
        Asked::Clients(clients) => {
            let clients: Vec<&str> = clients.iter().map(String::as_str).collect();
            format!("{{ client_ids = {} }}", list(&clients))
        }
        Asked::Anyone => "{}".to_owned(),
    }
}

fn split(items: &[Item]) -> (Vec<&str>, Vec<&str>) {
    let scopes = items.iter().filter_map(|item| match item {
        Item::Scope(scope) => Some(scope.as_str()),
        Item::Group(_) => None,
    });
    let groups = items.iter().filter_map(|item| match item {
        Item::Group(group) => Some(group.as_str()),
        Item::Scope(_) => None,
    });
    (scopes.collect(), groups.collect())
}

fn list(items: &[&str]) -> String {
    let quoted: Vec<String> = items.iter().map(|item| quote(item)).collect();
    format!("[{}]", quoted.join(", "))
}

/// A basic string of TOML, which is a comment's single line too. `${` would be read as a placeholder.
fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for char in text.replace("${", "$${").chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            char if char.is_control() || matches!(char, '\u{2028}'..='\u{202e}') => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(char));
            }
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}
