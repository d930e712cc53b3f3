//! `[login]`: what it needs, what it may be, and which routes go with it.

use std::time::Duration;

use insta::assert_snapshot;

use super::{loaded, refused};

/// The least that lets anybody sign in.
const LOGIN: &str = "[login]\ndomain = \"https://acme.auth.eu-west-1.amazoncognito.com\"\nclient_id = \"app\"\n\
                     session_key = { file = \"/secrets/key\" }\n";

#[test]
fn the_rest_of_it_has_defaults() {
    let config = loaded(&format!(
        "{LOGIN}[routes]\n\"/a\" = {{ login = true }}\n\"/b\" = {{}}\n"
    ));
    let login = config.login.expect("there is one");
    assert_eq!(login.pool, 0);
    assert_eq!(
        login.domain,
        "https://acme.auth.eu-west-1.amazoncognito.com"
    );
    assert_eq!(login.scopes, ["openid", "email"]);
    assert_eq!(login.callback_path, "/_portcullis/callback");
    assert_eq!(login.logout_path, "/_portcullis/logout");
    assert_eq!(login.after_logout, None);
    assert_eq!(login.session_lifetime, Duration::from_secs(12 * 3600));
    assert_eq!(login.cookie_name, "__Host-portcullis");
    assert_eq!(login.session_keys.len(), 1);
    assert!(login.client.secrets.is_empty());
    assert_eq!(
        config
            .routes
            .iter()
            .map(|route| route.login)
            .collect::<Vec<_>>(),
        [true, false]
    );
    assert!(
        config
            .files
            .iter()
            .any(|file| file.to_str() == Some("/secrets/key")),
        "it is watched"
    );
}

#[test]
fn a_default_lets_browsers_in_where_a_token_is_looked_at() {
    let config = loaded(&format!(
        "{LOGIN}[defaults]\nlogin = true\n[routes]\n\"/a\" = {{}}\n\"/b\" = {{ access = \"public\" }}\n\
         \"/c\" = {{ access = \"optional\" }}\n\"/d\" = {{ login = false }}\n"
    ));
    let login: Vec<bool> = config.routes.iter().map(|route| route.login).collect();
    assert_eq!(login, [true, false, true, false]);
}

