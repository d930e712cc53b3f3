//! The table of reasons is a promise to dashboards and clients: it changes only on purpose.

use std::collections::HashSet;

use super::Reason;

#[test]
fn words_and_statuses_are_those_of_the_contract() {
    let table: String = Reason::ALL
        .iter()
        .map(|reason| format!("{} {reason}\n", reason.status()))
        .collect();
    insta::assert_snapshot!(table, @r"
    400 bad_request
    400 ambiguous_path
    400 multiple_tokens
    400 malformed_authorization
    401 missing_token
    401 malformed_token
    401 unsupported_algorithm
    401 unknown_issuer
    401 unknown_key
    401 bad_signature
    401 expired
    401 not_yet_valid
    401 wrong_token_use
    401 wrong_client
    401 wrong_audience
    401 invalid_claims
    401 step_up_required
    403 no_route
    403 token_not_allowed
    403 insufficient_scope
    403 missing_group
    403 claim_mismatch
    403 cross_site
    405 method_not_allowed
    408 request_timeout
    413 body_too_large
    431 headers_too_large
    502 upstream_unreachable
    502 upstream_protocol
    504 upstream_timeout
    503 keys_unavailable
    503 token_unavailable
    ");
}

#[test]
fn every_reason_is_listed_once_and_found_by_its_word() {
    let words: HashSet<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(words.len(), Reason::ALL.len());
    for reason in Reason::ALL {
        assert_eq!(Reason::parse(reason.as_str()), Some(reason));
    }
    assert_eq!(Reason::parse("allow"), None);
    assert_eq!(Reason::parse("Expired"), None);
    assert_eq!(Reason::parse(""), None);
}

#[test]
fn audit_lets_through_only_what_a_token_or_a_rule_refused() {
    let kept: Vec<&str> = Reason::ALL
        .iter()
        .filter(|reason| !reason.is_auditable())
        .map(|reason| reason.as_str())
        .collect();
    assert_eq!(
        kept,
        [
            "bad_request",
            "ambiguous_path",
            "multiple_tokens",
            "malformed_authorization",
            "no_route",
            "method_not_allowed",
            "request_timeout",
            "body_too_large",
            "headers_too_large",
            "upstream_unreachable",
            "upstream_protocol",
            "upstream_timeout",
            "keys_unavailable",
            "token_unavailable",
        ]
    );
}

#[test]
fn every_reason_says_what_to_do_in_one_sentence_or_two() {
    let hints: HashSet<&str> = Reason::ALL.iter().map(|reason| reason.hint()).collect();
    assert_eq!(hints.len(), Reason::ALL.len());
    for hint in hints {
        assert!(hint.ends_with('.') || hint.ends_with('?'), "{hint}");
        assert!((40..=140).contains(&hint.len()), "{hint}");
    }
}
