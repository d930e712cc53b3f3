//! Why a fetch brought no token: one sentence that may be logged, and what may be tried next.
//!
//! No byte of an answer is ever repeated in it: a token endpoint may echo what it was sent. Words that the standards know
//! are named, all others are "another error" (`x07_no_answer_brings_a_secret_into_the_fault`).

use std::fmt;
use std::time::Duration;

use crate::fetch::FetchFault;

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    sentence: String,
    pub(super) kind: Kind,
    /// What the other side asked us to wait.
    pub(super) retry_after: Option<Duration>,
}

/// What may be tried next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The client was not believed: another secret may be.
    Client,
    /// The user, the password or the refresh token was refused: signing in anew may help.
    Grant,
    /// The other side doesn't know this operation: an older one may do.
    Operation,
    /// Nothing but time.
    Other,
}

impl Fault {
    pub(super) fn new(kind: Kind, sentence: impl Into<String>) -> Fault {
        Fault {
            sentence: sentence.into(),
            kind,
            retry_after: None,
        }
    }

    /// A fault that nothing but time may mend.
    pub(super) fn other(sentence: impl Into<String>) -> Fault {
        Fault::new(Kind::Other, sentence)
    }

    /// The same with what the other side asked us to wait.
    pub(super) fn with_retry_after(self, retry_after: Option<Duration>) -> Fault {
        Fault {
            retry_after,
            ..self
        }
    }
}

impl From<FetchFault> for Fault {
    fn from(fault: FetchFault) -> Fault {
        Fault::other(fault.to_string()).with_retry_after(fault.retry_after)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}
