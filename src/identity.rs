//! Identity headers: claims of the verified principal, handed to the upstream under names that no client can use.
//!
//! Two halves that must both run on every forwarded request, in this order: [`strip`] removes whatever the client sent
//! under a name of ours in any spelling (public routes too), [`apply`] sets what the principal says.

use std::sync::{Arc, OnceLock};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::refusal::Refusal;
use crate::token::Principal;
use crate::token::claims::ClaimName;

/// The identity headers of a route: the global ones and its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// In the order they are set.
    pub headers: Vec<IdentityHeader>,
    /// Between the items of a joined list.
    pub list_separator: String,
    /// The route's name, for `@route`.
    pub route: Arc<str>,
}

/// One header and where its value comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct IdentityHeader {
    /// Its name.
    pub name: HeaderName,
    /// The first of these that is whole is taken.
    pub alternatives: Vec<Template>,
    /// Whether absence is `claim_mismatch`.
    pub required: bool,
    /// How a list becomes text.
    pub list: ListStyle,
}

/// A claim, a fact, or a text with claims in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Template(pub Vec<Part>);

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// As written.
    Text(String),
    /// A claim's value.
    Claim(ClaimName),
    /// Something the sidecar knows: `@pool`, `@kind`, `@route`.
    Fact(Fact),
}

/// What the sidecar knows of a request beside the token's claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The name of the pool that vouches for the principal.
    Pool,
    /// `user` or `machine`.
    Kind,
    /// The name of the route.
    Route,
}

/// How a list becomes text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListStyle {
    /// Items joined by the separator; the separator inside an item is percent-encoded.
    #[default]
    Join,
    /// Compact JSON.
    Json,
    /// One header line for each item.
    Repeat,
}

/// Header values encoded once for a principal: kept for the first plan it met.
pub type Rendered = OnceLock<(Arc<Plan>, Vec<(HeaderName, HeaderValue)>)>;

impl Template {
    /// Reads a value of `[identity.headers]`: a claim name, `@fact`, or a text with `{claim}` in it.
    pub fn parse(text: &str) -> Result<Template, String> {
        let _ = text;
        todo!()
    }
}

/// The names that no client may send: identity headers of all routes, `remove`, and those that are always removed.
#[derive(Clone, Debug)]
pub struct Reserved {}

impl Reserved {
    /// All names of `plans`, and `remove`.
    pub fn new<'a>(plans: impl Iterator<Item = &'a Plan>, remove: &[HeaderName]) -> Reserved {
        let _ = (plans.count(), remove);
        todo!()
    }

    /// Whether a client may not send a header of this name: compared with case folded and every byte that is not a letter
    /// or digit taken as `-`.
    pub fn contains(&self, name: &str) -> bool {
        let _ = name;
        todo!()
    }
}

/// Removes every reserved header (repeated ones too).
pub fn strip(reserved: &Reserved, headers: &mut HeaderMap) {
    let _ = (reserved, headers);
    todo!()
}

/// What a plan gives for a principal: name and encoded value, in order. A required header without a value is
/// `claim_mismatch`. Without a principal (public routes) nothing is set.
pub fn render(
    plan: &Plan,
    principal: &Principal,
) -> Result<Vec<(HeaderName, HeaderValue)>, Refusal> {
    let _ = (plan, principal);
    todo!()
}

/// Sets the identity headers of `principal`, from its own memory of them when `plan` is the one it was rendered with.
pub fn apply(
    plan: &Arc<Plan>,
    principal: &Principal,
    headers: &mut HeaderMap,
) -> Result<(), Refusal> {
    let _ = (plan, principal, headers);
    todo!()
}
