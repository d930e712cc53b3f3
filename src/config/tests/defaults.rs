//! The default of every key, and the files that people start from.

use insta::assert_debug_snapshot;

use super::{loaded, machine};

#[test]
fn every_default_is_the_contract_s() {
    let config = loaded(
        "[upstreams.other]\nurl = \"unix:/run/app.sock\"\n[cors]\nallow_origins = [\"HTTPS://App.example.com:443/\"]\n",
    );
    assert_debug_snapshot!((config.server, config.limits, config.paths), @r"
    (
        Server {
            listen: Tcp(
                127.0.0.1:8080,
            ),
            admin: 127.0.0.1:9090,
            probes: None,
            hosts: [],
            external_origin: None,
            trusted_proxies: [],
            drain_delay: 0ns,
            tls: None,
            drain_timeout: 25s,
            workers: 0,
        },
        Limits {
            header_bytes: 32768,
            header_timeout: 10s,
            body_bytes: None,
            body_timeout: 30s,
            idle_timeout: 75s,
            connections: 10000,
        },
        Paths {
            allow: Kinds(
                0,
            ),
            case: Guard,
        },
    )
    ");
    assert_debug_snapshot!((config.upstreams, config.tokens, config.identity), @r#"
    (
        [
            Upstream {
                name: "upstream",
                address: Tcp {
                    tls: false,
                    host: "127.0.0.1",
                    port: 3000,
                },
                http2: false,
                tls: ClientTls {
                    ca_pem: None,
                    identity: None,
                    server_name: None,
                },
                connect_timeout: 3s,
                response_timeout: Some(
                    60s,
                ),
                keepalive: 4s,
                max_connections: 0,
                host_header: Preserve,
                header_case: Lower,
                basic_auth: None,
            },
            Upstream {
                name: "other",
                address: Unix(
                    "/run/app.sock",
                ),
                http2: false,
                tls: ClientTls {
                    ca_pem: None,
                    identity: None,
                    server_name: None,
                },
                connect_timeout: 3s,
                response_timeout: Some(
                    60s,
                ),
                keepalive: 4s,
                max_connections: 0,
                host_header: Preserve,
                header_case: Lower,
                basic_auth: None,
            },
        ],
        Tokens {
            sources: Sources {
                places: [
                    Authorization,
                ],
                raw_authorization: false,
            },
            cross_site: [],
            cache_entries: 10000,
            streams_outlive_token: false,
        },
        Identity {
            authorization: Strip,
            remove: [],
        },
    )
    "#);
    assert_debug_snapshot!(config.pools, @r#"
    [
        Pool {
            trust: Pool {
                name: "main",
                issuers: [
                    "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC123xyz",
                    "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC123xyz",
                ],
                kind: Cognito,
                client_ids: These(
                    [
                        "app",
                    ],
                ),
                token_use: Access,
                audiences: [],
                scope_claim: "scope",
                groups_claim: "cognito:groups",
                client_claim: "client_id",
                leeway: 0.0,
                kept: Some(
                    {
                        "cognito:username",
                        "username",
                    },
                ),
            },
            jwks: Urls(
                [
                    "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC123xyz/.well-known/jwks.json",
                    "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC123xyz/.well-known/jwks.json",
                ],
            ),
            jwks_file: None,
            refresh: 900s,
            cooldown: 10s,
            max_stale: 86400s,
            required: true,
            fetch: Fetch {
                timeout: 3s,
                ca_pem: None,
                proxy: None,
            },
        },
    ]
    "#);
    assert_debug_snapshot!((config.cors, config.telemetry), @r#"
    (
        Some(
            Cors {
                preflight: Forward,
                allow_origins: Some(
                    [
                        "https://app.example.com",
                    ],
                ),
                allow_headers: [
                    "authorization",
                    "content-type",
                ],
                allow_credentials: false,
                max_age: 600s,
            },
        ),
        Telemetry {
            log_format: None,
            log_level: "info",
            access_log: true,
            log_subject: true,
            otlp_endpoint: None,
        },
    )
    "#);
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
