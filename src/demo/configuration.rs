//! The configuration that the demo's sidecar runs with: printed, so that it can be read, kept and changed.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Addresses;
use super::signing::random;

/// A secret is no part of a configuration: this one is made at start, and is gone with the process.
const SESSION_KEY: &str = "PORTCULLIS_DEMO_SESSION_KEY";

/// The environment that the configuration names.
pub fn environment(name: &str) -> Option<String> {
    static KEY: LazyLock<String> = LazyLock::new(|| STANDARD.encode(random::<32>()));
    (name == SESSION_KEY).then(|| KEY.clone())
}

/// The TOML text for these addresses.
pub fn configuration(addresses: &Addresses) -> String {
    let Addresses {
        gate,
        admin,
        service,
        ..
    } = addresses;
    let (jwks_url, login_url) = (addresses.jwks_url(), addresses.login_url());
    // Off loopback people sign in over https alone: on this machine they still can.
    let external_url = match gate.ip().is_loopback() {
        true => String::new(),
        false => format!("external_url = \"{}\"\n", addresses.gate_url()),
    };
    format!(
        r#"[server]
listen = "{gate}"
admin = "{admin}"
{external_url}
[upstream]
url = "http://{service}"

[pools.demo]
user_pool_id = "eu-west-1_DemoPool1"
jwks_url = "{jwks_url}"
client_ids = ["demo-reader", "demo-writer", "demo-app"]
token_use = "access"

[identity.headers]
X-User = ["username", "client:{{client_id}}"]
X-Groups = "cognito:groups"
X-Scopes = "scope"
X-Email = "email"

[routes]
"GET /" = {{ access = "public" }}
"GET /health" = {{ access = "public" }}
"GET /whoami" = {{ access = "optional" }}
"GET /orders" = "orders/read"
"GET /orders/{{id}}" = "orders/read"
"POST /orders" = "orders/write"
"GET /reports" = {{ any_group = ["staff"], login = true }}
"GET /account" = {{ access = "authenticated", login = true }}

[login]
domain = "{login_url}"
client_id = "demo-app"
scopes = ["openid", "email", "orders/read"]
session_key = {{ env = "{SESSION_KEY}" }}
"#
    )
}

#[cfg(test)]
mod tests;
