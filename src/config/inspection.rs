//! What one reading of a configuration may look at, and what it has found so far. Shared by everything that reads a part.
//!
//! No fault ends a reading: it is noted here, and the reading goes on.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use super::Surroundings;
use super::fault::{self, Fault};
use super::raw::Span;
#[cfg(test)]
use super::raw::table::Need;

/// An inspection under way: where it may look, and what it has found so far.
pub struct Inspection<'a> {
    /// The machine's environment and files.
    pub surroundings: &'a Surroundings<'a>,
    /// What is wrong.
    pub faults: RefCell<Vec<Fault>>,
    /// What is legal but suspicious.
    pub warnings: RefCell<Vec<String>>,
    /// Files that are named.
    pub files: RefCell<Vec<PathBuf>>,
    /// Further values that may be secrets.
    pub secrets: RefCell<Vec<Span>>,
    /// Every key that was asked for, by table: what the reference is made of.
    #[cfg(test)]
    pub known: RefCell<std::collections::BTreeMap<(&'static str, &'static str), Need>>,
}

impl<'a> Inspection<'a> {
    /// One that has found nothing yet.
    pub fn new(surroundings: &'a Surroundings<'a>) -> Inspection<'a> {
        Inspection {
            surroundings,
            faults: RefCell::default(),
            warnings: RefCell::default(),
            files: RefCell::default(),
            secrets: RefCell::default(),
            #[cfg(test)]
            known: RefCell::default(),
        }
    }

    /// Notes that a key was asked for, as strictly as it ever was.
    #[cfg(test)]
    pub fn ask(&self, kind: &'static str, key: &'static str, need: Need) {
        let mut known = self.known.borrow_mut();
        let strictest = known.entry((kind, key)).or_insert(need);
        *strictest = need.max(*strictest);
    }

    /// Notes a fault.
    pub fn tell(&self, fault: Fault) {
        self.faults.borrow_mut().push(fault);
    }

    /// Notes a warning, once.
    pub fn warn(&self, warning: impl Into<String>) {
        let warning = fault::printable(&warning.into());
        let mut warnings = self.warnings.borrow_mut();
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    /// Notes a file to watch, once.
    pub fn watch(&self, path: &Path) {
        let mut files = self.files.borrow_mut();
        if !files.iter().any(|known| known == path) {
            files.push(path.to_owned());
        }
    }

    /// Notes that what stands here may be a secret.
    pub fn blank(&self, span: Span) {
        self.secrets.borrow_mut().push(span);
    }
}
