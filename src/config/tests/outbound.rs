//! `[outbound.NAME]`: listeners and destinations as they are written, and every way to get one wrong.

use insta::assert_snapshot;

use super::{loaded, refused};
use crate::config::model::Address;
use crate::config::model::credentials::{Others, OutboundMode, Shown};

pub(super) const CREDENTIALS: &str = r#"
[routes]
"/x" = "a/b"
[credentials.billing]
grant = "client_credentials"
token_url = "https://acme.auth.eu-west-1.amazoncognito.com/oauth2/token"
client_id = "c"
client_secret = { file = "/secrets/one" }
[credentials.robot]
grant = "user_srp"
user_pool_id = "eu-west-1_AbC123xyz"
client_id = "c"
username = { env = "NAME" }
password = { file = "/secrets/one" }
[credentials.aws]
grant = "identity_pool"
identity_pool_id = "eu-west-1:1a2b"
credential = "robot"
"#;

fn with_credentials(added: &str) -> crate::config::Config {
    loaded(&format!("{CREDENTIALS}{added}"))
}

/// What is told, from the line on that the first fault stands in.
fn told(added: &str) -> String {
    refused(&format!("{CREDENTIALS}{added}"))
}

#[test]
fn a_relay_has_one_destination_and_shows_it_a_bearer_token() {
    let config = with_credentials(
        r#"
[outbound.inventory]
listen = "127.0.0.1:7001"
upstream = "https://inventory.example.com"
credential = "billing"
scopes = ["b/write", "a/read"]
allow = ["GET /items/{*rest}"]
"#,
    );
    let OutboundMode::Relay(destination) = &config.outbound[0].mode else {
        panic!("another mode");
    };
    assert_eq!(
        destination.address,
        Address::Tcp {
            tls: true,
            host: "inventory.example.com".to_owned(),
            port: 443
        }
    );
    let Some(Shown::Token {
        credential,
        scopes,
        header,
        prefix,
    }) = &destination.authorization
    else {
        panic!("no token");
    };
    assert_eq!((*credential, header.as_str()), (0, "authorization"));
    assert_eq!(scopes, &["a/read", "b/write"]);
    assert_eq!(prefix, "Bearer ");
    assert_eq!(destination.allow.len(), 1);
    assert_eq!(config.warnings, Vec::<String>::new());
}

#[test]
fn a_forward_proxy_has_many_and_some_are_called_plainly() {
    let config = with_credentials(
        r#"
[outbound.egress]
listen = "unix:/run/egress.sock"
mode = "forward_proxy"
others = "pass"
[outbound.egress.destinations]
"https://inventory.example.com" = { credential = "billing", prefix = "", header = "X-Token" }
"https://s3.eu-west-1.amazonaws.com" = { credential = "aws", sign = { service = "s3", region = "eu-west-1" } }
"http://plain.example.com:8080" = {}
"#,
    );
    let OutboundMode::ForwardProxy {
        destinations,
        others,
    } = &config.outbound[0].mode
    else {
        panic!("another mode");
    };
    assert_eq!(*others, Others::Pass);
    assert_eq!(destinations.len(), 3);
    assert!(matches!(
        destinations[1].authorization,
        Some(Shown::Signature { credential: 2, .. })
    ));
    assert_eq!(destinations[2].authorization, None);
    assert_eq!(config.warnings, Vec::<String>::new());
}

