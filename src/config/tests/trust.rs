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
        ("eusc-de-east-1_x", "cognito-idp.eusc-de-east-1.amazonaws.eu"),
        ("cn-north-1_x", "cognito-idp.cn-north-1.amazonaws.com.cn"),
        ("ap-southeast-12_x", "cognito-idp.ap-southeast-12.amazonaws.com"),
    ] {
        let pool = pool(&format!("user_pool_id = \"{id}\"\n"));
        let issuers = [format!("https://{base}/{id}"), format!("https://issuer-{base}/{id}")];
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
    assert_eq!(url.jwks, JwksSource::Urls(vec!["http://localhost:9229/keys".into()]));
    let none = pool(&format!("{id}jwks_url = \"none\"\njwks_file = \"/etc/jwks.json\"\n"));
    assert_eq!(none.jwks, JwksSource::None);
    let issuer = pool("issuer = \"https://id.example.com/t/\"\nextra_issuers = [\"https://id.example.com/u\"]\n");
    assert_eq!(
        issuer.jwks,
        JwksSource::Discovery("https://id.example.com/t/.well-known/openid-configuration".into())
    );
    // `iss` is compared to the byte: the slash stays.
    assert_eq!(issuer.trust.issuers, ["https://id.example.com/t/", "https://id.example.com/u"]);
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
    ));
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
    ));
}

#[test]
fn files_of_a_pool_are_read_and_told() {
    assert_snapshot!(refused_whole(
        r#"[pools.a]
user_pool_id = "eu-west-1_a"
client_ids = ["a"]
jwks_file = "/etc/ca.pem"
[pools.a.fetch]
ca_file = "/etc/jwks.json"
proxy = "http://proxy.internal:3128/path"
[pools.b]
user_pool_id = "eu-west-1_b"
client_ids = ["b"]
jwks_file = "/nowhere.json"
"#
    ));
}
