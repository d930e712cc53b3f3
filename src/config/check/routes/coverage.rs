//! Routes that lie below another: a host route that a request with another `Host` walks around, and what a public
//! catch-all opens.

use super::{Around, Placed};
use crate::config::fault::Fault;
use crate::config::inspection::Inspection;
use crate::policy::path::Case;
use crate::policy::route::{Access, Pattern, Route, Segment};

/// A client chooses its `Host`. Where any host is taken, a route bound to one is only as strict as the hostless
/// route that the same path falls to under another.
pub(super) fn hosts(placed: &[Placed], around: &Around<'_>, at: &Inspection<'_>) {
    if !around.any_host {
        return;
    }
    let case = around.paths.case;
    for bound in placed.iter().filter(|one| one.route.pattern.host.is_some()) {
        let looser = placed.iter().find(|loose| {
            loose.route.pattern.host.is_none()
                && covers(&loose.route.pattern, &bound.route.pattern, case)
                && shares_a_method(&loose.route.pattern, &bound.route.pattern)
                && is_looser(&loose.route, &bound.route)
        });
        let Some(looser) = looser else { continue };
        at.tell(
            Fault::at(
                bound.span.clone(),
                "another `Host` walks around this route",
                "asks for more, of one host alone",
            )
            .with_related(looser.span.clone(), "takes the same path under any host")
            .with_help("set `hosts` in [server], or a host on both routes"),
        );
    }
}

/// Whether every path that `narrow` takes is one that `wide` takes.
pub(in crate::config::check) fn covers(wide: &Pattern, narrow: &Pattern, case: Case) -> bool {
    match case {
        Case::Insensitive => folded(wide).covers(&folded(narrow)),
        Case::Guard | Case::Sensitive => wide.covers(narrow),
    }
}

fn folded(pattern: &Pattern) -> Pattern {
    let mut folded = pattern.clone();
    for segment in &mut folded.segments {
        if let Segment::Literal(text) = segment {
            text.make_ascii_lowercase();
        }
    }
    folded
}

fn shares_a_method(one: &Pattern, other: &Pattern) -> bool {
    one.methods.is_empty()
        || other.methods.is_empty()
        || one
            .methods
            .iter()
            .any(|method| other.methods.contains(method))
}

/// Whether `loose` may let in what `strict` would refuse. Two different rules can't be put in order, so only the same
/// demand, or a plainly lower one, is no escape.
fn is_looser(loose: &Route, strict: &Route) -> bool {
    let asks = |route: &Route| match route.access {
        Access::Public => 0,
        Access::Optional => 1,
        Access::Authenticated | Access::Certificate => 2,
    };
    if strict.access == Access::Public {
        return false;
    }
    let same = loose.access == strict.access
        && loose.pools == strict.pools
        && loose.token_use == strict.token_use
        && loose.client_ids == strict.client_ids
        && loose.rule == strict.rule
        && loose.client_cert == strict.client_cert
        && loose.mode == strict.mode;
    let stricter = asks(loose) > asks(strict)
        && loose.pools == strict.pools
        && loose.token_use == strict.token_use
        && loose.client_ids == strict.client_ids
        && loose.mode == strict.mode;
    !same && !stricter
}
