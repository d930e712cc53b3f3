//! Reads a request's path the way the upstream will, and refuses one that two servers could read differently.

use std::borrow::Cow;

use crate::refusal::Refusal;

/// Kinds of ambiguity that a configuration may admit (`[paths] allow`, `allow_paths`). A set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    /// Every kind by its configuration name.
    pub const NAMES: [(&'static str, Kinds); 6] = [
        ("encoded-slash", Kinds(1)),
        ("double-slash", Kinds(2)),
        ("dot-segments", Kinds(4)),
        ("double-encoding", Kinds(8)),
        ("semicolon", Kinds(16)),
        ("backslash", Kinds(32)),
    ];

    /// No kind at all.
    pub const NONE: Kinds = Kinds(0);

    /// The kind with this configuration name.
    pub fn parse(name: &str) -> Option<Kinds> {
        Kinds::NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, kind)| *kind)
    }

    /// Both sets together.
    pub const fn union(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }

    /// Whether all kinds of `other` are in this set.
    pub const fn contains(self, other: Kinds) -> bool {
        self.0 & other.0 == other.0
    }
}

/// How letter case in a path is taken (`[paths] case`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Case {
    /// A path that would choose another route if ASCII case were folded is ambiguous.
    #[default]
    Guard,
    /// ASCII case is folded in patterns and paths (IIS, ASP.NET).
    Insensitive,
    /// The upstream minds case.
    Sensitive,
}

/// Every way a server might read one path, each as decoded segments joined by `/` behind a leading `/`.
/// An unambiguous path has exactly one reading, borrowed from the request when nothing had to be decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Readings<'a> {
    /// As it stands, segments split first, then percent-decoded.
    pub first: Cow<'a, str>,
    /// The further readings that the admitted kinds give; empty for nearly every request.
    pub others: Vec<String>,
    /// Which kinds of ambiguity the path has: the route must admit them too.
    pub kinds: Kinds,
}

/// Reads `path` (no query), where kinds outside `admitted` are refused as `ambiguous_path`.
pub fn read(path: &str, admitted: Kinds) -> Result<Readings<'_>, Refusal> {
    let _ = (path, admitted);
    todo!()
}

/// The segments of a reading: split at `/`, without the leading and one trailing empty one.
pub fn segments(reading: &str) -> impl Iterator<Item = &str> {
    let inner = reading.strip_prefix('/').unwrap_or(reading);
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    // A lone "/" has no segment at all, where split would give one empty one.
    inner
        .split('/')
        .take(if inner.is_empty() { 0 } else { usize::MAX })
}
