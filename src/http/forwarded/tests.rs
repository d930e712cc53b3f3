//! What the upstream is told of the client is what the connection says, unless somebody trusted says otherwise.

use std::collections::HashSet;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Origin, address, apply, request_id};

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

fn applied(peer: &str, trusted: bool, lines: &[(&str, &str)]) -> String {
    let mut headers = headers(lines);
    let peer = peer.parse().ok().map(address);
    let origin = Origin {
        peer: peer.as_ref(),
        trusted,
        scheme: "http",
        host: &HeaderValue::from_static("app.example.com:8080"),
    };
    apply(&origin, &mut headers);
    let mut lines: Vec<String> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().expect("ASCII")))
        .collect();
    lines.sort();
    lines.join("\n")
}

const FORGED: [(&str, &str); 14] = [
    ("Forwarded", "for=10.0.0.1"),
    ("X-Forwarded-For", "10.0.0.1"),
    ("X-Forwarded-For", "10.0.0.2, 10.0.0.3"),
    ("X_Forwarded_For", "10.0.0.4"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded_Proto", "gopher"),
    ("X-Forwarded-Host", "evil.example"),
    ("X-Forwarded-Port", "1"),
    ("X-Forwarded-Access-Token", "t"),
    ("X-Forwarded", "for=10.0.0.1"),
    ("X-Real-IP", "10.0.0.1"),
    ("X.Real.IP", "10.0.0.5"),
    ("X_Request_Id", "forged"),
    ("Accept", "*/*"),
];

#[test]
fn h15_a_stranger_says_nothing_about_itself_in_any_spelling() {
    insta::assert_snapshot!(applied("203.0.113.9", false, &FORGED), @r"
    accept: */*
    x-forwarded-for: 203.0.113.9
    x-forwarded-host: app.example.com:8080
    x-forwarded-proto: http
    ");
}

#[test]
fn h15_a_trusted_proxy_is_believed_and_added_to_the_chain() {
    insta::assert_snapshot!(applied("203.0.113.9", true, &FORGED), @r"
    accept: */*
    forwarded: for=10.0.0.1
    x-forwarded-access-token: t
    x-forwarded-for: 10.0.0.1, 10.0.0.2, 10.0.0.3, 203.0.113.9
    x-forwarded-host: evil.example
    x-forwarded-port: 1
    x-forwarded-proto: https
    x-forwarded: for=10.0.0.1
    x-real-ip: 10.0.0.1
    ");
}

#[test]
fn what_a_trusted_proxy_leaves_out_is_filled_in() {
    insta::assert_snapshot!(applied("2001:db8::1", true, &[]), @r"
    x-forwarded-for: 2001:db8::1
    x-forwarded-host: app.example.com:8080
    x-forwarded-proto: http
    ");
}

#[test]
fn an_ipv4_client_of_a_dual_stack_listener_is_told_as_ipv4() {
    let told = applied("::ffff:203.0.113.9", false, &[]);
    assert!(told.contains("x-forwarded-for: 203.0.113.9"), "{told}");
}

#[test]
fn the_longest_address_fits() {
    let longest = "1111:2222:3333:4444:5555:6666:7777:8888";
    assert!(applied(longest, false, &[]).contains(longest));
}

#[test]
fn a_unix_peer_has_no_address_to_tell() {
    let told = applied("", false, &[("X-Forwarded-For", "10.0.0.1")]);
    assert!(!told.contains("x-forwarded-for"), "{told}");
    let told = applied("", true, &[("X-Forwarded-For", "10.0.0.1")]);
    assert!(told.contains("x-forwarded-for: 10.0.0.1"), "{told}");
}

#[test]
fn a_chain_that_is_not_ascii_is_passed_on_by_a_trusted_proxy() {
    let mut headers = headers(&[("X-Forwarded-For", "caf\u{e9}")]);
    let origin = Origin {
        peer: Some(&HeaderValue::from_static("192.0.2.1")),
        trusted: true,
        scheme: "https",
        host: &HeaderValue::from_static("a"),
    };
    apply(&origin, &mut headers);
    assert_eq!(
        headers["x-forwarded-for"].as_bytes(),
        "caf\u{e9}, 192.0.2.1".as_bytes()
    );
}

#[test]
fn a_sane_request_id_is_kept() {
    let longest = "x".repeat(128);
    for sane in [
        "a",
        "Root=1-67891233-abcdef012345678912345678",
        "a.b_c:d@e/f+g=h-i",
        &longest,
    ] {
        let headers = headers(&[("X-Request-Id", sane)]);
        assert_eq!(request_id(&headers), sane);
        assert_eq!(headers["x-request-id"], sane);
    }
}

#[test]
fn any_other_request_id_is_replaced_by_a_new_uuid() {
    let long = "x".repeat(129);
    let cases: [&[(&str, &str)]; 8] = [
        &[],
        &[("X-Request-Id", "")],
        &[("X-Request-Id", &long)],
        &[("X-Request-Id", "a b")],
        &[("X-Request-Id", "a\",\"b")],
        &[("X-Request-Id", "<script>")],
        &[("X-Request-Id", "caf\u{e9}")],
        &[("X-Request-Id", "a"), ("X-Request-Id", "a")],
    ];
    for lines in cases {
        let id = request_id(&headers(lines));
        let id = id.to_str().expect("ASCII");
        let shape: String = id
            .chars()
            .map(|char| match char {
                '0'..='9' | 'a'..='f' => 'x',
                other => other,
            })
            .collect();
        assert_eq!(shape, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
        assert_eq!(&id[14..15], "4");
        assert!("89ab".contains(&id[19..20]), "{id}");
    }
}

#[test]
fn new_request_ids_do_not_repeat_within_or_between_threads() {
    let ids = || {
        (0..500)
            .map(|_| request_id(&HeaderMap::new()))
            .collect::<Vec<_>>()
    };
    let other = std::thread::spawn(ids)
        .join()
        .expect("the thread ends well");
    let all: HashSet<HeaderValue> = ids().into_iter().chain(other).collect();
    assert_eq!(all.len(), 1000);
}
