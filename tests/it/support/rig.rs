//! Everything together, and what must hold whatever is sent: nothing of a refused request reaches the upstream (U0), a
//! permitted one reaches it once (U1) without what the client forged (UC), and no token is ever logged.

use super::gate::Gate;
use super::mint::{self, CLIENT, POOL_A, POOL_B, a1, access, b1, jwks};
use super::recorder::{Answer, Recorded, Recorder};
use super::{Request, Response, get};

/// The identity headers of the standard configuration.
pub const IDENTITY: [&str; 5] = [
    "X-User-Sub",
    "X-User-Email",
    "X-User-Scopes",
    "X-User-Groups",
    "X-Client-Id",
];

/// A configuration in the making, from the standard one.
#[derive(Clone)]
pub struct Setup {
    server: String,
    upstream: String,
    pool: String,
    identity: String,
    headers: String,
    routes: String,
    also: String,
    telemetry: String,
}

impl Setup {
    /// `/public` is public, `/orders/…` needs a scope by method, `/admin/…` a scope and a group; all else is denied.
    pub fn standard() -> Setup {
        Setup {
            server: String::new(),
            upstream: String::new(),
            pool: String::new(),
            identity: String::new(),
            headers: r#"
X-User-Sub = "sub"
X-User-Email = "email"
X-User-Scopes = "scope"
X-User-Groups = "cognito:groups"
X-Client-Id = "client_id"
"#
            .to_owned(),
            routes: r#"
"/public" = { access = "public" }
"/public/{*rest}" = { access = "public" }
"GET /orders/{*rest}" = "orders/read"
"POST /orders/{*rest}" = "orders/write"
"/admin/{*rest}" = { any_scope = ["admin/all"], any_group = ["admin"] }
"#
            .to_owned(),
            also: String::new(),
            telemetry: String::new(),
        }
    }

    /// With this in `[server]`.
    pub fn server(mut self, text: &str) -> Setup {
        self.server.push_str(text);
        self
    }

    /// With this in `[upstream]`.
    pub fn upstream(mut self, text: &str) -> Setup {
        self.upstream.push_str(text);
        self
    }

    /// With this in `[pools.a]`.
    pub fn pool(mut self, text: &str) -> Setup {
        self.pool.push_str(text);
        self
    }

    /// With this in `[identity]`.
    pub fn identity(mut self, text: &str) -> Setup {
        self.identity.push_str(text);
        self
    }

    /// With this in `[identity.headers]`, beside what is there.
    pub fn headers(mut self, text: &str) -> Setup {
        self.headers.push_str(text);
        self
    }

    /// With these routes beside the standard ones.
    pub fn routes(mut self, text: &str) -> Setup {
        self.routes.push('\n');
        self.routes.push_str(text);
        self
    }

    /// With this in `[telemetry]`.
    pub fn telemetry(mut self, text: &str) -> Setup {
        self.telemetry.push_str(text);
        self
    }

    /// With further tables.
    pub fn also(mut self, text: &str) -> Setup {
        self.also.push('\n');
        self.also.push_str(text);
        self
    }

    /// The text, for an upstream and the key servers of both pools.
    pub fn text(&self, upstream: &str, keys_a: &str, keys_b: &str) -> String {
        let Setup {
            server,
            upstream: more,
            pool,
            identity,
            headers,
            routes,
            also,
            telemetry,
        } = self;
        format!(
            r#"[server]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
workers = 1
{server}

[upstream]
url = "{upstream}"
{more}

[pools.a]
user_pool_id = "{POOL_A}"
client_ids = ["{CLIENT}", "client-2"]
jwks_url = "{keys_a}/jwks.json"
{pool}

[pools.b]
user_pool_id = "{POOL_B}"
client_ids = ["{CLIENT}"]
jwks_url = "{keys_b}/jwks.json"

[telemetry]
log_format = "json"
{telemetry}

[identity]
{identity}
[identity.headers]
{headers}
{also}

[routes]
{routes}
"#
        )
    }

