//! `[credentials.NAME]`: every grant as it is written, and every way to get one wrong.

use insta::assert_snapshot;

use super::{loaded, refused};
use crate::config::model::credentials::{ClientAuth, Grant, Proof, UserToken, Via};

const MACHINE: &str = r#"
[credentials.billing]
grant = "client_credentials"
token_url = "https://acme.auth.eu-west-1.amazoncognito.com/oauth2/token"
client_id = "1example23456789"
client_secret = { file = "/secrets/one" }
"#;

#[test]
fn a_machine_needs_four_lines() {
    let config = loaded(MACHINE);
    let Grant::ClientCredentials(endpoint, client) = &config.credentials[0].grant else {
        panic!("another grant");
    };
    assert_eq!(&*config.credentials[0].name, "billing");
    assert_eq!(endpoint.auth, ClientAuth::Basic);
    assert_eq!(client.secrets[0].value.expose(), "hunter2-file");
    let file = client.secrets[0].file.clone().expect("a file");
    assert!(config.files.contains(&file), "the file is watched");
    assert_eq!(config.credentials[0].fetch, config.pools[0].fetch);
}

#[test]
fn every_key_of_a_machine_is_taken() {
    let config = loaded(
        r#"
[credentials.billing]
grant = "client_credentials"
token_url = "http://127.0.0.1:5000/oauth2/token"
client_id = "c"
client_secret = [{ file = "/secrets/one" }, { env = "SECRET" }]
client_auth = "post"
parameters = { resource = "https://a/", aws_client_metadata = '{"a":"b"}' }
[credentials.billing.fetch]
timeout = "9s"
"#,
    );
    let Grant::ClientCredentials(endpoint, client) = &config.credentials[0].grant else {
        panic!("another grant");
    };
    assert_eq!(endpoint.auth, ClientAuth::Post);
    let parameters: Vec<_> = (endpoint.parameters.iter())
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    assert_eq!(
        parameters,
        [
            ("resource", "https://a/"),
            ("aws_client_metadata", r#"{"a":"b"}"#)
        ]
    );
    let secrets: Vec<_> = client
        .secrets
        .iter()
        .map(|one| one.value.expose())
        .collect();
    assert_eq!(secrets, ["hunter2-file", "hunter2-env"]);
    assert_eq!(client.secrets[1].file, None);
    assert_eq!(config.credentials[0].fetch.timeout.as_secs(), 9);
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn users_sign_in_at_the_region_of_their_pool() {
    let config = loaded(
        r#"
[credentials.aws]
grant = "identity_pool"
identity_pool_id = "eu-west-1:1a2b3c4d-0000-1111-2222-333344445555"
credential = "robot"
[credentials.robot]
grant = "user_srp"
user_pool_id = "eusc-de-east-1_AbC123xyz"
client_id = "c"
username = { env = "NAME" }
password = { file = "/secrets/one" }
token = "id"
[credentials.other]
grant = "user_password"
user_pool_id = "eu-west-1_AbC123xyz"
endpoint = "https://vpce.example.com/"
client_id = "c"
client_secret = { env = "SECRET" }
username = { env = "NAME" }
password = { file = "/secrets/one" }
[credentials.elsewhere]
grant = "refresh_token"
user_pool_id = "eu-west-1_AbC123xyz"
client_id = "c"
refresh_token = { file = "/secrets/one" }
state_file = "/var/lib/state"
"#,
    );
    let [aws, robot, other, elsewhere] = config.credentials.as_slice() else {
        panic!("four credentials");
    };
    let Grant::IdentityPool(pool) = &aws.grant else {
        panic!("another grant");
    };
    assert_eq!(pool.credential, 1, "it may stand after the pool");
    assert_eq!(
        pool.endpoint,
        "https://cognito-identity.eu-west-1.amazonaws.com/"
    );
    let Grant::User(user) = &robot.grant else {
        panic!("another grant");
    };
    assert_eq!((user.proof, user.token), (Proof::Srp, UserToken::Id));
    assert_eq!(
        user.pool.endpoint,
        "https://cognito-idp.eusc-de-east-1.amazonaws.eu/"
    );
    assert_eq!(
        user.pool.login,
        "cognito-idp.eusc-de-east-1.amazonaws.eu/eusc-de-east-1_AbC123xyz"
    );
    let Grant::User(user) = &other.grant else {
        panic!("another grant");
    };
    assert_eq!(
        (user.proof, user.token),
        (Proof::Password, UserToken::Access)
    );
    assert_eq!(user.pool.endpoint, "https://vpce.example.com/");
    let Grant::Refresh(refresh) = &elsewhere.grant else {
        panic!("another grant");
    };
    assert!(matches!(refresh.via, Via::Pool(_)) && refresh.state_file.is_some());
}

#[test]
fn what_is_wrong_with_a_machine_is_told_in_one_run() {
    assert_snapshot!(
        refused(
            r#"[credentials.a]
grant = "client_credential"
[credentials.b]
grant = "client_credentials"
[credentials.c]
grant = "client_credentials"
token_url = "http://idp.example.com/oauth2/token"
client_id = "a b"
client_secret = "hunter2"
client_auth = "jwt"
parameters = { scope = "hunter2", resource = 5 }
username = { env = "NAME" }
[credentials.d]
client_secret = []
"#
        ),
        @r#"
    error: `grant` has an unknown value
     --> portcullis.toml:5:9
      |
    5 | grant = "client_credential"
      |         ^^^^^^^^^^^^^^^^^^^ expected one of "client_credentials", "user_password", "user_srp", "refresh_token", "identity_pool"
      |
      = help: did you mean "client_credentials"?

    error: [credentials.b] has no `token_url`
     --> portcullis.toml:6:1
      |
    6 | [credentials.b]
      | ^^^^^^^^^^^^^^^ expected `token_url`: the pool's domain and /oauth2/token

    error: [credentials.b] has no `client_id`
     --> portcullis.toml:6:1
      |
    6 | [credentials.b]
      | ^^^^^^^^^^^^^^^ expected `client_id`: the app client's

    error: [credentials.b] has no `client_secret`
     --> portcullis.toml:6:1
      |
    6 | [credentials.b]
      | ^^^^^^^^^^^^^^^ expected `client_secret`: no other proof is known to this grant

    error: `token_url` is plain http
      --> portcullis.toml:10:13
       |
    10 | token_url = "http://idp.example.com/oauth2/token"
       |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected https://
       |
       = help: the secret would be sent in the clear; http is taken on loopback alone

    error: `client_id` has blanks or letters beyond ASCII
      --> portcullis.toml:11:13
       |
    11 | client_id = "a b"
       |             ^^^^^ expected an app client's id

    error: `client_secret` is written out in the configuration
      --> portcullis.toml:12:17
       |
    12 | client_secret = (secret)
       |                 ^^^^^^^^ expected { file = "…" } or { env = "…" }
       |
       = help: keep the secret in a file or an environment variable, and name that here

    error: `client_auth` has an unknown value
      --> portcullis.toml:13:15
       |
    13 | client_auth = "jwt"
       |               ^^^^^ expected one of "basic", "post"

    error: `scope` is set by the grant itself
      --> portcullis.toml:14:24
       |
    14 | parameters = { scope = (secret), resource = (secret) }
       |                        ^^^^^^^^ expected another form field

    error: `resource` is an integer
      --> portcullis.toml:14:45
       |
    14 | parameters = { scope = (secret), resource = (secret) }
       |                                             ^^^^^^^^ expected a string

    error: unknown key `username` in [credentials.c]
      --> portcullis.toml:15:1
       |
    15 | username = { env = "NAME" }
       | ^^^^^^^^ this key is not known here
       |
       = help: known keys: `fetch`, `grant`, `token_url`, `client_auth`, `parameters`, `client_id`, `client_secret`

    error: [credentials.d] has no `grant`
      --> portcullis.toml:16:1
       |
    16 | [credentials.d]
       | ^^^^^^^^^^^^^^^ expected `grant`: "client_credentials", or how a user signs in

    portcullis.toml: 12 faults
    "#
    );
}

#[test]
fn what_is_wrong_with_a_user_is_told_in_one_run() {
    assert_snapshot!(
        refused(
            r#"[credentials.a]
grant = "user_srp"
user_pool_id = "AbC123xyz"
endpoint = "http://example.com/"
client_id = "c"
username = "robot"
password = { file = "/secrets/one" }
token = "refresh"
[credentials.b]
grant = "refresh_token"
client_id = "c"
[credentials.c]
grant = "refresh_token"
token_url = "https://a/"
user_pool_id = "eu-west-1_AbC123xyz"
client_id = "c"
refresh_token = { file = "/secrets/one" }
[credentials.d]
grant = "identity_pool"
identity_pool_id = "eu-west-1"
credential = "e"
[credentials.e]
grant = "identity_pool"
identity_pool_id = "eu-west-1:1a2b"
region = "Europe"
credential = "bb"
"#
        ),
        @r#"
    error: `user_pool_id` is not an id
     --> portcullis.toml:6:16
      |
    6 | user_pool_id = "AbC123xyz"
      |                ^^^^^^^^^^^ expected an id such as "eu-west-1_AbC123xyz": region, underscore, letters and digits

    error: `endpoint` is plain http
     --> portcullis.toml:7:12
      |
    7 | endpoint = "http://example.com/"
      |            ^^^^^^^^^^^^^^^^^^^^^ expected https://
      |
      = help: the secret would be sent in the clear; http is taken on loopback alone

    error: `username` is written out in the configuration
     --> portcullis.toml:9:12
      |
    9 | username = (secret)
      |            ^^^^^^^^ expected { file = "…" } or { env = "…" }
      |
      = help: keep the secret in a file or an environment variable, and name that here

    error: `token` has an unknown value
      --> portcullis.toml:11:9
       |
    11 | token = "refresh"
       |         ^^^^^^^^^ expected one of "access", "id"

    error: [credentials.b] has no `token_url`
      --> portcullis.toml:12:1
       |
    12 | [credentials.b]
       | ^^^^^^^^^^^^^^^ expected `token_url`, or `user_pool_id` for the pool's own API

    error: [credentials.b] has no `refresh_token`
      --> portcullis.toml:12:1
       |
    12 | [credentials.b]
       | ^^^^^^^^^^^^^^^ expected `refresh_token`: { file = "…" } or { env = "…" }

    error: [credentials.c] has both `token_url` and `user_pool_id`
      --> portcullis.toml:17:13
       |
    17 | token_url = "https://a/"
       |             ^^^^^^^^^^^^ expected one of them: where the refresh token is good

    error: `identity_pool_id` is not an id
      --> portcullis.toml:23:20
       |
    23 | identity_pool_id = "eu-west-1"
       |                    ^^^^^^^^^^^ expected an id such as "eu-west-1:1a2b3c4d-0000-1111-2222-333344445555"

    error: this credential is not of a user
      --> portcullis.toml:24:14
       |
    24 | credential = "e"
       |              ^^^ expected one whose grant is "user_password", "user_srp" or "refresh_token" with `user_pool_id`

    error: `region` is not a region
      --> portcullis.toml:28:10
       |
    28 | region = "Europe"
       |          ^^^^^^^^ expected a region such as "eu-west-1"

    error: this credential is not configured
      --> portcullis.toml:29:14
       |
    29 | credential = "bb"
       |              ^^^^ expected the NAME of a [credentials.NAME]
       |
       = help: did you mean "b"?

    portcullis.toml: 11 faults
    "#
    );
}
