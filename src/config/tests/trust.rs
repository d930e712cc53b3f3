//! Pools: the faults that would let tokens be forged or mistaken, and what follows from a pool's id.

use insta::assert_snapshot;

use super::{machine, refused_whole};
use crate::config::model::{JwksSource, Pool};
use crate::token::trust::PoolKind;

/// The only pool of a text.
fn pool(keys: &str) -> Pool {
    let text = format!("[pools.p]\nclient_ids = [\"app\"]\n{keys}");
    match machine(&text) {
        Ok(config) => Pool::clone(&config.pools[0]),
        Err(faults) => panic!("refused:\n{}", faults.render()),
    }
}

#[test]
fn issuers_and_keys_follow_from_the_id() {
    for (id, base) in [
        ("eu-west-1_AbC123xyz", "cognito-idp.eu-west-1.amazonaws.com"),
        ("us-gov-west-1_x", "cognito-idp.us-gov-west-1.amazonaws.com"),
        (
            "eusc-de-east-1_x",
            "cognito-idp.eusc-de-east-1.amazonaws.eu",
        ),
        ("cn-north-1_x", "cognito-idp.cn-north-1.amazonaws.com.cn"),
        (
            "ap-southeast-12_x",
            "cognito-idp.ap-southeast-12.amazonaws.com",
        ),
    ] {
        let pool = pool(&format!("user_pool_id = \"{id}\"\n"));
        let issuers = [
            format!("https://{base}/{id}"),
            format!("https://issuer-{base}/{id}"),
        ];
        assert_eq!(pool.trust.issuers, issuers);
        assert_eq!(pool.trust.kind, PoolKind::Cognito);
        let urls = issuers.map(|issuer| format!("{issuer}/.well-known/jwks.json"));
        assert_eq!(pool.jwks, JwksSource::Urls(urls.to_vec()));
    }
}

#[test]
fn keys_come_from_where_they_are_said_to_be() {
    let id = "user_pool_id = \"eu-west-1_x\"\n";
    let url = pool(&format!("{id}jwks_url = \"http://localhost:9229/keys\"\n"));
    assert_eq!(
        url.jwks,
        JwksSource::Urls(vec!["http://localhost:9229/keys".into()])
    );
    let none = pool(&format!(
        "{id}jwks_url = \"none\"\njwks_file = \"/etc/jwks.json\"\n"
    ));
    assert_eq!(none.jwks, JwksSource::None);
    let issuer = pool(
        "issuer = \"https://id.example.com/t/\"\nextra_issuers = [\"https://id.example.com/u\"]\n",
    );
    assert_eq!(
        issuer.jwks,
        JwksSource::Discovery("https://id.example.com/t/.well-known/openid-configuration".into())
    );
    // `iss` is compared to the byte: the slash stays.
    assert_eq!(
        issuer.trust.issuers,
        ["https://id.example.com/t/", "https://id.example.com/u"]
    );
    assert_eq!(issuer.trust.kind, PoolKind::Issuer);
}

#[test]
fn a_pool_may_fetch_its_own_way() {
    let text = r#"[fetch]
timeout = "9s"
proxy = "http://proxy.internal:3128"
[pools.a]
user_pool_id = "eu-west-1_a"
client_ids = ["app"]
[pools.a.fetch]
ca_file = "/etc/ca.pem"
timeout = "1s"
[pools.b]
user_pool_id = "eu-west-1_b"
client_ids = ["app"]
"#;
    let Ok(config) = machine(text) else {
        panic!("refused")
    };
    let [a, b] = [&config.pools[0].fetch, &config.pools[1].fetch];
    assert_eq!((a.timeout.as_secs(), b.timeout.as_secs()), (1, 9));
    assert!(a.ca_pem.is_some() && b.ca_pem.is_none());
    assert_eq!(a.proxy, b.proxy);
    assert_eq!(config.files, [std::path::PathBuf::from("/etc/ca.pem")]);
}

