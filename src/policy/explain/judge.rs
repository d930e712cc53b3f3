//! What a route asks of a token, each thing judged by itself with the function that the decision asks.

use serde_json::{Value, json};

use super::Check;
use super::walk::use_word;
use crate::clock::Timestamp;
use crate::identity::{self, Plan};
use crate::policy::permit::allowed::{takes_client, takes_pool, takes_use};
use crate::policy::route::Route;
use crate::policy::rule::{Expected, Requirement, Rule};
use crate::reason::Reason;
use crate::token::Principal;
use crate::token::trust::{Clients, Trust, Uses};

/// Judges what one route asks of one principal, if there is one.
pub(super) struct Judge<'a> {
    pub(super) route: &'a Route,
    pub(super) principal: Option<&'a Principal>,
    pub(super) reading: &'a str,
    pub(super) now: Timestamp,
}

impl Judge<'_> {
    fn check(&self, kind: &'static str, wanted: Value) -> Check {
        Check {
            kind,
            name: None,
            met: None,
            wanted,
            seen: Value::Null,
            reason: None,
            any_of: Vec::new(),
        }
    }

    /// `pools`, `token_use` and `client_ids` of the route itself.
    pub(super) fn narrowed(&self, trust: &Trust) -> Vec<Check> {
        let judged = |check: Check,
                      met: fn(&Route, &Principal) -> bool,
                      seen: &dyn Fn(&Principal) -> Value| {
            let met = self.principal.map(|principal| met(self.route, principal));
            Check {
                met,
                seen: self.principal.map_or(Value::Null, seen),
                reason: (met == Some(false)).then_some(Reason::TokenNotAllowed),
                ..check
            }
        };
        let mut checks = Vec::new();
        if let Some(pools) = &self.route.pools {
            let names: Vec<&str> = pools
                .iter()
                .filter_map(|pool| trust.pools.get(*pool))
                .map(|pool| &*pool.name)
                .collect();
            let check = self.check("pools", json!(names));
            checks.push(judged(check, takes_pool, &|principal| {
                json!(&*principal.pool.name)
            }));
        }
        if let Some(uses) = self.route.token_use {
            let wanted = match uses {
                Uses::Access => "access",
                Uses::Id => "id",
                Uses::Any => "any",
            };
            let check = self.check("token_use", json!(wanted));
            checks.push(judged(check, takes_use, &|principal| {
                json!(use_word(principal.token_use))
            }));
        }
        if let Some(clients) = &self.route.client_ids {
            let wanted = match clients {
                Clients::These(clients) => json!(clients),
                Clients::Any => json!("any"),
            };
            let check = self.check("client_ids", wanted);
            checks.push(judged(check, takes_client, &|principal| {
                json!(principal.client_id)
            }));
        }
        checks
    }

    /// The requirements of a rule, one by one.
    pub(super) fn rule(&self, rule: &Rule) -> Vec<Check> {
        rule.requirements
            .iter()
            .map(|requirement| self.requirement(requirement))
            .collect()
    }

    /// One requirement, judged by itself with the rule's own function.
    fn requirement(&self, requirement: &Requirement) -> Check {
        let parameter = |name: &str| self.route.pattern.parameter(self.reading, name);
        let check = match requirement {
            Requirement::AnyScope(scopes) => self.check("any_scope", json!(scopes)),
            Requirement::AllScopes(scopes) => self.check("all_scopes", json!(scopes)),
            Requirement::AnyGroup(groups) => self.check("any_group", json!(groups)),
            Requirement::AllGroups(groups) => self.check("all_groups", json!(groups)),
            Requirement::Claim(name, expected) => Check {
                name: Some(name.as_str().to_owned()),
                ..match expected {
                    Expected::OneOf(values) => self.check("claims", json!(values)),
                    Expected::Parameter(name) => self.check("claims", json!([parameter(name)])),
                }
            },
            Requirement::AnyOf(rules) => Check {
                any_of: rules.iter().map(|rule| self.rule(rule)).collect(),
                ..self.check("any_of", Value::Null)
            },
            Requirement::Acr(accepted) => self.check("acr", json!(accepted)),
            Requirement::MaxAge(age) => self.check("max_age", json!(age.as_secs())),
        };
        let Some(principal) = self.principal else {
            return check;
        };
        let outcome = requirement.check(principal, &parameter, self.now);
        Check {
            met: Some(outcome.is_ok()),
            reason: outcome.err().map(|refusal| refusal.reason),
            seen: self.seen(requirement, principal),
            ..check
        }
    }

    /// What the principal has of what is asked for.
    fn seen(&self, requirement: &Requirement, principal: &Principal) -> Value {
        let claim = |name: &str| principal.claims.get(name).cloned();
        match requirement {
            Requirement::AnyScope(_) | Requirement::AllScopes(_) => json!(principal.scopes),
            Requirement::AnyGroup(_) | Requirement::AllGroups(_) => json!(principal.groups),
            Requirement::Claim(name, _) => json!(principal.claims.find(name)),
            Requirement::AnyOf(_) => Value::Null,
            Requirement::Acr(_) => json!(claim("acr")),
            Requirement::MaxAge(_) => {
                let signed_in = claim("auth_time").and_then(|at| at.as_f64());
                json!(signed_in.map(|at| (self.now - at).floor() as i64))
            }
        }
    }

    /// The identity headers that must have a value.
    pub(super) fn required_headers(&self) -> Vec<Check> {
        let plan = &self.route.headers;
        let required = plan.headers.iter().filter(|header| header.required);
        required
            .map(|header| {
                let alone = Plan {
                    headers: vec![header.clone()],
                    ..Plan::clone(plan)
                };
                let outcome = self
                    .principal
                    .map(|principal| identity::render(&alone, principal));
                Check {
                    name: Some(header.name.to_string()),
                    met: outcome.as_ref().map(Result::is_ok),
                    reason: outcome.and_then(Result::err).map(|refusal| refusal.reason),
                    ..self.check("header", Value::Null)
                }
            })
            .collect()
    }
}
