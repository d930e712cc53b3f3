//! OTLP/HTTP in JSON (opentelemetry-proto's `ExportTraceServiceRequest`): ids in hex, times in nanoseconds as text.
//!
//! Names and attributes are OpenTelemetry's conventions for HTTP spans; ours begin with `portcullis.`.

use std::time::Duration;

use serde_json::{Value, json};

use super::Traced;

/// `SPAN_KIND_SERVER`
const SERVER: u8 = 2;
/// `SPAN_KIND_CLIENT`
const CLIENT: u8 = 3;
/// `STATUS_CODE_ERROR`
const ERROR: u8 = 2;

/// The methods that conventions know; a span of another is named `HTTP`.
const METHODS: [&str; 8] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY",
];

/// The document that a collector takes.
pub fn render(batch: &[Traced]) -> Vec<u8> {
    let spans: Vec<Value> = batch.iter().flat_map(spans).collect();
    let version = env!("CARGO_PKG_VERSION");
    json!({ "resourceSpans": [{
        "resource": { "attributes": [text("service.name", "portcullis"), text("service.version", version)] },
        "scopeSpans": [{ "scope": { "name": "portcullis", "version": version }, "spans": spans }],
    }] })
    .to_string()
    .into_bytes()
}

fn spans(traced: &Traced) -> impl Iterator<Item = Value> {
    let ended = Duration::try_from_secs_f64(traced.ended).unwrap_or_default();
    let began = ended.saturating_sub(traced.lasted);
    let call = traced
        .call
        .map(|(after, lasted)| client(traced, began + after, lasted));
    std::iter::once(server(traced, began)).chain(call)
}

/// The request as a whole.
fn server(traced: &Traced, began: Duration) -> Value {
    let mut attributes = common(traced);
    attributes.push(text("url.path", &traced.path));
    attributes.push(text("url.scheme", traced.scheme));
    if let Some(route) = &traced.route {
        attributes.push(text("http.route", route));
    }
    if let Some(reason) = traced.reason {
        attributes.push(text("portcullis.reason", reason.as_str()));
    }
    if let Some(reason) = traced.audit {
        attributes.push(text("portcullis.audit", reason.as_str()));
    }
    if let Some(client) = traced.client {
        attributes.push(text("client.address", &client.to_string()));
    }
    if let Some(client_id) = &traced.client_id {
        attributes.push(text("portcullis.client_id", client_id));
    }
    let mut span = json!({
        "traceId": hex(&traced.trace.trace_id),
        "spanId": hex(&traced.trace.server_id),
        "name": name(traced),
        "kind": SERVER,
        "startTimeUnixNano": nanos(began),
        "endTimeUnixNano": nanos(began + traced.lasted),
        "attributes": attributes,
        "status": status(traced),
    });
    if let (Some(parent), Some(span)) = (traced.trace.parent_id, span.as_object_mut()) {
        span.insert("parentSpanId".to_owned(), hex(&parent).into());
    }
    span
}

/// The call to the upstream, until its head.
fn client(traced: &Traced, began: Duration, lasted: Duration) -> Value {
    json!({
        "traceId": hex(&traced.trace.trace_id),
        "spanId": hex(&traced.trace.span_id),
        "parentSpanId": hex(&traced.trace.server_id),
        "name": method(traced),
        "kind": CLIENT,
        "startTimeUnixNano": nanos(began),
        "endTimeUnixNano": nanos(began + lasted),
        "attributes": common(traced),
        "status": status(traced),
    })
}

/// What both spans tell.
fn common(traced: &Traced) -> Vec<Value> {
    let mut attributes = vec![json!({
        "key": "http.response.status_code",
        "value": { "intValue": traced.status.to_string() },
    })];
    match METHODS.contains(&&*traced.method) {
        true => attributes.push(text("http.request.method", &traced.method)),
        false => {
            attributes.push(text("http.request.method", "_OTHER"));
            attributes.push(text("http.request.method_original", &traced.method));
        }
    }
    if let Some(what) = failure(traced) {
        attributes.push(text("error.type", &what));
    }
    attributes
}

/// The route's key, which begins with its methods where it has some; else the method.
fn name(traced: &Traced) -> String {
    match &traced.route {
        Some(route) if route.contains(' ') => route.to_string(),
        Some(route) => format!("{} {route}", method(traced)),
        None => method(traced).to_owned(),
    }
}

fn method(traced: &Traced) -> &str {
    METHODS
        .into_iter()
        .find(|known| *known == &*traced.method)
        .unwrap_or("HTTP")
}

/// What failed, where it was not the caller's doing: conventions leave a server span of a 4xx without an error.
fn failure(traced: &Traced) -> Option<String> {
    (traced.status >= 500).then(|| match traced.reason {
        Some(reason) => reason.as_str().to_owned(),
        None => traced.status.to_string(),
    })
}

fn status(traced: &Traced) -> Value {
    match failure(traced) {
        Some(_) => json!({ "code": ERROR }),
        None => json!({}),
    }
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

/// A time since the epoch.
fn nanos(since: Duration) -> String {
    since.as_nanos().to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
