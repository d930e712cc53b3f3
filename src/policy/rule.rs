//! What a verified token must carry. Every requirement of a rule must hold; each says by itself why it does not.
//!
//! An empty rule asks for nothing beyond a verified token; an empty *list* inside a requirement admits nobody, and the
//! configuration refuses to build one. Values compare whole and by JSON type: no prefix, no case folding, no coercion.

use std::time::Duration;

use serde_json::Value;

use crate::clock::Timestamp;
use crate::reason::Reason;
use crate::refusal::{Hint, Refusal};
use crate::token::Principal;
use crate::token::claims::ClaimName;

/// The requirements of a route.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rule {
    /// All of these must hold; checked in this order, so the first that fails gives the reason.
    pub requirements: Vec<Requirement>,
}

/// One thing asked of a principal.
#[derive(Clone, Debug, PartialEq)]
pub enum Requirement {
    /// At least one of these scopes.
    AnyScope(Vec<String>),
    /// All of these scopes.
    AllScopes(Vec<String>),
    /// At least one of these groups.
    AnyGroup(Vec<String>),
    /// All of these groups.
    AllGroups(Vec<String>),
    /// A claim with a required value.
    Claim(ClaimName, Expected),
    /// At least one of these rules.
    AnyOf(Vec<Rule>),
    /// The token's `acr` is one of these (step-up, RFC 9470).
    Acr(Vec<String>),
    /// `auth_time` is at most this old (step-up, RFC 9470).
    MaxAge(Duration),
}

/// What a claim is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    /// One of these, by JSON type.
    OneOf(Vec<Value>),
    /// The decoded value of this path parameter.
    Parameter(String),
}

/// The decoded value of a path parameter of the request, by its name.
pub type Parameters<'a> = dyn Fn(&str) -> Option<&'a str> + 'a;

impl Rule {
    /// Tells the name at the top of every claim that it looks at, beside scopes and groups.
    pub fn each_claim(&self, tell: &mut dyn FnMut(&str)) {
        for requirement in &self.requirements {
            match requirement {
                Requirement::Claim(name, _) => tell(&name.top()),
                Requirement::AnyOf(rules) => rules.iter().for_each(|rule| rule.each_claim(tell)),
                Requirement::Acr(_) => tell("acr"),
                Requirement::MaxAge(_) => tell("auth_time"),
                Requirement::AnyScope(_)
                | Requirement::AllScopes(_)
                | Requirement::AnyGroup(_)
                | Requirement::AllGroups(_) => {}
            }
        }
    }

    /// Whether `principal` meets every requirement; if not, the refusal of the first that fails.
    pub fn check(
        &self,
        principal: &Principal,
        parameters: &Parameters<'_>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.requirements
            .iter()
            .try_for_each(|requirement| requirement.check(principal, parameters, now))
    }
}

