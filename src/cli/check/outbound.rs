//! The effective listeners of the courier, for `check`: who is called through each, and what is shown there.

use super::aligned;
use crate::config::Config;
use crate::config::fault::printable;
use crate::config::model::credentials::{Destination, Others, OutboundMode, Shown};
use crate::config::model::{Listen, Outbound};
use crate::outbound::destination;

/// A line for each destination of each listener; nothing at all without a listener.
pub(super) fn render(config: &Config) -> String {
    if config.outbound.is_empty() {
        return String::new();
    }
    let mut rows = vec![["OUTBOUND", "LISTEN", "DESTINATION", "SHOWN", "ALLOW"].map(str::to_owned)];
    for listener in &config.outbound {
        rows.extend(lines(config, listener));
    }
    format!("\n{}", aligned(&rows))
}

fn lines(config: &Config, listener: &Outbound) -> Vec<[String; 5]> {
    let mut lines: Vec<[String; 5]> = listener
        .destinations()
        .iter()
        .map(|one| {
            let called = destination::name(&one.address).to_string();
            [
                String::new(),
                String::new(),
                printable(&called),
                shown(config, one),
                allowed(one),
            ]
        })
        .collect();
    if let OutboundMode::ForwardProxy { others, .. } = &listener.mode {
        let word = match others {
            Others::Refuse => "refused",
            Others::Pass => "-",
        };
        let none = String::new;
        lines.push([
            none(),
            none(),
            "others".to_owned(),
            word.to_owned(),
            "-".to_owned(),
        ]);
    }
    if let Some(first) = lines.first_mut() {
        first[0] = printable(&listener.name);
        first[1] = listen(&listener.listen);
    }
    lines
}

fn listen(listen: &Listen) -> String {
    match listen {
        Listen::Tcp(address) => address.to_string(),
        Listen::Unix(path) => printable(&format!("unix:{}", path.display())),
        Listen::Fd(name) => printable(&format!("fd:{name}")),
    }
}

/// The credential, and what is asked of it.
fn shown(config: &Config, destination: &Destination) -> String {
    let name = |credential: &usize| &*config.credentials[*credential].name;
    let text = match &destination.authorization {
        None => "-".to_owned(),
        Some(Shown::Token {
            credential, scopes, ..
        }) if scopes.is_empty() => format!("token of {}", name(credential)),
        Some(Shown::Token {
            credential, scopes, ..
        }) => format!("token of {} for {}", name(credential), scopes.join(" + ")),
        Some(Shown::Signature {
            credential,
            service,
            region,
        }) => format!(
            "signature of {} for {service} in {region}",
            name(credential)
        ),
    };
    printable(&text)
}

fn allowed(destination: &Destination) -> String {
    match destination.allow.as_slice() {
        [] => "everything".to_owned(),
        patterns => {
            let texts: Vec<String> = patterns.iter().map(ToString::to_string).collect();
            printable(&texts.join(" | "))
        }
    }
}
