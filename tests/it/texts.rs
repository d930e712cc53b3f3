//! Every sentence that a fault or a warning of the configuration can say stands in a snapshot, as its reader meets it.
//!
//! The sentences are read off the source, so that one that is added without a test is found, and one that nothing brings
//! about shows that it is dead. What has a blank in it is a sentence: keys, words of the contract and names have none.

use crate::tidy::{files, none, read, root, sources};

/// Where sentences of faults and warnings are made.
const TOLD_BY: [&str; 5] = [
    "config",
    "identity/template",
    "policy/route/host",
    "policy/route/pattern",
    "reload/origin",
];

/// A string literal of the source, unescaped.
struct Text<'a> {
    value: String,
    /// The code before it.
    before: &'a str,
}

impl Text<'_> {
    fn is_snapshot(&self) -> bool {
        self.before.ends_with('@')
    }

    /// Whether somebody reads it: the reason of an `expect` is never told, and what cuts a sentence apart is none.
    fn is_sentence(&self) -> bool {
        let is_told = !self.before.ends_with("expect(") && !self.before.ends_with("split_once(");
        is_told && self.value.trim().contains(' ')
    }
}

/// Every string literal of some code.
fn texts(code: &str) -> Vec<Text<'_>> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(char) = rest.chars().next() {
        let before = &code[..code.len() - rest.len()];
        let in_a_word = before.ends_with(|last: char| last.is_alphanumeric() || last == '_');
        let (value, behind) = match char {
            '/' if rest.starts_with("//") => (None, rest.trim_start_matches(|char| char != '\n')),
            '\'' => (None, after_quote(rest)),
            '"' => quoted(&rest[1..]),
            'r' if !in_a_word && rest[1..].trim_start_matches('#').starts_with('"') => {
                raw(&rest[1..])
            }
            _ => (None, &rest[char.len_utf8()..]),
        };
        found.extend(value.map(|value| Text { value, before }));
        rest = behind;
    }
    found
}

/// What comes after a character, or after the quote that begins a lifetime.
fn after_quote(code: &str) -> &str {
    let mut chars = code.char_indices().skip(1);
    let first = chars.next().map(|(_, char)| char);
    let end = match (first, chars.next()) {
        (Some('\\'), Some((at, _))) => code[at + 1..].find('\'').map(|end| at + 1 + end),
        (_, Some((at, '\''))) => Some(at),
        _ => None,
    };
    &code[end.unwrap_or(0) + 1..]
}

/// A string in plain quotes, from behind the first, and what comes after it.
fn quoted(code: &str) -> (Option<String>, &str) {
    let mut value = String::new();
    let mut rest = code.chars();
    while let Some(char) = rest.next() {
        match char {
            '"' => return (Some(value), rest.as_str()),
            '\\' => match rest.next() {
                Some('\n') => rest = rest.as_str().trim_start().chars(),
                Some('n') => value.push('\n'),
                escaped => value.extend(escaped),
            },
            char => value.push(char),
        }
    }
    (None, "")
}

/// A raw string, from behind the `r`, and what comes after it.
fn raw(code: &str) -> (Option<String>, &str) {
    let (fence, text) = code.split_once('"').unwrap_or_default();
    match text.split_once(&format!("\"{fence}")) {
        Some((value, rest)) => (Some(value.to_owned()), rest),
        None => (None, ""),
    }
}

/// Whether a line says a sentence, whatever is filled in: `format!` strings come apart at their placeholders.
fn says(line: &str, sentence: &str) -> bool {
    let pieces = sentence.split(['{', '}']);
    let mut rest = Some(line);
    for piece in pieces.filter(|piece| piece.contains(' ')) {
        rest = rest.and_then(|rest| Some(rest.split_once(piece)?.1));
    }
    rest.is_some()
}

#[test]
fn every_sentence_of_a_fault_or_a_warning_stands_in_a_snapshot() {
    let (mut sentences, mut snapshots) = (Vec::new(), Vec::new());
    for source in ["src", "tests"].into_iter().flat_map(sources) {
        if source.test && source.text.contains("assert_snapshot!") {
            let found = texts(&source.text).into_iter();
            let found = found.filter(Text::is_snapshot);
            snapshots.extend(found.map(|text| text.value));
        } else if !source.test && TOLD_BY.iter().any(|home| source.is_in(home)) {
            let found = texts(&source.text).into_iter();
            let found = found.filter(Text::is_sentence);
            sentences.extend(found.map(|text| (source.path.clone(), text.value)));
        }
    }
    snapshots.extend(
        files(&root().join("src"), ".snap")
            .iter()
            .map(|path| read(path)),
    );
    let (told, shown) = (sentences.len(), snapshots.len());
    assert!(
        told > 400 && shown > 120,
        "{told} sentences, {shown} snapshots: this misreads them"
    );
    let lines: Vec<&str> = snapshots.iter().flat_map(|text| text.lines()).collect();
    let unsaid = sentences
        .iter()
        .filter(|(_, sentence)| !lines.iter().any(|line| says(line, sentence)));
    none(
        unsaid
            .map(|(path, sentence)| format!("src/{path}: no snapshot says {sentence:?}"))
            .collect(),
    );
}

#[test]
fn the_reader_of_the_source_reads_it() {
    let code = r##"
        // "not this"
        fn f<'a>(x: &'a str) -> char { '"' }
        const A: &str = "one \"two\" \
            three"; const B: [char; 2] = ['\'', 'x'];
        assert_snapshot!(told, @r#"a "snapshot""#); x.expect("it is so");
    "##;
    let found: Vec<(String, bool, bool)> = (texts(code).into_iter())
        .map(|text| (text.value.clone(), text.is_snapshot(), text.is_sentence()))
        .collect();
    let text = |value: &str, snapshot, sentence| (value.to_owned(), snapshot, sentence);
    assert_eq!(
        found,
        [
            text("one \"two\" three", false, true),
            text("a \"snapshot\"", true, true),
            text("it is so", false, false)
        ]
    );
}