impl Requirement {
    /// Whether `principal` meets this requirement.
    pub fn check(
        &self,
        principal: &Principal,
        parameters: &Parameters<'_>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let met = match self {
            Requirement::AnyScope(scopes) => {
                scopes.iter().any(|scope| principal.scopes.contains(scope))
            }
            Requirement::AllScopes(scopes) => {
                scopes.iter().all(|scope| principal.scopes.contains(scope))
            }
            Requirement::AnyGroup(groups) => {
                groups.iter().any(|group| principal.groups.contains(group))
            }
            Requirement::AllGroups(groups) => {
                groups.iter().all(|group| principal.groups.contains(group))
            }
            Requirement::Claim(name, expected) => principal
                .claims
                .find(name)
                .is_some_and(|value| expected.is_met_by(value, parameters)),
            Requirement::AnyOf(rules) => return check_any(rules, principal, parameters, now),
            Requirement::Acr(accepted) => claim(principal, "acr")
                .and_then(Value::as_str)
                .is_some_and(|acr| accepted.iter().any(|wanted| wanted == acr)),
            // A sign-in in the future is no proof of a recent one.
            Requirement::MaxAge(age) => claim(principal, "auth_time")
                .and_then(Value::as_f64)
                .is_some_and(|at| now - at <= age.as_secs_f64() && at <= now + 60.0),
        };
        if met { Ok(()) } else { Err(self.refusal()) }
    }

    /// Why a principal that does not meet this requirement is refused.
    fn refusal(&self) -> Refusal {
        match self {
            Requirement::AnyScope(scopes) => Refusal::new(
                Reason::InsufficientScope,
                "the token has none of the scopes that this route asks for",
            )
            .with(Hint::Scope(scopes.join(" "))),
            Requirement::AllScopes(scopes) => Refusal::new(
                Reason::InsufficientScope,
                "the token lacks a scope; this route asks for all of them",
            )
            .with(Hint::Scope(scopes.join(" "))),
            Requirement::AnyGroup(_) => Refusal::new(
                Reason::MissingGroup,
                "the user is in none of the groups that this route asks for",
            ),
            Requirement::AllGroups(_) => Refusal::new(
                Reason::MissingGroup,
                "the user lacks a group; this route asks for all of them",
            ),
            Requirement::Claim(..) | Requirement::AnyOf(_) => Refusal::new(
                Reason::ClaimMismatch,
                "a claim of the token does not have the value that this route asks for",
            ),
            Requirement::Acr(accepted) => Refusal::new(
                Reason::StepUpRequired,
                "this route asks for a stronger sign-in than the one this token comes from",
            )
            .with(Hint::AcrValues(accepted.join(" "))),
            Requirement::MaxAge(age) => Refusal::new(
                Reason::StepUpRequired,
                "this route asks for a more recent sign-in than the one this token comes from",
            )
            .with(Hint::MaxAge(*age)),
        }
    }
}

/// One of several rules must hold. If none does, the first says why: it is the one the configuration names first.
fn check_any(
    rules: &[Rule],
    principal: &Principal,
    parameters: &Parameters<'_>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let mut first = None;
    for rule in rules {
        match rule.check(principal, parameters, now) {
            Ok(()) => return Ok(()),
            Err(refusal) => first = first.or(Some(refusal)),
        }
    }
    Err(first.unwrap_or_else(|| Requirement::AnyOf(Vec::new()).refusal()))
}

fn claim<'a>(principal: &'a Principal, name: &str) -> Option<&'a Value> {
    principal.claims.get(name)
}

impl Expected {
    /// Whether a claim's value is what is expected. A list meets it when one of its elements does.
    fn is_met_by(&self, value: &Value, parameters: &Parameters<'_>) -> bool {
        if let Value::Array(elements) = value {
            return elements
                .iter()
                .any(|element| self.equals(element, parameters));
        }
        self.equals(value, parameters)
    }

    fn equals(&self, value: &Value, parameters: &Parameters<'_>) -> bool {
        match self {
            Expected::OneOf(accepted) => accepted.iter().any(|wanted| same(wanted, value)),
            // An empty parameter proves nothing: a claim that is empty must not open `/tenants//…`.
            Expected::Parameter(name) => value.as_str().is_some_and(|text| {
                !text.is_empty() && parameters(name).is_some_and(|parameter| parameter == text)
            }),
        }
    }
}

/// Equal by JSON type. 1 and 1.0 are one number (RFC 8259 §6 knows no integers); "1" and 1 are not one value. Two integers
/// are compared whole: as doubles, two accounts beyond 2^53 would be one.
fn same(wanted: &Value, value: &Value) -> bool {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match (wanted, value) {
        (Value::Number(wanted), Value::Number(value)) if wanted.is_f64() != value.is_f64() => {
            wanted.as_f64() == value.as_f64() && value.as_f64().is_some_and(|n| n.abs() < EXACT)
        }
        _ => wanted == value,
    }
}

#[cfg(test)]
mod tests;
