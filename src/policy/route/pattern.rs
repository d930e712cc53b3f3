//! Patterns of routes: `[METHOD[,METHOD…] ][host]/path`, read once when a configuration is checked.
//!
//! A pattern's literal segments are read by `path::read` like a request's, so that one text means one thing on both
//! sides. What a request could never be must not stand in a pattern: it would look like protection and match nothing.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use super::Host;
use crate::policy::path::{self, Kinds};

/// Bounds recursion over patterns; no path in earnest is this deep.
const SEGMENTS_MAX: usize = 256;

/// `[METHOD[,METHOD…] ][host]/path`, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// Upper-case methods, GET with HEAD beside it; empty is every method.
    pub methods: Vec<String>,
    /// Lower-case host without port or trailing dot, if the pattern names one.
    pub host: Option<Host>,
    /// Decoded segments.
    pub segments: Vec<Segment>,
}

/// One segment of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Compared decoded, whole.
    Literal(String),
    /// `{name}`: exactly one segment, not empty.
    Parameter(String),
    /// `{*name}`: zero or more segments, last only.
    Rest(String),
}

/// What is wrong with a pattern.
#[derive(Clone, Debug, PartialEq)]
pub struct PatternFault {
    /// One sentence: what was found, what was expected.
    pub message: String,
    /// Byte range within the pattern's text.
    pub span: Range<usize>,
}

fn fault<T>(span: Range<usize>, message: impl Into<String>) -> Result<T, PatternFault> {
    Err(PatternFault {
        message: message.into(),
        span,
    })
}

/// Whether this is a method as routes and requests may name one: `[A-Z][A-Z0-9_-]{0,31}`.
pub fn is_method(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|first: char| first.is_ascii_uppercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"_-".contains(&byte))
}

impl Pattern {
    /// Reads a pattern as written in `[routes]` or `allow`. Paths in patterns obey the same reading as in requests.
    pub fn parse(text: &str) -> Result<Pattern, PatternFault> {
        // A blank behind the first slash is the path's, and its fault.
        let (methods, target) = match text.split_once(' ') {
            Some((methods, _)) if !methods.contains('/') => {
                (parse_methods(methods)?, methods.len() + 1)
            }
            _ => (Vec::new(), 0),
        };
        let Some(slash) = text[target..].find('/') else {
            return fault(
                target..text.len(),
                "a pattern has a path, which starts with `/`: `GET /orders/{id}`",
            );
        };
        let slash = target + slash;
        let host = match &text[target..slash] {
            "" => None,
            host => Some(Host::parse(host).map_err(|inner| PatternFault {
                span: target..slash,
                ..inner
            })?),
        };
        Ok(Pattern {
            methods,
            host,
            segments: parse_segments(text, slash)?,
        })
    }

    /// The value of the parameter `name` in a reading that this pattern matches.
    pub fn parameter<'r>(&self, reading: &'r str, name: &str) -> Option<&'r str> {
        let mut left = Some(path::within(reading)).filter(|inner| !inner.is_empty());
        for segment in &self.segments {
            if matches!(segment, Segment::Rest(known) if known == name) {
                return Some(left.unwrap_or(""));
            }
            let (value, after) = first_segment(left?);
            if matches!(segment, Segment::Parameter(known) if known == name) {
                return Some(value);
            }
            left = after;
        }
        None
    }

    /// Whether every path that `other` matches is one that this pattern matches too, methods and hosts aside.
    pub fn covers(&self, other: &Pattern) -> bool {
        let mut theirs = other.segments.iter();
        for ours in &self.segments {
            let alike = match (ours, theirs.next()) {
                (Segment::Rest(_), _) => return true,
                (Segment::Literal(ours), Some(Segment::Literal(theirs))) => ours == theirs,
                (Segment::Parameter(_), Some(Segment::Literal(_) | Segment::Parameter(_))) => true,
                _ => false,
            };
            if !alike {
                return false;
            }
        }
        theirs.next().is_none()
    }

    /// Whether folding ASCII case would change one of its literals.
    pub(super) fn has_upper_case(&self) -> bool {
        self.segments.iter().any(|segment| {
            matches!(segment, Segment::Literal(text)
                if text.bytes().any(|byte| byte.is_ascii_uppercase()))
        })
    }
}

