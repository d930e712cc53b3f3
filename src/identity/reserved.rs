//! The names that no client may send, and their removal in every spelling (threats H01-H05, P09, P16).
//!
//! Runs on every route, whatever the token says and whether there is one: an upstream takes an identity header for the
//! truth, so one that is there must be ours.

use http::{HeaderMap, HeaderName};

use super::Plan;
use crate::http::fold;

/// Always removed. Each makes some framework, proxy or CGI program believe in another path, method or proxy than were asked for.
const ALWAYS: [&str; 5] = [
    "x-original-url",
    "x-rewrite-url",
    "x-original-method",
    "x-method-override",
    // CGI turns it into HTTP_PROXY, which HTTP clients obey ("httpoxy").
    "proxy",
];

/// Removed unless the route lets them pass.
pub const METHOD_OVERRIDES: [&str; 2] = ["x-http-method", "x-http-method-override"];

/// Always removed, whatever follows.
const PREFIXES: [&str; 3] = ["x-envoy-", "x-amzn-oidc-", "x-portcullis-"];

/// What becomes of `X-HTTP-Method` and `X-HTTP-Method-Override`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overrides {
    /// Removed.
    Strip,
    /// Left, spelt exactly so: the method they name was found to be allowed.
    Keep,
}

/// The names that no client may send: identity headers of all routes, `remove`, and those that are always removed.
#[derive(Clone, Debug)]
pub struct Reserved {
    /// Folded names by their length: few are as long as any one header's, so looking one up costs a comparison or two.
    by_length: Vec<Vec<Box<str>>>,
}

impl Reserved {
    /// All names of `plans`, and `remove`.
    pub fn new<'a>(plans: impl Iterator<Item = &'a Plan>, remove: &[HeaderName]) -> Reserved {
        let mut reserved = Reserved {
            by_length: Vec::new(),
        };
        for name in ALWAYS {
            reserved.add(name);
        }
        for header in plans.flat_map(|plan| &plan.headers) {
            reserved.add(header.name.as_str());
        }
        for name in remove {
            reserved.add(name.as_str());
        }
        reserved
    }

    fn add(&mut self, name: &str) {
        let folded: String = name
            .bytes()
            .map(|byte| char::from(fold::byte(byte)))
            .collect();
        if self.by_length.len() <= folded.len() {
            self.by_length.resize(folded.len() + 1, Vec::new());
        }
        let alike = &mut self.by_length[folded.len()];
        if !alike.iter().any(|known| **known == *folded) {
            alike.push(folded.into_boxed_str());
        }
    }

    /// Whether a client may not send a header of this name: compared with case folded and every byte that is not a letter
    /// or digit taken as `-`. Method overrides are among them; whether a route lets one pass is [`strip`]'s to know.
    pub fn contains(&self, name: &str) -> bool {
        self.names(name)
            || Reserved::is_method_override(name)
            || PREFIXES.iter().any(|prefix| fold::begins(name, prefix))
    }

    /// Whether a header of this name, in any spelling, asks the upstream to take another method for the request's own.
    pub fn is_method_override(name: &str) -> bool {
        METHOD_OVERRIDES.iter().any(|known| fold::is(name, known))
    }

    fn names(&self, name: &str) -> bool {
        self.by_length
            .get(name.len())
            .is_some_and(|alike| alike.iter().any(|known| fold::is(name, known)))
    }
}

/// Removes every reserved header (repeated ones too).
pub fn strip(reserved: &Reserved, headers: &mut HeaderMap, overrides: Overrides) {
    fold::remove_where(headers, |name| {
        let name = name.as_str();
        let passes = overrides == Overrides::Keep
            && METHOD_OVERRIDES.contains(&name)
            && !reserved.names(name);
        !passes && reserved.contains(name)
    });
}
