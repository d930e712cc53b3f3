//! The route table: which route answers for a method, a host and a path. The most specific pattern wins.
//!
//! Second on the inbound line, right after `path::read`. Only a pattern that a request matches can answer for it: there
//! is no default route here, and no less specific pattern is tried when the method is not the right one. All readings of
//! a path, and under `Case::Guard` its folded form, must choose alike; what they disagree on is refused as ambiguous.

mod allow;
mod host;
mod pattern;
mod table;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

pub use allow::AllowList;
pub use host::{Host, normalise_host};
pub use pattern::{Pattern, PatternFault, Segment, is_method};

use super::path::{Case, Kinds, Readings};
use super::rule::{Expected, Requirement, Rule};
use crate::identity::Plan;
use crate::token::trust::{Clients, Uses};
use table::{Choice, Table};

/// One route of the configuration, with everything the gate asks of a request that matches it.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// The key as written: the route's name in logs, metrics and `@route`.
    pub name: Arc<str>,
    /// What it matches.
    pub pattern: Pattern,
    /// What has to be shown.
    pub access: Access,
    /// Indexes of the pools whose tokens are good here; `None` is any configured pool.
    pub pools: Option<Vec<usize>>,
    /// Narrower than the pool's, if given.
    pub token_use: Option<Uses>,
    /// Narrower than the pool's, if given.
    pub client_ids: Option<Clients>,
    /// Whether a browser's session is taken here, and a browser without one sent to sign in.
    pub login: bool,
    /// What the principal must carry.
    pub rule: Rule,
    /// The client's certificate must have one of these alternative names.
    pub client_cert: Option<Vec<String>>,
    /// Whether refusals of token and rule are enforced or only told.
    pub mode: Mode,
    /// Index into the configuration's upstreams.
    pub upstream: usize,
    /// Removed from the front of the path; whole segments, as written.
    pub strip_prefix: Option<String>,
    /// Put in front of the path, after `strip_prefix`.
    pub add_prefix: Option<String>,
    /// The identity headers that the upstream gets here: the global ones and the route's own.
    pub headers: Arc<Plan>,
    /// Time until the response head, in place of the upstream's own; `Some(None)` is no limit.
    pub timeout: Option<Option<Duration>>,
    /// Greatest body in bytes, in place of the server's; `Some(None)` is no limit.
    pub body_bytes: Option<Option<u64>>,
    /// Whether `X-HTTP-Method` and its kin pass when the method they name is allowed here too.
    pub method_override: bool,
    /// Ambiguities admitted here besides the global ones.
    pub allow_paths: Kinds,
}

/// What a route asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A verified token that meets the rule.
    Authenticated,
    /// No token is looked at.
    Public,
    /// A token may be absent, not bad.
    Optional,
    /// A client certificate; no token is looked at.
    Certificate,
}

/// Whether a route's refusals of token and rule are enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Refused.
    Enforce,
    /// Let through, and told.
    Audit,
}

/// Two patterns that no request can tell apart, by their index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The one that was there.
    pub first: usize,
    /// The one that collides with it.
    pub second: usize,
}

/// A compiled route table.
#[derive(Debug)]
pub struct RouteTable {
    case: Case,
    /// Folded when case is; as written otherwise.
    table: Table,
    /// Under `Case::Guard`, the same patterns folded, if that changes any of them.
    folded: Option<Table>,
    /// Ambiguities admitted on every route.
    everywhere: Kinds,
    /// Ambiguities admitted on at least one route.
    somewhere: Kinds,
}

/// What the table says of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The index of the route that answers.
    Route(usize),
    /// The readings, or the cases, of this path choose different routes or parameters.
    Ambiguous,
    /// The pattern takes other methods: comma-separated, for `Allow`.
    MethodNotAllowed(String),
    /// Nothing matches.
    Nothing,
}

