//! `docs/configuration.md`, made of two things that can't both be wrong: the keys that reading a configuration asks for, and what
//! `config.example.toml` says of each. A key that is asked for and not explained is a failure, and so is an explanation of none.
//!
//! To write the page anew: `UPDATE_DOCS=1 cargo test the_reference`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::machine_with;
use crate::config::raw::table::Need;

/// How a comment says that its value is no default.
const FOR_EXAMPLE: &str = "for example";
const EXAMPLE: &str = include_str!("../../../config.example.toml");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");

const INTRODUCTION: &str = "# Configuration

The configuration is one TOML file. Every key of every table is here; [config.example.toml](../config.example.toml) shows them in a
file that loads, and [commands.md](commands.md) says how `check` tells what is wrong with one.

Durations are written `\"250ms\"`, `\"30s\"`, `\"15m\"`, `\"24h\"` or `\"7d\"`, sizes `\"512B\"`, `\"64KiB\"`, `\"1MiB\"` or `\"1GiB\"`. `${NAME}` in a string is the environment
variable NAME, which must be set; `$${` is a literal `${`. Secrets are `{ file = \"…\" }` or `{ env = \"…\" }`, never written out. An unknown key is an
error. A key without a default is absent unless it is set; *required* ones must be.

This page is made from the code and from the example, by a test.
";

/// Tables whose keys are names of the author's own: shown as they stand in the example.
const NAMES: [&str; 4] = [
    "identity.headers",
    "routes",
    "tests",
    "outbound.*.destinations",
];

/// Tables written in one line, and the key that explains theirs.
const INLINE: [(&str, &str, &str); 12] = [
    ("server.tls", "server", "tls"),
    ("upstreams.*.tls", "upstreams.*", "tls"),
    ("basic_auth", "upstreams.*", "basic_auth"),
    ("source", "tokens", "sources"),
    ("client_cert", "routes.*", "client_cert"),
    ("outbound.*.tls", "outbound.*", "tls"),
    ("outbound.*.sign", "outbound.*", "sign"),
    ("secret", "credentials.*", "client_secret"),
    ("rule", "routes.*", ""),
    ("outbound.*.destinations.*", "outbound.*", ""),
    ("identity.header", "identity.headers", ""),
    ("", "", ""),
];

/// One key, as the example has it.
struct Key {
    name: String,
    value: String,
    said: String,
    /// Whether the line is commented out in a table that isn't.
    is_off: bool,
}

/// One table of the example.
struct Section {
    header: String,
    kind: &'static str,
    prose: String,
    /// Its lines, as they stand.
    source: String,
    /// Whether all of it is commented out.
    is_off: bool,
    keys: Vec<Key>,
}

/// The kind of a table, by its header.
fn kind(header: &str) -> &'static str {
    let kinds = [
        ("routes.", "routes.*"),
        ("tests.", "test"),
        ("upstreams.", "upstreams.*"),
    ];
    match header {
        "upstream" => "upstreams.*",
        "defaults" => "routes.*",
        _ if header.ends_with("fetch") => "fetch",
        _ if header.ends_with(".destinations") => "outbound.*.destinations",
        _ if header.starts_with("pools.") => "pools.*",
        _ if header.starts_with("credentials.") => "credentials.*",
        _ if header.starts_with("outbound.") => "outbound.*",
        _ => match kinds.iter().find(|(start, _)| header.starts_with(start)) {
            Some((_, kind)) => kind,
            None => String::leak(header.to_owned()),
        },
    }
}

/// A line of TOML, even where it is commented out.
fn uncommented(line: &str) -> &str {
    let bare = line.strip_prefix("# ").unwrap_or(line);
    match header(bare).is_some() || key(bare).is_some() {
        true => bare,
        false => line,
    }
}

fn header(line: &str) -> Option<&str> {
    let inside = line.strip_prefix('[')?;
    let mut is_quoted = false;
    let end = inside.find(|char| {
        is_quoted ^= char == '"';
        char == ']' && !is_quoted
    })?;
    Some(&inside[..end])
}

