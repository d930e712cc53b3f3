//! Paths folded into patterns: what looks like an id is one, and where there are too many names, a name is one too.
//!
//! One tree for all methods, so that every method of a path gets the same pattern: with a pattern of its own for one of
//! them, the others would be 405 there.

use std::collections::BTreeMap;

use super::{METHODS, Tally};

/// Names below one prefix; beyond, they are `{name}`.
const VARIETY: usize = 32;
/// The same at the root, where a parameter would stand for nearly everything.
const ROOT_VARIETY: usize = 128;
/// Segments of a pattern; what is deeper is `{*rest}`.
const DEPTH: usize = 8;
/// A longer segment is an id.
const LONG: usize = 24;

/// What was seen, by path.
#[derive(Debug)]
pub(super) struct Tree {
    root: Node,
    nodes: usize,
    room: usize,
    variety: usize,
}

#[derive(Clone, Debug, Default)]
struct Node {
    /// What was seen of exactly this path, by method.
    here: Seen,
    names: BTreeMap<Box<str>, Node>,
    /// One segment that is folded.
    wild: Option<Box<Node>>,
    /// Whether that stands for names too, not for ids alone.
    wild_names: bool,
    /// Whether no name is told from another any more.
    folded: bool,
    /// Everything below, whatever it is.
    rest: Seen,
}

type Seen = BTreeMap<Box<str>, Tally>;

/// How one segment is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// As it stands.
    Name,
    /// As the id of something.
    Id,
    /// As something that can't stand in a pattern as it is.
    Odd,
}

/// How a segment, decoded, is taken.
pub(super) fn step(segment: &str) -> Step {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
    let count = |is: fn(&u8) -> bool| segment.bytes().filter(is).count();
    let digits = count(u8::is_ascii_digit);
    let mixed = digits > 0
        && count(u8::is_ascii_uppercase) > 0
        && count(u8::is_ascii_lowercase) > 0
        && segment.len() >= 12;
    let hex = segment.len() >= 8 && segment.bytes().all(|byte| byte.is_ascii_hexdigit());
    let numeric = digits > 0
        && segment
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"._~-".contains(&byte));
    if !segment.bytes().all(plain) || !segment.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
        Step::Odd
    } else if numeric || hex || mixed || digits >= 4 || segment.len() > LONG {
        Step::Id
    } else {
        Step::Name
    }
}

impl Tree {
    /// An empty one that has room for so many nodes.
    pub(super) fn new(room: usize) -> Tree {
        Tree {
            root: Node::default(),
            nodes: 1,
            room,
            variety: VARIETY,
        }
    }

    /// Where to count a method on this path, decoded and without its first slash; none if there is no room for it.
    pub(super) fn tally(&mut self, path: &str, method: &str) -> Option<&mut Tally> {
        let segments: Vec<&str> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .collect();
        while self.nodes + DEPTH > self.room && self.variety > 1 {
            self.variety /= 2;
            self.root.fold_below(self.variety, self.variety);
            self.nodes = self.root.count();
        }
        let mut room = self.room.saturating_sub(self.nodes);
        let before = room;
        let seen = self.root.find(&segments, DEPTH, self.variety, &mut room);
        self.nodes += before - room;
        let seen = seen?;
        if !seen.contains_key(method) && seen.len() >= METHODS {
            return None;
        }
        Some(seen.entry(method.into()).or_default())
    }

    /// Every pattern with what was seen of it, by method; HEAD belongs to GET, as it does in a route.
    pub(super) fn patterns(&self) -> Vec<(String, Seen)> {
        let mut root = self.root.clone();
        root.settle();
        let mut found = Vec::new();
        root.walk(&mut Vec::new(), &mut found);
        for (_, seen) in &mut found {
            if seen.contains_key("GET")
                && let Some(head) = seen.remove("HEAD")
                && let Some(get) = seen.get_mut("GET")
            {
                get.merge(head);
            }
        }
        found
    }
}

