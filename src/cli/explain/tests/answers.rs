//! One text for each kind of answer.

use insta::assert_snapshot;

use super::*;

#[test]
fn allowed() {
    let request = bearer(
        "GET /orders/a%20b?page=2\nHost: shop.example.com",
        &claims(json!({})),
    );
    assert_snapshot!(plain().as_sent(&request), @r#"
    GET /orders/a%20b, host shop.example.com

    route    "GET /orders/{*rest}", authenticated
             {rest} is "a b"
    token    verified, in the Authorization header, pool main, use access, kind user, client client-1, sub 6f1c5c2e-0000-4000-8000-000000000001, expires in 3600 s
             scopes orders/read openid
             groups staff admin
    checks   ✓ scope orders/read, has orders/read openid
    headers  x-user: jane
             x-groups: staff,admin
    answer   forwarded to upstream at http://127.0.0.1:3000, path /orders/a%20b
    "#);
}

#[test]
fn allowed_by_claims_alone() {
    let claims = json!({"scope": "orders/admin"});
    assert_snapshot!(plain().on_trial("POST /orders", claims), @r#"
    POST /orders, host localhost (assumed)

    route    "POST /orders", authenticated
    token    claims alone, no signature seen, pool main, use access, kind machine, client client-1, expires in 3600 s
             scopes orders/admin
             groups none
    checks   ✓ scope orders/write or orders/admin, has orders/admin
    headers  x-user: client:client-1
    answer   forwarded to upstream at http://127.0.0.1:3000, path /orders
    "#);
}

#[test]
fn a_public_route_looks_at_no_token() {
    assert_snapshot!(plain().as_sent("GET /health\nAuthorization: Bearer nonsense"), @r#"
    GET /health, host localhost (assumed)

    route    "/health", public
    token    not looked at
    answer   forwarded to upstream at http://127.0.0.1:3000, path /health
    "#);
}

#[test]
fn an_optional_route_needs_none() {
    assert_snapshot!(plain().as_sent("GET /maybe"), @r#"
    GET /maybe, host localhost (assumed)

    route    "/maybe", optional
    token    none
    answer   forwarded to upstream at http://127.0.0.1:3000, path /maybe
    "#);
}

#[test]
fn missing_token() {
    assert_snapshot!(plain().as_sent("GET /orders/1"), @r#"
    GET /orders/1, host localhost (assumed)

    route    "GET /orders/{*rest}", authenticated
             {rest} is "1"
    token    none
    checks   · scope orders/read (not judged)
    answer   401 missing_token: this route asks for a token: send it as "Authorization: Bearer <access token>"
    "#);
}

#[test]
fn insufficient_scope() {
    assert_snapshot!(plain().on_trial("POST /orders", json!({"scope": "openid email"})), @r#"
    POST /orders, host localhost (assumed)

    route    "POST /orders", authenticated
    token    claims alone, no signature seen, pool main, use access, kind machine, client client-1, expires in 3600 s
             scopes openid email
             groups none
    checks   ✗ scope orders/write or orders/admin, has openid email
    answer   403 insufficient_scope: the token has none of the scopes that this route asks for
             scope: orders/write orders/admin
    "#);
}

#[test]
fn none_of_several_rules() {
    let claims = json!({"cognito:groups": ["guests"], "plan": 7, "scope": ""});
    assert_snapshot!(plain().on_trial("GET /reports", claims), @r#"
    GET /reports, host localhost (assumed)

    route    "GET /reports", authenticated
    token    claims alone, no signature seen, pool main, use access, kind machine, client client-1, expires in 3600 s
             scopes none
             groups guests
    checks   ✗ one of these rules
               either
                 ✗ scope reports/read, has none
               or
                 ✗ group staff, has guests
                 ✓ claim plan is pro or 7, has 7
    answer   403 insufficient_scope: the token has none of the scopes that this route asks for
             scope: reports/read
    "#);
}

#[test]
fn one_of_several_rules() {
    let claims = json!({"cognito:groups": "staff", "plan": ["basic", "pro"]});
    assert_snapshot!(plain().on_trial("GET /reports", claims), @r#"
    GET /reports, host localhost (assumed)

    route    "GET /reports", authenticated
    token    claims alone, no signature seen, pool main, use access, kind machine, client client-1, expires in 3600 s
             scopes none
             groups staff
    checks   ✓ one of these rules
               either
                 ✗ scope reports/read, has none
               or
                 ✓ group staff, has staff
                 ✓ claim plan is pro or 7, has basic pro
    headers  x-user: client:client-1
             x-groups: staff
    answer   forwarded to upstream at http://127.0.0.1:3000, path /reports
    "#);
}

#[test]
fn everything_after_the_first_refusal_is_told_too() {
    let claims = json!({"custom:tenant": "acme", "auth_time": NOW - 3600.0});
    assert_snapshot!(plain().on_trial("PUT /tenants/umbrella", claims), @r#"
    PUT /tenants/umbrella, host localhost (assumed)

    route    "PUT /tenants/{tenant}", authenticated
             {tenant} is umbrella
    token    claims alone, no signature seen, pool main, use access, kind machine, client client-1, expires in 3600 s
             scopes none
             groups none
    checks   ✗ claim custom:tenant is umbrella, has acme
             ✗ acr loa:2, has none
             ✗ sign-in at most 900 s ago, is 3600 s
             ✗ a value for the identity header x-email
    answer   403 claim_mismatch: a claim of the token does not have the value that this route asks for
    "#);
}

#[test]
fn step_up() {
    let claims = json!({"custom:tenant": "acme", "auth_time": NOW - 3600.0, "acr": "loa:2"});
    assert_snapshot!(plain().on_trial("PUT /tenants/acme", claims), @r#"
    PUT /tenants/acme, host localhost (assumed)

    route    "PUT /tenants/{tenant}", authenticated
             {tenant} is acme
    token    claims alone, no signature seen, pool main, use access, kind machine, client client-1, expires in 3600 s
             scopes none
             groups none
    checks   ✓ claim custom:tenant is acme, has acme
             ✓ acr loa:2, has loa:2
             ✗ sign-in at most 900 s ago, is 3600 s
             ✗ a value for the identity header x-email
    answer   401 step_up_required: this route asks for a more recent sign-in than the one this token comes from
             max_age: 900
    "#);
}

#[test]
fn a_required_header() {
    let claims = json!({"custom:tenant": "acme", "auth_time": NOW - 60.0, "acr": "loa:2"});
    assert_snapshot!(plain().on_trial("PUT /tenants/acme", claims), @r#"
    PUT /tenants/acme, host localhost (assumed)

    route    "PUT /tenants/{tenant}", authenticated
             {tenant} is acme
    token    claims alone, no signature seen, pool main, use access, kind machine, client client-1, expires in 3600 s
             scopes none
             groups none
    checks   ✓ claim custom:tenant is acme, has acme
             ✓ acr loa:2, has loa:2
             ✓ sign-in at most 900 s ago, is 60 s
             ✗ a value for the identity header x-email
    answer   403 claim_mismatch: the token lacks a claim that the service behind this route needs
    "#);
}

#[test]
fn token_not_allowed() {
    let claims = json!({"iss": mint::ISSUER_B});
    assert_snapshot!(plain().on_trial("GET /maybe", claims), @r#"
    GET /maybe, host localhost (assumed)

    route    "/maybe", optional
    token    claims alone, no signature seen, pool other, use access, kind machine, client client-1, expires in 3600 s
             scopes none
             groups none
    checks   ✗ pool main, has other
             ✓ client client-1, has client-1
    answer   403 token_not_allowed: tokens of this user pool are not accepted on this route
    "#);
}

#[test]
fn expired() {
    let request = bearer("GET /orders/1", &claims(json!({"exp": NOW - 42.0})));
    assert_snapshot!(plain().as_sent(&request), @r#"
    GET /orders/1, host localhost (assumed)

    route    "GET /orders/{*rest}", authenticated
             {rest} is "1"
    token    refused, in the Authorization header, expired 42 s ago
             it says client_id client-1
             it says iss https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AAAA
             it says token_use access
    checks   · scope orders/read (not judged)
    answer   401 expired: the token has expired; get a new one
    "#);
}

#[test]
fn another_issuer() {
    let claims = json!({"iss": "https://elsewhere.example", "client_id": "x"});
    assert_snapshot!(plain().as_sent(&bearer("GET /orders/1", &claims)), @r#"
    GET /orders/1, host localhost (assumed)

    route    "GET /orders/{*rest}", authenticated
             {rest} is "1"
    token    refused, in the Authorization header
             it says client_id x
             it says iss https://elsewhere.example
    checks   · scope orders/read (not judged)
    answer   401 unknown_issuer: the token comes from an issuer that is not configured here
    "#);
}

#[test]
fn two_tokens() {
    let request = bearer("GET /orders/1\nCookie: session=abc", &claims(json!({})));
    assert_snapshot!(plain().as_sent(&request), @r#"
    GET /orders/1, host localhost (assumed)

    route    "GET /orders/{*rest}", authenticated
             {rest} is "1"
    token    refused
    checks   · scope orders/read (not judged)
    answer   400 multiple_tokens: the request carries a token in more than one place; send it once
    "#);
}

#[test]
fn a_cookie_from_another_site() {
    let token = mint::a1().token(&claims(json!({"scope": "orders/write"})));
    let request = format!("POST /orders\nCookie: session={token}\nOrigin: https://evil.example");
    assert_snapshot!(plain().as_sent(&request), @r#"
    POST /orders, host localhost (assumed)

    route    "POST /orders", authenticated
    token    refused, in the cookie session, expires in 3600 s
             it says client_id client-1
             it says iss https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AAAA
             it says token_use access
    checks   · scope orders/write or orders/admin (not judged)
    answer   403 cross_site: a token in a cookie is not taken from another site's page; send it in the Authorization header
    "#);
}

#[test]
fn audit() {
    let claims = json!({"scope": "orders/write", "username": "jane"});
    assert_snapshot!(plain().on_trial("DELETE /orders/7", claims), @r#"
    DELETE /orders/7, host localhost (assumed)

    route    "DELETE /orders/{*rest}", authenticated, in audit
             {rest} is "7"
    token    claims alone, no signature seen, pool main, use access, kind user, client client-1, expires in 3600 s
             scopes orders/write
             groups none
    checks   ✗ scopes orders/write and orders/admin, has orders/write
    headers  x-user: jane
             x-portcullis-audit: insufficient_scope
    answer   forwarded to upstream at http://127.0.0.1:3000, path /orders/7
             would be refused, but this route is in audit: 403 insufficient_scope: the token lacks a scope; this route asks for all of them
             scope: orders/write orders/admin
    "#);
}

#[test]
fn audit_without_a_token() {
    assert_snapshot!(plain().as_sent("DELETE /orders/7"), @r#"
    DELETE /orders/7, host localhost (assumed)

    route    "DELETE /orders/{*rest}", authenticated, in audit
             {rest} is "7"
    token    none
    checks   · scopes orders/write and orders/admin (not judged)
    headers  x-portcullis-audit: missing_token
    answer   forwarded to upstream at http://127.0.0.1:3000, path /orders/7
             would be refused, but this route is in audit: 401 missing_token: this route asks for a token: send it as "Authorization: Bearer <access token>"
    "#);
}

#[test]
fn a_rewritten_path_and_a_method_override() {
    let request = "POST /legacy/a/b\nX-HTTP-Method-Override: PATCH";
    assert_snapshot!(plain().on_trial(request, json!({"cognito:groups": ["staff"]})), @r#"
    POST /legacy/a/b, host localhost (assumed)

    route    "/legacy/{*rest}", authenticated
             {rest} is a/b
    token    claims alone, no signature seen, pool main, use access, kind machine, client client-1, expires in 3600 s
             scopes none
             groups staff
    checks   ✓ groups staff, has staff
    headers  x-user: client:client-1
             x-groups: staff
    note     the method override passes: what it asks for is allowed here too
    answer   forwarded to reports at unix:/run/reports.sock, path /a/b
    "#);
}

#[test]
fn a_preflight_goes_by_the_method_it_asks_for() {
    let request =
        "OPTIONS /orders\nOrigin: https://app.example.com\nAccess-Control-Request-Method: POST";
    assert_snapshot!(plain().as_sent(request), @r#"
    OPTIONS /orders, host localhost (assumed)

    route    "POST /orders", authenticated
    token    not looked at
    note     this is a CORS preflight: it is matched by the method it asks for
    answer   forwarded to upstream at http://127.0.0.1:3000, path /orders
    "#);
    let mut answered = sample("");
    answered.names.answers_preflights = true;
    assert_snapshot!(answered.as_sent(request), @r#"
    OPTIONS /orders, host localhost (assumed)

    route    "POST /orders", authenticated
    token    not looked at
    note     this is a CORS preflight: it is matched by the method it asks for
    answer   204, answered by the gate itself
    "#);
}

#[test]
fn no_route() {
    assert_snapshot!(plain().as_sent("GET /elsewhere"), @r"
    GET /elsewhere, host localhost (assumed)

    route    none
    token    not looked at
    answer   403 no_route: no route of this service matches the request
    ");
}

#[test]
fn another_method() {
    assert_snapshot!(plain().as_sent("PATCH /orders/1"), @r#"
    PATCH /orders/1, host localhost (assumed)

    route    none
    token    not looked at
    note     the most specific pattern decides: it is that of "DELETE /orders/{*rest}"
    answer   405 method_not_allowed: this path is known, but it does not take this method
             allow: DELETE, GET, HEAD
    "#);
}

#[test]
fn nothing_is_repaired() {
    assert_snapshot!(plain().as_sent("GET /orders/../health"), @r"
    GET /orders/../health, host localhost (assumed)

    route    none
    token    not looked at
    answer   400 ambiguous_path: the path has a dot segment (. or .., plain or percent-encoded)
    ");
    assert_snapshot!(plain().as_sent("GET /orders/1#top"), @r"
    GET /orders/1, host localhost (assumed)

    route    none
    token    not looked at
    answer   400 ambiguous_path: the target has a fragment, which some servers cut off and others read
    ");
    assert_snapshot!(plain().as_sent("GET orders"), @r"
    GET orders, host localhost (assumed)

    route    none
    token    not looked at
    answer   400 bad_request: the target starts with neither a slash nor a scheme
    ");
    assert_snapshot!(plain().as_sent("GET /a b"), @r"
    GET /a b

    route    none
    token    not looked at
    answer   400 bad_request: the target is neither a path nor a URL that HTTP could carry
    ");
    assert_snapshot!(plain().as_sent("get /orders/1"), @r"
    get /orders/1, host localhost (assumed)

    route    none
    token    not looked at
    answer   400 bad_request: the method is not an upper-case word of at most 32 characters
    ");
}

#[test]
fn an_assumed_host_is_told_where_hosts_matter() {
    let hosts = sample("[server]\nhosts = [\"*.example.com\"]\n");
    assert_snapshot!(hosts.as_sent("GET /health"), @r#"
    GET /health, host any.example.com (assumed)

    route    "/health", public
    token    not looked at
    note     no host was named, so one is assumed: name it in a URL or in a Host header
    answer   forwarded to upstream at http://127.0.0.1:3000, path /health
    "#);
    assert_snapshot!(hosts.as_sent("GET http://elsewhere.example/health"), @r"
    GET /health, host elsewhere.example

    route    none
    token    not looked at
    answer   403 no_route: this service does not answer for that host
    ");
}

#[test]
fn the_shape_for_machines() {
    let claims = json!({"scope": "reports/write", "sub": "s-1"});
    let explanation = plain().on_trial("GET /reports", claims);
    assert_snapshot!(format!("{:#}", json!(explanation)), @r#"
    {
      "answer": {
        "address": null,
        "audit": null,
        "outcome": "refuse",
        "path": null,
        "refusal": {
          "detail": "the token has none of the scopes that this route asks for",
          "hint": {
            "name": "scope",
            "value": "reports/read"
          },
          "reason": "insufficient_scope",
          "status": 403
        },
        "status": 403,
        "upstream": null
      },
      "checks": [
        {
          "any_of": [
            [
              {
                "any_of": [],
                "kind": "any_scope",
                "met": false,
                "name": null,
                "reason": "insufficient_scope",
                "seen": [
                  "reports/write"
                ],
                "wanted": [
                  "reports/read"
                ]
              }
            ],
            [
              {
                "any_of": [],
                "kind": "any_group",
                "met": false,
                "name": null,
                "reason": "missing_group",
                "seen": [],
                "wanted": [
                  "staff"
                ]
              },
              {
                "any_of": [],
                "kind": "claims",
                "met": false,
                "name": "plan",
                "reason": "claim_mismatch",
                "seen": null,
                "wanted": [
                  "pro",
                  7
                ]
              }
            ]
          ],
          "kind": "any_of",
          "met": false,
          "name": null,
          "reason": "insufficient_scope",
          "seen": null,
          "wanted": null
        }
      ],
      "headers": [],
      "notes": [],
      "request": {
        "host": "localhost",
        "host_assumed": true,
        "method": "GET",
        "path": "/reports"
      },
      "route": {
        "access": "authenticated",
        "mode": "enforce",
        "name": "GET /reports",
        "parameters": {}
      },
      "token": {
        "client_id": "client-1",
        "expires_in": 3600,
        "groups": [],
        "kind": "user",
        "place": null,
        "pool": "main",
        "says": {},
        "scopes": [
          "reports/write"
        ],
        "state": "claims",
        "sub": "s-1",
        "token_use": "access"
      }
    }
    "#);
}