fn key(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.split_once(" = ")?;
    let is_bare = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let is_quoted = name.starts_with('"') && name.ends_with('"') && name.len() > 2;
    (!name.is_empty() && (is_bare || is_quoted)).then_some((name, rest))
}

/// A value, and the comment behind it.
fn parted(rest: &str) -> (&str, &str) {
    let mut quote = None;
    for (at, char) in rest.char_indices() {
        match (quote, char) {
            (None, '"' | '\'') => quote = Some(char),
            (Some(open), char) if open == char => quote = None,
            (None, '#') => return (rest[..at].trim(), rest[at + 1..].trim()),
            _ => {}
        }
    }
    (rest.trim(), "")
}

fn sections() -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut prose: Vec<&str> = Vec::new();
    let mut is_off = false;
    for line in EXAMPLE.lines() {
        let bare = uncommented(line);
        if let Some(header) = header(bare) {
            is_off = bare != line;
            sections.push(Section {
                header: header.to_owned(),
                kind: kind(header),
                prose: std::mem::take(&mut prose).join(" "),
                source: format!("[{header}]\n"),
                is_off,
                keys: Vec::new(),
            });
        } else if let (Some(section), Some((name, rest))) = (sections.last_mut(), key(bare)) {
            let (value, mut said) = parted(rest);
            let above = std::mem::take(&mut prose).join(" ");
            if said.is_empty() {
                said = &above;
            }
            section.source.push_str(bare);
            section.source.push('\n');
            section.keys.push(Key {
                name: name.to_owned(),
                value: value.to_owned(),
                said: said.to_owned(),
                is_off: bare != line && !is_off,
            });
        } else if let (true, Some(more)) =
            (line.starts_with("  "), line.trim_start().strip_prefix("# "))
        {
            if let Some(key) = sections
                .last_mut()
                .and_then(|section| section.keys.last_mut())
            {
                key.said.push(' ');
                key.said.push_str(more);
            }
        } else if let Some(more) = line.strip_prefix("# ") {
            prose.push(more);
        } else {
            prose.clear();
        }
    }
    sections
}

/// What reading the example asks for, everything in it in use.
fn known() -> BTreeMap<(&'static str, &'static str), Need> {
    let whole: Vec<&str> = EXAMPLE.lines().map(uncommented).collect();
    machine_with(&whole.join("\n"), |inspection| {
        inspection.known.borrow().clone()
    })
}

fn titled(kind: &str, sections: &[&Section]) -> String {
    match kind {
        "upstreams.*" => "`[upstream]`, `[upstreams.NAME]`".to_owned(),
        "routes.*" => "`[defaults]`, and a route as a table".to_owned(),
        "fetch" => "`[fetch]`, `[pools.NAME.fetch]`, `[credentials.NAME.fetch]`".to_owned(),
        "test" => "`[tests]`: a test's own keys".to_owned(),
        _ if kind.contains('*') => format!("`[{}]`", kind.replace('*', "NAME")),
        _ => format!("`[{}]`", sections[0].header),
    }
}

fn row(key: &Key, need: Option<Need>, section: &Section) -> String {
    let is_said = key.said.to_lowercase().starts_with(FOR_EXAMPLE);
    let told = match is_said {
        true => key.said[FOR_EXAMPLE.len()..].trim_start_matches(['.', ';', ':', ',', ' ']),
        false => &key.said,
    };
    let is_left = need == Some(Need::Optional) && section.is_off;
    let is_case = section.header.starts_with("routes.") || section.kind == "test";
    let is_example = is_said || is_case || key.is_off || is_left;
    let value = match (is_example, need) {
        (_, Some(Need::Required)) => format!("*required*, for example `{}`", key.value),
        (true, _) => format!("for example `{}`", key.value),
        (false, _) => format!("`{}`", key.value),
    };
    let cell = |text: &str| text.replace('|', "\\|");
    format!("| `{}` | {} | {} |\n", key.name, cell(&value), cell(told))
}

