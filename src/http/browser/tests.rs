//! A page is shown to who navigates; a cookie works for our own pages alone.

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::{may_use_cookie, wants_page};

fn headers(lines: Lines<'_>) -> HeaderMap {
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

/// Header lines as a client sends them.
type Lines<'a> = &'a [(&'a str, &'a str)];

#[test]
fn a_page_is_for_who_navigates() {
    let chrome = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let cases: [(&str, Lines<'_>, bool); 15] = [
        ("GET", &[("Accept", chrome)], true),
        ("HEAD", &[("Accept", chrome)], true),
        (
            "GET",
            &[("Accept", chrome), ("Sec-Fetch-Mode", "navigate")],
            true,
        ),
        ("GET", &[("Accept", "TEXT/HTML")], true),
        (
            "GET",
            &[
                ("Accept", "application/json;q=0.5"),
                ("Accept", "text/html; q=0.9"),
            ],
            true,
        ),
        ("POST", &[("Accept", chrome)], false),
        (
            "GET",
            &[("Accept", chrome), ("Sec-Fetch-Mode", "cors")],
            false,
        ),
        (
            "GET",
            &[
                ("Accept", chrome),
                ("Sec-Fetch-Mode", "navigate"),
                ("Sec-Fetch-Mode", "cors"),
            ],
            false,
        ),
        ("GET", &[], false),
        ("GET", &[("Accept", "*/*")], false),
        (
            "GET",
            &[("Accept", "application/json, text/plain, */*")],
            false,
        ),
        (
            "GET",
            &[("Accept", "application/json, text/html;q=0.9")],
            false,
        ),
        ("GET", &[("Accept", "application/json, text/html")], false),
        ("GET", &[("Accept", "text/html;q=0, */*")], false),
        ("GET", &[("Accept", "text/html;q=nan")], false),
    ];
    for (method, lines, expected) in cases {
        let method = method.parse::<Method>().expect("a method");
        assert_eq!(
            wants_page(&method, &headers(lines)),
            expected,
            "{method} {lines:?}"
        );
    }
}

const OURS: &str = "https://app.example.com";
const FRIEND: &str = "https://friend.example.com";

fn may(method: &str, lines: Lines<'_>) -> bool {
    let method = method.parse::<Method>().expect("a method");
    may_use_cookie(
        &method,
        &headers(lines),
        OURS,
        &[FRIEND.to_owned(), "null".to_owned()],
    )
}

#[test]
fn reading_is_open_to_all_unless_it_upgrades() {
    let cross = ("Sec-Fetch-Site", "cross-site");
    for method in ["GET", "HEAD", "OPTIONS"] {
        assert!(may(method, &[cross]), "{method}");
        assert!(!may(method, &[cross, ("Upgrade", "websocket")]), "{method}");
    }
    assert!(may(
        "GET",
        &[("Upgrade", "websocket"), ("Sec-Fetch-Site", "same-origin")]
    ));
    assert!(may("GET", &[("Upgrade", "websocket"), ("Origin", OURS)]));
}

#[test]
fn writing_is_for_our_own_pages_and_listed_origins() {
    let cases: [(Lines<'_>, bool); 16] = [
        (&[("Sec-Fetch-Site", "same-origin")], true),
        (&[("Sec-Fetch-Site", "none")], true),
        (&[("Origin", OURS)], true),
        (&[("Origin", FRIEND)], true),
        (
            &[("Sec-Fetch-Site", "cross-site"), ("Origin", FRIEND)],
            true,
        ),
        (&[("Sec-Fetch-Site", "same-site")], false),
        (&[("Sec-Fetch-Site", "cross-site"), ("Origin", OURS)], false),
        (&[("Sec-Fetch-Site", "same-site"), ("Origin", OURS)], false),
        (
            &[
                ("Sec-Fetch-Site", "same-origin"),
                ("Sec-Fetch-Site", "cross-site"),
            ],
            false,
        ),
        (&[("Sec-Fetch-Site", "Same-Origin")], false),
        (&[("Sec-Fetch-Site", "")], false),
        (&[], false),
        (&[("Origin", "null")], false),
        (&[("Origin", "https://app.example.com.evil.example")], false),
        (&[("Origin", "http://app.example.com")], false),
        (&[("Origin", OURS), ("Origin", OURS)], false),
    ];
    for (lines, expected) in cases {
        for method in [
            "POST", "PUT", "PATCH", "DELETE", "PROPFIND", "CONNECT", "get",
        ] {
            assert_eq!(may(method, lines), expected, "{method} {lines:?}");
        }
    }
}

#[test]
fn without_an_origin_of_our_own_an_empty_one_is_not_ours() {
    assert!(!may_use_cookie(
        &Method::POST,
        &headers(&[("Origin", "")]),
        "",
        &[]
    ));
    assert!(!may_use_cookie(
        &Method::POST,
        &headers(&[("Origin", "null")]),
        "null",
        &[]
    ));
}
