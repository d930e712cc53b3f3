//! What a refused client sees, as text.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response};
use proptest::prelude::*;
use serde_json::Value;

use super::answer;
use crate::reason::Reason;
use crate::refusal::{Hint, Refusal};

const ID: HeaderValue = HeaderValue::from_static("0b5f6c1e-6a2f-4c58-9a55-0d9a4a2b7c11");

fn refusal(reason: Reason, hint: Hint) -> Refusal {
    Refusal::new(reason, "One helpful sentence.").with(hint)
}

fn text(answer: &Response<Bytes>) -> String {
    let mut text = format!("{}\n", answer.status());
    for (name, value) in answer.headers() {
        let _ = writeln!(text, "{name}: {}", value.to_str().expect("ASCII"));
    }
    text.push('\n');
    text.push_str(std::str::from_utf8(answer.body()).expect("UTF-8"));
    text
}

#[test]
fn every_reason() {
    let answers: Vec<String> = Reason::ALL
        .iter()
        .map(|&reason| text(&answer(&refusal(reason, Hint::None), &ID, false)))
        .collect();
    insta::assert_snapshot!(answers.join("\n"));
}

#[test]
fn every_reason_has_a_whole_body_of_the_right_length() {
    for reason in Reason::ALL {
        for html in [false, true] {
            let answer = answer(&refusal(reason, Hint::None), &ID, html);
            let length = answer.body().len().to_string();
            assert_eq!(answer.headers()["content-length"], length);
            assert_eq!(answer.headers()["x-request-id"], ID);
            let challenged = matches!(reason.status(), 401) || reason == Reason::InsufficientScope;
            assert_eq!(
                answer.headers().contains_key("www-authenticate"),
                challenged,
                "{reason}"
            );
        }
        let answer = answer(&refusal(reason, Hint::None), &ID, false);
        let body: Value = serde_json::from_slice(answer.body()).expect("JSON");
        assert_eq!(body["reason"], reason.as_str());
        assert_eq!(body["status"], answer.status().as_u16());
        assert_eq!(body["title"], reason.title());
        assert_eq!(body["detail"], "One helpful sentence.");
        assert_eq!(body["request_id"], ID.to_str().expect("ASCII"));
    }
}

fn header(reason: Reason, hint: Hint, name: &str) -> String {
    let answer = answer(&refusal(reason, hint), &ID, false);
    answer.headers()[name].to_str().expect("ASCII").to_owned()
}

#[test]
fn challenges_say_what_would_do() {
    let challenge = |reason, hint| header(reason, hint, "www-authenticate");
    insta::assert_snapshot!(
        challenge(Reason::InsufficientScope, Hint::Scope("orders/read orders/admin".to_owned())),
        @r#"Bearer realm="portcullis", error="insufficient_scope", error_description="One helpful sentence.", scope="orders/read orders/admin""#
    );
    insta::assert_snapshot!(
        challenge(Reason::StepUpRequired, Hint::AcrValues("loa:2 loa:3".to_owned())),
        @r#"Bearer realm="portcullis", error="insufficient_user_authentication", error_description="One helpful sentence.", acr_values="loa:2 loa:3""#
    );
    insta::assert_snapshot!(
        challenge(Reason::StepUpRequired, Hint::MaxAge(Duration::from_secs(900))),
        @r#"Bearer realm="portcullis", error="insufficient_user_authentication", error_description="One helpful sentence.", max_age="900""#
    );
    insta::assert_snapshot!(challenge(Reason::MissingToken, Hint::None), @r#"Bearer realm="portcullis""#);
}

#[test]
fn a_405_names_the_methods() {
    let allow = |hint| header(Reason::MethodNotAllowed, hint, "allow");
    assert_eq!(allow(Hint::Allow("GET, HEAD".to_owned())), "GET, HEAD");
    assert_eq!(allow(Hint::None), "");
    assert_eq!(allow(Hint::Allow("GET\r\nX-Evil: 1".to_owned())), "");
}

#[test]
fn a_503_says_when_to_come_back_in_whole_seconds() {
    let retry = |hint| header(Reason::KeysUnavailable, hint, "retry-after");
    assert_eq!(retry(Hint::None), "1");
    assert_eq!(retry(Hint::RetryAfter(Duration::ZERO)), "1");
    assert_eq!(retry(Hint::RetryAfter(Duration::from_millis(2001))), "3");
    assert_eq!(retry(Hint::RetryAfter(Duration::from_secs(10))), "10");
}

#[test]
fn a_browser_gets_a_page() {
    let refusal = Refusal::new(Reason::MissingToken, "Sign in, then come back.");
    insta::assert_snapshot!(text(&answer(&refusal, &ID, true)));
}

#[test]
fn h18_no_text_escapes_from_where_it_stands() {
    let detail = "a\" b\\ <script>&'\r\nX-Evil: 1\0 \u{e9}\u{1f600}";
    let refusal = Refusal {
        reason: Reason::InsufficientScope,
        detail: detail.into(),
        hint: Hint::Scope("a\"b\\c\r\nd".to_owned()),
    };
    let json = answer(&refusal, &ID, false);
    let body: Value = serde_json::from_slice(json.body()).expect("JSON");
    assert_eq!(body["detail"], detail);
    insta::assert_snapshot!(
        json.headers()["www-authenticate"].to_str().expect("ASCII"),
        @r#"Bearer realm="portcullis", error="insufficient_scope", error_description="a' b/ <script>&'??X-Evil: 1? ??", scope="a'b/c??d""#
    );

    let page = answer(&refusal, &ID, true);
    let page = std::str::from_utf8(page.body()).expect("UTF-8");
    assert!(
        page.contains("a&quot; b\\ &lt;script&gt;&amp;&#39;"),
        "{page}"
    );
    assert!(!page.contains("<script"), "{page}");
}

#[test]
fn h18_a_request_id_that_is_not_ascii_is_left_out_of_the_body() {
    let id = HeaderValue::from_bytes(b"caf\xe9").expect("a header value");
    let answer = answer(&refusal(Reason::NoRoute, Hint::None), &id, false);
    let body: Value = serde_json::from_slice(answer.body()).expect("JSON");
    assert_eq!(body["request_id"], "");
}

proptest! {
    #[test]
    fn any_sentence_comes_back_whole_from_json_and_never_breaks_a_header(detail in ".*|[\\x00-\\xff]*", scope in "\\PC*") {
        let refusal = Refusal {
            reason: Reason::InsufficientScope,
            detail: detail.clone().into(),
            hint: Hint::Scope(scope),
        };
        let json = answer(&refusal, &ID, false);
        let body: Value = serde_json::from_slice(json.body()).expect("JSON");
        prop_assert_eq!(&body["detail"], &Value::from(detail));
        let challenge = json.headers()["www-authenticate"].to_str().expect("ASCII");
        prop_assert_eq!(challenge.matches('"').count(), 8);
        prop_assert!(!challenge.contains('\\'));
        let page = answer(&refusal, &ID, true);
        prop_assert!(!std::str::from_utf8(page.body()).expect("UTF-8").contains("<script"));
    }
}