#[test]
fn x14_a_listener_that_others_can_reach_says_who_may_call() {
    assert_snapshot!(
        told(
            r#"[outbound.a]
listen = "0.0.0.0:7001"
upstream = "https://a"
credential = "billing"
[outbound.b]
listen = "0.0.0.0:7002"
allow_remote = true
upstream = "https://a"
credential = "billing"
[outbound.c]
listen = "127.0.0.1:7003"
clients = ["10.0.0.0/8"]
upstream = "https://a"
credential = "billing"
[outbound.d]
upstream = "https://a"
credential = "billing"
"#
        ),
        @r#"
    error: `listen` can be reached from other hosts
      --> portcullis.toml:23:10
       |
    23 | listen = "0.0.0.0:7001"
       |          ^^^^^^^^^^^^^^ expected a loopback address or "unix:/…"
       |
       = help: whoever calls it gets what the token opens; allow_remote = true with clients = ["10.0.0.0/8"] or tls.client_ca_file says who may

    error: [outbound.b] has no `clients`
      --> portcullis.toml:26:1
       |
    26 | [outbound.b]
       | ^^^^^^^^^^^^ expected `clients`, the networks that may call, or `tls.client_ca_file`, beside `allow_remote`

    error: `clients` has no meaning here
      --> portcullis.toml:33:11
       |
    33 | clients = ["10.0.0.0/8"]
       |           ^^^^^^^^^^^^^^ only a listener with `allow_remote = true` has them
       |
       = help: on loopback and Unix sockets this host alone can call

    error: [outbound.d] has no `listen`
      --> portcullis.toml:36:1
       |
    36 | [outbound.d]
       | ^^^^^^^^^^^^ expected `listen`: where the application calls, such as "127.0.0.1:7001"

    portcullis.toml: 4 faults
    "#
    );
    let config = with_credentials(
        "[outbound.a]\nlisten = \"0.0.0.0:7001\"\nallow_remote = true\nclients = [\"10.0.0.0/8\"]\nupstream = \"http://a\"\ncredential = \"billing\"\n",
    );
    assert_snapshot!(config.warnings.join("\n"), @r#"
    [outbound.a] can be called from other hosts: `clients` alone says who gets what its tokens open
    [outbound.a] sends tokens over plain http: whoever is on the way can take them
    "#);
}

#[test]
fn x03_a_destination_is_an_origin_and_no_metadata_service() {
    assert_snapshot!(
        told(
            r#"[outbound.a]
listen = "127.0.0.1:7001"
upstream = "https://a/path"
credential = "biling"
[outbound.b]
listen = "127.0.0.1:7002"
upstream = "http://169.254.169.254"
credential = "billing"
tls = { cert_file = "/etc/ca.pem" }
[outbound.c]
listen = "127.0.0.1:7003"
mode = "forward_proxy"
hosts = ["c.internal"]
upstream = "https://a"
[outbound.c.destinations]
"https://user:hunter2@a" = {}
"https://a/x" = {}
"https://[fd00:ec2::254]" = {}
"https://b" = {}
"http://b" = {}
[outbound.d]
listen = "127.0.0.1:7004"
mode = "forward_proxy"
"#
        ),
        @r#"
    error: `upstream` has a path
      --> portcullis.toml:24:12
       |
    24 | upstream = "https://a/path"
       |            ^^^^^^^^^^^^^^^^ expected an origin such as "https://inventory.example.com", without a path

    error: this credential is not configured
      --> portcullis.toml:25:14
       |
    25 | credential = "biling"
       |              ^^^^^^^^ expected the NAME of a [credentials.NAME]
       |
       = help: did you mean "billing"?

    error: this is the machine's own metadata service
      --> portcullis.toml:28:12
       |
    28 | upstream = "http://169.254.169.254"
       |            ^^^^^^^^^^^^^^^^^^^^^^^^ expected another host
       |
       = help: it hands out the machine's credentials to whoever can call it

    error: a certificate without its key
      --> portcullis.toml:30:21
       |
    30 | tls = { cert_file = "/etc/ca.pem" }
       |                     ^^^^^^^^^^^^^ expected `key_file` too

    error: `hosts` does not belong to this mode
      --> portcullis.toml:34:1
       |
    34 | hosts = ["c.internal"]
       | ^^^^^ an application names the destination's host to it
       |
       = help: mode is "relay" (the default) or "forward_proxy"

    error: `upstream` does not belong to this mode
      --> portcullis.toml:35:1
       |
    35 | upstream = "https://a"
       | ^^^^^^^^ a destination's keys stand in `destinations`
       |
       = help: mode is "relay" (the default) or "forward_proxy"

    error: a destination has a user or a password in it
      --> portcullis.toml:37:1
       |
    37 | (secret) = {}
       | ^^^^^^^^ expected an origin such as "https://inventory.example.com", without a path

    error: this is no destination
      --> portcullis.toml:38:1
       |
    38 | "https://a/x" = {}
       | ^^^^^^^^^^^^^ expected an origin such as "https://inventory.example.com", without a path

    error: this is the machine's own metadata service
      --> portcullis.toml:39:1
       |
    39 | "https://[fd00:ec2::254]" = {}
       | ^^^^^^^^^^^^^^^^^^^^^^^^^ expected another host

    error: two destinations cannot be told apart
      --> portcullis.toml:41:1
       |
    40 | "https://b" = {}
       | ----------- as this one
    41 | "http://b" = {}
       | ^^^^^^^^^^ is called the same way
       |
       = help: an application calls http://HOST, whether the destination is https or http

    error: [outbound.d] has no `destinations`
      --> portcullis.toml:42:1
       |
    42 | [outbound.d]
       | ^^^^^^^^^^^^ expected `destinations`: the origins that may be called

    portcullis.toml: 11 faults
    "#
    );
}

#[test]
fn what_a_credential_cannot_do_is_told() {
    assert_snapshot!(
        told(
            r#"[outbound.a]
listen = "127.0.0.1:7001"
upstream = "https://a"
credential = "robot"
scopes = ["a/b"]
header = "Host"
prefix = " x"
[outbound.b]
listen = "127.0.0.1:7002"
upstream = "https://a"
credential = "aws"
[outbound.c]
listen = "127.0.0.1:7003"
upstream = "https://a"
credential = "billing"
scopes = ["a b"]
sign = { service = "s3" }
[outbound.d]
listen = "127.0.0.1:7004"
upstream = "https://a"
scopes = ["a/b"]
"#
        ),
        @r#"
    error: `user_srp` cannot be asked for scopes
      --> portcullis.toml:26:10
       |
    26 | scopes = ["a/b"]
       |          ^^^^^^^ expected no `scopes` here
       |
       = help: a user's token has the scopes of its sign-in; client_credentials can be asked for some

    error: `header` names a header that belongs to the message itself
      --> portcullis.toml:27:10
       |
    27 | header = "Host"
       |          ^^^^^^ expected another header

    error: `prefix` cannot stand in a header
      --> portcullis.toml:28:10
       |
    28 | prefix = " x"
       |          ^^^^ expected visible ASCII, such as "Bearer "

    error: this credential gives AWS credentials, not a token
      --> portcullis.toml:32:14
       |
    32 | credential = "aws"
       |              ^^^^^ expected `sign = { service = "…", region = "…" }` beside it

    error: `sign` needs AWS credentials
      --> portcullis.toml:38:8
       |
    38 | sign = { service = "s3" }
       |        ^^^^^^^^^^^^^^^^^^ expected a credential whose grant is "identity_pool"

    error: [outbound.d] has no `credential`
      --> portcullis.toml:39:1
       |
    39 | [outbound.d]
       | ^^^^^^^^^^^^ expected `credential`: the NAME of a [credentials.NAME]

    error: `scopes` has no meaning here
      --> portcullis.toml:42:10
       |
    42 | scopes = ["a/b"]
       |          ^^^^^^^ only beside `credential`

    portcullis.toml: 7 faults
    "#
    );
}

#[test]
fn x18_a_listener_that_would_call_itself_and_two_on_one_address_are_told() {
    assert_snapshot!(
        told(
            r#"[outbound.a]
listen = "127.0.0.1:7001"
upstream = "http://localhost:7001"
credential = "billing"
[outbound.b]
listen = "127.0.0.1:7002"
upstream = "https://a"
credential = "billing"
[outbound.c]
listen = "127.0.0.1:7002"
upstream = "https://a"
credential = "billing"
[outbound.d]
listen = "127.0.0.1:8080"
upstream = "https://a"
credential = "billing"
"#
        ),
        @r#"
    error: a destination is this very listener
      --> portcullis.toml:23:10
       |
    23 | listen = "127.0.0.1:7001"
       |          ^^^^^^^^^^^^^^^^ requests would go round in circles

    error: two listeners are on one address
      --> portcullis.toml:31:10
       |
    27 | listen = "127.0.0.1:7002"
       |          ---------------- by this one
    ...
    31 | listen = "127.0.0.1:7002"
       |          ^^^^^^^^^^^^^^^^ this address is taken

    error: this listener and the gate's `listen` are on one address
      --> portcullis.toml:35:10
       |
    35 | listen = "127.0.0.1:8080"
       |          ^^^^^^^^^^^^^^^^ this address is taken

    portcullis.toml: 3 faults
    "#
    );
}
