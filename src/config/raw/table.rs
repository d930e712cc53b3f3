//! A cursor over one table: every key is taken once by name, and what nobody took is a fault.
//!
//! A key that is set nowhere is looked for in the fallback table (`[defaults]` behind a route, `[fetch]` behind a pool's own).
//! A fault never ends the reading: the default stands in, so that the rest of the file is checked in the same run.

use super::item::Item;
use super::{Entry, Span};
use crate::config::fault::Fault;
use crate::config::inspection::Inspection;

/// One table, being read.
#[derive(Clone)]
pub struct Table<'a> {
    /// How messages call it: `[server.limits]`.
    pub name: String,
    /// Its place in the contract, names left out: `pools.*`.
    pub kind: &'static str,
    /// Its header; nothing for a table that isn't there.
    pub span: Option<Span>,
    /// Its own entries.
    pub entries: &'a [Entry],
    /// Entries that hold where its own don't say.
    pub fallback: &'a [Entry],
    /// Where faults go.
    pub at: &'a Inspection<'a>,
    asked: Vec<&'static str>,
}

/// What becomes of a key that isn't set.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// It is absent.
    Optional,
    /// A default stands in.
    Default,
    /// That is a fault.
    Required,
}

impl<'a> Table<'a> {
    /// A table with these entries.
    pub fn new(
        name: impl Into<String>,
        kind: &'static str,
        span: Option<Span>,
        entries: &'a [Entry],
        at: &'a Inspection<'a>,
    ) -> Table<'a> {
        Table {
            name: name.into(),
            kind,
            span,
            entries,
            fallback: &[],
            at,
            asked: Vec::new(),
        }
    }

    /// The same with entries that hold where its own don't say.
    pub fn with_fallback(self, fallback: &'a [Entry]) -> Table<'a> {
        Table { fallback, ..self }
    }

    /// The value of a key, if it is set here or in the fallback. From here on the key is a known one.
    pub fn take(&mut self, key: &'static str) -> Option<Item<'a>> {
        self.asked.push(key);
        find(self.entries, key)
            .or_else(|| find(self.fallback, key))
            .map(|entry| Item::of(entry, self.at))
    }

    /// These keys are known ones, whatever stands under them.
    pub fn asked_for(&mut self, keys: &[&'static str]) {
        self.asked.extend(keys);
    }

    /// The value of a key, if it is set in the table itself.
    pub fn own(&mut self, key: &'static str) -> Option<Item<'a>> {
        self.asked.push(key);
        find(self.entries, key).map(|entry| Item::of(entry, self.at))
    }

    /// A key with a default.
    pub fn or<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(Item<'a>) -> Option<T>,
        default: T,
    ) -> T {
        #[cfg(test)]
        self.at.ask(self.kind, key, Need::Default);
        self.optional(key, read).unwrap_or(default)
    }

    /// A key that may really be absent.
    pub fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(Item<'a>) -> Option<T>,
    ) -> Option<T> {
        self.take(key).and_then(read)
    }

    /// A key that must be there.
    pub fn required<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        read: impl FnOnce(Item<'a>) -> Option<T>,
    ) -> Option<T> {
        #[cfg(test)]
        self.at.ask(self.kind, key, Need::Required);
        match self.take(key) {
            Some(item) => read(item),
            None => {
                self.lacks(key, expected);
                None
            }
        }
    }

    /// Tells that a key is missing.
    pub fn lacks(&self, key: &str, expected: &str) {
        let message = format!("{} has no `{key}`", self.name);
        self.at
            .tell(Fault::missing(self.span.clone(), message, expected));
    }

    /// A table below this one, as if it were there and empty when it isn't.
    pub fn below(&mut self, key: &'static str, kind: &'static str) -> Table<'a> {
        let item = self.own(key);
        let name = match self.name.as_str() {
            "" => format!("[{key}]"),
            outer => format!("[{}.{key}]", outer.trim_matches(['[', ']'])),
        };
        let at = self.at;
        item.and_then(|item| item.table(&name, kind))
            .unwrap_or_else(|| Table::new(name, kind, None, &[], at))
    }

    /// Every entry, for tables whose keys are names.
    pub fn names(self) -> impl Iterator<Item = Item<'a>> {
        self.entries
            .iter()
            .map(move |entry| Item::of(entry, self.at))
    }

    /// Tells every key that nobody took.
    pub fn finish(self) {
        #[cfg(test)]
        for key in &self.asked {
            self.at.ask(self.kind, key, Need::Optional);
        }
        for entry in self.entries {
            if self.asked.iter().any(|known| *known == entry.key) {
                continue;
            }
            let place = match self.name.as_str() {
                "" => "at the top level".to_owned(),
                name => format!("in {name}"),
            };
            let fault = Fault::at(
                entry.key_span.clone(),
                format!("unknown key `{}` {place}", entry.key),
                "this key is not known here",
            );
            self.at.tell(match nearest(&entry.key, &self.asked) {
                Some(known) => fault.with_help(format!("did you mean `{known}`?")),
                None => fault.with_help(format!("known keys: {}", listed(&self.asked))),
            });
        }
    }
}

fn find<'a>(entries: &'a [Entry], key: &str) -> Option<&'a Entry> {
    entries.iter().find(|entry| entry.key == key)
}

/// The known word that was most likely meant: a few letters away, or longer by an ending.
pub fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let word = word.to_lowercase().replace('-', "_");
    let away = |known: &str| {
        let distance = strsim::damerau_levenshtein(&word, &known.replace('-', "_"));
        let begun = word.len() >= 4 && known.starts_with(&format!("{word}_"));
        (begun || distance <= 1 + known.len() / 4).then_some(distance)
    };
    let near = known
        .iter()
        .filter_map(|known| Some((away(known)?, *known)));
    near.min().map(|(_, known)| known)
}

/// Words as a list in prose.
pub fn listed(words: &[&str]) -> String {
    let mut once: Vec<String> = Vec::new();
    for word in words {
        let word = format!("`{word}`");
        if !once.contains(&word) {
            once.push(word);
        }
    }
    once.join(", ")
}
