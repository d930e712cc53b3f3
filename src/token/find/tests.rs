//! One token in one place, whatever spelling a client tries.

use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::{Place, Sources, find, strip, strip_query};

fn headers(lines: &[(&str, &[u8])]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name: HeaderName = name.parse().expect("a header name");
        headers.append(
            name,
            HeaderValue::from_bytes(value).expect("a header value"),
        );
    }
    headers
}

fn sources(places: &[Place]) -> Sources {
    Sources {
        places: places.to_vec(),
        raw_authorization: false,
    }
}

/// The token, `none`, or the reason.
fn outcome(sources: &Sources, headers: &HeaderMap, query: Option<&str>) -> String {
    match find(sources, headers, query) {
        Ok(Some(found)) => found.token.into_owned(),
        Ok(None) => "none".to_owned(),
        Err(refusal) => refusal.reason.to_string(),
    }
}

fn authorization(value: &[u8], raw: bool) -> String {
    let sources = Sources {
        places: vec![Place::Authorization],
        raw_authorization: raw,
    };
    outcome(&sources, &headers(&[("authorization", value)]), None)
}

fn cookie() -> Place {
    Place::Cookie("session".to_owned())
}

fn query() -> Place {
    Place::Query("access_token".to_owned())
}

fn x_token() -> Place {
    Place::Header(HeaderName::from_static("x-token"))
}

#[test]
fn a_bearer_token_is_found() {
    for value in [
        "Bearer a.b-c_d~e+f/g==",
        "bearer a.b-c_d~e+f/g==",
        "BEARER a.b-c_d~e+f/g==",
    ] {
        assert_eq!(authorization(value.as_bytes(), false), "a.b-c_d~e+f/g==");
    }
    let sources = sources(&[Place::Authorization]);
    assert_eq!(
        outcome(&sources, &HeaderMap::new(), Some("access_token=a.b.c")),
        "none"
    );
}

#[test]
fn an_unclear_bearer_is_malformed() {
    let rows: [&[u8]; 24] = [
        b"Bearer",
        b"bearer",
        b"Bearer ",
        b"Bearer  ",
        b"Bearer  a.b.c",
        b"Bearer a.b.c ",
        b"Bearer a.b.c x",
        b"Bearer a.b.c,d",
        b"Bearer a.b.c, Basic eA==",
        b"Bearer\ta.b.c",
        b"Bearer \ta.b.c",
        b"Bearer,a.b.c",
        b"Bearer, a.b.c",
        b"Bearer:a.b.c",
        b"Bearer=a.b.c",
        b"Bearer a\"b",
        b"Bearer \"a.b.c\"",
        b"Bearer =",
        b"Bearer a=b",
        b"Bearer a.b.c;",
        b" Bearer a.b.c",
        b"\tBearer a.b.c",
        b"Bearer a.b.\xe9",
        b"Bearer a%2eb",
    ];
    for value in rows {
        let shown = String::from_utf8_lossy(value);
        assert_eq!(
            authorization(value, false),
            "malformed_authorization",
            "{shown}"
        );
        assert_eq!(
            authorization(value, true),
            "malformed_authorization",
            "{shown}"
        );
    }
    assert_eq!(authorization(b"", false), "malformed_authorization");
    assert_eq!(
        authorization(b"Basic \xc3\xa9", false),
        "malformed_authorization"
    );
}

#[test]
fn another_scheme_is_no_token() {
    let rows = [
        "Basic dTpw",
        "Negotiate YII=",
        "Digest username=\"x\", realm=\"y\"",
        "Bearers a.b.c",
        "BearerX",
        "AWS4-HMAC-SHA256 Credential=x",
        "DPoP a.b.c",
        "Token a.b.c",
        "eyJh",
        "Bearer.a.b",
    ];
    for value in rows {
        assert_eq!(authorization(value.as_bytes(), false), "none", "{value}");
    }
}

#[test]
fn a_raw_jwt_is_a_token_where_that_is_allowed() {
    assert_eq!(authorization(b"eyJ-_.eyJ9.sig", false), "none");
    assert_eq!(authorization(b"eyJ-_.eyJ9.sig", true), "eyJ-_.eyJ9.sig");
    assert_eq!(authorization(b"eyJ.eyJ.", true), "eyJ.eyJ.");
    assert_eq!(authorization(b"Bearer eyJ.eyJ.sig", true), "eyJ.eyJ.sig");
    for value in [
        "Basic dTpw",
        "eyJ.eyJ",
        "eyJ.eyJ.a.b",
        "eyJ.eyJ.a b",
        ".eyJ.a",
        "eyJ..a",
        "eyJ.eyJ.a+",
        "eyJ.eyJ.a=",
    ] {
        assert_eq!(authorization(value.as_bytes(), true), "none", "{value}");
    }
}

