//! A forward proxy: which targets are listed, and what becomes of others.

use super::Courier;
use crate::support::{get, request};

#[test]
fn a_listed_origin_is_called_with_a_token() {
    let courier = Courier::proxy("");
    let out = courier.out.address();
    let recorded = courier.sends(
        &request("GET", &format!("http://{out}/items/1?q"))
            .without_host()
            .header("Host", &out.to_string()),
    );
    assert_eq!(recorded.line, "GET /items/1?q HTTP/1.1");
    assert_eq!(recorded.header("authorization"), Some("Bearer token-1"));
    assert_eq!(recorded.header("host"), Some(out.to_string().as_str()));
}

#[test]
fn x02_an_origin_that_is_not_listed_is_refused_without_a_socket() {
    let courier = Courier::proxy("");
    let other = crate::support::Recorder::start();
    let host = other.address().to_string();
    let absolute =
        |target: &str, host: &str| request("GET", target).without_host().header("Host", host);
    courier.refuses(
        &absolute(&format!("http://{host}/"), &host),
        403,
        "no_route",
    );
    let out = courier.out.address().to_string();
    courier.refuses(
        &absolute(&format!("http://{out}/"), &host),
        400,
        "bad_request",
    );
    courier.refuses(&get("/items/1"), 403, "no_route");
    courier.refuses(
        &request("CONNECT", &out).without_host().header("Host", &out),
        403,
        "no_route",
    );
    assert_eq!(other.connections(), 0);
}
