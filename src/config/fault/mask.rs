//! What may be a secret is blanked in excerpts: by the key it stands under, and, where TOML's own structure is broken, by line.
//!
//! Rather one harmless value too many than one secret: an excerpt ends up in the logs of a deployment.

use std::ops::Range;

/// Words that make a key's value a secret.
const WORDS: [&str; 7] = [
    "secret", "passw", "pwd", "token", "key", "private", "bearer",
];

/// What is often meant by a key that is nearly one of these.
const NEARLY: [&str; 4] = ["password", "client_secret", "session_key", "refresh_token"];

/// Keys that hold one of the words and no secret.
const HARMLESS: [&str; 5] = [
    "token",
    "tokens",
    "token_url",
    "token_use",
    "streams_outlive_token",
];

/// What stands in the place of a secret.
const BLANK: &str = "(secret)";

/// Whether what stands under this key may be a secret.
pub fn looks_secret(key: &str) -> bool {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !key.bytes().all(bare) || key.ends_with("_file") || HARMLESS.contains(&key) {
        return false;
    }
    let key = key.to_ascii_lowercase();
    key == "basic_auth"
        || WORDS.iter().any(|word| key.contains(word))
        || NEARLY
            .iter()
            .any(|known| strsim::damerau_levenshtein(known, &key) <= 2)
}

/// Whether a URL in this text carries a user or a password.
pub fn has_userinfo(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        rest.split(['/', '?', '#'])
            .next()
            .unwrap_or("")
            .contains('@')
    })
}

/// The line around a byte, without its end.
pub fn line(text: &str, at: usize) -> Range<usize> {
    let at = at.min(text.len());
    let bytes = text.as_bytes();
    let start = bytes[..at]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    let end = bytes[at..]
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(text.len(), |end| at + end);
    start..end
}

/// What to blank in a text whose structure can't be trusted: all that follows the `=` of a line that names what may
/// be a secret, and the lines that go on from it.
pub fn lines(text: &str) -> Vec<Range<usize>> {
    let (mut blanked, mut goes_on, mut start) = (Vec::new(), false, 0);
    for whole in text.split_inclusive('\n') {
        let shown = whole.trim_end_matches(['\n', '\r']);
        let (begin, end) = (start, start + shown.len());
        start += whole.len();
        if shown.trim_start().starts_with('[') && !goes_on {
            continue;
        }
        match assignment(shown) {
            Some(equals) => {
                goes_on = words(shown).any(looks_secret) || has_userinfo(shown);
                if goes_on {
                    blanked.push(begin + equals + 1..end);
                }
            }
            None if goes_on || has_userinfo(shown) => blanked.push(begin..end),
            None => {}
        }
    }
    blanked
}

/// Where the `=` of an assignment stands: a key before it, and behind it what can begin a value. Base64 that ends in `=` is none.
fn assignment(line: &str) -> Option<usize> {
    let equals = line.find('=')?;
    let key = line[..equals].trim();
    let value = line[equals + 1..].trim_start();
    let opens = |first: char| matches!(first, '"' | '\'' | '[' | '{' | '$' | '<' | '(');
    let starts = value.starts_with(opens) || line[equals + 1..].starts_with([' ', '\t']);
    (!key.is_empty() && starts).then_some(equals)
}

/// The words of a line that could be keys.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|char: char| !char.is_ascii_alphanumeric() && char != '_' && char != '-')
        .filter(|word| !word.is_empty())
}

/// A text whose secrets are blanked, and where the rest of it has moved to.
#[derive(Debug)]
pub struct Masked {
    text: String,
    /// Of each blanked range: where it was, and where it is.
    moved: Vec<(Range<usize>, Range<usize>)>,
}

impl Masked {
    /// Blanks `secrets`. The blank says nothing of their length; line ends stay, so that line numbers do.
    pub fn new(source: &str, mut secrets: Vec<Range<usize>>) -> Masked {
        secrets.sort_by_key(|span| span.start);
        let mut masked = Masked {
            text: String::with_capacity(source.len()),
            moved: Vec::new(),
        };
        let mut done = 0;
        for secret in secrets {
            let start = floor(source, secret.start.max(done));
            let end = ceil(source, secret.end);
            if start >= end {
                continue;
            }
            masked.text.push_str(&source[done..start]);
            let begin = masked.text.len();
            masked.text.push_str(BLANK);
            let lines = source[start..end].matches('\n').count();
            masked.text.extend(std::iter::repeat_n('\n', lines));
            let moved = begin..masked.text.len();
            masked.moved.push((start..end, moved));
            done = end;
        }
        masked.text.push_str(&source[done..]);
        masked
    }

    /// The text to show.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where a span of the source is now: its first line, and at least one byte of it where there is one.
    pub fn span(&self, span: &Range<usize>) -> Range<usize> {
        let start = floor(&self.text, self.offset(span.start, Edge::Start));
        let end = ceil(&self.text, self.offset(span.end, Edge::End));
        let line = line(&self.text, start);
        let line_end = line.start + self.text[line.clone()].trim_end_matches('\r').len();
        let start = start.min(line_end);
        start..end.clamp(start, line_end.max(start))
    }

    fn offset(&self, at: usize, edge: Edge) -> usize {
        let mut offset = at;
        for (was, is) in &self.moved {
            let within = at > was.start || (at == was.start && edge == Edge::Start);
            if at > was.end || (at == was.end && edge == Edge::Start) {
                offset = is.end + (at - was.end);
            } else if within {
                return match edge {
                    Edge::Start => is.start,
                    Edge::End => is.start + BLANK.len(),
                };
            } else {
                break;
            }
        }
        offset
    }
}

/// Which end of a span is looked for, where it lies in a blanked range.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    Start,
    End,
}

/// The nearest character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

/// The nearest character boundary at or after `at`.
fn ceil(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (at..=text.len())
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(text.len())
}
