//! Policy tests as their author meets them: which pass, how those that fail are told, and which are refused unread.

use insta::assert_snapshot;

use super::*;
use crate::config::{Surroundings, load};

const NOW: Timestamp = 1_800_000_000.0;

const ROUTES: &str = r#"[pools.main]
user_pool_id = "eu-west-1_AAAA"
client_ids = ["app"]
[pools.staff]
user_pool_id = "eu-west-1_BBBB"
client_ids = ["desk"]
[identity.headers]
X-User = "username"
X-Groups = { value = "cognito:groups", list = "repeat" }
[routes]
"GET /orders/{id}" = "orders/read"
"POST /orders" = { any_scope = ["orders/write"], mode = "audit" }
"GET shop.example.com/" = { access = "public" }
"GET /desk" = { pools = ["staff"], max_age = "15m" }
[tests]
"#;

fn machine(tests: &str) -> Result<Config, String> {
    let surroundings = Surroundings {
        env: &|_| None,
        read: &|_| Err(std::io::ErrorKind::NotFound.into()),
    };
    load(
        "portcullis.toml",
        &format!("{}{tests}\n", with_hosts()),
        &surroundings,
    )
    .map_err(|faults| faults.render())
}

fn with_hosts() -> String {
    format!("server.hosts = [\"shop.example.com\", \"localhost\"]\n{ROUTES}")
}

/// What is told of the tests that fail, or of the faults.
fn told(tests: &str) -> String {
    match machine(tests) {
        Err(faults) => faults,
        Ok(config) => {
            let failed = run_tests(&config, NOW);
            failed.iter().map(FailedTest::to_string).collect()
        }
    }
}

