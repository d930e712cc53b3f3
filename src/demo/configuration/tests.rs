//! That the demo's configuration is a good one.

use super::{configuration, environment};
use crate::demo::banner::tests::addresses;
use crate::demo::users::{APP, ISSUER, POOL_ID, READER, WRITER};

#[test]
fn the_generated_configuration_is_the_one_printed() {
    insta::assert_snapshot!(configuration(&addresses("127.0.0.1:8080")), @r#"
    [server]
    listen = "127.0.0.1:8080"
    admin = "127.0.0.1:9090"

    [upstream]
    url = "http://127.0.0.1:3000"

    [pools.demo]
    user_pool_id = "eu-west-1_DemoPool1"
    jwks_url = "http://127.0.0.1:9229/eu-west-1_DemoPool1/.well-known/jwks.json"
    client_ids = ["demo-reader", "demo-writer", "demo-app"]
    token_use = "access"

    [identity.headers]
    X-User = ["username", "client:{client_id}"]
    X-Groups = "cognito:groups"
    X-Scopes = "scope"
    X-Email = "email"

    [routes]
    "GET /" = { access = "public" }
    "GET /health" = { access = "public" }
    "GET /whoami" = { access = "optional" }
    "GET /orders" = "orders/read"
    "GET /orders/{id}" = "orders/read"
    "POST /orders" = "orders/write"
    "GET /reports" = { any_group = ["staff"], login = true }
    "GET /account" = { access = "authenticated", login = true }

    [login]
    domain = "http://localhost:9229"
    client_id = "demo-app"
    scopes = ["openid", "email", "orders/read"]
    session_key = { env = "PORTCULLIS_DEMO_SESSION_KEY" }
    "#);
}

#[test]
fn it_is_toml_and_names_the_pool_and_all_its_clients() {
    let text = configuration(&addresses("[::]:8080"));
    let tree: toml::Table = text.parse().expect("TOML");
    let pool = &tree["pools"]["demo"];
    assert_eq!(pool["user_pool_id"].as_str(), Some(POOL_ID));
    assert!(ISSUER.ends_with(POOL_ID));
    let clients: Vec<_> = [&READER, &WRITER, &APP].map(|client| client.id).into();
    let named: Vec<_> = pool["client_ids"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|id| id.as_str())
        .collect();
    assert_eq!(named, clients);
    assert_eq!(tree["server"]["listen"].as_str(), Some("[::]:8080"));
}

#[test]
fn off_loopback_people_on_this_machine_can_still_sign_in() {
    let external = |gate: &str| {
        let text = configuration(&addresses(gate));
        let tree: toml::Table = text.parse().expect("TOML");
        let url = tree["server"].get("external_url");
        url.and_then(|url| Some(url.as_str()?.to_owned()))
    };
    assert_eq!(external("127.0.0.1:8080"), None);
    assert_eq!(
        external("0.0.0.0:8080").as_deref(),
        Some("http://127.0.0.1:8080")
    );
}

#[test]
fn the_session_key_is_new_in_every_demo_and_nothing_else_is_in_its_environment() {
    let key = environment("PORTCULLIS_DEMO_SESSION_KEY").expect("a key");
    assert_eq!((key.len(), environment("PATH")), (44, None));
    assert!(!configuration(&addresses("127.0.0.1:8080")).contains(&key));
}
