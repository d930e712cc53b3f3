//! The path for the upstream, where a route takes a prefix away or puts one in front.
//!
//! What is authorised must be what is asked for: whichever way the upstream reads the new path, it must be the new form
//! of a way it could have read the old one.

use super::ambiguous;
use crate::policy::path::{self, Case, Kinds, Readings};
use crate::policy::route::Route;
use crate::refusal::Refusal;

/// The path for the upstream, where the route strips or adds a prefix. It is read again (P10): `/api../x` less `/api` is
/// another path than the one that was matched, and where dot segments are admitted `/../x` behind `/app` is not below it.
pub(super) fn rewrite(
    route: &Route,
    path: &str,
    readings: &Readings<'_>,
    case: Case,
    admitted: Kinds,
) -> Result<Option<String>, Refusal> {
    if route.strip_prefix.is_none() && route.add_prefix.is_none() {
        return Ok(None);
    }
    let rewritten = replace_prefix(route, path, case).ok_or(ambiguous(
        "the path does not spell the prefix that is removed here as the configuration does",
    ))?;
    let again = path::read(&rewritten, admitted)?;
    if !again.others.is_empty() {
        // Never on the ordinary request: only a path whose kind of ambiguity is admitted has more than one reading.
        let expected: Vec<String> = every(readings)
            .filter_map(|reading| replace_prefix(route, reading, case))
            .collect();
        let stays = |reading: &str| {
            let inner = path::within(reading);
            expected.iter().any(|known| path::within(known) == inner)
        };
        if !every(&again).all(stays) {
            return Err(ambiguous(
                "the path could be read as leaving the prefix that is removed or added here",
            ));
        }
    }
    Ok(Some(rewritten))
}

fn every<'r>(readings: &'r Readings<'_>) -> impl Iterator<Item = &'r str> {
    let others = readings.others.iter().map(String::as_str);
    std::iter::once(&*readings.first).chain(others)
}

/// A path, or a reading of one, with its prefix replaced; nothing if it does not begin with the one to be removed.
fn replace_prefix(route: &Route, path: &str, case: Case) -> Option<String> {
    let prefix = plain(&route.strip_prefix);
    let (start, rest) = path.split_at_checked(prefix.len())?;
    let begins = match case {
        Case::Insensitive => start.eq_ignore_ascii_case(prefix),
        Case::Guard | Case::Sensitive => start == prefix,
    };
    if !begins || !(rest.is_empty() || rest.starts_with('/')) {
        return None;
    }
    let rewritten = format!("{}{rest}", plain(&route.add_prefix));
    Some(match rewritten.is_empty() {
        true => "/".to_owned(),
        false => rewritten,
    })
}

fn plain(prefix: &Option<String>) -> &str {
    prefix.as_deref().unwrap_or("").trim_end_matches('/')
}
