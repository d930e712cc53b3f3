//! A forward proxy: which targets are listed, and what becomes of others.

use super::Courier;
use crate::support::{Recorder, Request, get, request};

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
    let other = Recorder::start();
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

/// An absolute target, its host in `Host` as well.
fn absolute(url: &str) -> Request {
    let host = url
        .split("://")
        .nth(1)
        .and_then(|rest| rest.split('/').next())
        .unwrap_or_default();
    request("GET", url).without_host().header("Host", host)
}

#[test]
fn x03_a_host_is_the_listed_one_or_none() {
    let courier = Courier::start(|_| {
        "[outbound.out]\nlisten = \"127.0.0.1:0\"\nmode = \"forward_proxy\"\n[outbound.out.destinations]\n\"http://inventory.invalid:7777\" = { credential = \"billing\" }\n\"https://secure.invalid\" = { credential = \"billing\" }\n".to_owned()
    });
    for url in [
        "http://inventory.invalid.evil.invalid:7777/",
        "http://evil.invalid:7777/",
        "http://inventory.invalid/",
        "http://inventory.invalid:7778/",
        "https://inventory.invalid:7777/",
        "http://secure.invalid:8443/",
        "http://secure.invalid:1/",
        "http://xn--inventory-invalid:7777/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://2852039166/",
        "http://0251.0376.0251.0376/",
        "http://0/",
        "http://127.1/",
        "ftp://inventory.invalid:7777/",
    ] {
        courier.refuses(&absolute(url), 403, "no_route");
    }
    for url in [
        "http://inventory.invalid:7777@evil.invalid/",
        "http://a:b@inventory.invalid:7777/",
    ] {
        courier.refuses(&absolute(url), 400, "bad_request");
    }
    // The listed one in another spelling is looked up under its own name, which nobody has.
    for url in [
        "http://INVENTORY.invalid:7777/",
        "http://inventory.invalid.:7777/",
        "http://secure.invalid/",
        "http://secure.invalid:80/",
        "https://secure.invalid/",
    ] {
        assert_eq!(
            courier.send(&absolute(url)).reason(),
            "upstream_unreachable",
            "{url}"
        );
    }
}

#[test]
fn x04_metadata_addresses_are_refused_when_they_are_connected_to() {
    let courier = Courier::proxy("others = \"pass\"");
    for url in [
        "http://169.254.169.254/latest/meta-data/",
        "http://169.254.170.2/v2/credentials",
        "http://[::ffff:169.254.169.254]/",
        "http://[fd00:ec2::254]/",
        "http://2852039166/",
        "http://0xa9fea9fe/",
        "http://0251.0376.0251.0376/",
    ] {
        assert_eq!(
            courier.send(&absolute(url)).reason(),
            "upstream_unreachable",
            "{url}"
        );
        let forbidden = |line: &serde_json::Value| {
            line["message"]
                .as_str()
                .is_some_and(|text| text.contains("no address that may be called"))
        };
        courier.rig.gate.program.wait_for_log(forbidden);
    }
}

#[test]
fn others_pass_without_a_token_where_that_is_said() {
    let other = Recorder::start();
    let courier = Courier::proxy("others = \"pass\"");
    let url = format!("{}/path?q", other.url());
    let answer = courier.send(&absolute(&url).header("Authorization", "Basic bWluZQ=="));
    assert_eq!(answer.status, 200);
    let seen = other.requests().remove(0);
    assert_eq!(seen.line, "GET /path?q HTTP/1.1");
    assert_eq!(seen.header("authorization"), Some("Basic bWluZQ=="));
    assert_eq!(courier.tok.connections(), 0);
    // Seen from elsewhere, this host is none of the others.
    let remote =
        Courier::proxy("others = \"pass\"\nallow_remote = true\nclients = [\"127.0.0.1/32\"]");
    assert_eq!(
        remote.send(&absolute(&url)).reason(),
        "upstream_unreachable"
    );
    assert_eq!(other.requests().len(), 1);
    remote.send(&absolute(&format!("{}/listed", remote.out.url())));
    assert_eq!(
        remote.out.requests()[0].header("authorization"),
        Some("Bearer token-1")
    );
}
