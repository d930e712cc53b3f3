//! The configuration that the demo's sidecar runs with: printed, so that it can be read, kept and changed.

use super::Addresses;

/// The TOML text for these addresses.
pub fn configuration(addresses: &Addresses) -> String {
    let Addresses {
        gate,
        admin,
        service,
        ..
    } = addresses;
    let jwks_url = addresses.jwks_url();
    format!(
        r#"[server]
listen = "{gate}"
admin = "{admin}"

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

[routes]
"GET /" = {{ access = "public" }}
"GET /health" = {{ access = "public" }}
"GET /whoami" = {{ access = "optional" }}
"GET /orders" = "orders/read"
"GET /orders/{{id}}" = "orders/read"
"POST /orders" = "orders/write"
"GET /reports" = {{ any_group = ["staff"] }}
"#
    )
}

#[cfg(test)]
mod tests;
