//! A list of patterns that are allowed, for requests that leave: one that fits is enough. Letter case is minded, and a path
//! that could be read in two ways fits none.

use super::Pattern;
use super::table::{Choice, Table};
use crate::policy::path::{self, Kinds};
use crate::reason::Reason;
use crate::refusal::Refusal;

/// What may be asked for.
#[derive(Debug, Default)]
pub struct AllowList(Vec<Table>);

impl AllowList {
    /// Requests that fit one of these; an empty list allows all.
    pub fn new(patterns: &[Pattern]) -> AllowList {
        let tables = patterns.iter().map(|pattern| {
            let (table, _) = Table::new(std::iter::once(pattern), false); // one alone collides with nothing
            table
        });
        AllowList(tables.collect())
    }

    /// Refuses what fits none. `host` is the destination's.
    pub fn check(&self, method: &str, host: &str, path: &str) -> Result<(), Refusal> {
        if self.0.is_empty() {
            return Ok(());
        }
        let readings = path::read(path, Kinds::NONE)?;
        let fits = |table: &Table| {
            matches!(
                table.choose(method, host, &readings.first),
                Choice::Route(_)
            )
        };
        match self.0.iter().any(fits) {
            true => Ok(()),
            false => Err(Refusal::new(
                Reason::NoRoute,
                "this listener's `allow` has no pattern for the request",
            )),
        }
    }
}
