//! The document is what a collector reads, and what waits is bounded.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Traced, Traces, WAITING, render};
use crate::config::model::Telemetry;
use crate::http::trace::Trace;
use crate::reason::Reason;

fn traced() -> Traced {
    Traced {
        trace: Trace {
            trace_id: [0xab; 16],
            parent_id: Some([1; 8]),
            server_id: [2; 8],
            span_id: [3; 8],
            sampled: true,
        },
        ended: 1_000.0,
        lasted: Duration::from_millis(30),
        call: Some((Duration::from_millis(10), Duration::from_millis(15))),
        scheme: "https",
        method: "GET".into(),
        path: "/orders/1".into(),
        route: Some("GET /orders/{id}".into()),
        status: 200,
        reason: None,
        audit: None,
        client: None,
        client_id: Some("reader".into()),
    }
}

fn spans(traced: Traced) -> Vec<Value> {
    let document: Value = serde_json::from_slice(&render(&[traced])).unwrap();
    let scope = &document["resourceSpans"][0]["scopeSpans"][0];
    assert_eq!(scope["scope"]["name"], "portcullis");
    scope["spans"].as_array().unwrap().clone()
}

fn attribute(span: &Value, key: &str) -> Value {
    let attributes = span["attributes"].as_array().unwrap();
    let found = attributes.iter().find(|attribute| attribute["key"] == key);
    found.map_or(Value::Null, |attribute| attribute["value"].clone())
}

#[test]
fn a_request_is_a_server_span_with_its_call_below_it() {
    let spans = spans(traced());
    assert_eq!(spans.len(), 2);
    assert_eq!(spans[0]["name"], "GET /orders/{id}");
    assert_eq!(spans[0]["kind"], 2);
    assert_eq!(spans[0]["traceId"], "ab".repeat(16));
    assert_eq!(spans[0]["parentSpanId"], "01".repeat(8));
    assert_eq!(spans[0]["spanId"], "02".repeat(8));
    assert_eq!(spans[0]["startTimeUnixNano"], "999970000000");
    assert_eq!(spans[0]["endTimeUnixNano"], "1000000000000");
    assert_eq!(spans[0]["status"], json!({}));
    for (key, value) in [
        ("http.request.method", "GET"),
        ("http.route", "GET /orders/{id}"),
        ("url.path", "/orders/1"),
        ("url.scheme", "https"),
        ("portcullis.client_id", "reader"),
    ] {
        assert_eq!(attribute(&spans[0], key), json!({ "stringValue": value }));
    }
    let code = attribute(&spans[0], "http.response.status_code");
    assert_eq!(code, json!({ "intValue": "200" }));
    // The upstream was told this one, and it is a child of the other.
    assert_eq!(spans[1]["spanId"], "03".repeat(8));
    assert_eq!(spans[1]["parentSpanId"], "02".repeat(8));
    assert_eq!(spans[1]["kind"], 3);
    assert_eq!(spans[1]["startTimeUnixNano"], "999980000000");
    assert_eq!(spans[1]["endTimeUnixNano"], "999995000000");
}

#[test]
fn a_refusal_has_its_reason_and_is_no_error_of_ours() {
    let mut refused = traced();
    refused.call = None;
    refused.trace.parent_id = None;
    refused.route = None;
    refused.method = "BREW".into();
    refused.status = 403;
    refused.reason = Some(Reason::NoRoute);
    let spans = spans(refused);
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0]["name"], "HTTP");
    assert!(spans[0].get("parentSpanId").is_none());
    assert_eq!(spans[0]["status"], json!({}));
    let text = |value| json!({ "stringValue": value });
    assert_eq!(attribute(&spans[0], "portcullis.reason"), text("no_route"));
    assert_eq!(attribute(&spans[0], "http.request.method"), text("_OTHER"));
    let original = attribute(&spans[0], "http.request.method_original");
    assert_eq!(original, text("BREW"));
}

#[test]
fn what_the_upstream_did_wrong_is_an_error() {
    let mut failed = traced();
    failed.status = 502;
    failed.reason = Some(Reason::UpstreamUnreachable);
    for span in spans(failed) {
        assert_eq!(span["status"], json!({ "code": 2 }));
        let kind = attribute(&span, "error.type");
        assert_eq!(kind, json!({ "stringValue": "upstream_unreachable" }));
    }
}

#[test]
fn what_a_collector_does_not_take_is_dropped_and_counted() {
    let traces = Traces::new(&Telemetry {
        log_format: None,
        log_level: "info".to_owned(),
        access_log: false,
        log_subject: true,
        otlp_endpoint: None,
    });
    for _ in 0..WAITING + 3 {
        traces.push(traced());
    }
    assert_eq!(traces.counts(), (0, 6));
    let batch = traces.take(10);
    assert_eq!(batch.len(), 10);
    traces.settle(&batch, true);
    traces.settle(&traces.take(1), false);
    assert_eq!(traces.counts(), (20, 8));
    assert_eq!(traces.take(WAITING).len(), WAITING - 11);
    assert!(traces.take(1).is_empty());
}

#[test]
fn a_clock_before_1970_makes_no_panic() {
    let mut early = traced();
    early.ended = 0.0;
    assert_eq!(spans(early)[0]["startTimeUnixNano"], "0");
}
