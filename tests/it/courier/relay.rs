//! A relay: what arrives, and what a call may look like.

use super::{Courier, SECRET};
use crate::support::{Answer, Connection, get, post, request};

#[test]
fn a_call_arrives_with_a_token_under_the_destinations_own_host() {
    let courier = Courier::relay("");
    let recorded = courier.sends(&get("/items/1?a=b%2Fc&d").header("X-Own", "kept"));
    assert_eq!(recorded.line, "GET /items/1?a=b%2Fc&d HTTP/1.1");
    assert_eq!(recorded.header("authorization"), Some("Bearer token-1"));
    assert_eq!(
        recorded.header("host"),
        Some(courier.out.address().to_string().as_str())
    );
    assert_eq!(recorded.header("x-own"), Some("kept"));
    assert_eq!(recorded.header("x-forwarded-for"), None);
    let asked = courier.tok.requests();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].holds("scope=inventory%2Fread"), "{asked:?}");
    // The second call has the same token, without another fetch.
    let recorded = courier.sends(&post("/items").body("a body"));
    assert_eq!(recorded.header("authorization"), Some("Bearer token-1"));
    assert_eq!(recorded.body, b"a body");
    assert_eq!(courier.tok.requests().len(), 1);
    assert!(!courier.out.everything().contains(SECRET));
}

#[test]
fn a_token_may_stand_alone_in_a_header_of_another_name() {
    let courier = Courier::relay("header = \"X-Api-Token\"\nprefix = \"\"");
    let call = get("/items/1")
        .header("X-Api-Token", "mine")
        .header("Authorization", "Basic bWluZQ==");
    let recorded = courier.sends(&call);
    assert_eq!(recorded.header("x-api-token"), Some("token-1"));
    assert_eq!(recorded.header("authorization"), None);
}

#[test]
fn only_what_is_allowed_leaves() {
    let courier = Courier::relay("allow = [\"GET /items/{id}\", \"POST /orders/{*rest}\"]");
    for call in [
        get("/other"),
        get("/items/1/more"),
        post("/items/1"),
        get("/ITEMS/1"),
        request("DELETE", "/orders/1"),
    ] {
        courier.refuses(&call, 403, "no_route");
    }
    for target in ["/items/..", "/items/%2e%2e", "/items//1", "/items/a%2Fb"] {
        courier.refuses(&get(target), 400, "ambiguous_path");
    }
    courier.sends(&post("/orders/1/lines"));
    courier.control();
}

#[test]
fn without_a_list_paths_leave_byte_for_byte() {
    let courier = Courier::relay("");
    for target in ["/a//b", "/a%2Fb", "/a/../b", "/a;v=1", "/%7Ea?x=%00"] {
        assert_eq!(courier.sends(&get(target)).target(), target);
    }
}

#[test]
fn a_relay_is_told_of_under_its_own_name() {
    let courier = Courier::relay("");
    let id = courier
        .sends(&get("/items/1?secret=1"))
        .header("x-request-id")
        .unwrap_or_default()
        .to_owned();
    let record = courier.rig.gate.record(&id);
    assert_eq!(record["listener"], "out", "{record}");
    assert_eq!(record["path"], "/items/1", "{record}");
    assert_eq!(record["status"], 200, "{record}");
    let gate = &courier.rig.gate;
    let route = courier.out.url();
    let sample =
        format!("portcullis_requests_total{{code=\"200\",listener=\"out\",route=\"{route}\"}}");
    assert_eq!(gate.metric(&sample), Some(1.0));
    let fetches = "portcullis_credential_fetches_total{credential=\"billing\",result=\"ok\"}";
    assert_eq!(gate.metric(fetches), Some(1.0));
    assert!(
        gate.metric("portcullis_credential_expiry_timestamp_seconds{credential=\"billing\"}")
            .is_some()
    );
    let status = get("/status").send(gate.admin).json();
    assert_eq!(status["credentials"][0]["name"], "billing", "{status:#}");
    assert!(
        status["credentials"][0]["token_expiry"].is_string(),
        "{status:#}"
    );
    let named = |listener: &serde_json::Value| listener["name"] == "out";
    assert!(
        status["listeners"]
            .as_array()
            .is_some_and(|all| all.iter().any(named)),
        "{status:#}"
    );
    assert!(!status.to_string().contains("token-1"));
}

#[test]
fn an_answer_streams_and_an_upload_does_too() {
    let courier = Courier::relay("");
    courier.out.answer(|_| {
        Answer::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n").silent()
    });
    let mut connection = Connection::open(courier.address("out"));
    let head =
        "POST /items HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
    connection.write(head);
    // The destination has the beginning of the body before its end was sent.
    courier.out.wait_for_text("abc");
    connection.write("0\r\n\r\n");
    let mut begun = Vec::new();
    while !begun.ends_with(b"first") {
        begun.extend(
            connection
                .take(1)
                .expect("the answer's beginning, before its end"),
        );
    }
}
