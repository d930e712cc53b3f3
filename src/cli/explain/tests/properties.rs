//! Whatever is asked: the explanation and the gate agree, and the explanation with itself.

use http::{Method, Uri, Version};
use proptest::prelude::*;

use super::*;
use crate::policy::explain::{Check, Outcome, TokenState};
use crate::policy::permit::{Admission, Head, admit};
use crate::reason::Reason;
use crate::token::cache::TokenCache;

fn requests() -> impl Strategy<Value = String> {
    let method =
        prop::sample::select(&["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "get"][..]);
    let path = prop::sample::select(
        &[
            "/health",
            "/orders",
            "/orders/1",
            "/orders/",
            "/Orders/1",
            "/reports",
            "/maybe",
            "/legacy/a",
            "/legacy",
            "/LEGACY/a",
            "/tenants/acme",
            "/tenants/ac%6De",
            "/tenants/x/y",
            "/a//b",
            "/a;b",
            "/%2e",
            "/orders/1#x",
            "*",
            "orders",
            "",
            "http://localhost/maybe",
            "http://b@d/maybe",
        ][..],
    );
    let header = prop::sample::select(
        &[
            "",
            "\nOrigin: https://app.example.com",
            "\nOrigin: null\nAccess-Control-Request-Method: POST",
            "\nHost: a\nHost: b",
            "\nContent-Length: 5",
            "\nX-HTTP-Method: DELETE",
            "\nAuthorization: Basic abc",
        ][..],
    );
    (method, path, header).prop_map(|(method, path, header)| format!("{method} {path}{header}"))
}

/// What a token says beside what every good one does; null takes a claim away.
fn changes() -> impl Strategy<Value = Value> {
    let change = prop::sample::select(
        &[
            ("scope", r#""orders/read""#),
            ("scope", r#""orders/write orders/admin""#),
            ("scope", "1"),
            ("cognito:groups", r#"["staff"]"#),
            ("cognito:groups", r#""guests""#),
            ("plan", r#""pro""#),
            ("plan", "7"),
            ("custom:tenant", r#""acme""#),
            ("acr", r#""loa:2""#),
            ("email", r#""j@example.com""#),
            ("client_id", r#""client-2""#),
            ("client_id", r#""evil""#),
            ("token_use", r#""id""#),
            ("exp", "1"),
            ("nbf", "99999999999"),
            ("sub", "null"),
            ("username", "null"),
            ("auth_time", "1"),
        ][..],
    );
    prop::collection::vec(change, 0..6).prop_map(|changes| {
        changes
            .into_iter()
            .map(|(name, value)| {
                (
                    name.to_owned(),
                    serde_json::from_str(value).unwrap_or_default(),
                )
            })
            .collect::<serde_json::Map<_, Value>>()
            .into()
    })
}

/// Outcome, route, refusal and audit, as the gate decides.
type Decision = (
    Option<String>,
    Option<Reason>,
    Option<Reason>,
    Option<String>,
);

fn decided(sample: &Sample, asked: &Asked) -> Option<Decision> {
    let method = Method::from_bytes(asked.method.as_bytes()).ok()?;
    let uri: Uri = asked.target.parse().ok()?;
    let mut headers = asked.headers.clone();
    headers.entry(header::HOST).or_insert(
        uri.authority()
            .filter(|_| uri.scheme().is_some())
            .map_or(HeaderValue::from_static("localhost"), |host| {
                HeaderValue::from_str(host.as_str()).unwrap_or(HeaderValue::from_static(""))
            }),
    );
    let head = Head {
        method: &method,
        uri: &uri,
        version: Version::HTTP_11,
        headers: &headers,
        fragment: asked.target.contains('#'),
        has_body: headers.contains_key(header::CONTENT_LENGTH),
        scheme: "http",
        certificate: None,
        channel: Default::default(),
        renewed: None,
    };
    let cache = TokenCache::new(10);
    Some(
        match admit(&head, &sample.policy, &mint::ring(), &cache, NOW, true) {
            Admission::Permit(permit) => (
                Some(permit.route().name.to_string()),
                None,
                permit.audit(),
                Some(permit.target().unwrap_or(uri.path()).to_owned()),
            ),
            Admission::Refuse(route, _, refusal) => (
                route.map(|route| route.name.to_string()),
                Some(refusal.reason),
                None,
                None,
            ),
            Admission::NeedKeys(_) | Admission::Own(_) => fail("keys are there"),
        },
    )
}

fn told(explanation: &Explanation) -> Decision {
    let answer = &explanation.answer;
    (
        explanation.route.as_ref().map(|route| route.name.clone()),
        answer.refusal.as_ref().map(|refusal| refusal.reason),
        answer.audit.as_ref().map(|refusal| refusal.reason),
        answer.path.clone(),
    )
}

fn first_unmet(checks: &[Check]) -> Option<&Check> {
    checks.iter().find(|check| check.met == Some(false))
}

proptest! {
    #[test]
    fn explain_and_admit_agree(request in requests(), changes in changes(), sent in any::<bool>()) {
        let sample = plain();
        let request = match sent {
            true => bearer(&request, &claims(changes)),
            false => request,
        };
        let asked = asked(&request);
        let explanation = sample.explain(&asked, Shown::Token(&mint::ring(), true));
        match decided(sample, &asked) {
            Some(decision) => prop_assert_eq!(told(&explanation), decision),
            None => prop_assert_eq!(explanation.verdict(), Some(Reason::BadRequest)),
        }
    }

    #[test]
    fn claims_are_judged_as_the_token_that_holds_them(request in requests(), changes in changes()) {
        let sample = plain();
        // Whole, so that nothing is filled in; an Authorization of its own would be one token too many.
        prop_assume!(!request.contains("Authorization"));
        let claims = claims(changes);
        let signed = sample.as_sent(&bearer(&request, &claims));
        let bare = sample.on_trial(&request, claims);
        prop_assert_eq!(told(&signed), told(&bare));
        prop_assert_eq!(signed.checks, bare.checks);
        prop_assert_eq!(signed.headers, bare.headers);
    }

    #[test]
    fn the_first_check_that_fails_is_the_reason(request in requests(), changes in changes()) {
        let explanation = plain().on_trial(&request, claims(changes));
        match (explanation.token.state, first_unmet(&explanation.checks)) {
            (TokenState::Claims, unmet) => {
                prop_assert_eq!(explanation.verdict(), unmet.and_then(|check| check.reason));
            }
            (_, unmet) => prop_assert!(unmet.is_none(), "judged without a token: {}", explanation),
        }
        if explanation.answer.outcome == Outcome::Refuse {
            prop_assert_eq!(&explanation.headers, &[]);
        }
    }
}