    /// Starts everything, and waits until the gate is ready.
    pub fn start(&self) -> Rig {
        let rig = self.start_unready(Recorder::answering(|_| Answer::json(&jwks(&[a1()]))));
        rig.gate.wait_until_ready();
        rig
    }

    /// Starts everything with this key server for pool A, and waits until the gate listens.
    pub fn start_unready(&self, keys_a: Recorder) -> Rig {
        let upstream = Recorder::start();
        let keys_b = Recorder::answering(|_| Answer::json(&jwks(&[b1()])));
        let gate = Gate::start(&self.text(&upstream.url(), &keys_a.url(), &keys_b.url()));
        Rig {
            gate,
            upstream,
            keys_a,
            keys_b,
        }
    }
}

/// The program between a client and a recording upstream.
pub struct Rig {
    /// The program.
    pub gate: Gate,
    /// REC.
    pub upstream: Recorder,
    /// The key server of pool A.
    pub keys_a: Recorder,
    /// The key server of pool B.
    pub keys_b: Recorder,
}

impl Rig {
    /// With the standard configuration.
    pub fn standard() -> Rig {
        Setup::standard().start()
    }

    /// Sends a request over a connection of its own.
    pub fn send(&self, request: &Request) -> Response {
        request.send(self.gate.address)
    }

    /// Sends a request that must be refused, with nothing of it reaching the upstream: U0.
    pub fn refuses(&self, request: &Request, status: u16, reason: &str) -> Response {
        let answer = self.refuses_with(request, &[status]);
        let told = answer.reason();
        assert_eq!(told, reason, "{request:?} was answered {answer:#?}");
        assert!(
            answer
                .header("content-type")
                .starts_with("application/problem+json")
        );
        answer
    }

    /// The same where only the status is told: one of these.
    pub fn refuses_with(&self, request: &Request, statuses: &[u16]) -> Response {
        let before = (self.upstream.connections(), self.upstream.bytes());
        let answer = self.send(request);
        assert!(
            statuses.contains(&answer.status),
            "{request:?} was answered {answer:#?}"
        );
        let after = (self.upstream.connections(), self.upstream.bytes());
        assert_eq!(
            before,
            after,
            "the upstream heard of {request:?}: {}",
            self.upstream.everything()
        );
        assert!(
            !answer.text().contains("eyJ"),
            "a refusal repeats a token: {answer:?}"
        );
        answer
    }

    /// Sends a request that must be forwarded, and reach the upstream exactly once: U1.
    pub fn forwards(&self, request: &Request) -> Recorded {
        let (answer, recorded) = self.exchange(request);
        assert_eq!(
            answer.status,
            200,
            "{request:?} was answered {}",
            String::from_utf8_lossy(&answer.raw)
        );
        recorded
    }

    /// The same with the client's answer.
    pub fn exchange(&self, request: &Request) -> (Response, Recorded) {
        let before = self.upstream.requests().len();
        let answer = self.send(request);
        let mut requests = self.upstream.requests();
        assert_eq!(
            requests.len(),
            before + 1,
            "{request:?} was answered {} {}",
            answer.status,
            answer.text()
        );
        (answer, requests.remove(before))
    }

    /// That a plain good request still passes: what was refused before was refused for what it is.
    pub fn control(&self) {
        let recorded = self.forwards(&get("/orders/1").bearer(&access().sign()));
        assert_eq!(recorded.header("x-user-sub"), Some(mint::SUB));
        assert_eq!(recorded.header("authorization"), None);
    }
}

impl Drop for Rig {
    /// O5, O7: whatever was sent, no token is in the log, and nothing panicked.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let log = self.gate.program.log();
        // Every token begins so: it is the base64url of `{"`.
        assert!(!log.contains("eyJ"), "a token was logged:\n{log}");
        assert!(!log.contains("panicked"), "something panicked:\n{log}");
    }
}
