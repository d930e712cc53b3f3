//! What `check` prints.

use insta::assert_snapshot;

use super::*;
use crate::config::{Surroundings, load};

#[allow(clippy::panic)]
fn config(text: &str) -> Config {
    let surroundings = Surroundings {
        env: &|name| (name == "SECRET").then(|| "hunter2".to_owned()),
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

#[test]
fn the_listeners_of_the_courier_are_a_table_of_their_own() {
    let config = config(
        r#"
[pools.main]
user_pool_id = "eu-west-1_AAAA"
client_ids = ["app"]
[routes]
"/me" = {}
[credentials.billing]
grant = "client_credentials"
token_url = "https://acme.auth.eu-west-1.amazoncognito.com/oauth2/token"
client_id = "c"
client_secret = { env = "SECRET" }
[credentials.robot]
grant = "user_srp"
user_pool_id = "eu-west-1_AAAA"
client_id = "c"
username = { env = "SECRET" }
password = { env = "SECRET" }
[credentials.aws]
grant = "identity_pool"
identity_pool_id = "eu-west-1:1a2b"
credential = "robot"
[outbound.inventory]
listen = "127.0.0.1:7001"
upstream = "https://inventory.example.com"
credential = "billing"
scopes = ["inventory/write", "inventory/read"]
allow = ["GET /items/{*rest}", "POST,PUT /items"]
[outbound.orders]
listen = "unix:/run/orders.sock"
upstream = "https://api.example.com:8443"
credential = "aws"
sign = { service = "execute-api", region = "eu-west-1" }
[outbound.egress]
listen = "127.0.0.1:3128"
mode = "forward_proxy"
[outbound.egress.destinations]
"https://inventory.example.com" = { credential = "billing" }
"http://plain.example.com" = {}
"#,
    );
    assert_snapshot!(render(&config), @r"
    ROUTE  ACCESS         REQUIRES  UPSTREAM  MODE
    /me    authenticated  -         upstream  enforce

    OUTBOUND   LISTEN                 DESTINATION                    SHOWN                                                  ALLOW
    inventory  127.0.0.1:7001         https://inventory.example.com  token of billing for inventory/read + inventory/write  GET,HEAD /items/{*rest} | POST,PUT /items
    orders     unix:/run/orders.sock  https://api.example.com:8443   signature of aws for execute-api in eu-west-1          everything
    egress     127.0.0.1:3128         https://inventory.example.com  token of billing                                       everything
                                      http://plain.example.com       -                                                      everything
                                      others                         refused                                                -
    ");
    assert_eq!(
        summary(&config),
        "good: 1 route, 1 pool, 3 credentials, 3 outbound listeners, no tests"
    );
}
