//! An explanation as text for a terminal. Values come from tokens and requests: what could steer a terminal is escaped.

use std::fmt::{self, Display, Write as _};

use serde_json::Value;

use super::{
    Answer, Check, Explanation, HintSeen, Outcome, RefusalSeen, RouteSeen, TokenSeen, TokenState,
};

impl Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = &self.request;
        write!(f, "{} {}", safe(&request.method), safe(&request.path))?;
        if let Some(host) = &request.host {
            let assumed = if request.host_assumed {
                " (assumed)"
            } else {
                ""
            };
            write!(f, ", host {}{assumed}", safe(host))?;
        }
        f.write_str("\n\n")?;
        section(f, "route", &route(self.route.as_ref()))?;
        section(f, "token", &token(&self.token))?;
        if !self.checks.is_empty() {
            let mut text = String::new();
            checks(&mut text, &self.checks, 0)?;
            section(f, "checks", &text)?;
        }
        if !self.headers.is_empty() {
            let lines: Vec<String> = (self.headers.iter())
                .map(|header| format!("{}: {}", header.name, safe(&header.value)))
                .collect();
            section(f, "headers", &lines.join("\n"))?;
        }
        for note in &self.notes {
            section(f, "note", note)?;
        }
        section(f, "answer", &answer(&self.answer))
    }
}

/// A heading, and its lines beside it.
fn section(f: &mut fmt::Formatter<'_>, heading: &str, text: &str) -> fmt::Result {
    for (number, line) in text.trim_end().lines().enumerate() {
        let heading = if number == 0 { heading } else { "" };
        writeln!(f, "{heading:<9}{line}")?;
    }
    Ok(())
}

fn route(route: Option<&RouteSeen>) -> String {
    let Some(route) = route else {
        return "none".to_owned();
    };
    let mut text = format!("\"{}\", {}", safe(&route.name), route.access);
    if route.mode == "audit" {
        text.push_str(", in audit");
    }
    for (name, value) in &route.parameters {
        text.push_str(&format!("\n{{{name}}} is {}", shown(value)));
    }
    text
}

fn token(token: &TokenSeen) -> String {
    let mut facts = vec![match token.state {
        TokenState::Unread => "not looked at".to_owned(),
        TokenState::Absent => "none".to_owned(),
        TokenState::Refused => "refused".to_owned(),
        TokenState::Verified => "verified".to_owned(),
        TokenState::Claims => "claims alone, no signature seen".to_owned(),
    }];
    if let Some(place) = &token.place {
        facts.push(format!("in the {place}"));
    }
    let mut fact = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            facts.push(format!("{name} {}", safe(value)));
        }
    };
    fact("pool", token.pool.as_deref());
    fact("use", token.token_use);
    fact("kind", token.kind);
    fact("client", token.client_id.as_deref());
    fact("sub", token.sub.as_deref());
    match token.expires_in {
        Some(seconds @ 0..) => facts.push(format!("expires in {seconds} s")),
        Some(seconds) => facts.push(format!("expired {} s ago", seconds.unsigned_abs())),
        None => {}
    }
    let mut text = facts.join(", ");
    if token.pool.is_some() {
        for (name, values) in [("scopes", &token.scopes), ("groups", &token.groups)] {
            let values: Vec<_> = values.iter().map(|value| safe(value)).collect();
            let values = if values.is_empty() {
                "none".to_owned()
            } else {
                values.join(" ")
            };
            text.push_str(&format!("\n{name} {values}"));
        }
    }
    for (name, value) in &token.says {
        text.push_str(&format!("\nit says {name} {}", shown(value)));
    }
    text
}

