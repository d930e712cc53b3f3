//! Which address keys are fetched from, and what of an answer is taken.

use std::sync::Arc;
use std::time::Duration;

use super::{Server, Source, parse_discovery};
use crate::config::model::{Fetch, JwksSource, Pool};
use crate::fetch::Fetcher;
use crate::fetch::stub::{Reply, Stub};
use crate::pool::tests::{jwks, pool};
use crate::token::trust;

fn server(pool: Pool) -> Server {
    let fetch = Fetch {
        timeout: Duration::from_secs(60),
        ca_pem: None,
        proxy: None,
    };
    Server::new(Arc::new(pool), Arc::new(Fetcher::new(&fetch).unwrap()))
}

async fn kids(server: &mut Server) -> Vec<String> {
    let fresh = server.fetch().await.unwrap();
    fresh.set.kids().into_iter().map(str::to_owned).collect()
}

async fn fault(server: &mut Server, stub: &Stub) -> String {
    let fault = server.fetch().await.err().unwrap();
    fault.to_string().replace(&stub.url(""), "http://STUB")
}

#[tokio::test]
async fn either_of_cognitos_two_forms_may_be_missing() {
    let stub = Stub::start().await;
    let urls = vec![stub.url("/original"), stub.url("/updated")];
    let mut server = server(pool(JwksSource::Urls(urls)));
    stub.reply("/updated", Reply::ok(jwks(&["a"])));
    assert_eq!(kids(&mut server).await, ["a"]);
    // What worked is asked first, and alone.
    assert_eq!(kids(&mut server).await, ["a"]);
    assert_eq!(
        stub.requests(),
        [
            "GET /original HTTP/1.1",
            "GET /updated HTTP/1.1",
            "GET /updated HTTP/1.1"
        ]
    );
    // And when it no longer works, the other is.
    stub.reply("/original", Reply::ok(jwks(&["b"])));
    stub.reply("/updated", Reply::new("400 Bad Request", ""));
    assert_eq!(kids(&mut server).await, ["b"]);
    assert_eq!(kids(&mut server).await, ["b"]);
    assert_eq!(stub.requests().len(), 6);
}

#[tokio::test]
async fn when_no_url_has_keys_each_says_why() {
    let stub = Stub::start().await;
    let urls = vec![stub.url("/original"), stub.url("/updated")];
    let mut server = server(pool(JwksSource::Urls(urls)));
    stub.reply("/original", Reply::new("403 Forbidden", ""));
    let busy = "429 Too Many Requests\nRetry-After: 20";
    stub.reply("/updated", Reply::new(busy, ""));
    let fault = server.fetch().await.err().unwrap();
    assert_eq!(fault.retry_after, Some(Duration::from_secs(20)));
    insta::assert_snapshot!(
        fault.to_string().replace(&stub.url(""), "http://STUB"),
        @"http://STUB/original answered 403; http://STUB/updated answered 429"
    );
}

#[tokio::test]
async fn k06_what_is_no_key_set_brings_nothing() {
    let stub = Stub::start().await;
    let mut server = server(pool(JwksSource::Urls(vec![stub.url("/keys")])));
    let whole = jwks(&["a"]);
    for body in [
        "<!doctype html><title>Sign in</title>",
        "",
        "{}",
        "[]",
        "null",
        r#"{"keys":[]}"#,
        r#"{"keys":null}"#,
        r#"{"keys":{}}"#,
        &whole[..whole.len() - 1],
    ] {
        stub.reply("/keys", Reply::new("200 OK\nContent-Type: text/html", body));
        let fault = fault(&mut server, &stub).await;
        let start = "what http://STUB/keys answered is no key set: ";
        assert!(fault.starts_with(start), "{body}: {fault}");
    }
    stub.reply("/keys", Reply::new("204 No Content", ""));
    assert_eq!(
        fault(&mut server, &stub).await,
        "http://STUB/keys answered 204"
    );
}

#[tokio::test]
async fn k06_an_answer_cut_short_brings_nothing() {
    let stub = Stub::start().await;
    let mut server = server(pool(JwksSource::Urls(vec![stub.url("/keys")])));
    // A whole key set, but fewer bytes than were announced.
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
    stub.reply(
        "/keys",
        Reply::Bytes((head.to_owned() + &jwks(&["a"])).into()),
    );
    let fault = fault(&mut server, &stub).await;
    assert!(fault.starts_with("http://STUB/keys broke off: "), "{fault}");
}

