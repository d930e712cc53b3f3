//! Calls on stubs that misbehave in every way a key server can.

use std::io::Write;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use super::stub::{Reply, Stub};
use super::{BODY_LIMIT, FetchFault, Fetcher, is_loopback, shown};
use crate::config::model;

mod tls;

fn settings() -> model::Fetch {
    model::Fetch {
        // Long enough never to pass in a test that doesn't wait for it.
        timeout: Duration::from_secs(60),
        ca_pem: None,
        proxy: None,
    }
}

fn fetcher() -> Fetcher {
    Fetcher::new(&settings()).unwrap()
}

async fn fault_of(reply: Reply) -> FetchFault {
    let stub = Stub::start().await;
    stub.reply("/keys", reply);
    fetcher().fetch(&stub.url("/keys")).await.unwrap_err()
}

/// A fault's sentence without the port, which is another one each time.
fn sentence(fault: &FetchFault) -> String {
    let sentence = fault.to_string();
    let Some((before, rest)) = sentence.split_once("127.0.0.1:") else {
        return sentence;
    };
    let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{before}127.0.0.1:PORT{after}")
}

#[tokio::test]
async fn an_answer_comes_back_with_its_body_and_type() {
    let stub = Stub::start().await;
    stub.reply(
        "/keys",
        Reply::new("200 OK\nContent-Type: application/json", "{}"),
    );
    let fetched = fetcher().fetch(&stub.url("/keys")).await.unwrap();
    assert_eq!(&fetched.body[..], b"{}");
    assert_eq!(fetched.content_type.as_deref(), Some("application/json"));

    let head = stub.heads()[0].to_ascii_lowercase();
    assert!(head.starts_with("get /keys http/1.1\r\n"), "{head}");
    assert!(
        head.contains(concat!(
            "user-agent: portcullis/",
            env!("CARGO_PKG_VERSION"),
            "\r\n"
        )),
        "{head}"
    );
    // Nothing asks for compression, so nothing needs to be unpacked.
    assert!(!head.contains("accept-encoding"), "{head}");
}

#[tokio::test]
async fn k06_any_status_but_200_is_a_fault() {
    for (head, expected) in [
        ("204 No Content", 204),
        ("206 Partial Content", 206),
        ("304 Not Modified", 304),
        ("403 Forbidden", 403),
        ("404 Not Found", 404),
        ("500 Internal Server Error", 500),
    ] {
        let fault = fault_of(Reply::new(head, "")).await;
        assert_eq!(fault.status.map(|status| status.as_u16()), Some(expected));
        assert_eq!(
            sentence(&fault).split("; ").next().unwrap(),
            format!("http://127.0.0.1:PORT/keys answered {expected}")
        );
        assert_eq!(fault.retry_after, None);
    }
}

#[tokio::test]
async fn a_429_or_503_says_how_long_to_wait() {
    let wait = |head| async move { fault_of(Reply::new(head, "")).await.retry_after };
    assert_eq!(
        wait("429 Too Many Requests\nRetry-After: 7").await,
        Some(Duration::from_secs(7))
    );
    assert_eq!(
        wait("503 Service Unavailable\nRetry-After: 120").await,
        Some(Duration::from_secs(120))
    );
    assert_eq!(wait("500 Oops\nRetry-After: 7").await, None);
    assert_eq!(wait("429 Too Many Requests\nRetry-After: -7").await, None);
    assert_eq!(
        wait("429 Too Many Requests\nRetry-After: Fri, 31 Dec 2027 23:59:59 GMT").await,
        None
    );
}

#[tokio::test]
async fn k07_a_body_over_the_limit_is_given_up() {
    let announced = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 100 << 20);
    let zeros = vec![0; 16 * 1024];
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let chunk = [b"4000\r\n", &zeros[..], b"\r\n"].concat();
    for reply in [
        Reply::Endless(announced.into_bytes(), zeros.clone()),
        Reply::Endless(chunked, chunk),
        // A length nobody told: until the connection closes.
        Reply::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), zeros),
        Reply::ok(vec![b' '; BODY_LIMIT + 1]),
    ] {
        assert_eq!(
            sentence(&fault_of(reply).await),
            "http://127.0.0.1:PORT/keys answered with more than 1 MiB"
        );
    }
}

