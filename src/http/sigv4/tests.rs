//! Signatures as AWS publishes them (`tests/vectors/README.md`, and the examples of S3's documentation), and what of a client's
//! own proof is left in a request.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Request, Uri};
use proptest::prelude::*;
use serde_json::Value;

use super::canonical::{Head, PathForm, request};
use super::*;

const ID: &str = "AKIAIOSFODNN7EXAMPLE";
const S3: Scope<'_> = Scope {
    service: "s3",
    region: "us-east-1",
};
const API: Scope<'_> = Scope {
    service: "execute-api",
    region: "eu-west-1",
};
/// 2013-05-24T00:00:00Z
const NOW: f64 = 1_369_353_600.0;

fn secret() -> Secret {
    Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned())
}

/// A head out of lines: the request's, then its headers.
fn head(lines: &[&str]) -> Parts {
    let (method, target) = lines[0].split_once(' ').expect("a method and a target");
    let mut builder = Request::builder().method(method).uri(target);
    for line in &lines[1..] {
        let (name, value) = line.split_once(": ").expect("a header");
        builder = builder.header(name, value);
    }
    builder.body(()).expect("a head").into_parts().0
}

/// Signs, and gives the `Authorization` that came of it.
fn signed(
    parts: &mut Parts,
    scope: Scope<'_>,
    payload: Payload<'_>,
    token: Option<&str>,
) -> String {
    let (secret, token) = (secret(), token.map(|token| Secret::new(token.to_owned())));
    let keys = Keys {
        access_key_id: ID,
        secret_access_key: &secret,
        session_token: token.as_ref(),
    };
    sign(parts, &keys, scope, payload, NOW).expect("keys that a header can hold");
    let header = &parts.headers[header::AUTHORIZATION];
    header.to_str().expect("ASCII").to_owned()
}

/// The head of a published request, which may hold what no parser of ours would take: a blank in the path.
struct Published<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    headers: HeaderMap,
    body: &'a str,
}

fn published(text: &str) -> Published<'_> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    // A line that begins with a blank goes on where the one before ended (RFC 9112 §5.2).
    let unfolded = head.replace("\n ", " ");
    let mut headers = HeaderMap::new();
    for line in unfolded.lines().skip(1) {
        let (name, value) = line.split_once(':').expect("a header");
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        headers.append(name, HeaderValue::from_str(value).expect("a value"));
    }
    let line = head.lines().next().expect("a request line");
    let line = line.strip_suffix(" HTTP/1.1").expect("a version");
    let (method, target) = line.split_once(' ').expect("a target");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Published {
        method,
        path,
        query,
        headers,
        body,
    }
}

#[test]
fn every_signature_that_aws_publishes_comes_out() {
    let vectors = include_str!("../../../tests/vectors/aws_signing_v4.json");
    let vectors: Vec<Value> = serde_json::from_str(vectors).expect("the file is JSON");
    assert_eq!(vectors.len(), 38);
    for vector in &vectors {
        let text = |name: &str| vector[name].as_str().expect("a text");
        let (name, context) = (text("name"), &vector["context"]);
        let of_context = |name: &str| context[name].as_str().expect("a text");
        let mut published = published(text("request"));
        let at = of_context("timestamp").replace(['-', ':'], "");
        let headers = &mut published.headers;
        headers.insert(DATE, HeaderValue::try_from(&at).expect("a date"));
        let token = context["credentials"]["token"].as_str();
        if let Some(token) = token.filter(|_| context["omit_session_token"] != true) {
            headers.insert(TOKEN, HeaderValue::from_str(token).expect("a token"));
        }
        let content = hash(published.body.as_bytes());
        if context["sign_body"] == true {
            headers.insert(CONTENT, content.clone());
        }

        let head = Head {
            method: published.method,
            path: published.path,
            query: published.query,
            headers: &published.headers,
        };
        let form = PathForm::Twice {
            normalised: context["normalize"] == true,
        };
        let (canonical, _) = request(&head, form, |_| true, content.as_bytes());
        let canonical_text = String::from_utf8_lossy(&canonical);
        assert_eq!(canonical_text, text("canonical_request"), "{name}");

        let scope = Scope {
            service: of_context("service"),
            region: of_context("region"),
        };
        let reach = format!(
            "{}/{}/{}/aws4_request",
            &at[..8],
            scope.region,
            scope.service
        );
        let to_sign = string_to_sign(&at, &reach, &canonical);
        assert_eq!(
            String::from_utf8_lossy(&to_sign),
            text("string_to_sign"),
            "{name}"
        );

        let secret = context["credentials"]["secret_access_key"].as_str();
        let secret = Secret::new(secret.expect("a secret").to_owned());
        let signature = hex(signature(&secret, &at[..8], scope, &to_sign).as_ref());
        assert_eq!(
            String::from_utf8_lossy(&signature),
            text("signature"),
            "{name}"
        );
    }
}

