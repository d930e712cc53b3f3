//! The path for the upstream, where a route takes a prefix away or puts one in front.

use super::ambiguous;
use crate::policy::path::{self, Case, Kinds};
use crate::policy::route::Route;
use crate::refusal::Refusal;

/// The path for the upstream, where the route strips or adds a prefix. It is read again (P10): `/api../x` less `/api` is
/// another path than the one that was matched.
pub(super) fn rewrite(
    route: &Route,
    path: &str,
    case: Case,
    admitted: Kinds,
) -> Result<Option<String>, Refusal> {
    if route.strip_prefix.is_none() && route.add_prefix.is_none() {
        return Ok(None);
    }
    let prefix = route
        .strip_prefix
        .as_deref()
        .unwrap_or("")
        .trim_end_matches('/');
    let rest = path
        .get(..prefix.len())
        .filter(|start| match case {
            Case::Insensitive => start.eq_ignore_ascii_case(prefix),
            Case::Guard | Case::Sensitive => *start == prefix,
        })
        .map(|_| &path[prefix.len()..])
        .filter(|rest| rest.is_empty() || rest.starts_with('/'))
        .ok_or(ambiguous(
            "the path does not spell the prefix that is removed here as the configuration does",
        ))?;
    let rewritten = format!(
        "{}{}",
        route
            .add_prefix
            .as_deref()
            .unwrap_or("")
            .trim_end_matches('/'),
        rest
    );
    let rewritten = if rewritten.is_empty() {
        "/".to_owned()
    } else {
        rewritten
    };
    path::read(&rewritten, admitted)?;
    Ok(Some(rewritten))
}