impl RouteTable {
    /// Compiles the patterns of `routes`, in their order. `admitted` are the kinds of ambiguity that all routes admit
    /// (`[paths] allow`); each route's own come on top.
    pub fn compile(
        routes: &[Route],
        case: Case,
        admitted: Kinds,
    ) -> Result<RouteTable, Vec<Conflict>> {
        let patterns = || routes.iter().map(|route| &route.pattern);
        let (table, conflicts) = Table::new(patterns(), case == Case::Insensitive);
        if !conflicts.is_empty() {
            return Err(conflicts);
        }
        // Patterns that differ in case alone collide when folded: no conflict, for the upstream may mind case, but what
        // they collide on is refused, for it may not.
        let minds_case = case == Case::Guard && patterns().any(Pattern::has_upper_case);
        Ok(RouteTable {
            case,
            table,
            folded: minds_case.then(|| Table::new(patterns(), true).0),
            everywhere: admitted,
            somewhere: routes
                .iter()
                .fold(admitted, |all, route| all.union(route.allow_paths)),
        })
    }

    /// The kinds of ambiguity that may be admitted at all, by some route or by all: what `path::read` is to be given.
    pub fn admitted(&self) -> Kinds {
        self.somewhere
    }

    /// The route for a method, a host (as [`normalise_host`] gives it) and a path.
    pub fn find(
        &self,
        routes: &[Route],
        method: &str,
        host: &str,
        readings: &Readings<'_>,
    ) -> Found {
        let chosen = self.choose(method, host, &readings.first);
        let route = match chosen {
            Choice::Route(index) => routes.get(index),
            _ => None,
        };
        let admitted = route.map_or(Kinds::NONE, |route| route.allow_paths);
        if !self.everywhere.union(admitted).contains(readings.kinds) {
            return Found::Ambiguous;
        }
        for other in &readings.others {
            let agrees = self.choose(method, host, other) == chosen
                && route.is_none_or(|route| route.reads_alike(&readings.first, other));
            if !agrees {
                return Found::Ambiguous;
            }
        }
        match chosen {
            Choice::Route(index) => Found::Route(index),
            Choice::Several => Found::Ambiguous,
            Choice::OtherMethods(allow) => Found::MethodNotAllowed(allow.to_owned()),
            Choice::Nothing => Found::Nothing,
        }
    }

    /// What one reading chooses.
    fn choose(&self, method: &str, host: &str, reading: &str) -> Choice<'_> {
        match self.case {
            Case::Sensitive => self.table.choose(method, host, reading),
            Case::Insensitive => self.table.choose(method, host, &fold(reading)),
            Case::Guard => {
                let written = self.table.choose(method, host, reading);
                let folded = fold(reading);
                let table = match (&self.folded, &folded) {
                    // Folding changes nothing: the common case, and it costs one look at the path.
                    (None, Cow::Borrowed(_)) => return written,
                    (None, Cow::Owned(_)) => &self.table,
                    (Some(table), _) => table,
                };
                // `/ADMIN/x`, which an upstream that folds case takes for `/admin/x` (threat P06).
                if table.choose(method, host, &folded) == written {
                    written
                } else {
                    Choice::Several
                }
            }
        }
    }
}

impl Route {
    /// Whether two readings that both chose this route give its parameters the same values. A `{*rest}` counts if the
    /// rule looks at it; where it does not, `/files/a%2Fb` and `/files/a/b` are asked for the same things.
    fn reads_alike(&self, one: &str, other: &str) -> bool {
        self.pattern.segments.iter().all(|segment| match segment {
            Segment::Literal(_) => true,
            Segment::Parameter(name) => {
                self.pattern.parameter(one, name) == self.pattern.parameter(other, name)
            }
            Segment::Rest(name) => {
                !uses_parameter(&self.rule, name)
                    || self.pattern.parameter(one, name) == self.pattern.parameter(other, name)
            }
        })
    }
}

/// Whether a rule, or one of its alternatives, compares a claim with the path parameter `name`.
fn uses_parameter(rule: &Rule, name: &str) -> bool {
    rule.requirements
        .iter()
        .any(|requirement| match requirement {
            Requirement::Claim(_, Expected::Parameter(used)) => used == name,
            Requirement::AnyOf(rules) => rules.iter().any(|rule| uses_parameter(rule, name)),
            _ => false,
        })
}

/// ASCII case folded; borrowed when there is none. Other letters have no one folding that all servers share.
fn fold(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}
