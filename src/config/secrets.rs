//! Secrets and other files that a configuration names: `{ file = "…" }` or `{ env = "…" }`, never a literal.
//!
//! A literal where a secret belongs is refused and blanked: it would sit in version control and in every copy of the file.

use std::path::{Path, PathBuf};

use super::fault::Fault;
use super::model::credentials::Source;
use super::raw::item::Item;
use super::raw::{Entry, Value};
use crate::secret::Secret;

/// The largest file that is read: a secret, a certificate bundle or a JWKS is far smaller.
const LARGEST: usize = 1 << 20;

/// Reads a secret from where the configuration says it is.
pub fn secret(item: Item<'_>) -> Option<Secret> {
    let Value::Table(entries) = &item.node.value else {
        if matches!(item.node.value, Value::Broken) {
            return None;
        }
        return item.tell(
            Fault::at(
                item.span(),
                format!("`{}` is written out in the configuration", item.key),
                "expected { file = \"…\" } or { env = \"…\" }",
            )
            .with_help("keep the secret in a file or an environment variable, and name that here")
            .blanked(),
        );
    };
    match entries.as_slice() {
        [entry] if entry.key == "file" => from_file(Item::of(entry, item.at)),
        [entry] if entry.key == "env" => from_env(Item::of(entry, item.at)),
        _ => stranger(item, entries),
    }
}

/// The same with where it is, for it may change there while we run.
pub fn source(item: Item<'_>) -> Option<Source> {
    let value = secret(item)?;
    let file = match &item.node.value {
        Value::Table(entries) => entries.iter().find(|entry| entry.key == "file"),
        _ => None,
    };
    let file = file.and_then(|entry| Item::of(entry, item.at).string());
    Some(Source {
        value,
        file: file.map(PathBuf::from),
    })
}

/// Neither a file alone nor a variable alone: whatever else stands in there is blanked.
fn stranger(item: Item<'_>, entries: &[Entry]) -> Option<Secret> {
    for entry in entries {
        if !matches!(entry.key.as_str(), "file" | "env") {
            item.at.blank(entry.node.span.clone());
        }
    }
    item.refuse(
        format!("`{}` does not say where the secret is", item.key),
        "expected { file = \"…\" } or { env = \"…\" }, one of them alone",
    )
}

fn from_file(item: Item<'_>) -> Option<Secret> {
    let (_, bytes) = file(item)?;
    let Ok(mut text) = String::from_utf8(bytes) else {
        return item.refuse("the secret in this file is not UTF-8", "expected text");
    };
    // Editors and `kubectl create secret` end a file with a line end that is not meant.
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    held(item, text, "this file is empty")
}

fn from_env(item: Item<'_>) -> Option<Secret> {
    let name = item.string()?;
    match (item.at.surroundings.env)(name) {
        Some(value) => held(item, value, "this environment variable is empty"),
        None => item.refuse(
            "this environment variable is not set",
            "expected the name of a variable that is set",
        ),
    }
}

fn held(item: Item<'_>, text: String, empty: &str) -> Option<Secret> {
    match text.is_empty() {
        true => item.refuse(empty, "expected a secret in it"),
        false => Some(Secret::new(text)),
    }
}

/// A file's path and bytes; the path is watched from now on, whether it could be read or not.
pub fn file(item: Item<'_>) -> Option<(PathBuf, Vec<u8>)> {
    let path = Path::new(item.string()?);
    item.at.watch(path);
    match (item.at.surroundings.read)(path) {
        Ok(bytes) if bytes.len() > LARGEST => {
            item.refuse("this file is too large", "expected at most 1 MiB")
        }
        Ok(bytes) => Some((path.to_owned(), bytes)),
        Err(error) => item.refuse(
            format!("this file cannot be read: {}", error.kind()),
            "expected a file that can be read",
        ),
    }
}
