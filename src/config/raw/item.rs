//! One value being read: typed readers that give what was asked for, or tell what stands there instead and give nothing.
//!
//! No reader repeats a value in its message: it may have come from the environment. The excerpt shows what was written.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::table::{Table, nearest};
use super::{Entry, Node, Span, Value};
use crate::config::fault::Fault;
use crate::config::inspection::Inspection;
use crate::config::units;

/// A value with the key it stands under.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    /// The key, or the key of the list it stands in.
    pub key: &'a str,
    /// Where the key stands.
    pub key_span: &'a Span,
    /// The value.
    pub node: &'a Node,
    /// Where faults go.
    pub at: &'a Inspection<'a>,
}

impl<'a> Item<'a> {
    /// The value of an entry.
    pub fn of(entry: &'a Entry, at: &'a Inspection<'a>) -> Item<'a> {
        Item {
            key: &entry.key,
            key_span: &entry.key_span,
            node: &entry.node,
            at,
        }
    }

    /// Where the value stands.
    pub fn span(self) -> Span {
        self.node.span.clone()
    }

    /// Tells a fault of this value and gives nothing.
    pub fn refuse<T>(self, message: impl Into<String>, expected: impl Into<String>) -> Option<T> {
        self.tell(Fault::at(self.span(), message, expected))
    }

    /// The same with how to mend it.
    pub fn refuse_with_help<T>(
        self,
        message: impl Into<String>,
        expected: impl Into<String>,
        help: impl Into<String>,
    ) -> Option<T> {
        self.tell(Fault::at(self.span(), message, expected).with_help(help))
    }

    /// Tells a fault and gives nothing.
    pub fn tell<T>(self, fault: Fault) -> Option<T> {
        self.at.tell(fault);
        None
    }

    /// Tells that something of another type stands here; `expected` has its article: "a string".
    pub fn mistyped<T>(self, expected: &str) -> Option<T> {
        if matches!(self.node.value, Value::Broken) {
            return None;
        }
        self.refuse(
            format!("`{}` is {}", self.key, self.node.value.kind()),
            format!("expected {expected}"),
        )
    }

    /// Text, not empty.
    pub fn string(self) -> Option<&'a str> {
        self.text("a string")
    }

    /// Text that `read` makes something of; `expected` is told when there is none, or nothing comes of it.
    pub fn parsed<T>(self, expected: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.text(expected)?;
        match read(text) {
            Some(parsed) => Some(parsed),
            None => self.refuse(
                format!("`{}` is not {}", self.key, noun(expected)),
                format!("expected {expected}"),
            ),
        }
    }