#[test]
fn two_authorization_headers_are_refused_whatever_they_say() {
    for (one, other) in [
        ("Bearer a.b.c", "Bearer a.b.c"),
        ("Bearer a.b.c", "Basic eA=="),
        ("Basic eA==", "Basic eA=="),
        ("", ""),
    ] {
        let headers = headers(&[
            ("authorization", one.as_bytes()),
            ("authorization", other.as_bytes()),
        ]);
        for places in [vec![Place::Authorization], vec![cookie()], vec![]] {
            assert_eq!(
                outcome(&sources(&places), &headers, None),
                "multiple_tokens"
            );
        }
    }
}

#[test]
fn two_sources_are_refused() {
    let places = [Place::Authorization, x_token(), cookie(), query()];
    let lines: [(&str, &[u8]); 3] = [
        ("authorization", b"Bearer a.b.c"),
        ("x-token", b"a.b.c"),
        ("cookie", b"session=a.b.c"),
    ];
    let sources = sources(&places);
    for (at, line) in lines.iter().enumerate() {
        assert_eq!(outcome(&sources, &headers(&[*line]), None), "a.b.c");
        for other in &lines[at + 1..] {
            assert_eq!(
                outcome(&sources, &headers(&[*line, *other]), None),
                "multiple_tokens"
            );
        }
        let both = outcome(&sources, &headers(&[*line]), Some("access_token=a.b.c"));
        assert_eq!(both, "multiple_tokens");
    }
    let basic = headers(&[
        ("authorization", b"Basic eA=="),
        ("cookie", b"session=a.b.c"),
    ]);
    assert_eq!(outcome(&sources, &basic, None), "a.b.c");
    let bad = headers(&[("authorization", b"Bearer"), ("cookie", b"session=a.b.c")]);
    assert_eq!(outcome(&sources, &bad, None), "malformed_authorization");
}

#[test]
fn a_header_of_its_own_holds_the_token_alone() {
    let sources = sources(&[x_token()]);
    let rows: [(&[u8], &str); 10] = [
        (b"a.b.c", "a.b.c"),
        (b"Bearer a.b.c", "a.b.c"),
        (b"bearer a.b.c", "a.b.c"),
        (b"", "malformed_token"),
        (b"Bearer", "Bearer"),
        (b"Bearer ", "malformed_token"),
        (b"a.b.c d", "malformed_token"),
        (b"a,b", "malformed_token"),
        (b"Basic eA==", "malformed_token"),
        (b"a\xff", "malformed_token"),
    ];
    for (value, expected) in rows {
        assert_eq!(
            outcome(&sources, &headers(&[("x-token", value)]), None),
            expected
        );
    }
    let twice = headers(&[("x-token", b"a"), ("x-token", b"a")]);
    assert_eq!(outcome(&sources, &twice, None), "multiple_tokens");
}

#[test]
fn a_cookie_is_found_by_its_exact_name() {
    let sources = sources(&[cookie()]);
    let rows: [(&[u8], &str); 14] = [
        (b"session=a.b.c", "a.b.c"),
        (b"x=1; session=a.b.c; y=2", "a.b.c"),
        (b"x=1;session=a.b.c", "a.b.c"),
        (b"x=\xff\xfe; session=a.b.c", "a.b.c"),
        (b" session = a.b.c ", "a.b.c"),
        (b"Session=a; xsession=b; session2=c; session", "none"),
        (b"x=session=a", "none"),
        (b"", "none"),
        (b"session=", "malformed_token"),
        (b"session=\"a.b.c\"", "malformed_token"),
        (b"session=a b", "malformed_token"),
        (b"session=\xff", "malformed_token"),
        (b"session=a; session=a", "multiple_tokens"),
        (b"session=a; x=1; session=", "multiple_tokens"),
    ];
    for (line, expected) in rows {
        let shown = String::from_utf8_lossy(line);
        assert_eq!(
            outcome(&sources, &headers(&[("cookie", line)]), None),
            expected,
            "{shown}"
        );
    }
    let split = headers(&[("cookie", b"x=1"), ("cookie", b"session=a.b.c")]);
    assert_eq!(outcome(&sources, &split, None), "a.b.c");
    let twice = headers(&[("cookie", b"session=a"), ("cookie", b"session=b")]);
    assert_eq!(outcome(&sources, &twice, None), "multiple_tokens");
}