/// A pool by issuer on the stub, with discovery.
fn discovering(stub: &Stub) -> Pool {
    let document = stub.url("/.well-known/openid-configuration");
    let pool = pool(JwksSource::Discovery(document));
    let trust = trust::Pool {
        issuers: vec![stub.url("")],
        ..(*pool.trust).clone()
    };
    Pool {
        trust: Arc::new(trust),
        ..pool
    }
}

fn document(stub: &Stub, jwks_path: &str) -> Reply {
    let (issuer, keys) = (stub.url(""), stub.url(jwks_path));
    Reply::ok(format!(r#"{{"issuer":"{issuer}","jwks_uri":"{keys}"}}"#))
}

#[tokio::test]
async fn discovery_is_asked_once_and_again_after_a_failure() {
    let stub = Stub::start().await;
    let path = "/.well-known/openid-configuration";
    stub.reply(path, document(&stub, "/keys"));
    stub.reply("/keys", Reply::ok(jwks(&["a"])));
    let mut server = server(discovering(&stub));
    assert_eq!(kids(&mut server).await, ["a"]);
    assert_eq!(kids(&mut server).await, ["a"]);
    assert_eq!(stub.requests().len(), 3);

    // The keys move.
    stub.reply("/keys", Reply::new("410 Gone", ""));
    stub.reply("/moved", Reply::ok(jwks(&["b"])));
    stub.reply(path, document(&stub, "/moved"));
    assert_eq!(
        fault(&mut server, &stub).await,
        "http://STUB/keys answered 410"
    );
    assert_eq!(kids(&mut server).await, ["b"]);
    let discovered = |line: &&String| line.contains(path);
    assert_eq!(stub.requests().iter().filter(discovered).count(), 2);
}

#[tokio::test]
async fn a_discovery_document_of_another_issuer_leads_nowhere() {
    let stub = Stub::start().await;
    let keys = stub.url("/keys");
    stub.reply("/keys", Reply::ok(jwks(&["a"])));
    let mut server = server(discovering(&stub));
    let issuer = stub.url("");
    for other in [format!("{issuer}/"), issuer.to_uppercase(), String::new()] {
        let text = format!(r#"{{"issuer":"{other}","jwks_uri":"{keys}"}}"#);
        stub.reply("/.well-known/openid-configuration", Reply::ok(text));
        assert_eq!(
            fault(&mut server, &stub).await,
            "the discovery document is another issuer's"
        );
    }
    assert!(!stub.requests().iter().any(|line| line.contains("/keys")));
}

#[test]
fn a_discovery_document_names_keys_of_its_own_issuer_elsewhere_than_here() {
    let issuer = "https://idp.example.com";
    let parse = |json: &str| parse_discovery(json.as_bytes(), issuer, false);
    let naming = |uri: &str| parse(&format!(r#"{{"issuer":"{issuer}","jwks_uri":"{uri}"}}"#));
    assert_eq!(
        naming("https://keys.example.com/a").unwrap(),
        "https://keys.example.com/a"
    );
    for uri in [
        "http://127.0.0.1:8080/",
        "https://localhost/",
        "http://[::1]/",
    ] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(naming(uri).unwrap_err(), @"the discovery document names a jwks_uri on this host");
        }
    }
    for (json, expected) in [
        ("<html>", "the discovery document is not JSON"),
        ("{}", "the discovery document is another issuer's"),
        (
            r#"{"issuer":["https://idp.example.com"]}"#,
            "the discovery document is another issuer's",
        ),
        (
            r#"{"issuer":"https://idp.example.com"}"#,
            "the discovery document has no jwks_uri",
        ),
        (
            r#"{"issuer":"https://idp.example.com","jwks_uri":7}"#,
            "the discovery document has no jwks_uri",
        ),
    ] {
        assert_eq!(parse(json).unwrap_err().to_string(), expected);
    }
}

#[tokio::test]
async fn k13_a_jwks_uri_in_the_clear_is_not_followed() {
    let stub = Stub::start().await;
    let issuer = stub.url("");
    let text = format!(r#"{{"issuer":"{issuer}","jwks_uri":"http://169.254.169.254/keys"}}"#);
    stub.reply("/.well-known/openid-configuration", Reply::ok(text));
    let mut server = server(discovering(&stub));
    assert_eq!(
        fault(&mut server, &stub).await,
        "http://169.254.169.254/keys is plain HTTP, which is only for loopback"
    );
}
