//! The decision without its consequence: what `explain` and policy tests see of it.
//!
//! It is the very decision of [`admit`](super::admit), step for step, but nothing can be forwarded with it: the permit inside never
//! comes out. That is why bare claims may stand for a token here, and only here.

use std::sync::Arc;

use super::{Admission, Evidence, Head, Permit, Policy, decide};
use crate::clock::Timestamp;
use crate::identity::Overrides;
use crate::policy::route::Route;
use crate::policy::session::Endpoint;
use crate::refusal::Refusal;
use crate::token::Principal;

/// A decision that was made and is not acted upon.
#[derive(Debug)]
pub struct Rehearsal<'p>(Admission<'p>);

/// Decides on one request whose token is not there: `proved` is what one with certain claims would prove, or why it would
/// be refused. A token in the request beside it is one too many.
pub fn rehearse<'p>(
    head: &Head<'_>,
    policy: &'p Policy,
    proved: &Result<Arc<Principal>, Refusal>,
    now: Timestamp,
) -> Rehearsal<'p> {
    Rehearsal(decide(head, policy, Evidence::Claims(proved), now))
}

impl<'p> From<Admission<'p>> for Rehearsal<'p> {
    fn from(admission: Admission<'p>) -> Rehearsal<'p> {
        Rehearsal(admission)
    }
}

impl<'p> Rehearsal<'p> {
    /// The pool whose keys are needed before there is a decision at all.
    pub fn needs_keys(&self) -> Option<usize> {
        match self.0 {
            Admission::NeedKeys(pool) => Some(pool),
            _ => None,
        }
    }

    /// The route that answers, if one was found.
    pub fn route(&self) -> Option<&'p Route> {
        self.0.route()
    }

    /// Who a token that verified speaks for.
    pub fn principal(&self) -> Option<&Arc<Principal>> {
        match &self.0 {
            Admission::Permit(permit) => permit.principal.as_ref(),
            Admission::Refuse(_, principal, _) => principal.as_ref(),
            Admission::NeedKeys(_) | Admission::Own(_) => None,
        }
    }

    /// What of signing in and out it is for, if it is.
    pub fn endpoint(&self) -> Option<Endpoint> {
        match self.0 {
            Admission::Own(endpoint) => Some(endpoint),
            _ => None,
        }
    }

    /// Why it is refused.
    pub fn refusal(&self) -> Option<&Refusal> {
        match &self.0 {
            Admission::Refuse(.., refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Why it would be refused, were its route not in audit.
    pub fn audited(&self) -> Option<&Refusal> {
        self.permit().and_then(|permit| permit.audit.as_ref())
    }

    /// Whether it is a CORS preflight that was let through.
    pub fn is_preflight(&self) -> bool {
        self.permit().is_some_and(|permit| permit.preflight)
    }

    /// Whether method-override headers would pass.
    pub fn overrides(&self) -> Overrides {
        self.permit()
            .map_or(Overrides::Strip, |permit| permit.overrides)
    }

    /// The path for the upstream, where the route rewrites it.
    pub fn target(&self) -> Option<&str> {
        self.permit().and_then(|permit| permit.target.as_deref())
    }

    fn permit(&self) -> Option<&Permit<'p>> {
        match &self.0 {
            Admission::Permit(permit) => Some(permit),
            _ => None,
        }
    }
}