#[test]
fn what_it_lacks_is_told() {
    assert_snapshot!(refused("[login]\n[routes]\n\"/a\" = { login = true }\n"), @r#"
    error: [login] has no `domain`
     --> portcullis.toml:4:1
      |
    4 | [login]
      | ^^^^^^^ expected `domain`: where the pool's sign-in pages are

    error: [login] has no `client_id`
     --> portcullis.toml:4:1
      |
    4 | [login]
      | ^^^^^^^ expected `client_id`: the app client's

    error: [login] has no `session_key`
     --> portcullis.toml:4:1
      |
    4 | [login]
      | ^^^^^^^ expected `session_key`: { file = "…" } or { env = "…" }

    portcullis.toml: 3 faults
    "#);
    assert_snapshot!(refused("[routes]\n\"/a\" = { login = true }\n"), @r#"
    error: this route lets browsers sign in, and there is no [login]
     --> portcullis.toml:5:18
      |
    5 | "/a" = { login = true }
      |                  ^^^^ expected a [login] table
      |
      = help: pool, domain, client_id and session_key are all it needs

    portcullis.toml: 1 fault
    "#);
}

#[test]
fn what_it_cannot_be_is_told() {
    assert_snapshot!(refused(
        r#"[server]
listen = "0.0.0.0:8080"
[login]
pool = "mian"
domain = "http://acme.example/login"
client_id = "other"
scopes = ["email"]
callback_path = "/a/../b"
logout_path = "/out?x"
after_logout = "http://app.example.com/"
session_key = [{ file = "/secrets/one" }, { env = "NAME" }]
session_lifetime = "0s"
cookie_name = "session"
[routes]
"/a" = { login = true, access = "public" }
"#
    ), @r#"
    error: [login] needs `external_url` in [server]
     --> portcullis.toml:6:1
      |
    6 | [login]
      | ^^^^^^^ expected what browsers call this service
      |
      = help: external_url = "https://app.example.com"; on loopback it may be left out

    error: this pool is not configured
     --> portcullis.toml:7:8
      |
    7 | pool = "mian"
      |        ^^^^^^ expected the NAME of a [pools.NAME]
      |
      = help: did you mean "main"?

    error: `domain` is plain http
     --> portcullis.toml:8:10
      |
    8 | domain = "http://acme.example/login"
      |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected https://
      |
      = help: the secret would be sent in the clear; http is taken on loopback alone

    error: [pools.main] takes no tokens of this client
     --> portcullis.toml:9:13
      |
    9 | client_id = "other"
      |             ^^^^^^^ expected one of its `client_ids`
      |
      = help: [pools.main] takes app

    error: `scopes` lacks "openid"
      --> portcullis.toml:10:10
       |
    10 | scopes = ["email"]
       |          ^^^^^^^^^ expected it among them
       |
       = help: without it a sign-in brings no ID token, and nothing would tie it to this browser

    error: `callback_path` is not a path
      --> portcullis.toml:11:17
       |
    11 | callback_path = "/a/../b"
       |                 ^^^^^^^^^ expected a path such as "/_portcullis/callback"

    error: `logout_path` is not a path
      --> portcullis.toml:12:15
       |
    12 | logout_path = "/out?x"
       |               ^^^^^^^^ expected a path such as "/_portcullis/callback"

    error: `after_logout` is plain http
      --> portcullis.toml:13:16
       |
    13 | after_logout = "http://app.example.com/"
       |                ^^^^^^^^^^^^^^^^^^^^^^^^^ expected https://

    error: the session key is not 32 bytes in base64
      --> portcullis.toml:14:16
       |
    14 | session_key = [{ file = "/secrets/one" }, { env = "NAME" }]
       |                ^^^^^^^^^^^^^^^^^^^^^^^^^ expected 44 letters of base64
       |
       = help: openssl rand -base64 32

    error: the session key is not 32 bytes in base64
      --> portcullis.toml:14:43
       |
    14 | session_key = [{ file = "/secrets/one" }, { env = "NAME" }]
       |                                           ^^^^^^^^^^^^^^^^ expected 44 letters of base64
       |
       = help: openssl rand -base64 32

    error: `session_lifetime` is no time at all
      --> portcullis.toml:15:20
       |
    15 | session_lifetime = "0s"
       |                    ^^^^ expected more than zero

    error: `cookie_name` does not begin with `__Host-`
      --> portcullis.toml:16:15
       |
    16 | cookie_name = "session"
       |               ^^^^^^^^^ expected a name such as "__Host-portcullis"
       |
       = help: without it a neighbouring subdomain could set the cookie; over http on loopback it is left out by itself

    error: nobody signs in for this route
      --> portcullis.toml:18:18
       |
    18 | "/a" = { login = true, access = "public" }
       |                  ^^^^ no token is looked at here
       |
       = help: set `access = "authenticated"`, or leave this out

    portcullis.toml: 13 faults
    "#);
    assert_snapshot!(refused(
        r#"[server]
external_url = "http://app.example.com"
[tokens]
sources = [{ cookie = "__Host-a" }]
[login]
domain = "https://acme.example/x"
client_id = "other"
callback_path = "/same"
logout_path = "/same"
session_key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
cookie_name = "__Host-a"
"#
    ), @r#"
    error: [login] needs an `external_url` that is https
     --> portcullis.toml:8:1
      |
    8 | [login]
      | ^^^^^^^ sessions over plain http are anybody's
      |
      = help: plain http is taken on loopback alone

    error: `domain` has a path
     --> portcullis.toml:9:10
      |
    9 | domain = "https://acme.example/x"
      |          ^^^^^^^^^^^^^^^^^^^^^^^^ expected an origin such as "https://acme.auth.eu-west-1.amazoncognito.com"
      |
      = help: /oauth2/authorize and the others are put behind it

    error: [pools.main] takes no tokens of this client
      --> portcullis.toml:10:13
       |
    10 | client_id = "other"
       |             ^^^^^^^ expected one of its `client_ids`
       |
       = help: [pools.main] takes app

    error: `callback_path` and `logout_path` are one path
      --> portcullis.toml:12:15
       |
    12 | logout_path = "/same"
       |               ^^^^^^^ expected two

    error: `session_key` is written out in the configuration
      --> portcullis.toml:13:15
       |
    13 | session_key = (secret)
       |               ^^^^^^^^ expected { file = "…" } or { env = "…" }
       |
       = help: keep the secret in a file or an environment variable, and name that here

    error: [tokens] looks for a token in this cookie
      --> portcullis.toml:14:15
       |
    14 | cookie_name = "__Host-a"
       |               ^^^^^^^^^^ expected a name of its own

    portcullis.toml: 6 faults
    "#);
}

#[test]
fn routes_that_nobody_who_signs_in_can_pass_are_told() {
    assert_snapshot!(refused(&format!(
        "{LOGIN}[routes]\n\"/_portcullis/logout\" = {{}}\n\"/b\" = {{ login = true, client_ids = [\"app\"] }}\n\
         [pools.other]\nuser_pool_id = \"eu-west-1_Other\"\nclient_ids = [\"app\"]\n"
    )), @r#"
    error: [login] has no `pool`
     --> portcullis.toml:4:1
      |
    4 | [login]
      | ^^^^^^^ expected `pool`: which of the pools people sign in at

    portcullis.toml: 1 fault
    "#);
    assert_snapshot!(refused(&format!(
        "{LOGIN}pool = \"main\"\n[routes]\n\"/a\" = {{ login = true, pools = [\"other\"] }}\n\"/_portcullis/logout\" = {{}}\n\
         [pools.other]\nuser_pool_id = \"eu-west-1_Other\"\nclient_ids = [\"app\"]\n"
    )), @r#"
    error: nobody who signs in can pass this route
      --> portcullis.toml:10:1
       |
    10 | "/a" = { login = true, pools = ["other"] }
       | ^^^^ takes no access token of the pool and client of [login]
       |
       = help: look at its `pools`, `client_ids` and `token_use`

    error: [login] answers this path itself
      --> portcullis.toml:11:1
       |
    11 | "/_portcullis/logout" = {}
       | ^^^^^^^^^^^^^^^^^^^^^ no request ever comes here
       |
       = help: `callback_path` and `logout_path` can be changed

    portcullis.toml: 2 faults
    "#);
    let warnings = loaded(LOGIN).warnings;
    assert!(
        warnings
            .iter()
            .any(|warning| warning.contains("nobody is ever sent to sign in")),
        "{warnings:?}"
    );
}
