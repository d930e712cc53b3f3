//! Rules by table: what a principal with these claims is told. Every row is one that a looser guard gets wrong.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Expected, Requirement, Rule};
use crate::refusal::Hint;
use crate::token::Principal;
use crate::token::claims::{ClaimName, Claims};
use crate::token::mint::{NOW, trust};
use crate::token::verify::trial;

fn principal(claims: Value) -> Principal {
    let Value::Object(map) = claims else {
        unreachable!("claims are an object")
    };
    trial(Claims::from(map), &trust(), 0, NOW).expect("good claims")
}

/// A rule of these requirements.
fn rule(requirements: impl Into<Vec<Requirement>>) -> Rule {
    Rule {
        requirements: requirements.into(),
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn claim(name: &str, accepted: impl Into<Vec<Value>>) -> Requirement {
    Requirement::Claim(ClaimName::new(name), Expected::OneOf(accepted.into()))
}

/// `good`, or the reason. The path has the parameters `tenant` = `acme`, `number` = `1` and `empty` = ``.
fn outcome(rule: &Rule, claims: Value) -> &'static str {
    let parameters = |name: &str| match name {
        "tenant" => Some("acme"),
        "number" => Some("1"),
        "empty" => Some(""),
        _ => None,
    };
    match rule.check(&principal(claims), &parameters, NOW) {
        Ok(()) => "good",
        Err(refusal) => refusal.reason.as_str(),
    }
}

/// Asserts a row for each of these claims.
fn assert_outcomes(rule: &Rule, rows: &[(Value, &str)]) {
    for (claims, expected) in rows {
        assert_eq!(outcome(rule, claims.clone()), *expected, "{claims}");
    }
}

#[test]
fn a_rule_without_requirements_asks_for_nothing_more() {
    assert_eq!(outcome(&Rule::default(), json!({})), "good");
}

#[test]
fn c10_scopes_are_met_whole() {
    let any = rule([Requirement::AnyScope(words(&["a/read", "a/admin"]))]);
    assert_outcomes(
        &any,
        &[
            (json!({"scope": "a/read"}), "good"),
            (json!({"scope": "x a/admin y"}), "good"),
            (json!({"scope": "a/readwrite"}), "insufficient_scope"),
            (json!({"scope": "a/rea"}), "insufficient_scope"),
            (json!({"scope": "A/READ"}), "insufficient_scope"),
            (json!({"scope": "a/*"}), "insufficient_scope"),
            (json!({"scope": "a/read,a/admin"}), "insufficient_scope"),
            (json!({"scope": ""}), "insufficient_scope"),
            (json!({}), "insufficient_scope"),
        ],
    );
}

#[test]
fn c12_all_means_all() {
    let scopes = rule([Requirement::AllScopes(words(&["a/1", "a/2"]))]);
    assert_outcomes(
        &scopes,
        &[
            (json!({"scope": "a/2 b a/1"}), "good"),
            (json!({"scope": "a/1"}), "insufficient_scope"),
            (json!({"scope": "a/1 a/1"}), "insufficient_scope"),
        ],
    );
    let groups = rule([Requirement::AllGroups(words(&["g", "h"]))]);
    assert_outcomes(
        &groups,
        &[
            (json!({"cognito:groups": ["h", "g"]}), "good"),
            (json!({"cognito:groups": ["g"]}), "missing_group"),
            (json!({"cognito:groups": "g"}), "missing_group"),
        ],
    );
}

#[test]
fn c14_groups_are_met_whole() {
    let any = rule([Requirement::AnyGroup(words(&["admin"]))]);
    assert_outcomes(
        &any,
        &[
            (json!({"cognito:groups": ["staff", "admin"]}), "good"),
            (json!({"cognito:groups": "admin"}), "good"),
            (json!({"cognito:groups": ["Admin"]}), "missing_group"),
            (json!({"cognito:groups": ["a,admin"]}), "missing_group"),
            (json!({"cognito:groups": "x admin"}), "missing_group"),
            (json!({"cognito:groups": []}), "missing_group"),
            (json!({}), "missing_group"),
        ],
    );
}

#[test]
fn an_empty_list_admits_nobody_if_ever_one_is_built() {
    let full = json!({"scope": "a", "cognito:groups": ["g"], "acr": "x"});
    for (requirement, reason) in [
        (Requirement::AnyScope(vec![]), "insufficient_scope"),
        (Requirement::AnyGroup(vec![]), "missing_group"),
        (Requirement::AnyOf(vec![]), "claim_mismatch"),
        (Requirement::Acr(vec![]), "step_up_required"),
        (claim("scope", []), "claim_mismatch"),
    ] {
        assert_eq!(outcome(&rule([requirement]), full.clone()), reason);
    }
}

#[test]
fn claims_compare_by_json_type() {
    let cases = [
        (json!(true), json!(true), "good"),
        (json!(true), json!("true"), "claim_mismatch"),
        (json!(true), json!(1), "claim_mismatch"),
        (json!("1"), json!(1), "claim_mismatch"),
        (json!(1), json!("1"), "claim_mismatch"),
        (json!(1), json!(1.0), "good"),
        (json!(1.5), json!(1), "claim_mismatch"),
        (json!("pro"), json!("pro"), "good"),
        (json!("pro"), json!("Pro"), "claim_mismatch"),
        (json!("pro"), json!("pro "), "claim_mismatch"),
        (json!("pro"), json!(["free", "pro"]), "good"),
        (json!("pro"), json!([["pro"]]), "claim_mismatch"),
        (json!("pro"), json!([]), "claim_mismatch"),
        (json!("pro"), json!({"pro": true}), "claim_mismatch"),
        (json!("pro"), json!(null), "claim_mismatch"),
        (json!(false), json!(null), "claim_mismatch"),
    ];
    for (wanted, value, expected) in cases {
        let claims = json!({"plan": value});
        assert_eq!(
            outcome(&rule([claim("plan", [wanted.clone()])]), claims),
            expected,
            "{wanted} {value}"
        );
    }
    let several = rule([claim("plan", [json!("pro"), json!("team")])]);
    assert_eq!(outcome(&several, json!({"plan": "team"})), "good");
    assert_eq!(outcome(&several, json!({})), "claim_mismatch");
}

#[test]
fn a_claim_is_found_by_name_or_by_pointer() {
    let claims = json!({"custom:tenant": "x", "realm": {"roles": ["a", "b"]}, "a/b": 1});
    for (name, value, expected) in [
        ("custom:tenant", json!("x"), "good"),
        ("/realm/roles", json!("b"), "good"),
        ("/realm/roles/0", json!("a"), "good"),
        ("/realm/roles/0", json!("b"), "claim_mismatch"),
        ("/a~1b", json!(1), "good"),
        ("realm/roles", json!("b"), "claim_mismatch"),
        ("/realm/nothing", json!("b"), "claim_mismatch"),
    ] {
        assert_eq!(
            outcome(&rule([claim(name, [value])]), claims.clone()),
            expected,
            "{name}"
        );
    }
}

#[test]
fn a_path_parameter_is_compared_as_text() {
    let bound = |parameter: &str| {
        let expected = Expected::Parameter(parameter.to_owned());
        rule([Requirement::Claim(ClaimName::new("tenant"), expected)])
    };
    for (parameter, value, expected) in [
        ("tenant", json!("acme"), "good"),
        ("tenant", json!(["x", "acme"]), "good"),
        ("tenant", json!("ACME"), "claim_mismatch"),
        ("tenant", json!("acme/x"), "claim_mismatch"),
        ("number", json!("1"), "good"),
        ("number", json!(1), "claim_mismatch"),
        ("empty", json!(""), "claim_mismatch"),
        ("unknown", json!("acme"), "claim_mismatch"),
        ("unknown", json!(""), "claim_mismatch"),
    ] {
        assert_eq!(
            outcome(&bound(parameter), json!({"tenant": value})),
            expected,
            "{parameter} {value}"
        );
    }
    assert_eq!(outcome(&bound("tenant"), json!({})), "claim_mismatch");
}

#[test]
fn any_of_needs_one_rule_and_the_rest_besides() {
    let either = Requirement::AnyOf(vec![
        rule([Requirement::AnyScope(words(&["reports/read"]))]),
        rule([
            Requirement::AnyGroup(words(&["staff"])),
            claim("plan", [json!("pro")]),
        ]),
    ]);
    let both = rule([Requirement::AnyScope(words(&["openid"])), either]);
    assert_outcomes(
        &both,
        &[
            (json!({"scope": "openid reports/read"}), "good"),
            (
                json!({"scope": "openid", "cognito:groups": "staff", "plan": "pro"}),
                "good",
            ),
            // Half of each rule is no rule.
            (
                json!({"scope": "openid", "cognito:groups": "staff"}),
                "insufficient_scope",
            ),
            (
                json!({"scope": "openid", "plan": "pro"}),
                "insufficient_scope",
            ),
            (json!({"scope": "reports/read"}), "insufficient_scope"),
            (
                json!({"cognito:groups": "staff", "plan": "pro"}),
                "insufficient_scope",
            ),
        ],
    );
}

#[test]
fn the_first_requirement_that_fails_gives_the_reason() {
    let all = rule([
        Requirement::AnyScope(words(&["a"])),
        Requirement::AnyGroup(words(&["g"])),
        claim("plan", [json!("pro")]),
        Requirement::Acr(words(&["2"])),
    ]);
    assert_outcomes(
        &all,
        &[
            (json!({}), "insufficient_scope"),
            (json!({"scope": "a"}), "missing_group"),
            (
                json!({"scope": "a", "cognito:groups": "g"}),
                "claim_mismatch",
            ),
            (
                json!({"scope": "a", "cognito:groups": "g", "plan": "pro"}),
                "step_up_required",
            ),
            (
                json!({"scope": "a", "cognito:groups": "g", "plan": "pro", "acr": "2"}),
                "good",
            ),
        ],
    );
}

#[test]
fn step_up_asks_for_a_stronger_or_a_later_sign_in() {
    let strong = rule([Requirement::Acr(words(&["loa:2", "loa:3"]))]);
    assert_outcomes(
        &strong,
        &[
            (json!({"acr": "loa:3"}), "good"),
            (json!({"acr": "loa:1"}), "step_up_required"),
            (json!({"acr": ["loa:2"]}), "step_up_required"),
            (json!({"acr": 2}), "step_up_required"),
            (json!({}), "step_up_required"),
        ],
    );
    let recent = rule([Requirement::MaxAge(Duration::from_secs(900))]);
    assert_outcomes(
        &recent,
        &[
            (json!({"auth_time": NOW - 900.0}), "good"),
            (json!({"auth_time": NOW}), "good"),
            (json!({"auth_time": NOW - 900.5}), "step_up_required"),
            // A little ahead is a clock; far ahead is no proof of anything.
            (json!({"auth_time": NOW + 30.0}), "good"),
            (json!({"auth_time": NOW + 3600.0}), "step_up_required"),
            (json!({"auth_time": "1800000000"}), "step_up_required"),
            (json!({"auth_time": -1e300}), "step_up_required"),
            (json!({}), "step_up_required"),
        ],
    );
}

#[test]
fn a_refusal_tells_what_would_do() {
    let hint = |requirement: Requirement| {
        let refusal = rule([requirement]).check(&principal(json!({})), &|_| None, NOW);
        refusal.expect_err("nothing is met").hint
    };
    let scopes = Requirement::AnyScope(words(&["a", "b"]));
    assert_eq!(hint(scopes), Hint::Scope("a b".to_owned()));
    let acr = Requirement::Acr(words(&["loa:2", "loa:3"]));
    assert_eq!(hint(acr), Hint::AcrValues("loa:2 loa:3".to_owned()));
    let age = Duration::from_secs(900);
    assert_eq!(hint(Requirement::MaxAge(age)), Hint::MaxAge(age));
    // Which groups and claims would do is nobody's business who lacks them.
    assert_eq!(hint(Requirement::AnyGroup(words(&["g"]))), Hint::None);
    assert_eq!(hint(claim("plan", [json!("pro")])), Hint::None);
}