    fn text(self, expected: &str) -> Option<&'a str> {
        match &self.node.value {
            Value::String(text) if text.is_empty() => {
                self.refuse("this string is empty", format!("expected {expected}"))
            }
            Value::String(text) => Some(text),
            _ => self.mistyped(expected),
        }
    }

    /// `true` or `false`.
    pub fn boolean(self) -> Option<bool> {
        match self.node.value {
            Value::Boolean(fact) => Some(fact),
            _ => self.mistyped("`true` or `false`"),
        }
    }

    /// A whole number within bounds.
    pub fn integer(self, within: RangeInclusive<usize>) -> Option<usize> {
        let (least, most) = (within.start(), within.end());
        let expected = match *most {
            usize::MAX => format!("a whole number, {least} or more"),
            most => format!("a whole number from {least} to {most}"),
        };
        match self.node.value {
            Value::Integer(number) => match usize::try_from(number) {
                Ok(number) if within.contains(&number) => Some(number),
                _ => self.refuse(
                    format!("`{}` is out of bounds", self.key),
                    format!("expected {expected}"),
                ),
            },
            _ => self.mistyped(&expected),
        }
    }

    /// A duration, nought included.
    pub fn duration(self) -> Option<Duration> {
        self.parsed(
            "a duration such as \"30s\" (ms, s, m, h or d)",
            units::duration,
        )
    }

    /// A duration of more than nothing.
    pub fn lapse(self) -> Option<Duration> {
        match self.duration()? {
            Duration::ZERO => self.refuse(
                format!("`{}` is no time at all", self.key),
                "expected more than zero",
            ),
            lapse => Some(lapse),
        }
    }

    /// A duration of more than nothing, or `"none"` for no limit.
    pub fn limit(self) -> Option<Option<Duration>> {
        let expected = "a duration such as \"30s\" (ms, s, m, h or d), or \"none\"";
        match self.parsed(expected, |text| match text {
            "none" => Some(None),
            text => units::duration(text).map(Some),
        })? {
            Some(Duration::ZERO) => self.lapse().map(Some),
            limit => Some(limit),
        }
    }

    /// A size in bytes.
    pub fn size(self) -> Option<u64> {
        self.parsed("a size such as \"64KiB\" (B, KiB, MiB or GiB)", units::size)
    }

    /// A size in bytes, or `"unlimited"`.
    pub fn allowance(self) -> Option<Option<u64>> {
        let expected = "a size such as \"1MiB\" (B, KiB, MiB or GiB), or \"unlimited\"";
        self.parsed(expected, |text| match text {
            "unlimited" => Some(None),
            text => units::size(text).map(Some),
        })
    }

    /// One of these words.
    pub fn one_of<T: Clone>(self, words: &[(&str, T)]) -> Option<T> {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let expected = format!("one of \"{}\"", known.join("\", \""));
        let text = self.text(&expected)?;
        if let Some((_, meant)) = words.iter().find(|(word, _)| *word == text) {
            return Some(meant.clone());
        }
        let fault = Fault::at(
            self.span(),
            format!("`{}` has an unknown value", self.key),
            format!("expected {expected}"),
        );
        self.tell(match nearest(text, &known) {
            Some(word) => fault.with_help(format!("did you mean \"{word}\"?")),
            None => fault,
        })
    }

    /// The items of a list, which may be empty.
    pub fn list(self, expected: &str) -> Option<Vec<Item<'a>>> {
        match &self.node.value {
            Value::List(nodes) => Some(nodes.iter().map(|node| Item { node, ..self }).collect()),
            Value::String(_) => self.refuse_with_help(
                format!("`{}` is a string", self.key),
                format!("expected {expected}"),
                "put it in brackets: [\"…\"]",
            ),
            _ => self.mistyped(expected),
        }
    }

    /// What `read` makes of each item of a list that may be empty; no two may be equal.
    pub fn each<T: PartialEq>(
        self,
        expected: &str,
        read: impl Fn(Item<'a>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let mut read_so_far: Vec<T> = Vec::new();
        for item in self.list(expected)? {
            let Some(one) = read(item) else { continue };
            if read_so_far.contains(&one) {
                item.refuse::<()>("a list says the same twice", "this is in the list already");
            } else {
                read_so_far.push(one);
            }
        }
        Some(read_so_far)
    }

    /// Strings, which may be none at all.
    pub fn strings(self) -> Option<Vec<String>> {
        self.each("a list of strings", |item| item.string().map(str::to_owned))
    }

    /// What `read` makes of each item of a list that asks for something, and so may not be empty.
    pub fn some<T: PartialEq>(
        self,
        expected: &str,
        read: impl Fn(Item<'a>) -> Option<T>,
    ) -> Option<Vec<T>> {
        match &self.node.value {
            Value::List(nodes) if nodes.is_empty() => self.refuse_with_help(
                format!("`{}` is an empty list", self.key),
                format!("expected {expected}, not empty"),
                "a list that asks for nothing is never meant: fill it, or leave the key out",
            ),
            _ => self.each(expected, read),
        }
    }

    /// A table, called `name` in messages.
    pub fn table(self, name: &str, kind: &'static str) -> Option<Table<'a>> {
        match &self.node.value {
            Value::Table(entries) => {
                Some(Table::new(name, kind, Some(self.span()), entries, self.at))
            }
            _ => self.mistyped("a table"),
        }
    }
}

/// What is expected, without examples and alternatives.
fn noun(expected: &str) -> &str {
    let end = [" such as", " (", ", ", ": "]
        .iter()
        .filter_map(|tail| expected.find(tail))
        .min();
    &expected[..end.unwrap_or(expected.len())]
}
