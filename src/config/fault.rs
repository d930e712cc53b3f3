//! What is wrong with a configuration: every fault of one run, told with file, line, caret, expectation and nearest key.

use std::ops::Range;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What is wrong, as one sentence.
    pub message: String,
    /// What stands beside the caret: what was expected.
    pub expected: String,
    /// How to mend it, the nearest known key for a typo.
    pub help: Option<String>,
    /// Bytes of the text; `None` for what is missing from it altogether.
    pub span: Option<Range<usize>>,
    /// Whether the value at the span may be a secret: it is blanked in the excerpt.
    pub secret: bool,
}

/// Every fault of one text.
#[derive(Clone, PartialEq)]
pub struct Faults {
    /// How the text is called.
    pub name: String,
    /// The text, for excerpts.
    pub text: String,
    /// In the order of the text.
    pub faults: Vec<Fault>,
}
