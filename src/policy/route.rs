//! The route table: which route answers for a method, a host and a path. The most specific pattern wins.

use std::sync::Arc;
use std::time::Duration;

use super::path::{Case, Kinds, Readings};
use super::rule::Rule;
use crate::identity::Plan;
use crate::token::trust::{Clients, Uses};

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
    /// What the principal must carry.
    pub rule: Rule,
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
}

/// Whether a route's refusals of token and rule are enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Refused.
    Enforce,
    /// Let through, and told.
    Audit,
}

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

/// The host of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// This host.
    Exact(String),
    /// `*.example.com`: any host below `example.com`, one label or more; holds `example.com`.
    Below(String),
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
    pub span: std::ops::Range<usize>,
}

impl Pattern {
    /// Reads a pattern as written in `[routes]` or `allow`. Paths in patterns obey the same reading as in requests.
    pub fn parse(text: &str) -> Result<Pattern, PatternFault> {
        let _ = text;
        todo!()
    }

    /// The value of the parameter `name` in a reading that this pattern matches.
    pub fn parameter<'r>(&self, reading: &'r str, name: &str) -> Option<&'r str> {
        let _ = (reading, name);
        todo!()
    }
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
pub struct RouteTable {}

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
    /// Compiles the patterns of `routes`, in their order.
    pub fn compile(routes: &[Route], case: Case) -> Result<RouteTable, Vec<Conflict>> {
        let _ = (routes, case);
        todo!()
    }

    /// The route for a method, a host (lower-case, no port, no trailing dot) and a path.
    pub fn find(
        &self,
        routes: &[Route],
        method: &str,
        host: &str,
        readings: &Readings<'_>,
    ) -> Found {
        let _ = (routes, method, host, readings);
        todo!()
    }
}
