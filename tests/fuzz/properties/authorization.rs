//! Where a token is found: `find` and what takes it out again, beside a naive reading of the same lines.

use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};
use portcullis::reason::Reason;
use portcullis::token::find::{Place, Sources, find, strip, strip_query};

/// The first byte says where tokens are looked for. Each line that follows is an Authorization header, or after its first
/// letter and a colon: `c:` a Cookie, `x:` an X-Token, `q:` the query.
pub fn check(bytes: &[u8]) {
    let Some((bits, lines)) = bytes.split_first() else {
        return;
    };
    let places = [
        Place::Authorization,
        Place::Cookie("session".to_owned()),
        Place::Query("access_token".to_owned()),
        Place::Header(HeaderName::from_static("x-token")),
    ];
    let chosen = places
        .into_iter()
        .enumerate()
        .filter(|(bit, _)| bits & (1 << bit) != 0);
    let sources = Sources {
        places: chosen.map(|(_, place)| place).collect(),
        raw_authorization: bits & 16 != 0,
    };
    let (headers, query) = head(lines);
    found(&sources, headers, query.as_deref());
}

fn head(lines: &[u8]) -> (HeaderMap, Option<String>) {
    let (mut headers, mut query) = (HeaderMap::new(), None);
    for line in lines.split(|byte| *byte == b'\n').take(32) {
        let (name, value) = match line {
            [b'c', b':', value @ ..] => (COOKIE, value),
            [b'x', b':', value @ ..] => (HeaderName::from_static("x-token"), value),
            [b'q', b':', value @ ..] => {
                query = std::str::from_utf8(value).ok().map(str::to_owned);
                continue;
            }
            value => (AUTHORIZATION, value),
        };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(name, value);
        }
    }
    (headers, query)
}

fn found(sources: &Sources, mut headers: HeaderMap, query: Option<&str>) {
    let before = headers.clone();
    let found = match find(sources, &headers, query) {
        Ok(Some(found)) => (found.token.into_owned(), found.place.clone()),
        Ok(None) => {
            assert!(!sources.places.contains(&Place::Authorization) || bearers(&headers) == 0);
            return;
        }
        Err(refusal) => {
            let known = [
                Reason::MultipleTokens,
                Reason::MalformedAuthorization,
                Reason::MalformedToken,
            ];
            assert!(
                known.contains(&refusal.reason),
                "{}",
                refusal.reason.as_str()
            );
            return;
        }
    };
    let (token, place) = found;
    assert!(sources.places.contains(&place));
    assert!(
        headers.get_all(AUTHORIZATION).iter().count() < 2,
        "two Authorization lines, and one was chosen"
    );
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    assert!(
        !token.is_empty() && token.bytes().all(is_token),
        "{token:?} is no token"
    );
    let written = match &place {
        Place::Authorization => text(&headers, &AUTHORIZATION),
        Place::Header(name) => text(&headers, name),
        Place::Cookie(_) => text(&headers, &COOKIE),
        Place::Query(_) => query.unwrap_or_default().to_owned(),
    };
    if place == Place::Authorization && !sources.raw_authorization {
        let (scheme, rest) = written.split_once(' ').expect("a scheme and a token");
        assert!(
            scheme.eq_ignore_ascii_case("bearer") && rest == token,
            "{written:?}"
        );
    }
    // A parameter may be percent-encoded; everything else stands as it was sent.
    assert!(
        matches!(place, Place::Query(_)) || written.contains(&token),
        "{written:?}"
    );

    // Taken out, it is gone: nobody behind finds it by the same rules, and nothing else is lost.
    strip(&place, &mut headers);
    let query = query.and_then(|query| strip_query(&place, query));
    let again = find(sources, &headers, query.as_deref());
    assert!(matches!(again, Ok(None)), "{token:?} stays at {place:?}");
    for name in [&AUTHORIZATION, &HeaderName::from_static("x-token")] {
        let taken = place == Place::Authorization && *name == AUTHORIZATION
            || place == Place::Header(name.clone());
        let count = |headers: &HeaderMap| headers.get_all(name).iter().count();
        assert_eq!(count(&headers), if taken { 0 } else { count(&before) });
    }
    let pairs = |headers: &HeaderMap| {
        text(headers, &COOKIE)
            .split(';')
            .filter(|pair| !pair.trim().is_empty())
            .count()
    };
    let gone = usize::from(matches!(place, Place::Cookie(_)));
    assert_eq!(
        pairs(&headers) + gone,
        pairs(&before),
        "cookies beside the token"
    );
}

/// Authorization lines that are of the scheme Bearer without any doubt.
fn bearers(headers: &HeaderMap) -> usize {
    let values = headers.get_all(AUTHORIZATION).iter();
    let lower = values.map(|value| value.as_bytes().to_ascii_lowercase());
    lower
        .filter(|value| value == b"bearer" || value.starts_with(b"bearer "))
        .count()
}

/// The lines of a name, joined.
fn text(headers: &HeaderMap, name: &HeaderName) -> String {
    let values = headers.get_all(name).iter();
    let lines: Vec<_> = values
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    lines.join(";")
}

/// From the table of what is and is no token.
const LINES: [&str; 40] = [
    "Bearer abc",
    "bearer abc",
    "BEARER a.b.c",
    "Bearer a.b.c==",
    "Bearer  abc",
    "Bearer\tabc",
    "Bearer",
    "Bearer ",
    "Bearer abc def",
    "Bearer abc,def",
    "Bearer \"abc\"",
    " Bearer abc",
    "Bearer=abc",
    "Bearerabc",
    "Bearer:abc",
    "Basic dXNlcjpwYXNz",
    "Negotiate abc",
    "eyJh.eyJz.sig",
    "eyJh.eyJz.",
    "a.b.c.d",
    "",
    " ",
    "Bearer abc\nBearer abc",
    "Basic a\nBearer abc",
    "c:session=abc",
    "c:a=1; session=abc; b=2",
    "c:session=abc\nc:session=def",
    "c:session=abc; session=def",
    "c: session = abc ",
    "c:session=\"abc\"",
    "c:Session=abc",
    "c:session=",
    "c:xsession=abc",
    "Bearer abc\nc:session=abc",
    "q:access_token=abc",
    "q:a=1&access_token=abc&b=2",
    "q:access%5Ftoken=abc",
    "q:access_token=a%20b",
    "q:access_token=abc&access_token=abc",
    "x:abc\nq:access_token=abc",
];

/// Each line where only headers are looked at, and where everything is.
pub fn seeds() -> Vec<Vec<u8>> {
    let spelt = |bits: u8, line: &str| [&[bits], line.as_bytes()].concat();
    LINES
        .iter()
        .flat_map(|line| [spelt(1, line), spelt(15, line), spelt(31, line)])
        .collect()
}
