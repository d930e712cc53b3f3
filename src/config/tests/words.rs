//! The words of faults that no other test needs whole: what is wrong, what was expected, and how to mend it.
//!
//! A test reads the source for its sentences, and wants each of them in a snapshot; how a fault looks among its lines is
//! shown in `faults`.

use insta::assert_snapshot;

use super::outbound::CREDENTIALS;
use super::{Faults, POOL, loaded, machine};

/// What is told, a fault a line, without the lines it stands in.
pub(super) fn words(faults: &Faults) -> String {
    let line = |fault: &crate::config::fault::Fault| {
        let help = fault.help.iter().map(|help| format!("; {help}"));
        format!(
            "{}: {}{}",
            fault.message,
            fault.expected,
            help.collect::<String>()
        )
    };
    faults
        .faults
        .iter()
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
}

/// What is told of a whole text.
fn told_whole(text: &str) -> String {
    match machine(text) {
        Ok(_) => panic!("loaded, and should not have:\n{text}"),
        Err(faults) => words(&faults),
    }
}

/// What is told of a pool and what is added.
fn told(added: &str) -> String {
    told_whole(&format!("{POOL}{added}"))
}

#[test]
fn of_server_and_upstreams() {
    let text = r#"
[server]
workers = 1.5
trusted_proxies = 1
external_url = "ftp://app.example.com"
[server.limits]
connections = 0
header_bytes = "much"
[upstream]
url = "http://127.0.0.1:3000"
tls = { server_name = "app.internal" }
basic_auth = { username = { file = "/etc/large" }, password = { file = "/secrets/one" } }
[upstreams.one]
url = "http://127.0.0.1:3001"
[upstreams.two]
url = "http://127.0.0.1:3002"
[routes]
"/x" = { upstream = "entirely-different" }
"#;
    assert_snapshot!(told(text), @r#"
    `workers` is a float: expected a whole number from 0 to 1024
    `trusted_proxies` is an integer: expected a list of networks such as "10.0.0.0/8"
    `external_url` is not such a URL: expected an origin such as "https://app.example.com"
    `connections` is out of bounds: expected a whole number, 1 or more
    `header_bytes` is not a size: expected a size such as "64KiB" (B, KiB, MiB or GiB)
    `tls` is set, but this upstream is not called over TLS: expected an `url` with https://
    this file is too large: expected at most 1 MiB
    this upstream is not configured: expected the NAME of an [upstreams.NAME]; known names: one, two
    "#);
}

#[test]
fn of_pools_and_tokens() {
    let text = r#"
[pools.main]
user_pool_id = "eu-west-1_AbC123xyz"
client_ids = ["app"]
extra_issuers = ["https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC123xyz"]
[pools.second]
issuer = "id.example.com"
client_ids = ["app"]
extra_issuers = 1
[pools.second.fetch]
ca_file = "/etc/cut.pem"
[fetch]
ca_file = "/etc/large"
[tokens]
cross_site = 1
sources = [{ header = "Authorization", cookies = "session" }]
[telemetry]
otlp_endpoint = "127.0.0.1:4318"
[routes]
"/x" = { pools = ["entirely-different"] }
"#;
    assert_snapshot!(told_whole(text), @r#"
    pool `main` has this issuer already: expected further issuers, not its own
    `issuer` is not such a URL: expected a URL such as "https://id.example.com"
    `extra_issuers` is an integer: expected a list of issuer URLs
    there is no certificate in this file: expected PEM: -----BEGIN CERTIFICATE-----
    this file is too large: expected at most 1 MiB
    `cross_site` is an integer: expected a list of origins
    unknown key `cookies` in a place of `sources`: this key is not known here; did you mean `cookie`?
    `otlp_endpoint` is not such a URL: expected a URL such as "http://127.0.0.1:4318"
    this pool is not configured: expected the NAME of a [pools.NAME]; known names: main, second
    "#);
    assert_snapshot!(told("[telemetry]\notlp_endpoint = \"http://127.0.0.1:4318/?key=1\"\n"), @r"`otlp_endpoint` has a query: expected a URL without one: /v1/traces is put behind it");
}

#[test]
fn of_identity_and_cors() {
    let text = r#"
[identity]
remove = 1
[identity.headers]
X-User = "${NAME}}"
[cors]
allow_origins = 1
allow_headers = 1
"#;
    assert_snapshot!(told(text), @r#"
    `remove` is an integer: expected a list of header names
    `X-User` has no such value: expected a claim, a fact such as @pool, or a template of them
    `allow_origins` is an integer: expected a list of origins, or ["*"]
    `allow_headers` is an integer: expected a list of header names
    "#);
}

#[test]
fn of_routes_and_rules() {
    let text = r#"
[routes]
"GET,CONNECT /a" = {}
"GET,GET /b" = {}
"/{a}/{a}" = {}
"/c{d}" = {}
"/{a b}" = {}
"*x.example.com/" = {}
"a@b/" = {}
"example.com:80/" = {}
"*.[::1]/" = {}
"/deep" = { any_scope = ["a\"b"], claims = { "" = 1 } }
"/open" = { access = "certificate", pools = ["main"] }
"/asked" = { client_cert = { san = 1 } }
"/maybe" = { access = "optional", client_cert = {} }
"/nothing" = { claims = { plan = "", region = ["eu", ""] } }
"#;
    let deep = format!("\"{}\" = {{}}\n", "/a".repeat(257));
    assert_snapshot!(told(&format!("{text}{deep}")), @r#"
    this is no route pattern: CONNECT is refused everywhere; a pattern is [METHOD[,METHOD…] ][host]/path: "GET /orders/{id}"
    this is no route pattern: GET stands here twice; a pattern is [METHOD[,METHOD…] ][host]/path: "GET /orders/{id}"
    this is no route pattern: there are two parameters named `a`; a pattern is [METHOD[,METHOD…] ][host]/path: "GET /orders/{id}"
    this is no route pattern: a parameter is a whole segment: `{name}`; a brace that is meant literally is written %7B or %7D; a pattern is [METHOD[,METHOD…] ][host]/path: "GET /orders/{id}"
    this is no route pattern: a parameter is `{name}` or `{*name}`, its name letters, digits and `_`; a pattern is [METHOD[,METHOD…] ][host]/path: "GET /orders/{id}"
    this is no route pattern: a `*` stands for whole labels, at the front alone: `*.example.com`; a pattern is [METHOD[,METHOD…] ][host]/path: "GET /orders/{id}"
    this is no route pattern: this is not a host name; a pattern is [METHOD[,METHOD…] ][host]/path: "GET /orders/{id}"
    this is no route pattern: hosts are compared without port: leave it out; a pattern is [METHOD[,METHOD…] ][host]/path: "GET /orders/{id}"
    this is no route pattern: nothing is below an address; a pattern is [METHOD[,METHOD…] ][host]/path: "GET /orders/{id}"
    a scope has no such character in it: expected visible ASCII without quotes and backslashes
    this claim has no name: expected a name
    this route asks for a certificate, and the gate asks nobody for one: expected `[server] tls` with `client_ca_file`; tls = { cert_file = "…", key_file = "…", client_ca_file = "…" }
    this route asks for something, and is open: no token is looked at on a `certificate` route; set `access = "authenticated"`, or leave this out
    this route asks for a certificate, and the gate asks nobody for one: expected `[server] tls` with `client_ca_file`; tls = { cert_file = "…", key_file = "…", client_ca_file = "…" }
    this route asks for something, and is open: only an `authenticated` or `certificate` route asks for a certificate; set `access = "authenticated"`, or leave this out
    this string is empty: expected a string
    this string is empty: expected a string
    this is no route pattern: a path has at most 256 segments; a pattern is [METHOD[,METHOD…] ][host]/path: "GET /orders/{id}"
    "#);
}

#[test]
fn of_tests() {
    let text = r#"
[tests]
"of what" = { request = "GET /", host = "a\nb", claims = 1, now = "soon", expect = "allow" }
"#;
    assert_snapshot!(told(text), @r"
    `host` is not what a header can hold: expected what a header can hold
    `claims` is an integer: expected a table of claims
    `now` is a string: expected seconds since 1970, as in `iat`
    ");
}

#[test]
fn of_credentials() {
    let text = r#"
[credentials.machine]
grant = "client_credentials"
token_url = "acme.example.com"
client_id = "c"
client_secret = []
[credentials.user]
grant = "user_srp"
client_id = "c"
[credentials.aws]
grant = "identity_pool"
"#;
    assert_snapshot!(told(text), @r#"
    `token_url` is not such a URL: expected a URL such as "https://acme.auth.eu-west-1.amazoncognito.com/oauth2/token"
    `client_secret` is an empty list: expected a list of secrets: { file = "…" }, not empty; a list that asks for nothing is never meant: fill it, or leave the key out
    [credentials.user] has no `username`: expected `username`: { file = "…" } or { env = "…" }
    [credentials.user] has no `password`: expected `password`: { file = "…" } or { env = "…" }
    [credentials.user] has no `user_pool_id`: expected `user_pool_id`: where the user signs in
    [credentials.aws] has no `identity_pool_id`: expected `identity_pool_id`: region, colon, UUID
    [credentials.aws] has no `credential`: expected `credential`: the user whose ID token is shown
    "#);
}

#[test]
fn of_listeners_and_destinations() {
    let none = r#"
[outbound.lost]
listen = "127.0.0.1:7001"
upstream = "https://inventory.example.com"
credential = "billing"
"#;
    assert_snapshot!(told(none), @r"this credential is not configured: expected the NAME of a [credentials.NAME]; there is no such table");
    let text = r#"
[outbound.relay]
listen = "127.0.0.1:7001"
others = "pass"
credential = "entirely-different"
allow = 1
[outbound.plain]
listen = "127.0.0.1:7002"
upstream = "http://127.0.0.1:8000"
credential = "billing"
scopes = ["a b"]
allow = ["GET items"]
tls = { server_name = "app.internal" }
[outbound.signed]
listen = "127.0.0.1:7003"
upstream = "https://api.example.com"
credential = "aws"
prefix = ""
sign = { service = "Execute API" }
[outbound.signed_again]
listen = "127.0.0.1:7004"
upstream = "https://api.example.com"
credential = "aws"
sign = { region = "eu-west-1" }
[outbound.proxy]
listen = "127.0.0.1:7005"
mode = "forward_proxy"
destinations = { "https://a.example.com" = { credentials = "billing" } }
"#;
    assert_snapshot!(told(&format!("{CREDENTIALS}{text}")), @r#"
    [outbound.relay] has no `upstream`: expected `upstream`: the one destination
    `others` does not belong to this mode: only a forward proxy has this; mode is "relay" (the default) or "forward_proxy"
    this credential is not configured: expected the NAME of a [credentials.NAME]; known names: billing, robot, aws
    `allow` is an integer: expected a list of route patterns
    `scopes` is not a scope: expected a scope such as "inventory/read"
    this is no route pattern: a pattern has a path, which starts with `/`: `GET /orders/{id}`; a pattern is [METHOD[,METHOD…] ]/path: "GET /items/{*rest}"
    `tls` has no meaning here: only an https:// destination has it
    `prefix` has no meaning here: a signature takes the place of a token
    `sign` has no `region`: expected `service` and `region`
    `service` is not a service: expected a service such as "execute-api"
    `sign` has no `service`: expected `service` and `region`
    unknown key `credentials` in this destination: this key is not known here; did you mean `credential`?
    "#);
}

#[test]
fn of_login() {
    let login = |rest: &str| {
        format!(
            r#"
[pools.people]
user_pool_id = "eu-west-1_people"
client_ids = ["app"]
token_use = "id"
[login]
domain = "https://acme.auth.eu-west-1.amazoncognito.com"
client_id = "app"
{rest}
"#
        )
    };
    let faulty = login(
        r#"
pool = "people"
scopes = ["open id"]
after_logout = "app.example.com"
cookie_name = "a b"
session_key = []
"#,
    );
    assert_snapshot!(told(&faulty), @r#"
    [pools.people] takes no access tokens, and a session is one: expected a pool whose `token_use` is "access" or "any"; rules read the access token; identity headers read the ID token too
    `scopes` lacks "openid": expected it among them; without it a sign-in brings no ID token, and nothing would tie it to this browser
    `scopes` is not a scope: expected a scope, without blanks
    `after_logout` is not such a URL: expected a URL such as "https://app.example.com/"
    `cookie_name` is not the name of a cookie: expected the name of a cookie such as "__Host-portcullis"
    `session_key` is an empty list: expected a list of keys: { file = "…" }, not empty; a list that asks for nothing is never meant: fill it, or leave the key out
    "#);
    let unused = login(
        "pool = \"main\"\nsession_key = { file = \"/secrets/key\" }\n[routes]\n\"/x\" = {}\n",
    );
    assert_snapshot!(loaded(&unused).warnings.join("\n"), @r"there is a [login], and no route has `login = true`: nobody is ever sent to sign in");
}
