//! What belongs to one connection ends at it, and a client cannot use that to take away what matters.

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::strip;

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    lines
        .iter()
        .map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
            (
                name,
                HeaderValue::from_bytes(value.as_bytes()).expect("a header value"),
            )
        })
        .collect()
}

fn left(lines: &[(&str, &str)]) -> Vec<String> {
    let mut headers = headers(lines);
    strip(&mut headers);
    let mut names: Vec<String> = headers
        .keys()
        .map(|name| name.as_str().to_owned())
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn hop_by_hop_headers_end_here() {
    let lines = [
        ("Connection", "keep-alive, Upgrade, HTTP2-Settings"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Connection", "keep-alive"),
        ("Proxy-Authenticate", "Basic"),
        ("Proxy-Authorization", "Basic eDp5"),
        ("TE", "trailers, gzip"),
        ("Trailer", "X-User"),
        ("Transfer-Encoding", "chunked"),
        ("Transfer-Encoding", "chunked"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAMAAABk"),
        ("Accept", "*/*"),
    ];
    assert_eq!(left(&lines), ["accept"]);
}

#[test]
fn h05_headers_named_by_connection_are_dropped_in_any_case_and_on_any_line() {
    let lines = [
        ("Connection", "close, x-USER-sub ,,\tX-Forwarded-For"),
        ("connection", "Authorization"),
        ("Connection", "X-Caf\u{e9}, X-Other\u{e9}, @, \"X-Kept\""),
        ("X-User-Sub", "mallory"),
        ("X-User-Sub", "eve"),
        ("X-Forwarded-For", "203.0.113.9"),
        ("Authorization", "Bearer x"),
        ("X-Kept", "1"),
    ];
    assert_eq!(left(&lines), ["x-kept"]);
}

#[test]
fn h05_connection_cannot_take_host_or_length_away() {
    let lines = [
        ("Connection", "Host, Content-Length, HOST,content-length"),
        ("Host", "app.example.com"),
        ("Content-Length", "3"),
    ];
    assert_eq!(left(&lines), ["content-length", "host"]);
}

#[test]
fn h05_a_thousand_options_are_as_good_as_one() {
    let mut options: Vec<String> = (0..1000).map(|n| format!("x-noise-{n}")).collect();
    options.push("X-User".to_owned());
    let lines = [
        ("Connection", &*options.join(",")),
        ("X-User", "mallory"),
        ("Accept", "*/*"),
    ];
    assert_eq!(left(&lines), ["accept"]);
}

#[test]
fn s03_misspelt_framing_ends_here() {
    let lines = [
        ("Content_Length", "5"),
        ("Transfer_Encoding", "chunked"),
        ("transfer.encoding", "chunked"),
        ("Proxy_Authorization", "Basic eDp5"),
        ("Content-Length", "3"),
        ("Content_Type", "text/plain"),
    ];
    assert_eq!(left(&lines), ["content-length", "content_type"]);
}

#[test]
fn h16_the_same_holds_for_an_answer() {
    let lines = [
        ("Connection", "Set-Cookie, close"),
        ("Set-Cookie", "a=b"),
        ("Keep-Alive", "timeout=5"),
        ("Content-Length", "0"),
        ("Server", "legacy/1.0"),
    ];
    assert_eq!(left(&lines), ["content-length", "server"]);
}

proptest! {
    #[test]
    fn any_bytes_in_connection_are_taken(line in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
        if let Ok(value) = HeaderValue::from_bytes(&line) {
            let mut headers = headers(&[("Host", "a"), ("Content-Length", "1")]);
            headers.insert("connection", value);
            strip(&mut headers);
            prop_assert_eq!(headers.len(), 2);
        }
    }
}