#[test]
fn q19_pools_that_could_not_be_trusted_are_told() {
    assert_snapshot!(refused_whole(
        r#"[pools.none]
[pools.both]
user_pool_id = "eu-west-1_a"
issuer = "https://id.example.com"
client_ids = []
[pools.plain]
issuer = "http://id.example.com"
jwks_url = "http://id.example.com/keys"
client_ids = "app"
[pools.odd]
user_pool_id = "eu-west-1-AbC"
client_ids = ["a", "a"]
leeway = "10m"
jwks_refresh = "48h"
jwks_cooldown = "0s"
[pools.airless]
user_pool_id = "eu-west-1_b"
client_ids = ["a"]
jwks_url = "none"
audiences = [""]
"#
    ), @r#"
    error: [pools.none] has no `user_pool_id`
     --> portcullis.toml:1:1
      |
    1 | [pools.none]
      | ^^^^^^^^^^^^ expected `user_pool_id`, or `issuer` for another OIDC issuer

    error: [pools.none] has no `client_ids`
     --> portcullis.toml:1:1
      |
    1 | [pools.none]
      | ^^^^^^^^^^^^ expected `client_ids`: the app clients whose tokens are taken

    error: [pools.both] has both `user_pool_id` and `issuer`
     --> portcullis.toml:4:1
      |
    3 | user_pool_id = "eu-west-1_a"
      | ------------ the issuer follows from this
    4 | issuer = "https://id.example.com"
      | ^^^^^^ expected one of them
      |
      = help: further `iss` values of one pool go to `extra_issuers`

    error: `client_ids` is an empty list
     --> portcullis.toml:5:14
      |
    5 | client_ids = []
      |              ^^ expected a list of client ids, or "any", not empty
      |
      = help: a list that asks for nothing is never meant: fill it, or leave the key out

    error: `issuer` is plain http
     --> portcullis.toml:7:10
      |
    7 | issuer = "http://id.example.com"
      |          ^^^^^^^^^^^^^^^^^^^^^^^ expected https://
      |
      = help: whoever can answer in its place could sign tokens; http is taken on loopback alone

    error: `jwks_url` is plain http
     --> portcullis.toml:8:12
      |
    8 | jwks_url = "http://id.example.com/keys"
      |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected https://
      |
      = help: whoever can answer in its place could sign tokens; http is taken on loopback alone

    error: `client_ids` is a string
     --> portcullis.toml:9:14
      |
    9 | client_ids = "app"
      |              ^^^^^ expected a list of client ids, or "any"
      |
      = help: put it in brackets: ["…"]

    error: `user_pool_id` is not an id
      --> portcullis.toml:11:16
       |
    11 | user_pool_id = "eu-west-1-AbC"
       |                ^^^^^^^^^^^^^^^ expected an id such as "eu-west-1_AbC123xyz": region, underscore, letters and digits

    error: a list says the same twice
      --> portcullis.toml:12:20
       |
    12 | client_ids = ["a", "a"]
       |                    ^^^ this is in the list already

    error: `leeway` is too long
      --> portcullis.toml:13:10
       |
    13 | leeway = "10m"
       |          ^^^^^ expected at most "5m"
       |
       = help: a token that has expired would be good for all that time

    error: keys would be given up before they are refreshed
      --> portcullis.toml:14:16
       |
    14 | jwks_refresh = "48h"
       |                ^^^^^ expected `jwks_max_stale` to be no shorter than `jwks_refresh`
       |
       = help: by default keys are refreshed every 15m and kept for 24h

    error: `jwks_cooldown` is no time at all
      --> portcullis.toml:15:17
       |
    15 | jwks_cooldown = "0s"
       |                 ^^^^ expected more than zero

    error: keys come from nowhere
      --> portcullis.toml:19:12
       |
    19 | jwks_url = "none"
       |            ^^^^^^ expected a URL, or a `jwks_file` beside "none"

    error: this string is empty
      --> portcullis.toml:20:14
       |
    20 | audiences = [""]
       |              ^^ expected a string

    portcullis.toml: 14 faults
    "#);
}

#[test]
fn two_pools_with_one_issuer_are_told_together() {
    assert_snapshot!(refused_whole(
        r#"[pools.a]
user_pool_id = "eu-west-1_a"
client_ids = ["a"]
[pools.b]
issuer = "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_a"
client_ids = ["b"]
extra_issuers = ["https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_a", "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_a"]
"#
    ), @r#"
    error: pools `a` and `b` have one issuer
     --> portcullis.toml:5:10
      |
    2 | user_pool_id = "eu-west-1_a"
      |                ------------- the same issuer
    ...
    5 | issuer = "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_a"
      |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ a token's issuer must tell its pool
      |
      = help: one pool may have several client_ids; routes can be narrower

    error: pools `a` and `b` have one issuer
     --> portcullis.toml:7:17
      |
    2 | ... = "eu-west-1_a"
      |       ------------- the same issuer
    ...
    7 | ...s = ["https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_a", "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_a"]
      |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ a token's issuer must tell its pool
      |
      = help: one pool may have several client_ids; routes can be narrower

    portcullis.toml: 2 faults
    "#);
}

#[test]
fn files_of_a_pool_are_read_and_told() {
    assert_snapshot!(refused_whole(
        r#"[pools.a]
user_pool_id = "eu-west-1_a"
client_ids = ["a"]
jwks_file = "/etc/ca.pem"
[pools.a.fetch]
ca_file = "/etc/no-keys.json"
proxy = "http://proxy.internal:3128/path"
[pools.b]
user_pool_id = "eu-west-1_b"
client_ids = ["b"]
jwks_file = "/nowhere.json"
[pools.c]
user_pool_id = "eu-west-1_c"
client_ids = ["c"]
jwks_file = "/etc/no-keys.json"
"#
    ), @r#"
    error: this file holds no keys for this pool
     --> portcullis.toml:4:13
      |
    4 | jwks_file = "/etc/ca.pem"
      |             ^^^^^^^^^^^^^ expected a JWKS with a key that verifies signatures
      |
      = help: it is not JSON

    error: there is no certificate in this file
     --> portcullis.toml:6:11
      |
    6 | ca_file = "/etc/no-keys.json"
      |           ^^^^^^^^^^^^^^^^^^^ expected PEM: -----BEGIN CERTIFICATE-----

    error: `proxy` has a path
     --> portcullis.toml:7:9
      |
    7 | proxy = "http://proxy.internal:3128/path"
      |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected a URL such as "http://proxy.internal:3128", without a path

    error: this file cannot be read: entity not found
      --> portcullis.toml:11:13
       |
    11 | jwks_file = "/nowhere.json"
       |             ^^^^^^^^^^^^^^^ expected a file that can be read

    error: this file holds no keys for this pool
      --> portcullis.toml:15:13
       |
    15 | jwks_file = "/etc/no-keys.json"
       |             ^^^^^^^^^^^^^^^^^^^ expected a JWKS with a key that verifies signatures
       |
       = help: it has no key that may verify signatures

    portcullis.toml: 5 faults
    "#);
}
