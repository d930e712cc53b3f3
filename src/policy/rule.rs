//! What a verified token must carry. Every requirement of a rule must hold; each says by itself why it does not.

use std::time::Duration;

use serde_json::Value;

use crate::token::claims::ClaimName;

/// The requirements of a route. An empty rule asks for nothing beyond a verified token.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rule {
    /// All of these must hold.
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
