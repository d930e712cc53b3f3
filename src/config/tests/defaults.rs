//! The default of every key, and the files that people start from.

use insta::assert_debug_snapshot;

use super::{loaded, machine};

#[test]
fn every_default_is_the_contract_s() {
    let config = loaded("[upstreams.other]\nurl = \"unix:/run/app.sock\"\n[cors]\nallow_origins = [\"HTTPS://App.example.com:443/\"]\n");
    assert_debug_snapshot!((config.server, config.limits, config.paths), @"");
    assert_debug_snapshot!((config.upstreams, config.tokens, config.identity), @"");
    assert_debug_snapshot!(config.pools, @"");
    assert_debug_snapshot!((config.cors, config.telemetry), @"");
}

#[test]
fn the_smallest_useful_file_loads() {
    let text = r#"[server]
listen = "0.0.0.0:8080"

[upstream]
url = "http://127.0.0.1:3000"

[pools.main]
user_pool_id = "eu-west-1_AbC123xyz"
client_ids = ["1example23456789"]

[identity.headers]
X-User = "sub"

[routes]
"GET /orders/{*rest}" = "orders/read"
"#;
    let Ok(config) = machine(text) else {
        panic!("refused");
    };
    assert_eq!(config.routes.len(), 1);
    assert_eq!(config.warnings, Vec::<String>::new());
    // SHA-256 of the text, in hex.
    assert_eq!(config.hash.len(), 64);
}

#[test]
fn the_example_loads_and_shows_the_defaults() {
    let example = include_str!("../../../config.example.toml");
    let config = match machine(example) {
        Ok(config) => config,
        Err(faults) => panic!("refused:\n{}", faults.render()),
    };
    assert_eq!(config.warnings, Vec::<String>::new());
    let plain = loaded("");
    assert_eq!(config.server, plain.server);
    assert_eq!(config.limits, plain.limits);
    assert_eq!(config.paths, plain.paths);
    assert_eq!(config.upstreams[0], plain.upstreams[0]);
    assert_eq!(config.tokens, plain.tokens);
    assert_eq!(config.identity, plain.identity);
}