/// The examples of "Signature Calculations for the Authorization Header" in S3's API reference that send the headers we sign.
#[test]
fn the_examples_of_s3s_documentation_come_out() {
    let host = "host: examplebucket.s3.amazonaws.com";
    for (target, signature) in [
        (
            "GET /?lifecycle",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            "GET /?max-keys=2&prefix=J",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ] {
        let mut parts = head(&[target, host]);
        let authorization = signed(&mut parts, S3, Payload::Whole(b""), None);
        let expected = format!(
            "AWS4-HMAC-SHA256 Credential={ID}/20130524/us-east-1/s3/aws4_request, \
             SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={signature}"
        );
        assert_eq!(authorization, expected, "{target}");
    }
}

fn path(target: &str, form: PathForm) -> String {
    let head = Head {
        method: "GET",
        path: target,
        query: "",
        headers: &HeaderMap::new(),
    };
    let (text, _) = request(&head, form, |_| true, b"");
    let text = String::from_utf8(text).expect("ASCII");
    text.lines().nth(1).expect("a path").to_owned()
}

#[test]
fn s3_reads_a_path_once_and_all_others_twice() {
    let others = PathForm::Twice { normalised: true };
    for (target, once, twice) in [
        ("/", "/", "/"),
        ("/a%20b", "/a%20b", "/a%2520b"),
        ("/test$file.text", "/test%24file.text", "/test%24file.text"),
        ("/a%7eb%2a", "/a~b%2A", "/a%257eb%252a"),
        ("/%e1%88%b4", "/%E1%88%B4", "/%25e1%2588%25b4"),
        ("/a+b", "/a%2Bb", "/a%2Bb"),
        ("/50%", "/50%25", "/50%25"),
        ("/%ff", "/%FF", "/%25ff"),
        // A key of S3 may have any name; elsewhere a folder is meant.
        ("//a/./b/../c//", "//a/./b/../c//", "/a/c/"),
        ("/a/b/..", "/a/b/..", "/a/"),
        ("/../..", "/../..", "/"),
        ("/.hidden/...", "/.hidden/...", "/.hidden/..."),
        // API Gateway's own: https://docs.aws.amazon.com/apigateway/ @connections
        (
            "/p/@connections/Jg%3D",
            "/p/%40connections/Jg%3D",
            "/p/%40connections/Jg%253D",
        ),
    ] {
        assert_eq!(path(target, PathForm::Once), once, "{target}");
        assert_eq!(path(target, others), twice, "{target}");
    }
}

#[test]
fn a_query_is_sorted_and_spelt_one_way() {
    for (query, expected) in [
        ("b=2&a=1", "a=1&b=2"),
        ("a=2&a=1&a", "a=&a=1&a=2"),
        ("a&a-b=1&ab", "a=&a-b=1&ab="),
        ("a=b+c&d=%2B", "a=b%20c&d=%2B"),
        ("q=%e1%88%b4&x=%7e%ff", "q=%E1%88%B4&x=~%FF"),
        ("a=b=c&=v&&x/y=(z)", "=v&a=b%3Dc&x%2Fy=%28z%29"),
        ("", ""),
    ] {
        let head = Head {
            method: "GET",
            path: "/",
            query,
            headers: &HeaderMap::new(),
        };
        let (text, _) = request(&head, PathForm::Once, |_| true, b"");
        let text = String::from_utf8(text).expect("ASCII");
        assert_eq!(text.lines().nth(2), Some(expected), "{query}");
    }
}

#[test]
fn x05_what_the_client_sent_to_prove_itself_is_replaced() {
    let mut parts = head(&[
        "GET /items",
        "host: api.example.com",
        "authorization: AWS4-HMAC-SHA256 Credential=AKIATHEIRS/20130524/eu-west-1/execute-api/aws4_request",
        "authorization: Basic dXNlcjpwYXNz",
        "x-amz-security-token: theirs",
        "x-amz-security-token: theirs too",
        "x-amz-date: 20200101T000000Z",
        "x-amz-content-sha256: UNSIGNED-PAYLOAD",
    ]);
    let authorization = signed(&mut parts, API, Payload::Whole(b""), Some("ours"));
    assert!(authorization.contains(ID) && !authorization.contains("AKIATHEIRS"));
    for (name, only) in [
        ("x-amz-security-token", "ours"),
        ("x-amz-date", "20130524T000000Z"),
        (
            "x-amz-content-sha256",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
    ] {
        let values: Vec<_> = parts.headers.get_all(name).iter().collect();
        assert_eq!(values, [only], "{name}");
    }
    assert_eq!(
        parts.headers.get_all(header::AUTHORIZATION).iter().count(),
        1
    );
}

#[test]
fn a_token_of_the_clients_does_not_stay_when_there_is_none_of_ours() {
    let mut parts = head(&["GET /", "host: a.example", "x-amz-security-token: theirs"]);
    let authorization = signed(&mut parts, API, Payload::Whole(b""), None);
    assert!(!parts.headers.contains_key(TOKEN));
    assert!(!authorization.contains("security-token"));
}

/// A proxy on the way may change any other header, and the signature still holds.
#[test]
fn headers_that_give_the_request_its_meaning_are_signed_and_no_others() {
    let mut parts = head(&[
        "PUT /items",
        "host: api.example.com",
        "content-type: text/plain",
        "x-amz-meta-colour: blue",
        "x-amzn-trace-id: Root=1",
        "user-agent: app",
        "accept: */*",
        "x-forwarded-for: 10.0.0.1",
    ]);
    let authorization = signed(&mut parts, API, Payload::Whole(b"body"), Some("ours"));
    let names = authorization.split(", ").nth(1);
    let expected = "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-meta-colour;x-amz-security-token";
    assert_eq!(names, Some(expected));
}

#[test]
fn a_body_that_streams_past_is_what_its_client_says_it_is_for_s3_alone() {
    let hashed = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    for (declared, s3) in [
        ("UNSIGNED-PAYLOAD", "UNSIGNED-PAYLOAD"),
        (
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        ),
        (hashed, hashed),
        ("nonsense", "UNSIGNED-PAYLOAD"),
    ] {
        let declared = format!("x-amz-content-sha256: {declared}");
        let mut parts = head(&["PUT /key", "host: b.example", &declared]);
        assert_eq!(check(&parts.headers), Ok(()));
        signed(&mut parts, S3, Payload::Streaming, None);
        assert_eq!(parts.headers[CONTENT], s3, "{declared}");
    }
    let lattice = Scope {
        service: "vpc-lattice-svcs",
        region: "eu-west-1",
    };
    let mut parts = head(&[
        "PUT /",
        "host: b.example",
        &format!("x-amz-content-sha256: {hashed}"),
    ]);
    signed(&mut parts, lattice, Payload::Streaming, None);
    assert_eq!(parts.headers[CONTENT], "UNSIGNED-PAYLOAD");
}

#[test]
fn chunks_that_the_client_signed_itself_cannot_be_signed_for() {
    for declared in [
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
    ] {
        let declared = format!("x-amz-content-sha256: {declared}");
        let parts = head(&["PUT /key", "host: b.example", &declared]);
        assert_eq!(check(&parts.headers), Err(SignedChunks));
    }
}

#[test]
fn x16_no_secret_shows_in_a_signed_head() {
    let mut parts = head(&["GET /", "host: a.example"]);
    signed(&mut parts, API, Payload::Whole(b""), Some("session-token"));
    let shown = format!("{parts:?}");
    for hidden in ["session-token", "wJalrXUtnFEMI", "Signature="] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}

#[test]
fn a_key_that_no_header_can_hold_is_an_error() {
    let (secret, token) = (secret(), Secret::new("a\nb".to_owned()));
    for (id, token) in [("AK\nIA", None), (ID, Some(&token))] {
        let mut parts = head(&["GET /", "host: a.example"]);
        let keys = Keys {
            access_key_id: id,
            secret_access_key: &secret,
            session_token: token,
        };
        assert!(sign(&mut parts, &keys, API, Payload::Whole(b""), NOW).is_err());
    }
}

proptest! {
    /// Whatever a client sends can be signed, and comes out as ASCII of one line for each part.
    #[test]
    fn any_request_can_be_signed(
        target in "/[ -~\u{e9}]{0,20}",
        value in proptest::collection::vec(32u8..=255, 0..20),
        now in proptest::num::f64::ANY,
    ) {
        let Ok(uri) = target.parse::<Uri>() else { return Ok(()) };
        let Ok(value) = HeaderValue::from_bytes(&value) else { return Ok(()) };
        let mut parts = Request::builder().uri(uri).header("x-amz-meta-a", value).body(()).expect("a head").into_parts().0;
        let secret = secret();
        let keys = Keys { access_key_id: ID, secret_access_key: &secret, session_token: None };
        for scope in [S3, API] {
            sign(&mut parts, &keys, scope, Payload::Whole(b""), now).expect("keys that a header can hold");
            let head = Head {
                method: "GET",
                path: parts.uri.path(),
                query: parts.uri.query().unwrap_or_default(),
                headers: &HeaderMap::new(),
            };
            let (text, _) = request(&head, PathForm::Once, is_signed, b"content");
            prop_assert!(text.is_ascii());
            prop_assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 5);
        }
    }

    /// S3's form stands for what the path names: spelling it that way changes nothing.
    #[test]
    fn the_canonical_path_is_its_own(target in "/[ -~]{0,20}") {
        let once = path(&target, PathForm::Once);
        prop_assert_eq!(path(&once, PathForm::Once), once);
    }
}