fn checks(text: &mut String, list: &[Check], depth: usize) -> fmt::Result {
    let indent = "    ".repeat(depth);
    for check in list {
        let mark = match check.met {
            Some(true) => '✓',
            Some(false) => '✗',
            None => '·',
        };
        write!(text, "{indent}{mark} {}", asks(check))?;
        match (check.met, check.kind, &check.seen) {
            (None, ..) => text.push_str(" (not judged)"),
            (_, "any_of", _) => {}
            (_, "header", _) => {}
            (_, "max_age", Value::Null) => text.push_str(", has no auth_time"),
            (_, "max_age", age) => write!(text, ", is {age} s")?,
            (.., Value::Null) => text.push_str(", has none"),
            (.., Value::Array(values)) if values.is_empty() => text.push_str(", has none"),
            (.., seen) => write!(text, ", has {}", shown(seen))?,
        }
        text.push('\n');
        for (number, rule) in check.any_of.iter().enumerate() {
            let or = if number == 0 { "either" } else { "or" };
            writeln!(text, "{indent}  {or}")?;
            checks(text, rule, depth + 1)?;
        }
    }
    Ok(())
}

fn asks(check: &Check) -> String {
    let any = || joined(&check.wanted, " or ");
    let all = || joined(&check.wanted, " and ");
    let name = check.name.as_deref().map(safe).unwrap_or_default();
    match check.kind {
        "any_scope" => format!("scope {}", any()),
        "all_scopes" => format!("scopes {}", all()),
        "any_group" => format!("group {}", any()),
        "all_groups" => format!("groups {}", all()),
        "claims" => format!("claim {name} is {}", any()),
        "acr" => format!("acr {}", any()),
        "max_age" => format!("sign-in at most {} s ago", check.wanted),
        "any_of" => "one of these rules".to_owned(),
        "header" => format!("a value for the identity header {name}"),
        "pools" => format!("pool {}", any()),
        "token_use" => format!("use {}", any()),
        "client_ids" => format!("client {}", any()),
        other => other.to_owned(),
    }
}

fn answer(answer: &Answer) -> String {
    if let Some(refusal) = &answer.refusal {
        return refused(refusal);
    }
    if answer.outcome == Outcome::Preflight {
        return "204, answered by the gate itself".to_owned();
    }
    if answer.outcome == Outcome::Login {
        return "answered by the gate itself".to_owned();
    }
    let mut text = "forwarded".to_owned();
    if let (Some(upstream), Some(address)) = (&answer.upstream, &answer.address) {
        text.push_str(&format!(" to {upstream} at {address}"));
    }
    if let Some(path) = &answer.path {
        text.push_str(&format!(", path {}", safe(path)));
    }
    if let Some(refusal) = &answer.audit {
        let refusal = refused(refusal);
        text.push_str(&format!(
            "\nwould be refused, but this route is in audit: {refusal}"
        ));
    }
    text
}

fn refused(refusal: &RefusalSeen) -> String {
    let RefusalSeen {
        status,
        reason,
        detail,
        hint,
    } = refusal;
    let mut text = format!("{status} {reason}: {detail}");
    if let Some(HintSeen { name, value }) = hint {
        text.push_str(&format!("\n{name}: {value}"));
    }
    text
}

/// A list with a word between its items; anything else by itself.
fn joined(value: &Value, word: &str) -> String {
    match value {
        Value::Array(values) => values.iter().map(shown).collect::<Vec<_>>().join(word),
        value => shown(value),
    }
}

/// A value as short as it can be told: strings bare unless that is unclear, lists with blanks between.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() || text.contains([' ', '"']) || is_json(text) => {
            safe(&value.to_string())
        }
        Value::String(text) => safe(text),
        Value::Array(values) => joined(&Value::Array(values.clone()), " "),
        value => safe(&value.to_string()),
    }
}

/// Whether a text would be taken for a value of another type.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok()
}

/// Text that does nothing to a terminal: control characters and what changes the direction of writing are escaped.
pub(super) fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\'' | '"' | '\\' => safe.push(char),
            char => safe.extend(char.escape_debug()),
        }
    }
    safe
}
