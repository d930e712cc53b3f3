//! A valid trace goes on under a new span; anything else begins a new one.

use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::{Begun, Trace, read};

const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn applied(parents: &[&str]) -> (Trace, HeaderMap) {
    let mut headers = HeaderMap::new();
    for parent in parents {
        headers.append(
            "traceparent",
            HeaderValue::from_str(parent).expect("a header value"),
        );
    }
    headers.append("tracestate", HeaderValue::from_static("congo=t61rcWkgMzE"));
    headers.append(
        "tracestate",
        HeaderValue::from_static("rojo=00f067aa0ba902b7"),
    );
    let trace = read(&headers, Begun::Unsampled);
    trace.apply(&mut headers);
    (trace, headers)
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_valid_trace_goes_on_under_a_new_span() {
    let (trace, headers) = applied(&[VALID]);
    assert_eq!(text(&trace.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(
        trace.parent_id.map(|id| text(&id)).as_deref(),
        Some("00f067aa0ba902b7")
    );
    assert!(trace.sampled);
    let sent = format!(
        "00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01",
        text(&trace.span_id)
    );
    assert_eq!(headers["traceparent"], sent);
    assert_ne!(text(&trace.span_id), "00f067aa0ba902b7");
    assert_eq!(headers.get_all("tracestate").iter().count(), 2);
}

#[test]
fn flags_but_for_sampled_end_here() {
    let (trace, headers) = applied(&["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-fe"]);
    assert!(!trace.sampled);
    assert!(
        headers["traceparent"]
            .to_str()
            .expect("ASCII")
            .ends_with("-00")
    );
}

#[test]
fn a_later_version_is_read_as_far_as_it_is_known() {
    for later in [
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-holds",
    ] {
        let (trace, headers) = applied(&[later]);
        assert_eq!(text(&trace.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(
            headers["traceparent"]
                .to_str()
                .expect("ASCII")
                .starts_with("00-")
        );
        assert!(headers.contains_key("tracestate"));
    }
}

#[test]
fn an_invalid_or_repeated_one_begins_a_new_trace_without_state() {
    let cases: [&[&str]; 13] = [
        &[],
        &[""],
        &["00"],
        &["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"],
        &["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-"],
        &["cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x"],
        &["ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
        &["00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01"],
        &["00-00000000000000000000000000000000-00f067aa0ba902b7-01"],
        &["00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"],
        &["00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
        &["00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01"],
        &[VALID, VALID],
    ];
    for parents in cases {
        let (trace, headers) = applied(parents);
        assert_eq!(trace.parent_id, None, "{parents:?}");
        assert!(!trace.sampled);
        assert_ne!(text(&trace.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(headers.get_all("traceparent").iter().count(), 1);
        assert!(!headers.contains_key("tracestate"), "{parents:?}");
    }
}

proptest! {
    #[test]
    fn whatever_was_sent_the_upstream_gets_a_valid_one(sent in "[0-9a-f-]{0,60}|[\\x20-\\x7e]{0,60}") {
        let (trace, headers) = applied(&[&sent]);
        let (again, _) = applied(&[headers["traceparent"].to_str().expect("ASCII")]);
        prop_assert_eq!(again.trace_id, trace.trace_id);
        prop_assert_eq!(again.parent_id, Some(trace.span_id));
    }
}