#[tokio::test]
async fn k07_a_body_at_the_limit_is_taken() {
    let stub = Stub::start().await;
    stub.reply("/keys", Reply::ok(vec![b' '; BODY_LIMIT]));
    let fetched = fetcher().fetch(&stub.url("/keys")).await.unwrap();
    assert_eq!(fetched.body.len(), BODY_LIMIT);
}

#[tokio::test]
async fn k07_a_compressed_answer_is_not_unpacked() {
    for coding in ["gzip", "br", "zstd", "gzip, identity"] {
        let head = format!("200 OK\nContent-Encoding: {coding}");
        let fault = fault_of(Reply::new(&head, [0x1f, 0x8b, 8, 0])).await;
        assert_eq!(
            sentence(&fault),
            "http://127.0.0.1:PORT/keys answered with a Content-Encoding nobody asked for"
        );
    }
}

// With the time paused, it moves on when nothing else can: these end at the timeout, whatever it is.
#[tokio::test(start_paused = true)]
async fn k07_a_drip_silence_and_an_endless_head_end_at_the_timeout() {
    let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n".to_vec();
    let body = [whole, vec![b' '; 100_000]].concat();
    let head = [
        b"HTTP/1.1 200 OK\r\nX: ".to_vec(),
        b"y".repeat(100_000).to_vec(),
    ]
    .concat();
    for reply in [Reply::Drip(body), Reply::Drip(head), Reply::Silence] {
        assert_eq!(
            sentence(&fault_of(reply).await),
            "http://127.0.0.1:PORT/keys gave no whole answer within 60s"
        );
    }
}

#[tokio::test]
async fn k07_a_head_without_end_is_given_up() {
    let head = b"HTTP/1.1 200 OK\r\nX: ".to_vec();
    let fault = fault_of(Reply::Endless(head, b"y".repeat(16 * 1024))).await;
    insta::assert_snapshot!(sentence(&fault), @"http://127.0.0.1:PORT/keys broke off: message head is too large");
}

#[tokio::test]
async fn k08_redirects_are_not_followed() {
    let other = Stub::start().await;
    let stub = Stub::start().await;
    let targets = [
        stub.url("/elsewhere"),
        stub.url("/keys"),
        other.url("/keys"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "file:///etc/passwd".to_owned(),
    ];
    let mut asked = 0;
    for status in [301, 302, 303, 307, 308] {
        for target in &targets {
            let head = format!("{status} Moved\nLocation: {target}");
            stub.reply("/keys", Reply::new(&head, ""));
            let fault = fetcher().fetch(&stub.url("/keys")).await.unwrap_err();
            assert_eq!(
                sentence(&fault),
                format!("http://127.0.0.1:PORT/keys answered {status}; redirects are not followed")
            );
            asked += 1;
        }
    }
    assert_eq!(stub.requests(), vec!["GET /keys HTTP/1.1"; asked]);
    assert_eq!(other.requests(), [""; 0]);
}

#[tokio::test]
async fn k13_plain_http_is_only_for_loopback() {
    for (url, expected) in [
        ("http://idp.example.com/keys", "plain HTTP"),
        ("http://127.0.0.1.example.com/keys", "plain HTTP"),
        ("http://user@localhost.example.com/keys", "plain HTTP"),
        ("http://169.254.169.254/latest", "plain HTTP"),
        ("http://[::ffff:10.0.0.1]/", "plain HTTP"),
        ("file:///etc/passwd", "no https:// URL"),
        ("ftp://127.0.0.1/keys", "no https:// URL"),
        ("data:application/json,{}", "no https:// URL"),
        ("keys", "not a URL"),
        ("", "not a URL"),
    ] {
        let fault = fetcher().fetch(url).await.unwrap_err().to_string();
        assert!(fault.contains(expected), "{url}: {fault}");
    }
    for url in [
        "http://localhost:1/x",
        "http://127.8.9.1/",
        "http://127.1/",
        "http://[::1]:80/",
    ] {
        assert!(is_loopback(url), "{url}");
    }
}

#[test]
fn an_address_is_shown_without_what_may_be_secret() {
    assert_eq!(
        shown("https://user:pass@idp.example.com:8443/a/keys?token=s3cret#frag"),
        "https://idp.example.com:8443/a/keys"
    );
    assert_eq!(shown("https://x\r\ny"), "https://xy/");
    assert_eq!(shown("s3cret"), "what is not a URL");
}

#[tokio::test]
async fn a_fault_does_not_repeat_what_may_be_secret() {
    let stub = Stub::start().await;
    let url = stub
        .url("/keys?key=s3cret")
        .replace("http://", "http://user:s3cret@");
    let fault = fetcher().fetch(&url).await.unwrap_err();
    assert_eq!(sentence(&fault), "http://127.0.0.1:PORT/keys answered 404");

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let url = format!("http://user:s3cret@127.0.0.1:{port}/keys?key=s3cret");
    let fault = fetcher().fetch(&url).await.unwrap_err();
    insta::assert_snapshot!(sentence(&fault), @"http://127.0.0.1:PORT/keys could not be reached: Connection refused (os error 111)");
}

#[test]
fn a_bad_proxy_or_bad_roots_are_told_without_repeating_them() {
    let fault = |settings: model::Fetch| Fetcher::new(&settings).err().unwrap().to_string();
    let proxy = |url: &str| model::Fetch {
        proxy: Some(url.to_owned()),
        ..settings()
    };
    let roots = |pem: &[u8]| model::Fetch {
        ca_pem: Some(pem.to_vec()),
        ..settings()
    };
    for url in [
        "http://us er:s3cret@[",
        "socks5://s3cret",
        "gopher://s3cret",
        "s3cret",
        "",
    ] {
        assert_eq!(
            fault(proxy(url)),
            "the proxy to fetch through is no http:// or https:// URL"
        );
    }
    for (pem, expected) in [
        ("", "ca_file holds no certificate"),
        (
            "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
            "ca_file is not valid PEM",
        ),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "ca_file holds a certificate that cannot be a root",
        ),
    ] {
        assert_eq!(fault(roots(pem.as_bytes())), expected);
    }
}

