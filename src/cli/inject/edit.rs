//! Edits of a YAML text in place: what is added is written among what stands there, and nothing else changes.
//!
//! Into lines go lines, into `{…}` and `[…]` goes JSON, which is YAML too; so a manifest in JSON stays JSON. All is
//! inserted at the first entry of a mapping or sequence: where that begins is certain, where the last one ends is not.

use serde_json::Value;

use super::yaml::{Content, Node};

/// Changes to one text, by byte offset.
#[derive(Debug)]
pub(super) struct Edits<'text> {
    text: &'text str,
    /// Start, end, and what stands there instead.
    changes: Vec<(usize, usize, String)>,
}

/// A place that can't be edited, and why.
pub(super) type Unsuitable = &'static str;

impl<'text> Edits<'text> {
    pub(super) fn new(text: &'text str) -> Self {
        Self {
            text,
            changes: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Adds keys to a mapping that has none of them. Once for each mapping.
    pub(super) fn add_keys(
        &mut self,
        map: &Node,
        keys: &[(&str, Value)],
    ) -> Result<(), Unsuitable> {
        let Content::Map { entries, flow } = &map.content else {
            return Err("is not a mapping written out");
        };
        if keys.is_empty() {
            return Ok(());
        }
        if *flow {
            let pairs: Vec<String> = keys
                .iter()
                .map(|(key, value)| format!("{}: {value}", Value::from(*key)))
                .collect();
            self.add_flow(map, entries.first().map(|(key, _)| key), &pairs.join(", "));
            return Ok(());
        }
        let (first, _) = entries.first().ok_or("is empty")?;
        let render = |indent: usize, lines: &mut String| {
            for (key, value) in keys {
                lines.push_str(&" ".repeat(indent));
                render_entry(key, value, indent, lines);
            }
        };
        self.add_lines(first.start, render)
    }

    /// Adds items before the first of a list. Once for each list.
    pub(super) fn add_items(&mut self, list: &Node, new: &[Value]) -> Result<(), Unsuitable> {
        let Content::List { items, flow } = &list.content else {
            return Err("is not a list written out");
        };
        if *flow {
            let json: Vec<String> = new.iter().map(Value::to_string).collect();
            self.add_flow(list, items.first(), &json.join(", "));
            return Ok(());
        }
        let first = items.first().ok_or("is empty")?;
        let before = self.text[..first.start].trim_end();
        if !before.ends_with('-') {
            return Err("begins in a way that can't be edited");
        }
        self.add_lines(before.len() - 1, |indent, lines| {
            for item in new {
                lines.push_str(&" ".repeat(indent));
                render_item(item, indent, lines);
            }
        })
    }

    /// Puts a value in the place of a scalar, the value of `key`.
    pub(super) fn replace(
        &mut self,
        key: &Node,
        scalar: &Node,
        value: &Value,
    ) -> Result<(), Unsuitable> {
        let text = scalar.text().ok_or("is not a plain value")?;
        if text.is_empty() && scalar.is_null() {
            // Nothing is written there: the place is behind the colon of its key.
            let rest = &self.text[key.end..];
            let colon = rest.find(':').ok_or("has no value that can be edited")?;
            if !rest[..colon].trim_matches(['"', '\'', ' ']).is_empty() {
                return Err("has no value that can be edited");
            }
            let at = key.end + colon + 1;
            self.changes.push((at, at, format!(" {value}")));
            return Ok(());
        }
        let written = self.text[scalar.start..scalar.end].trim_end();
        if written.contains('\n') {
            return Err("is written in several lines");
        }
        let end = scalar.start + written.len();
        self.changes.push((scalar.start, end, value.to_string()));
        Ok(())
    }

    /// Into brackets.
    fn add_flow(&mut self, collection: &Node, first: Option<&Node>, json: &str) {
        match first {
            Some(first) => {
                self.changes
                    .push((first.start, first.start, format!("{json}, ")));
            }
            None => {
                let bracket = collection.end - 1;
                self.changes.push((bracket, bracket, json.to_owned()));
            }
        }
    }

    /// Lines before the entry that begins at `at`, and before the comments that stand right above it.
    fn add_lines(
        &mut self,
        at: usize,
        render: impl Fn(usize, &mut String),
    ) -> Result<(), Unsuitable> {
        let mut line = self.text[..at].rfind('\n').map_or(0, |end| end + 1);
        let before = &self.text[line..at];
        if !before.chars().all(|char| matches!(char, ' ' | '-')) || before.starts_with("---") {
            return Err("begins in a way that can't be edited");
        }
        let indent = before.len();
        let mut lines = String::new();
        render(indent, &mut lines);
        if before.contains('-') {
            // The first key of an item: what is new takes its place behind the dash, and it the line below.
            let moved = format!("{}{}", &lines[indent..], " ".repeat(indent));
            self.changes.push((at, at, moved));
            return Ok(());
        }
        while let Some((above, _)) = self.text[..line].rsplit_once('\n') {
            let start = above.rfind('\n').map_or(0, |end| end + 1);
            if !self.text[start..line].trim_start().starts_with('#') {
                break;
            }
            line = start;
        }
        self.changes.push((line, line, lines));
        Ok(())
    }

    /// The text with all changes made.
    pub(super) fn apply(mut self) -> String {
        self.changes.sort_by_key(|(start, ..)| *start);
        let mut result = String::with_capacity(self.text.len() + 4096);
        let mut done = 0;
        for (start, end, new) in &self.changes {
            result.push_str(&self.text[done..*start]);
            result.push_str(new);
            done = *end;
        }
        result.push_str(&self.text[done..]);
        result
    }
}

/// `key: value` in lines, the first without its indentation.
fn render_entry(key: &str, value: &Value, indent: usize, lines: &mut String) {
    lines.push_str(key);
    lines.push(':');
    match value {
        Value::Object(map) if !map.is_empty() => {
            lines.push('\n');
            lines.push_str(&" ".repeat(indent + 2));
            render_map(map, indent + 2, lines);
        }
        Value::Array(items) if !items.is_empty() => {
            lines.push('\n');
            for item in items {
                lines.push_str(&" ".repeat(indent));
                render_item(item, indent, lines);
            }
        }
        scalar => {
            lines.push(' ');
            lines.push_str(&render_scalar(scalar));
            lines.push('\n');
        }
    }
}

fn render_item(item: &Value, indent: usize, lines: &mut String) {
    lines.push_str("- ");
    match item {
        Value::Object(map) if !map.is_empty() => render_map(map, indent + 2, lines),
        scalar => {
            lines.push_str(&render_scalar(scalar));
            lines.push('\n');
        }
    }
}

/// `name` first, for people.
fn render_map(map: &serde_json::Map<String, Value>, indent: usize, lines: &mut String) {
    let mut keys: Vec<&String> = map.keys().collect();
    keys.sort_by_key(|key| key.as_str() != "name");
    for (index, key) in keys.into_iter().enumerate() {
        if index > 0 {
            lines.push_str(&" ".repeat(indent));
        }
        render_entry(key, &map[key], indent, lines);
    }
}

/// A string without quotes where no version of YAML takes it for anything else.
fn render_scalar(value: &Value) -> String {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    match value {
        Value::String(text)
            if text.starts_with(|char: char| char.is_ascii_alphabetic() || char == '/')
                && text
                    .chars()
                    .all(|char| char.is_ascii_alphanumeric() || "/._-".contains(char))
                && !WORDS.contains(&text.to_ascii_lowercase().as_str()) =>
        {
            text.clone()
        }
        other => other.to_string(),
    }
}
