//! What `check` prints.

use insta::assert_snapshot;

use super::*;
use crate::config::{Surroundings, load};

#[allow(clippy::panic)]
fn config(text: &str) -> Config {
    let surroundings = Surroundings {
        env: &|_| None,
        read: &|_| Err(std::io::ErrorKind::NotFound.into()),
    };
    match load("portcullis.toml", text, &surroundings) {
        Ok(config) => config,
        Err(faults) => panic!("{}", faults.render()),
    }
}

#[test]
fn the_effective_routes_are_a_table() {
    let config = config(
        r#"
[upstreams.reports]
url = "http://127.0.0.1:3001"
[pools.main]
user_pool_id = "eu-west-1_AAAA"
client_ids = ["app", "other"]
token_use = "any"
[defaults]
mode = "audit"
[routes]
"/health" = { access = "public", mode = "enforce" }
"GET /orders/{id}" = "orders/read"
"GET /reports" = ["reports/read", { any_group = ["staff"], claims = { plan = ["pro", 7] } }]
"/me" = {}
"/maybe" = { access = "optional" }
[routes."PUT /tenants/{tenant}"]
pools = ["main"]
token_use = "id"
client_ids = ["app"]
claims = { "custom:tenant" = "{tenant}" }
all_groups = ["staff", "writers"]
any_group = ["accounting", "administration", "customer-care", "human-resources", "marketing", "operations"]
max_age = "15m"
upstream = "reports"
"#,
    );
    assert_snapshot!(render(&config), @r#"
    ROUTE                  ACCESS         REQUIRES                                                  UPSTREAM  MODE
    /health                public         -                                                         upstream  enforce
    GET /orders/{id}       authenticated  scope orders/read                                         upstream  audit
    GET /reports           authenticated  (scope reports/read or group staff and plan = "pro" | 7)  upstream  audit
    /me                    authenticated  -                                                         upstream  audit
    /maybe                 optional       -                                                         upstream  audit
    PUT /tenants/{tenant}  authenticated  pool main                                                 reports   audit
                                          and ID token
                                          and client app
                                          and group accounting | administration | customer-care |
                                              human-resources | marketing | operations
                                          and groups staff + writers
                                          and custom:tenant = {tenant}
                                          and signed in at most 900 s ago
    "#);
    assert_eq!(summary(&config), "good: 6 routes, 1 pool, no tests");
}

#[test]
fn tests_that_hold_are_counted_and_one_that_fails_is_bad_configuration() {
    let text = r#"
[pools.main]
user_pool_id = "eu-west-1_AAAA"
client_ids = ["app"]
[tests]
"nothing is here" = { request = "GET /", expect = "no_route" }
"#;
    let good = config(text);
    assert!(tests_hold(&good).is_ok());
    assert_eq!(summary(&good), "good: 0 routes, 1 pool, 1 test passed");
    let bad = config(&text.replace("no_route", "allow"));
    assert_eq!(tests_hold(&bad), Err(ExitCode::from(BAD)));
}