fn render() -> String {
    let known = known();
    let sections = sections();
    let mut page = INTRODUCTION.to_owned();
    let mut done = BTreeSet::new();
    for first in &sections {
        if !done.insert(first.kind) {
            continue;
        }
        let alike: Vec<&Section> = (sections.iter())
            .filter(|section| section.kind == first.kind)
            .collect();
        let _ = write!(page, "\n## {}\n", titled(first.kind, &alike));
        for section in alike.iter().filter(|section| !section.prose.is_empty()) {
            let _ = write!(page, "\n{}\n", section.prose);
        }
        if NAMES.contains(&first.kind) {
            let _ = write!(page, "\n```toml\n{}```\n", first.source);
            continue;
        }
        page.push_str("\n| key | default | means |\n| --- | --- | --- |\n");
        let mut told = BTreeSet::new();
        let keys = || {
            (alike.iter()).flat_map(|section| section.keys.iter().map(move |key| (key, *section)))
        };
        for (key, section) in keys() {
            if told.insert(&key.name) {
                // Where it is explained, if it stands in several tables.
                let explained =
                    keys().find(|(other, _)| other.name == key.name && !other.said.is_empty());
                let (key, section) = explained.unwrap_or((key, section));
                let need = known.get(&(first.kind, key.name.as_str()));
                page.push_str(&row(key, need.copied(), section));
            }
        }
    }
    page
}

#[test]
fn the_reference_has_every_key_that_the_code_asks_for() {
    let (known, sections) = (known(), sections());
    assert!(known.len() > 100, "{}", known.len());
    let rows = |kind: &str| -> BTreeSet<&str> {
        let of_kind = sections.iter().filter(|section| section.kind == kind);
        of_kind
            .flat_map(|section| section.keys.iter().map(|key| key.name.as_str()))
            .collect()
    };
    let mut faults = Vec::new();
    for (kind, name) in known.keys() {
        let inline = INLINE.iter().find(|(inline, ..)| inline == kind);
        let is_told = match inline {
            Some(("", ..)) => sections.iter().any(|section| {
                section.header == *name || section.header.starts_with(&format!("{name}."))
            }),
            Some((_, parent, "")) => {
                rows(parent).contains(name)
                    || (sections.iter()).any(|section| {
                        section.kind == *parent && section.source.contains(&format!("{name} = "))
                    })
            }
            Some((_, parent, key)) => sections
                .iter()
                .filter(|section| section.kind == *parent)
                .flat_map(|section| &section.keys)
                .any(|shown| {
                    shown.name == *key
                        && format!("{} {}", shown.value, shown.said).contains(&format!("{name} ="))
                }),
            None => {
                let below = format!(".{name}");
                rows(kind).contains(name)
                    || (sections.iter()).any(|section| section.header.ends_with(&below))
            }
        };
        if !is_told {
            faults.push(format!("{name} of {kind:?} is not explained"));
        }
    }
    for section in sections
        .iter()
        .filter(|section| !NAMES.contains(&section.kind))
    {
        for key in &section.keys {
            if !known.contains_key(&(section.kind, key.name.as_str())) {
                faults.push(format!("{} in [{}] is no key", key.name, section.header));
            }
            let is_explained = (sections.iter())
                .filter(|other| other.kind == section.kind)
                .flat_map(|other| &other.keys)
                .any(|other| other.name == key.name && !other.said.is_empty());
            if !is_explained {
                faults.push(format!(
                    "{} in [{}] has no word beside it",
                    key.name, section.header
                ));
            }
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn the_reference_is_up_to_date() {
    let page = render();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, &page).expect("the page can be written");
    }
    let written = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        page == written,
        "docs/configuration.md is not what the code and the example say: UPDATE_DOCS=1 cargo test the_reference"
    );
}
