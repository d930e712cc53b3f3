//! What `explain` tells, as text, for each kind of answer; and that it never disagrees with the gate.

mod answers;
mod properties;
mod requests;

use std::sync::LazyLock;

use clap::Parser as _;
use serde_json::{Value, json};

use super::*;
use crate::config::{Surroundings, load};
use crate::policy::explain::Names;
use crate::policy::permit::Policy;
use crate::token::keys::Keys;
use crate::token::mint::{self, NOW};

/// Two pools whose keys `mint` has, and a route of each kind.
const SAMPLE: &str = r#"
[upstreams.reports]
url = "unix:/run/reports.sock"
[pools.main]
user_pool_id = "eu-west-1_AAAA"
client_ids = ["client-1", "client-2"]
[pools.other]
user_pool_id = "eu-west-1_BBBB"
client_ids = ["client-1"]
[tokens]
sources = [{ header = "Authorization" }, { cookie = "session" }]
[identity.headers]
X-User = ["username", "client:{client_id}"]
X-Groups = "cognito:groups"
[cors]
allow_origins = ["https://app.example.com"]
[routes]
"/health" = { access = "public" }
"GET /orders/{*rest}" = "orders/read"
"POST /orders" = ["orders/write", "orders/admin"]
"DELETE /orders/{*rest}" = { all_scopes = ["orders/write", "orders/admin"], mode = "audit" }
"GET /reports" = ["reports/read", { any_group = ["staff"], claims = { plan = ["pro", 7] } }]
"/maybe" = { access = "optional", pools = ["main"], client_ids = ["client-1"] }
"/legacy/{*rest}" = { strip_prefix = "/legacy", upstream = "reports", all_groups = ["staff"], method_override = true }

[routes."PUT /tenants/{tenant}"]
claims = { "custom:tenant" = "{tenant}" }
max_age = "15m"
acr = ["loa:2"]
headers = { X-Email = { value = "email", required = true } }
"#;

struct Sample {
    policy: Policy,
    names: Names,
}

/// The sample with this in front of it.
fn sample(added: &str) -> Sample {
    let surroundings = Surroundings {
        env: &|_| None,
        read: &|_| Err(io::ErrorKind::NotFound.into()),
    };
    let config = load("sample", &format!("{added}{SAMPLE}"), &surroundings);
    let config = config.unwrap_or_else(|faults| fail(&faults.render()));
    Sample {
        policy: compile::policy(&config).unwrap_or_else(|_| fail("routes collide")),
        names: compile::names(&config),
    }
}

fn plain() -> &'static Sample {
    static PLAIN: LazyLock<Sample> = LazyLock::new(|| sample(""));
    &PLAIN
}

#[allow(clippy::panic)]
fn fail(message: &str) -> ! {
    panic!("{message}")
}

/// `"METHOD TARGET"` and further lines of headers.
fn asked(text: &str) -> Asked {
    let mut lines = text.lines();
    let (method, target) = lines
        .next()
        .and_then(|line| line.split_once(' '))
        .unwrap_or_else(|| fail(text));
    let mut asked = Asked {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: HeaderMap::new(),
    };
    for line in lines {
        let (name, value) = header_line(line).unwrap_or_else(|why| fail(&why));
        asked.headers.append(name, value);
    }
    asked
}

impl Sample {
    fn explain(&self, asked: &Asked, shown: Shown<'_>) -> Explanation {
        explain(asked, &self.policy, shown, NOW, &self.names)
            .unwrap_or_else(|_| fail("keys are needed"))
    }

    /// With claims in place of a token.
    fn on_trial(&self, request: &str, claims: Value) -> Explanation {
        let claims =
            Claims::parse(claims.to_string().as_bytes()).unwrap_or_else(|_| fail("claims"));
        let pool = vouching_pool(&claims, &self.policy.trust);
        self.explain(&asked(request), Shown::Claims(&claims, pool))
    }

    /// With what stands in the request alone.
    fn as_sent(&self, request: &str) -> Explanation {
        self.explain(&asked(request), Shown::Token(&mint::ring(), true))
    }
}

/// Claims of a token that `mint` would sign, with these changed.
fn claims(changes: Value) -> Value {
    mint::but(mint::access(), changes)
}

fn bearer(request: &str, claims: &Value) -> String {
    format!(
        "{request}\nAuthorization: Bearer {}",
        mint::a1().token(claims)
    )
}
