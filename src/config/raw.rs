//! The text as a tree with a span at every key and value: TOML read with recovery, placeholders replaced.
//!
//! What is wrong here is told here: syntax, and placeholders that cannot be replaced. A value whose fault has been told is
//! [`Value::Broken`], over which every reader passes in silence, so that one mistake is one fault. Strings that may
//! be secrets are noted for `fault::mask`, which keeps them out of excerpts.

pub mod item;
pub mod table;

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{Fault, mask};
use super::interpolate::{Unresolved, interpolate};

/// Bytes of the text.
pub type Span = Range<usize>;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where; for a table, its header.
    pub span: Span,
    /// What.
    pub value: Value,
    /// Whether part of it came from the environment: then no message may repeat it.
    pub interpolated: bool,
}

/// A value of the tree.
#[derive(Clone, Debug)]
pub enum Value {
    /// Text, its placeholders replaced.
    String(String),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// A date or a time, which no key takes.
    Datetime,
    /// `[…]`
    List(Vec<Node>),
    /// A table of any kind, in the order of the text.
    Table(Vec<Entry>),
    /// Already told to be wrong.
    Broken,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key, unquoted.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// Its value.
    pub node: Node,
}

impl Value {
    /// What it is, with its article, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::String(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a float",
            Value::Boolean(_) => "a boolean",
            Value::Datetime => "a date or time",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
            Value::Broken => "broken",
        }
    }
}

/// A text, read.
#[derive(Debug)]
pub struct Tree {
    /// The top-level table.
    pub root: Vec<Entry>,
    /// Where TOML itself is broken.
    pub syntax: Vec<Fault>,
    /// What else is wrong with single values.
    pub faults: Vec<Fault>,
    /// The line of the first syntax error, if there is one: what comes after may have been misread.
    pub trusted: Option<usize>,
    /// Strings that may be secrets.
    pub secrets: Vec<Span>,
}

/// What stands under a key.
pub fn find<'a>(entries: &'a [Entry], key: &str) -> Option<&'a Node> {
    let entry = entries.iter().find(|entry| entry.key == key)?;
    Some(&entry.node)
}

/// Reads the whole text, whatever is wrong with it.
pub fn parse(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Tree {
    let (document, errors) = DeTable::parse_recoverable(text);
    let syntax = syntax(text, &errors);
    let trusted = syntax
        .iter()
        .filter_map(|fault| fault.span.as_ref())
        .map(|span| mask::line(text, span.start).start)
        .min();
    let mut walk = Walk {
        text,
        env,
        faults: Vec::new(),
        secrets: Vec::new(),
    };
    let root = walk.table(document.into_inner(), false);
    if trusted.is_some() {
        // Where the syntax is broken the tree no longer says which string belongs to which key; the lines do.
        walk.secrets.extend(mask::lines(text));
    }
    Tree {
        root,
        syntax,
        faults: walk.faults,
        trusted,
        secrets: walk.secrets,
    }
}

/// Syntax errors, one a line and ten at most: one unclosed bracket makes an error of every line below it.
fn syntax(text: &str, errors: &[toml::de::Error]) -> Vec<Fault> {
    let mut found: Vec<(Span, &str)> = errors
        .iter()
        .map(|error| (error.span().unwrap_or(0..0), error.message()))
        .collect();
    found.sort_by_key(|(span, _)| span.start);
    found.dedup_by_key(|(span, _)| mask::line(text, span.start).start);
    found
        .into_iter()
        .take(10)
        .map(|(span, message)| {
            let (what, expected) = match message.split_once(", expected ") {
                Some((what, expected)) => (what, format!("expected {expected}")),
                None => (message, "not valid TOML".to_owned()),
            };
            Fault::at(span, format!("syntax error: {what}"), expected)
        })
        .collect()
}

/// The walk from toml's tree to ours.
struct Walk<'t> {
    text: &'t str,
    env: &'t dyn Fn(&str) -> Option<String>,
    faults: Vec<Fault>,
    secrets: Vec<Span>,
}

impl Walk<'_> {
    /// `secret`: whether a key above says that strings in here may be secrets.
    fn table(&mut self, table: DeTable<'_>, secret: bool) -> Vec<Entry> {
        let mut entries: Vec<Entry> = table
            .into_iter()
            .map(|(key, value)| {
                let secret = match key.get_ref().as_ref() {
                    "file" | "env" => false,
                    key => secret || mask::looks_secret(key),
                };
                Entry {
                    key_span: key.span(),
                    key: key.into_inner().into_owned(),
                    node: self.node(value, secret),
                }
            })
            .collect();
        // toml keeps tables by name; faults and routes are told in the order of the text.
        entries.sort_by_key(|entry| entry.key_span.start);
        entries
    }

    fn node(&mut self, value: Spanned<DeValue<'_>>, secret: bool) -> Node {
        let span = value.span();
        let mut interpolated = false;
        let value = match value.into_inner() {
            DeValue::String(text) => {
                interpolated = text.contains("${");
                self.string(&text, &span, secret)
            }
            DeValue::Integer(number) => self.integer(&number, &span),
            DeValue::Float(number) => number.as_str().parse().map_or(Value::Broken, Value::Float),
            DeValue::Boolean(fact) => Value::Boolean(fact),
            DeValue::Datetime(_) => Value::Datetime,
            DeValue::Array(items) => Value::List(
                items
                    .into_iter()
                    .map(|item| self.node(item, secret))
                    .collect(),
            ),
            DeValue::Table(table) => Value::Table(self.table(table, secret)),
        };
        Node {
            span,
            value,
            interpolated,
        }
    }

    fn integer(&mut self, number: &toml::de::DeInteger<'_>, span: &Span) -> Value {
        match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => {
                self.faults.push(Fault::at(
                    span.clone(),
                    "this number is too large",
                    "expected a number of at most 64 bits",
                ));
                Value::Broken
            }
        }
    }

    fn string(&mut self, text: &str, span: &Span, secret: bool) -> Value {
        if secret || mask::has_userinfo(text) {
            self.secrets.push(span.clone());
        }
        match interpolate(text, self.env) {
            Ok(text) => Value::String(text.into_owned()),
            Err(unresolved) => {
                for one in unresolved {
                    let fault = self.unresolved(one, span);
                    self.faults.push(fault);
                }
                Value::Broken
            }
        }
    }

    fn unresolved(&self, unresolved: Unresolved, span: &Span) -> Fault {
        let escape = "a literal `${` is written `$${`";
        let (found, message, expected, help) = match unresolved {
            Unresolved::Unset(name) => (
                format!("${{{name}}}"),
                format!("the environment variable `{name}` is not set"),
                "expected a variable that is set".to_owned(),
                format!("set it where this runs; {escape}"),
            ),
            Unresolved::NoName(name) => (
                format!("${{{name}}}"),
                "this is no name of an environment variable".to_owned(),
                "expected letters, digits and `_`".to_owned(),
                escape.to_owned(),
            ),
            Unresolved::Unclosed => (
                "${".to_owned(),
                "a placeholder is never closed".to_owned(),
                "expected `${NAME}`".to_owned(),
                escape.to_owned(),
            ),
        };
        // The placeholder itself, where the source shows it as it is; escapes may hide it.
        let within = self
            .text
            .get(span.clone())
            .and_then(|source| source.find(&found));
        let span = match within {
            Some(at) => span.start + at..span.start + at + found.len(),
            None => span.clone(),
        };
        Fault::at(span, message, expected).with_help(help)
    }
}
