//! `${NAME}` in a string is the environment's value of that name; `$${` is a literal `${`.
//!
//! Works on strings that TOML has already parsed, so what the environment holds can never become a key, a table or
//! the end of a string, and every span still points at what the author wrote.

use std::borrow::Cow;

/// Why a placeholder could not be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unresolved {
    /// Nothing of this name is set.
    Unset(String),
    /// This is no name: letters, digits and `_`, not a digit first.
    NoName(String),
    /// `${` is never closed.
    Unclosed,
}

/// The text with every placeholder replaced, or what stands in the way: every obstacle, in order.
pub fn interpolate<'t>(
    text: &'t str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Cow<'t, str>, Vec<Unresolved>> {
    if !text.contains("${") {
        return Ok(Cow::Borrowed(text));
    }
    let (mut whole, mut unresolved) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        whole.push_str(&rest[..dollar]);
        rest = &rest[dollar..];
        if let Some(after) = rest.strip_prefix("$${") {
            whole.push_str("${");
            rest = after;
        } else if let Some(after) = rest.strip_prefix("${") {
            let Some(end) = after.find('}') else {
                unresolved.push(Unresolved::Unclosed);
                break;
            };
            let name = &after[..end];
            match is_name(name).then(|| env(name)) {
                Some(Some(value)) => whole.push_str(&value),
                Some(None) => unresolved.push(Unresolved::Unset(name.to_owned())),
                None => unresolved.push(Unresolved::NoName(name.to_owned())),
            }
            rest = &after[end + 1..];
        } else {
            whole.push('$');
            rest = &rest[1..];
        }
    }
    whole.push_str(rest);
    match unresolved.is_empty() {
        true => Ok(Cow::Owned(whole)),
        false => Err(unresolved),
    }
}

/// What POSIX takes as the name of an environment variable.
pub fn is_name(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests;