/// As it is understood: methods in full, literal segments decoded.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.methods.is_empty() {
            write!(f, "{} ", self.methods.join(","))?;
        }
        match &self.host {
            Some(Host::Exact(host)) => f.write_str(host)?,
            Some(Host::Below(domain)) => write!(f, "*.{domain}")?,
            None => {}
        }
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => write!(f, "/{text}")?,
                Segment::Parameter(name) => write!(f, "/{{{name}}}")?,
                Segment::Rest(name) => write!(f, "/{{*{name}}}")?,
            }
        }
        match self.segments.is_empty() {
            true => f.write_str("/"),
            false => Ok(()),
        }
    }
}

/// A path's first segment, and what follows it.
pub(super) fn first_segment(inner: &str) -> (&str, Option<&str>) {
    match inner.split_once('/') {
        Some((first, after)) => (first, Some(after)),
        None => (inner, None),
    }
}

fn parse_methods(text: &str) -> Result<Vec<String>, PatternFault> {
    let mut methods: Vec<String> = Vec::new();
    let mut start = 0;
    for method in text.split(',') {
        let span = start..start + method.len();
        start = span.end + 1;
        if !is_method(method) {
            return fault(
                span,
                "a method is upper-case, and a comma without blanks stands between two: `GET,POST /orders`",
            );
        }
        if matches!(method, "CONNECT" | "TRACE") {
            return fault(span, format!("{method} is refused everywhere"));
        }
        if methods.iter().any(|known| known == method) {
            return fault(span, format!("{method} stands here twice"));
        }
        methods.push(method.to_owned());
    }
    if let Some(get) = methods.iter().position(|method| method == "GET")
        && !methods.iter().any(|method| method == "HEAD")
    {
        methods.insert(get + 1, "HEAD".to_owned());
    }
    Ok(methods)
}

/// The segments of the path that starts at `slash`.
fn parse_segments(text: &str, slash: usize) -> Result<Vec<Segment>, PatternFault> {
    let inner = &text[slash + 1..];
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    let mut segments = Vec::new();
    if inner.is_empty() {
        // `//` is no `/` with a trailing slash: it has an empty segment.
        return if text.len() > slash + 1 {
            fault(slash..text.len(), "the path has an empty segment (//)")
        } else {
            Ok(segments)
        };
    }
    let mut names = HashSet::new();
    let mut start = slash + 1;
    for written in inner.split('/') {
        let span = start..start + written.len();
        start = span.end + 1;
        if segments.len() == SEGMENTS_MAX {
            return fault(span, format!("a path has at most {SEGMENTS_MAX} segments"));
        }
        if matches!(segments.last(), Some(Segment::Rest(_))) {
            return fault(
                span,
                "nothing can follow `{*name}`, which takes all there is",
            );
        }
        let segment = parse_segment(written, &span)?;
        if let Segment::Parameter(name) | Segment::Rest(name) = &segment
            && !names.insert(name.clone())
        {
            return fault(span, format!("there are two parameters named `{name}`"));
        }
        segments.push(segment);
    }
    Ok(segments)
}

fn parse_segment(written: &str, span: &Range<usize>) -> Result<Segment, PatternFault> {
    if written.is_empty() {
        return fault(
            span.start.saturating_sub(1)..span.end + 1,
            "the path has an empty segment (//)",
        );
    }
    if written.contains(['{', '}']) {
        let Some(inner) = written
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
        else {
            return fault(
                span.clone(),
                "a parameter is a whole segment: `{name}`; a brace that is meant literally is written %7B or %7D",
            );
        };
        let name = inner.strip_prefix('*').unwrap_or(inner);
        if !is_name(name) {
            return fault(
                span.clone(),
                "a parameter is `{name}` or `{*name}`, its name letters, digits and `_`",
            );
        }
        return Ok(if name.len() == inner.len() {
            Segment::Parameter(name.to_owned())
        } else {
            Segment::Rest(name.to_owned())
        });
    }
    match path::read(&format!("/{written}"), Kinds::NONE) {
        Ok(readings) => Ok(Segment::Literal(path::within(&readings.first).to_owned())),
        Err(refusal) => fault(span.clone(), refusal.detail),
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
