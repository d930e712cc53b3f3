//! `strip_prefix` and `add_prefix`: whole segments, written plainly, so that nothing in them can be read in two ways.

use crate::config::raw::item::Item;
use crate::policy::path::{Case, segments};
use crate::policy::route::{Pattern, Segment};

/// What is taken off: the beginning of the pattern's literal part, else it would be on some paths and not on others.
pub(super) fn strip(item: Item<'_>, pattern: Option<&Pattern>, case: Case) -> Option<String> {
    let prefix = plain(item)?;
    let Some(pattern) = pattern else {
        return Some(prefix);
    };
    let mut literal = pattern.segments.iter();
    let begins = segments(&prefix).all(|wanted| match (literal.next(), case) {
        (Some(Segment::Literal(known)), Case::Insensitive) => known.eq_ignore_ascii_case(wanted),
        (Some(Segment::Literal(known)), _) => known == wanted,
        _ => false,
    });
    match begins {
        true => Some(prefix),
        false => item.refuse(
            "the route's pattern does not begin with `strip_prefix`",
            "expected whole literal segments that the pattern begins with",
        ),
    }
}

/// What is put in front.
pub(super) fn add(item: Item<'_>) -> Option<String> {
    plain(item)
}

/// A path of plain segments (RFC 3986 §2.3, unreserved) without a slash at its end.
fn plain(item: Item<'_>) -> Option<String> {
    item.parsed("a path of plain segments such as \"/legacy\"", |text| {
        let path = text.strip_suffix('/').unwrap_or(text);
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let fits =
            |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(unreserved);
        let inner = path.strip_prefix('/')?;
        inner.split('/').all(fits).then(|| path.to_owned())
    })
}