#[tokio::test]
async fn a_configured_proxy_is_used_but_not_for_loopback() {
    let proxy = Stub::start().await;
    let stub = Stub::start().await;
    stub.reply("/keys", Reply::ok("{}"));
    let fetcher = Fetcher::new(&model::Fetch {
        proxy: Some(proxy.url("").replace("http://", "http://user:s3cret@")),
        ..settings()
    })
    .unwrap();
    fetcher.fetch(&stub.url("/keys")).await.unwrap();
    assert_eq!(proxy.requests(), [""; 0]);

    let fault = fetcher.fetch("https://idp.invalid/keys").await.unwrap_err();
    assert_eq!(
        proxy.requests(),
        ["CONNECT idp.invalid:443 HTTP/1.1"],
        "{fault}"
    );
    insta::assert_snapshot!(fault, @"https://idp.invalid/keys could not be reached: tunnel error: unsuccessful");
}

/// Names the child of the test below, and where it fetches.
const TARGET: &str = "PORTCULLIS_TEST_TARGET";

#[test]
fn k14_the_environments_proxies_are_ignored() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Ok(target) = std::env::var(TARGET) {
        let fetched = runtime.block_on(fetcher().fetch(&target)).unwrap();
        return assert_eq!(&fetched.body[..], b"{}");
    }
    let (proxy, stub) = runtime.block_on(async { (Stub::start().await, Stub::start().await) });
    stub.reply("/keys", Reply::ok("{}"));
    // The environment of a running process can't be changed safely, so this very test runs again in one of its own.
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([
        "--exact",
        "fetch::tests::k14_the_environments_proxies_are_ignored",
        "--nocapture",
    ]);
    child.env(TARGET, stub.url("/keys"));
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        child.env(name, proxy.url(""));
        child.env(name.to_lowercase(), proxy.url(""));
    }
    child.env_remove("NO_PROXY").env_remove("no_proxy");
    let output = child.output().unwrap();
    std::io::stderr().write_all(&output.stderr).unwrap();
    assert!(output.status.success());
    assert_eq!(stub.requests(), ["GET /keys HTTP/1.1"]);
    assert_eq!(proxy.requests(), [""; 0]);
}

#[tokio::test]
async fn k12_a_fetch_nobody_waits_for_any_more_does_no_harm() {
    let stub = Stub::start().await;
    stub.reply("/keys", Reply::Silence);
    let fetcher = Arc::new(fetcher());
    let fetch = tokio::spawn({
        let (fetcher, url) = (Arc::clone(&fetcher), stub.url("/keys"));
        async move { fetcher.fetch(&url).await }
    });
    stub.requested(1).await;
    fetch.abort();
    assert!(fetch.await.unwrap_err().is_cancelled());
    stub.reply("/keys", Reply::ok("{}"));
    fetcher.fetch(&stub.url("/keys")).await.unwrap();
}
