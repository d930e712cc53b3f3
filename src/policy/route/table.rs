//! Patterns as trees, one for each host: what a method, a host and one reading of a path choose.
//!
//! Each segment is one hash look-up, whatever the number of routes, and nothing is allocated. Backtracking is bounded:
//! a node stands at one depth and has one parent, so a search enters it at most once, and it goes no deeper than the
//! deepest pattern (test `find_is_bounded_on_a_deep_path_against_nasty_patterns`).

use hashbrown::HashMap;

use super::pattern::first_segment;
use super::{Conflict, Host, Pattern, Segment};
use crate::policy::path;

/// The routes of a table, by host.
#[derive(Debug, Default)]
pub(super) struct Table {
    exact: HashMap<Box<str>, Node>,
    below: HashMap<Box<str>, Node>,
    anywhere: Node,
}

/// What a request chooses, as one reading of it has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice<'t> {
    /// The index of a route.
    Route(usize),
    /// Routes that folding made the same.
    Several,
    /// A pattern whose routes take these methods alone, as in `Allow`.
    OtherMethods(&'t str),
    /// No pattern.
    Nothing,
}

/// What follows one segment of one or more patterns.
#[derive(Debug, Default)]
struct Node {
    literals: HashMap<Box<str>, Node>,
    parameter: Option<Box<Node>>,
    rest: Option<Leaf>,
    end: Option<Leaf>,
}

/// The routes of patterns that differ in methods and parameter names alone.
#[derive(Debug, Default)]
struct Leaf {
    named: Vec<(Box<str>, Taker)>,
    unnamed: Option<Taker>,
    /// Sorted, comma-separated.
    allow: String,
}

/// Who takes a method.
#[derive(Clone, Copy, Debug)]
struct Taker {
    route: usize,
    /// Whether another route takes it just the same.
    contested: bool,
    /// HEAD, of a route that has it beside GET: a route that names HEAD without GET goes before it.
    implied: bool,
}

impl Table {
    /// A table of these patterns, in their order, with their literals folded if `folds`; and those that collide.
    pub(super) fn new<'p>(
        patterns: impl Iterator<Item = &'p Pattern>,
        folds: bool,
    ) -> (Table, Vec<Conflict>) {
        let mut table = Table::default();
        let mut conflicts = Vec::new();
        for (index, pattern) in patterns.enumerate() {
            let root = match &pattern.host {
                Some(Host::Exact(host)) => table.exact.entry(host.as_str().into()).or_default(),
                Some(Host::Below(host)) => table.below.entry(host.as_str().into()).or_default(),
                None => &mut table.anywhere,
            };
            let leaf = root.grow(&pattern.segments, folds);
            for first in leaf.add(index, &pattern.methods) {
                let conflict = Conflict {
                    first,
                    second: index,
                };
                if !conflicts.contains(&conflict) {
                    conflicts.push(conflict);
                }
            }
        }
        (table, conflicts)
    }

    /// Exact host, then wildcards from the longest, then none: the first with a pattern for the path decides.
    pub(super) fn choose(&self, method: &str, host: &str, reading: &str) -> Choice<'_> {
        let inner = Some(path::within(reading)).filter(|inner| !inner.is_empty());
        if let Some(leaf) = self.exact.get(host).and_then(|node| node.search(inner)) {
            return leaf.choose(method);
        }
        if !self.below.is_empty() {
            let mut domain = host;
            while let Some((_, parent)) = domain.split_once('.') {
                if let Some(leaf) = self.below.get(parent).and_then(|node| node.search(inner)) {
                    return leaf.choose(method);
                }
                domain = parent;
            }
        }
        self.anywhere
            .search(inner)
            .map_or(Choice::Nothing, |leaf| leaf.choose(method))
    }
}

impl Node {
    /// The leaf of a pattern with these segments from here, made if need be.
    fn grow(&mut self, segments: &[Segment], folds: bool) -> &mut Leaf {
        let mut node = self;
        for segment in segments {
            node = match segment {
                Segment::Literal(text) if folds => node
                    .literals
                    .entry(text.to_ascii_lowercase().into())
                    .or_default(),
                Segment::Literal(text) => node.literals.entry(text.as_str().into()).or_default(),
                Segment::Parameter(_) => node.parameter.get_or_insert_default(),
                Segment::Rest(_) => return node.rest.get_or_insert_default(),
            };
        }
        node.end.get_or_insert_default()
    }

    /// The most specific leaf for what is left of a path: literal before parameter before rest, the end before an
    /// empty rest.
    fn search(&self, left: Option<&str>) -> Option<&Leaf> {
        let Some(inner) = left else {
            return self.end.as_ref().or(self.rest.as_ref());
        };
        let (segment, after) = first_segment(inner);
        let literal = self
            .literals
            .get(segment)
            .and_then(|node| node.search(after));
        if literal.is_some() {
            return literal;
        }
        // An empty segment (admitted `//`) is nobody's parameter.
        let parameter = match &self.parameter {
            Some(node) if !segment.is_empty() => node.search(after),
            _ => None,
        };
        parameter.or(self.rest.as_ref())
    }
}

impl Leaf {
    /// Adds a route; returns the routes it collides with.
    fn add(&mut self, route: usize, methods: &[String]) -> Vec<usize> {
        let mut collisions = Vec::new();
        let has_get = methods.iter().any(|method| method == "GET");
        let taker = |implied| Taker {
            route,
            contested: false,
            implied,
        };
        if methods.is_empty() {
            match &mut self.unnamed {
                Some(there) => collisions.push(there.contest()),
                none => *none = Some(taker(false)),
            }
        }
        for method in methods {
            let newcomer = taker(has_get && method == "HEAD");
            let there = self.named.iter_mut().find(|(known, _)| **known == **method);
            match there {
                None => self.named.push((method.as_str().into(), newcomer)),
                Some((_, there)) if there.implied && !newcomer.implied => *there = newcomer,
                Some((_, there)) if newcomer.implied && !there.implied => {}
                Some((_, there)) => collisions.push(there.contest()),
            }
        }
        self.named.sort_by(|(one, _), (other, _)| one.cmp(other));
        let names: Vec<&str> = self.named.iter().map(|(method, _)| &**method).collect();
        self.allow = names.join(", ");
        collisions
    }

    fn choose(&self, method: &str) -> Choice<'_> {
        let named = self.named.iter().find(|(known, _)| **known == *method);
        match named.map(|(_, taker)| taker).or(self.unnamed.as_ref()) {
            Some(taker) if taker.contested => Choice::Several,
            Some(taker) => Choice::Route(taker.route),
            None => Choice::OtherMethods(&self.allow),
        }
    }
}

impl Taker {
    fn contest(&mut self) -> usize {
        self.contested = true;
        self.route
    }
}