#[test]
fn what_holds_says_nothing() {
    assert_eq!(
        told(
            r#"
"reader" = { request = "GET /orders/1", claims = { scope = "orders/read", username = "jane", "cognito:groups" = ["a", "b"] }, expect = "allow", headers = { X-User = "jane", x-groups = ["a", "b"] } }
"nobody" = { request = "GET /orders/1", expect = "missing_token" }
"nobody's name" = { request = "GET /orders/1", claims = { scope = "orders/read" }, expect = "allow", headers = { X-User = false } }
"an empty token" = { request = "GET /orders/1", claims = {}, expect = "insufficient_scope" }
"old" = { request = "GET /orders/1", claims = { exp = 1 }, expect = "expired" }
"another's client" = { request = "GET /orders/1", claims = { client_id = "evil" }, expect = "wrong_client" }
"a list for a scope" = { request = "GET /orders/1", claims = { scope = ["orders/read"] }, expect = "invalid_claims" }
"other methods" = { request = "PUT /orders/1", claims = {}, expect = "method_not_allowed" }
"no such path" = { request = "GET /elsewhere", expect = "no_route" }
"traversal" = { request = "GET /orders/../desk", expect = "ambiguous_path" }
"host" = { request = "GET /", host = "shop.example.com", expect = "allow" }
"host in a URL" = { request = "GET https://shop.example.com/", expect = "allow" }
"another host" = { request = "GET /", host = "localhost", expect = "no_route" }
"two hosts" = { request = "GET /", host = "a", request_headers = { Host = "b" }, expect = "bad_request" }
"a second token" = { request = "GET /orders/1", claims = {}, request_headers = { Authorization = "Bearer x" }, expect = "multiple_tokens" }
"by pool" = { request = "GET /desk", claims = { auth_time = 900 }, pool = "staff", now = 1000, expect = "allow" }
"by issuer" = { request = "GET /desk", claims = { iss = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_BBBB" }, expect = "step_up_required" }
"wrong pool" = { request = "GET /desk", claims = {}, expect = "token_not_allowed" }
"#
        ),
        ""
    );
}

#[test]
fn a_test_that_fails_is_told_with_its_explanation() {
    assert_snapshot!(told(r#""reader" = { request = "GET /orders/1", claims = { scope = "orders/write" }, expect = "allow" }"#), @r#"
    test "reader" fails: expected allow, got insufficient_scope
        GET /orders/1, host shop.example.com (assumed)

        route    "GET /orders/{id}", authenticated
                 {id} is "1"
        token    claims alone, no signature seen, pool main, use access, kind machine, client app, expires in 3600 s
                 scopes orders/write
                 groups none
        checks   ✗ scope orders/read, has orders/write
        note     no host was named, so one is assumed: name it in a URL or in a Host header
        answer   403 insufficient_scope: the token has none of the scopes that this route asks for
                 scope: orders/read
    "#);
}

#[test]
fn headers_are_compared_line_by_line() {
    assert_snapshot!(told(r#""reader" = { request = "GET /orders/1", claims = { scope = "orders/read", username = "jane", "cognito:groups" = ["a"] }, expect = "allow", headers = { X-User = "joe", X-Groups = false, X-Other = ["1", "2"] } }"#), @r#"
    test "reader" fails: expected the header x-user: joe; expected no header x-groups; expected the header x-other: 1, 2
        GET /orders/1, host shop.example.com (assumed)

        route    "GET /orders/{id}", authenticated
                 {id} is "1"
        token    claims alone, no signature seen, pool main, use access, kind user, client app, expires in 3600 s
                 scopes orders/read
                 groups a
        checks   ✓ scope orders/read, has orders/read
        headers  x-user: jane
                 x-groups: a
        note     no host was named, so one is assumed: name it in a URL or in a Host header
        answer   forwarded to upstream at http://127.0.0.1:3000, path /orders/1
    "#);
}

#[test]
fn a_route_in_audit_is_read_as_if_it_were_enforced() {
    assert_eq!(
        told(
            r#""audited" = { request = "POST /orders", claims = {}, expect = "insufficient_scope" }"#
        ),
        ""
    );
    assert_snapshot!(told(r#""audited" = { request = "POST /orders", expect = "allow" }"#), @r#"
    test "audited" fails: expected allow, got missing_token
        POST /orders, host shop.example.com (assumed)

        route    "POST /orders", authenticated, in audit
        token    none
        checks   · scope orders/write (not judged)
        headers  x-portcullis-audit: missing_token
        note     no host was named, so one is assumed: name it in a URL or in a Host header
        answer   forwarded to upstream at http://127.0.0.1:3000, path /orders
                 would be refused, but this route is in audit: 401 missing_token: this route asks for a token: send it as "Authorization: Bearer <access token>"
    "#);
}

#[test]
fn a_word_that_is_no_answer_is_a_fault() {
    assert_snapshot!(told(r#""a" = { request = "GET /orders/1", expect = "allowed" }
"b" = { request = "GET /orders/1", expect = "missing_tokens" }
"c" = { request = "GET /orders/1", expect = "upstream_timeout" }"#), @r#"
    error: `expect` has an unknown value
      --> portcullis.toml:17:45
       |
    17 | "a" = { request = "GET /orders/1", expect = "allowed" }
       |                                             ^^^^^^^^^ expected "allow", or the reason of a refusal such as "missing_token"
       |
       = help: did you mean "allow"?

    error: `expect` has an unknown value
      --> portcullis.toml:18:45
       |
    18 | "b" = { request = "GET /orders/1", expect = "missing_tokens" }
       |                                             ^^^^^^^^^^^^^^^^ expected "allow", or the reason of a refusal such as "missing_token"
       |
       = help: did you mean "missing_token"?

    error: `expect` has an unknown value
      --> portcullis.toml:19:45
       |
    19 | "c" = { request = "GET /orders/1", expect = "upstream_timeout" }
       |                                             ^^^^^^^^^^^^^^^^^^ expected "allow", or the reason of a refusal such as "missing_token"
       |
       = help: this comes of forwarding a request, and a test forwards nothing

    portcullis.toml: 3 faults
    "#);
}

#[test]
fn what_a_test_lacks_or_has_too_much_is_a_fault() {
    assert_snapshot!(told(r#""a" = {}
"b" = { request = "/orders/1", expect = "allow", header = {} }
"c" = { request = "GET /", expect = "no_route", headers = { X-User = "x" } }
"d" = { request = "GET /", expect = "no_route", pool = "main" }
"e" = { request = "GET /", expect = "no_route", claims = {}, pool = "mian" }
"f" = { request = "GET /", expect = "allow", claims = { exp = 2027-01-01 }, request_headers = { "b ad" = "x" }, headers = { X-User = 1 } }
"g" = "GET /""#), @r#"
    error: test `a` has no `request`
      --> portcullis.toml:17:7
       |
    17 | "a" = {}
       |       ^^ expected "METHOD /path"

    error: test `a` has no `expect`
      --> portcullis.toml:17:7
       |
    17 | "a" = {}
       |       ^^ expected "allow" or a reason

    error: `request` is not a method and a path or URL
      --> portcullis.toml:18:19
       |
    18 | "b" = { request = "/orders/1", expect = "allow", header = {} }
       |                   ^^^^^^^^^^^ expected a method and a path or URL: "GET /orders/1"

    error: unknown key `header` in test `b`
      --> portcullis.toml:18:50
       |
    18 | "b" = { request = "/orders/1", expect = "allow", header = {} }
       |                                                  ^^^^^^ this key is not known here
       |
       = help: did you mean `headers`?

    error: a refused request has no identity headers
      --> portcullis.toml:19:59
       |
    19 | "c" = { request = "GET /", expect = "no_route", headers = { X-User = "x" } }
       |                                                           ^^^^^^^^^^^^^^^^ only good beside `expect = "allow"`

    error: this test has no claims for a pool to vouch for
      --> portcullis.toml:20:56
       |
    20 | "d" = { request = "GET /", expect = "no_route", pool = "main" }
       |                                                        ^^^^^^ only good beside `claims`

    error: this pool is not configured
      --> portcullis.toml:21:69
       |
    21 | "e" = { request = "GET /", expect = "no_route", claims = {}, pool = "mian" }
       |                                                                     ^^^^^^ expected the NAME of a [pools.NAME]
       |
       = help: did you mean "main"?

    error: `exp` is a date or time
      --> portcullis.toml:22:63
       |
    22 | "f" = { request = "GET /", expect = "allow", claims = { exp = 2027-01-01 }, request_headers = { "b ad" = "x" }, headers = { X-User =...
       |                                                               ^^^^^^^^^^ expected what JSON can hold

    error: this is no name of a header
      --> portcullis.toml:22:97
       |
    22 | ...s = { exp = 2027-01-01 }, request_headers = { "b ad" = "x" }, headers = { X-User = 1 } }
       |                                                  ^^^^^^ expected the name of a header

    error: `X-User` is an integer
      --> portcullis.toml:22:134
       |
    22 | ... ad" = "x" }, headers = { X-User = 1 } }
       |                                       ^ expected a string, a list of strings, or `false` for none

    error: `g` is a string
      --> portcullis.toml:23:7
       |
    23 | "g" = "GET /"
       |       ^^^^^^^ expected a table

    portcullis.toml: 11 faults
    "#);
}
