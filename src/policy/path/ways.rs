//! Every way a server might read a path whose kinds of ambiguity are admitted.
//!
//! A server takes some of a few steps, in an order nobody knows: decode (with the encoded slash a separator or not),
//! take a backslash for a slash, cut `;` parameters, drop empty segments, resolve dot segments. So all of them are
//! taken, in every order, until nothing new comes of it. Only for admitted paths, never on the ordinary request.

use std::collections::HashSet;

use super::scan::{Slash, decode};
use super::{Kinds, ambiguous};
use crate::refusal::Refusal;

/// Bounds the work that one path can cause. Far above what any admitted path has in earnest (an object key has at most
/// 1024 bytes, thrice that when encoded).
const WAYS_MAX: usize = 128;
const LENGTH_MAX: usize = 4 * 1024;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Way {
    text: String,
    /// Whether percent-encoding was decoded already; only then is it a reading.
    decoded: bool,
}

/// All readings of `path` but `first`, each once.
pub(super) fn every(path: &str, first: &str, kinds: Kinds) -> Result<Vec<String>, Refusal> {
    const TOO_MANY: Refusal = ambiguous("the path has too many possible readings");
    if path.len() > LENGTH_MAX {
        return Err(TOO_MANY);
    }
    let mut ways = vec![Way {
        text: path.to_owned(),
        decoded: false,
    }];
    let mut known: HashSet<Way> = ways.iter().cloned().collect();
    let mut at = 0;
    while let Some(way) = ways.get(at).cloned() {
        for next in steps(&way, kinds)? {
            if known.insert(next.clone()) {
                ways.push(next);
            }
        }
        if ways.len() > WAYS_MAX {
            return Err(TOO_MANY);
        }
        at += 1;
    }
    Ok(ways
        .into_iter()
        .filter(|way| way.decoded && way.text != first)
        .map(|way| way.text)
        .collect())
}

/// What each single step makes of a way.
fn steps(way: &Way, kinds: Kinds) -> Result<Vec<Way>, Refusal> {
    let same = |text| Way {
        text,
        decoded: way.decoded,
    };
    let mut next = vec![
        same(without_empty_segments(&way.text)),
        same(without_dot_segments(&way.text)),
    ];
    if kinds.contains(Kinds::SEMICOLON) {
        next.push(same(without_parameters(&way.text)));
    }
    if kinds.meets(Kinds::BACKSLASH.union(Kinds::DOUBLE_ENCODING)) {
        next.push(same(way.text.replace('\\', "/")));
    }
    if !way.decoded || kinds.contains(Kinds::DOUBLE_ENCODING) {
        for slash in [Slash::Kept, Slash::Decoded] {
            next.push(Way {
                text: decode(&way.text, slash)?,
                decoded: true,
            });
        }
    }
    Ok(next)
}

/// `/a//b/` → `/a/b/`, as nginx's `merge_slashes` does.
fn without_empty_segments(text: &str) -> String {
    let kept = text.split('/').filter(|segment| !segment.is_empty());
    join(kept, text.ends_with('/'))
}

/// RFC 3986 §5.2.4, where an empty segment counts as one.
fn without_dot_segments(text: &str) -> String {
    let mut kept = Vec::new();
    let mut directory = false;
    for segment in text.strip_prefix('/').unwrap_or(text).split('/') {
        directory = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            _ => kept.push(segment),
        }
    }
    join(kept.into_iter(), directory)
}

/// `/a;v=1/b` → `/a/b`, as Tomcat and Spring do.
fn without_parameters(text: &str) -> String {
    let segments = text.strip_prefix('/').unwrap_or(text).split('/');
    join(
        segments.map(|segment| segment.split_once(';').map_or(segment, |(kept, _)| kept)),
        false,
    )
}

fn join<'a>(segments: impl Iterator<Item = &'a str>, directory: bool) -> String {
    let mut text = String::new();
    for segment in segments {
        text.push('/');
        text.push_str(segment);
    }
    if directory || text.is_empty() {
        text.push('/');
    }
    text
}
