//! Reads a request's path the way the upstream will, and refuses one that two servers could read differently.
//!
//! First on the inbound line: nothing of a request is looked at before its path has been read here. Segments are split
//! first, then percent-decoded; what is matched is never repaired, and the upstream gets the very bytes that were read.
//! A kind of ambiguity that a configuration admits costs nothing in certainty: `ways` makes every reading a server
//! might, and `route` asks that all of them choose the same. Routes' patterns are read by the same function.

mod scan;
#[cfg(test)]
mod tests;
mod ways;

use std::borrow::Cow;

use crate::reason::Reason;
use crate::refusal::Refusal;

/// Kinds of ambiguity that a configuration may admit (`[paths] allow`, `allow_paths`). A set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    /// Every kind by its configuration name.
    pub const NAMES: [(&'static str, Kinds); 6] = [
        ("encoded-slash", Kinds::ENCODED_SLASH),
        ("double-slash", Kinds::DOUBLE_SLASH),
        ("dot-segments", Kinds::DOT_SEGMENTS),
        ("double-encoding", Kinds::DOUBLE_ENCODING),
        ("semicolon", Kinds::SEMICOLON),
        ("backslash", Kinds::BACKSLASH),
    ];

    /// No kind at all.
    pub const NONE: Kinds = Kinds(0);
    /// `%2F`
    pub const ENCODED_SLASH: Kinds = Kinds(1);
    /// An empty segment that is not the last.
    pub const DOUBLE_SLASH: Kinds = Kinds(2);
    /// A segment that is `.` or `..`, plain, percent-encoded, or brought to light by another kind (`..;`, `a%2F..`).
    pub const DOT_SEGMENTS: Kinds = Kinds(4);
    /// What would be refused, percent-encoded more than once: `%252e`.
    pub const DOUBLE_ENCODING: Kinds = Kinds(8);
    /// A plain `;`.
    pub const SEMICOLON: Kinds = Kinds(16);
    /// `\` or `%5C`.
    pub const BACKSLASH: Kinds = Kinds(32);

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

    /// Whether there is no kind in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether a kind is in both sets.
    const fn meets(self, other: Kinds) -> bool {
        self.0 & other.0 != 0
    }

    /// Refuses, by the first kind that is outside `admitted`.
    fn check(self, admitted: Kinds) -> Result<(), Refusal> {
        for kind in Kinds::NAMES.map(|(_, kind)| kind) {
            if self.contains(kind) && !admitted.contains(kind) {
                return Err(ambiguous(kind.detail()));
            }
        }
        Ok(())
    }

    /// What a path of this one kind is told.
    const fn detail(self) -> &'static str {
        match self {
            Kinds::ENCODED_SLASH => "the path has a percent-encoded slash (%2F)",
            Kinds::DOUBLE_SLASH => "the path has an empty segment (//)",
            Kinds::DOT_SEGMENTS => "the path has a dot segment (. or .., plain or percent-encoded)",
            Kinds::DOUBLE_ENCODING => {
                "the path has something percent-encoded twice that a server might decode twice (like %252e)"
            }
            Kinds::SEMICOLON => {
                "the path has a semicolon; one that is meant literally is written %3B"
            }
            _ => "the path has a backslash, plain or percent-encoded (%5C)",
        }
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
/// Where an encoded slash is no separator it stays `%2F`, so that a segment never gains a `/`.
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
    // `GET admin`, `OPTIONS *` and their like reach us as "" or without a slash (threat P12).
    if !path.starts_with('/') {
        return Err(Refusal::new(
            Reason::BadRequest,
            "the request target does not start with a slash",
        ));
    }
    let seen = scan::scan(path.as_bytes())?;
    let mut kinds = seen.kinds;
    let mut first = Cow::Borrowed(path);
    if seen.encoded {
        let once = scan::decode(path, scan::Slash::Kept)?;
        if has_dot_segment(&once) {
            kinds = kinds.union(Kinds::DOT_SEGMENTS);
        }
        let nested = if kinds.contains(Kinds::ENCODED_SLASH) {
            scan::is_nested(&scan::decode(path, scan::Slash::Decoded)?)?
        } else {
            scan::is_nested(&once)?
        };
        if nested {
            kinds = kinds.union(Kinds::DOUBLE_ENCODING);
        }
        first = Cow::Owned(once);
    }
    if kinds.is_empty() {
        return Ok(Readings {
            first,
            others: Vec::new(),
            kinds,
        });
    }
    kinds.check(admitted)?;
    let others = ways::every(path, &first, kinds)?;
    // `/public/..;/admin` has its dot segment only once it is cut; it takes both kinds to be read (threat P05).
    if others.iter().any(|other| has_dot_segment(other)) {
        kinds = kinds.union(Kinds::DOT_SEGMENTS);
        kinds.check(admitted)?;
    }
    Ok(Readings {
        first,
        others,
        kinds,
    })
}

/// The segments of a reading: split at `/`, without the leading and one trailing empty one.
pub fn segments(reading: &str) -> impl Iterator<Item = &str> {
    let inner = within(reading);
    // A lone "/" has no segment at all, where split would give one empty one.
    inner
        .split('/')
        .take(if inner.is_empty() { 0 } else { usize::MAX })
}

/// A reading without its leading slash and one trailing one.
pub(super) fn within(reading: &str) -> &str {
    let inner = reading.strip_prefix('/').unwrap_or(reading);
    inner.strip_suffix('/').unwrap_or(inner)
}

fn has_dot_segment(reading: &str) -> bool {
    reading
        .split('/')
        .any(|segment| matches!(segment, "." | ".."))
}

/// The one refusal of this module: the sentence names the kind, and nothing of the path.
const fn ambiguous(detail: &'static str) -> Refusal {
    Refusal::new(Reason::AmbiguousPath, detail)
}