impl Node {
    fn find(
        &mut self,
        segments: &[&str],
        depth: usize,
        variety: usize,
        room: &mut usize,
    ) -> Option<&mut Seen> {
        let Some((first, after)) = segments.split_first() else {
            return Some(&mut self.here);
        };
        if depth == 0 {
            return Some(&mut self.rest);
        }
        let step = step(first);
        let most = match depth {
            DEPTH => variety.saturating_mul(ROOT_VARIETY / VARIETY),
            _ => variety,
        };
        let is_new = !self.names.contains_key(*first);
        if step == Step::Name && !self.folded && is_new {
            // Names that differ in case alone: most servers take them for one, and `case = "guard"` refuses both.
            let twin = self
                .names
                .keys()
                .any(|name| name.eq_ignore_ascii_case(first));
            if twin || self.names.len() >= most {
                self.fold();
            }
        }
        let child = if step == Step::Name && !self.folded {
            if is_new {
                *room = room.checked_sub(1)?;
            }
            self.names.entry((*first).into()).or_default()
        } else {
            self.wild_names |= step != Step::Id;
            if self.wild.is_none() {
                *room = room.checked_sub(1)?;
            }
            self.wild.get_or_insert_default()
        };
        child.find(after, depth - 1, variety, room)
    }

    /// Tells no name from another any more.
    fn fold(&mut self) {
        self.folded = true;
        self.wild_names = true;
        let mut all = self.wild.take().unwrap_or_default();
        for (_, node) in std::mem::take(&mut self.names) {
            all.merge(node);
        }
        self.wild = Some(all);
    }

    /// Folds wherever there are more names than `variety`; at this node, than `here`.
    fn fold_below(&mut self, here: usize, variety: usize) {
        if self.names.len() > here {
            self.fold();
        }
        for node in self.names.values_mut().chain(self.wild.as_deref_mut()) {
            node.fold_below(variety, variety);
        }
    }

    fn merge(&mut self, other: Node) {
        merge(&mut self.here, other.here);
        merge(&mut self.rest, other.rest);
        self.wild_names |= other.wild_names;
        if let Some(theirs) = other.wild {
            self.wild.get_or_insert_default().merge(*theirs);
        }
        let mut twins = false;
        for (name, node) in other.names {
            twins |= !self.names.contains_key(&name)
                && self
                    .names
                    .keys()
                    .any(|known| known.eq_ignore_ascii_case(&name));
            self.names.entry(name).or_default().merge(node);
        }
        if self.folded || other.folded || twins || self.names.len() > VARIETY {
            self.fold();
        }
    }

    fn count(&self) -> usize {
        let below = self.names.values().chain(self.wild.as_deref());
        1 + below.map(Node::count).sum::<usize>()
    }

    /// Where names without number stand below names without number, there is a tree of files: `{*rest}`.
    fn settle(&mut self) {
        for node in self.names.values_mut().chain(self.wild.as_deref_mut()) {
            node.settle();
        }
        let deep = |node: &Node| node.folded || !node.rest.is_empty() && node.names.is_empty();
        if self.folded && self.wild.as_deref().is_some_and(deep) {
            if let Some(wild) = self.wild.take() {
                wild.pour(&mut self.rest);
            }
            self.folded = false;
        }
    }

    /// Everything of this node and below it, by method.
    fn pour(self, into: &mut Seen) {
        merge(into, self.here);
        merge(into, self.rest);
        for (_, node) in self.names {
            node.pour(into);
        }
        if let Some(wild) = self.wild {
            wild.pour(into);
        }
    }

    fn walk(self, prefix: &mut Vec<String>, found: &mut Vec<(String, Seen)>) {
        if !self.here.is_empty() {
            found.push((format!("/{}", prefix.join("/")), self.here));
        }
        for (name, node) in self.names {
            prefix.push(name.into());
            node.walk(prefix, found);
            prefix.pop();
        }
        if let Some(node) = self.wild {
            let kind = if self.wild_names { "name" } else { "id" };
            prefix.push(parameter(prefix, kind));
            node.walk(prefix, found);
            prefix.pop();
        }
        if !self.rest.is_empty() {
            prefix.push("{*rest}".to_owned());
            found.push((format!("/{}", prefix.join("/")), self.rest));
            prefix.pop();
        }
    }
}

fn merge(into: &mut Seen, from: Seen) {
    for (method, tally) in from {
        if into.contains_key(&method) || into.len() < METHODS {
            into.entry(method).or_default().merge(tally);
        }
    }
}

/// A parameter of this name, with a number if there is one of it already.
fn parameter(prefix: &[String], name: &str) -> String {
    let plain = format!("{{{name}}}");
    if !prefix.contains(&plain) {
        return plain;
    }
    let numbered = (2..).map(|number| format!("{{{name}{number}}}"));
    numbered
        .take(DEPTH + 1)
        .find(|numbered| !prefix.contains(numbered))
        .unwrap_or(plain)
}