#[test]
fn a_parameter_is_read_decoded() {
    let sources = sources(&[query()]);
    for (query, expected) in [
        ("access_token=a.b.c", "a.b.c"),
        ("x=1&access_token=a.b.c&y", "a.b.c"),
        ("%61ccess_token=a%2eb%2Ec", "a.b.c"),
        ("ACCESS_TOKEN=a&access_token2=b&xaccess_token=c", "none"),
        ("", "none"),
        ("access_token=", "malformed_token"),
        ("access_token", "malformed_token"),
        ("access_token=a+b", "malformed_token"),
        ("access_token=a%20b", "malformed_token"),
        ("access_token=a%FFb", "malformed_token"),
        ("access_token=a%zz", "malformed_token"),
        ("access_token=a&access_token=a", "multiple_tokens"),
        ("access_token=a&%61ccess_token=b", "multiple_tokens"),
    ] {
        assert_eq!(
            outcome(&sources, &HeaderMap::new(), Some(query)),
            expected,
            "{query}"
        );
    }
    assert_eq!(outcome(&sources, &HeaderMap::new(), None), "none");
}

#[test]
fn a_token_is_stripped_where_it_was_found() {
    let all: [(&str, &[u8]); 4] = [
        ("authorization", b"Bearer a"),
        ("x-token", b"a"),
        ("cookie", b"x=\"1\";  session=a; y=\xff"),
        ("accept", b"*/*"),
    ];
    let stripped = |place: &Place| {
        let mut headers = headers(&all);
        strip(place, &mut headers);
        headers
    };
    let headers = stripped(&Place::Authorization);
    assert!(!headers.contains_key(AUTHORIZATION) && headers.len() == 3);
    let headers = stripped(&x_token());
    assert!(!headers.contains_key("x-token") && headers.len() == 3);
    let headers = stripped(&cookie());
    assert_eq!(headers[COOKIE].as_bytes(), b"x=\"1\"; y=\xff");
    assert_eq!(headers.len(), 4);
    assert_eq!(stripped(&query()).len(), 4);
}

#[test]
fn a_cookie_line_that_is_left_empty_goes() {
    let mut left = headers(&[
        ("cookie", b"session=a"),
        ("cookie", b" a=1 ;b=2"),
        ("cookie", b"c=3; session=b"),
    ]);
    strip(&cookie(), &mut left);
    let lines: Vec<&[u8]> = left
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    assert_eq!(lines, [&b" a=1 ;b=2"[..], b"c=3"]);
    let mut alone = headers(&[("cookie", b"session=a;")]);
    strip(&cookie(), &mut alone);
    assert!(!alone.contains_key(COOKIE));
}

#[test]
fn a_query_keeps_every_other_byte() {
    for (before, after) in [
        ("access_token=a", None),
        ("x=1&access_token=a&y=%zz&&z", Some("x=1&y=%zz&&z")),
        ("%61ccess_token=a&x=%41+b", Some("x=%41+b")),
        ("access_token&x", Some("x")),
        (
            "access_token=a&access_token=b&x=access_token",
            Some("x=access_token"),
        ),
    ] {
        assert_eq!(strip_query(&query(), before).as_deref(), after, "{before}");
        assert_eq!(
            strip_query(&Place::Authorization, before).as_deref(),
            Some(before)
        );
    }
}

#[test]
fn debug_shows_no_token() {
    let (sources, headers) = (
        sources(&[Place::Authorization]),
        headers(&[("authorization", b"Bearer s3cret")]),
    );
    let found = find(&sources, &headers, None)
        .expect("no refusal")
        .expect("a token");
    assert_eq!(format!("{found:?}"), "Found { place: Authorization, .. }");
}

proptest! {
    #[test]
    fn what_was_found_is_stripped(
        cookies in prop::collection::vec("[a-c]{0,2}=?[\"a-z;= ]{0,6}|session=[a-z.]{1,9}", 0..6),
        parameters in "([a-z&=%+]{0,9}|&|(access_token|%61ccess_token)=[a-z.]{1,6}){0,4}",
        bearer in prop::option::of("(Bearer|Basic|bearer) [a-z., ]{0,9}"),
    ) {
        let sources = sources(&[Place::Authorization, cookie(), query()]);
        let mut headers = HeaderMap::new();
        for line in &cookies {
            headers.append(COOKIE, line.parse().expect("a header value"));
        }
        if let Some(bearer) = bearer {
            headers.append(AUTHORIZATION, bearer.parse().expect("a header value"));
        }
        let Ok(Some(found)) = find(&sources, &headers, Some(&parameters)) else {
            return Ok(());
        };
        let mut left = headers.clone();
        strip(found.place, &mut left);
        let query = strip_query(found.place, &parameters);
        prop_assert!(!matches!(find(&sources, &left, query.as_deref()), Ok(Some(_)) | Err(_)));
    }
}
