//! The token endpoint: what is sent, what is believed, and what is never told.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;
use crate::config::model::credentials::{Refresh, UserToken, Via};
use crate::credential::client::Kept;
use crate::fetch::stub::{Reply, Stub};

const SECRET: &str = "hunter2-secret";

fn machine(stub: &Stub, auth: ClientAuth, secrets: &[&str]) -> Grant {
    let endpoint = endpoint(stub.url("/oauth2/token"), auth);
    Grant::ClientCredentials(endpoint, client("billing-client", secrets))
}

fn answers(stub: &Stub, head: &str, body: &str) {
    stub.reply("/oauth2/token", Reply::new(head, body));
}

/// What a lease comes to when the endpoint answers this.
async fn outcome(head: &str, body: &str) -> Result<Lease, Unavailable> {
    let stub = Stub::start().await;
    answers(&stub, head, body);
    let credential = credential(machine(&stub, ClientAuth::Basic, &[SECRET]));
    credential.lease(&[]).await
}

#[tokio::test]
async fn a_machine_gets_the_scopes_it_asks_for_and_one_token_for_all() {
    let pool = demo_pool();
    for auth in [ClientAuth::Basic, ClientAuth::Post] {
        let endpoint = endpoint(format!("{}/oauth2/token", pool.base), auth);
        let client = client("demo-writer", &["writer-secret-for-demo-only"]);
        let credential = credential(Grant::ClientCredentials(endpoint, client));
        let reading = scopes(&["orders/read"]);
        let lease = credential.lease(&reading).await.unwrap();
        assert_eq!(claim(&lease, "scope"), "orders/read");
        assert_eq!(lease.expires(), NOW + 3600.0);
        let again = credential.supply(&reading).in_hand().unwrap();
        assert!(lease.token() == again.token());
        // X13: another set of scopes is another token; the order they are named in makes no difference.
        let both = credential
            .lease(&scopes(&["orders/write", "orders/read"]))
            .await
            .unwrap();
        assert_eq!(claim(&both, "scope"), "orders/read orders/write");
        let supply = credential.supply(&scopes(&["orders/read", "orders/write"]));
        assert!(supply.issued(&both) && !supply.issued(&lease));
        assert_eq!(credential.facts().fetches_ok, 2);
        assert_eq!(credential.facts().expires, Some(NOW + 3600.0));
    }
}

#[tokio::test]
async fn what_is_sent_is_what_rfc_6749_says() {
    let stub = Stub::start().await;
    answers(
        &stub,
        "200 OK",
        r#"{"access_token":"t","token_type":"Bearer","expires_in":3600}"#,
    );
    // Two halves with letters that a header or a form would break on.
    let endpoint = TokenEndpoint {
        parameters: vec![(
            "resource".to_owned(),
            Secret::new("https://a/?b&c".to_owned()),
        )],
        ..endpoint(stub.url("/oauth2/token"), ClientAuth::Basic)
    };
    let grant = Grant::ClientCredentials(endpoint.clone(), client("a:b", &["s%:é+ &"]));
    let _ = credential(grant)
        .lease(&scopes(&["a/b", "c/d"]))
        .await
        .unwrap();
    let head = stub.heads()[0].clone();
    let basic = STANDARD.encode("a%3Ab:s%25%3A%C3%A9%2B+%26");
    assert!(
        head.contains(&format!("authorization: Basic {basic}\r\n")),
        "{head}"
    );
    assert!(
        head.contains("content-type: application/x-www-form-urlencoded\r\n"),
        "{head}"
    );
    assert_eq!(
        stub.bodies()[0],
        "grant_type=client_credentials&scope=a%2Fb+c%2Fd&resource=https%3A%2F%2Fa%2F%3Fb%26c"
    );

    let endpoint = TokenEndpoint {
        auth: ClientAuth::Post,
        parameters: Vec::new(),
        ..endpoint
    };
    let grant = Grant::ClientCredentials(endpoint, client("a:b", &["s%:é+ &"]));
    let _ = credential(grant).lease(&[]).await.unwrap();
    assert!(
        !stub.heads()[1].contains("authorization"),
        "{}",
        stub.heads()[1]
    );
    assert_eq!(
        stub.bodies()[1],
        "grant_type=client_credentials&client_id=a%3Ab&client_secret=s%25%3A%C3%A9%2B+%26"
    );
}

#[tokio::test]
async fn a_client_that_is_not_believed_tries_its_other_secret_and_remembers_it() {
    let pool = demo_pool();
    let endpoint = endpoint(format!("{}/oauth2/token", pool.base), ClientAuth::Basic);
    let secrets = ["an-old-secret", "reader-secret-for-demo-only"];
    let credential = credential(Grant::ClientCredentials(
        endpoint,
        client("demo-reader", &secrets),
    ));
    let lease = credential.lease(&[]).await.unwrap();
    assert_eq!(claim(&lease, "scope"), "orders/read");

    let stub = Stub::start().await;
    answers(&stub, "400 Bad Request", r#"{"error":"invalid_client"}"#);
    let credential = super::credential(machine(&stub, ClientAuth::Basic, &["one", "two"]));
    let fault = credential.lease(&[]).await.unwrap_err();
    assert_eq!(stub.requests().len(), 2);
    insta::assert_snapshot!(told(&fault), @"credential billing: http://127.0.0.1:PORT/oauth2/token answered 400 invalid_client: client_id or client_secret is wrong, or `client_auth` is not what it expects");
    // Any other fault is the same for every secret.
    answers(&stub, "400 Bad Request", r#"{"error":"invalid_scope"}"#);
    let credential = super::credential(machine(&stub, ClientAuth::Basic, &["one", "two"]));
    let fault = credential.lease(&[]).await.unwrap_err();
    assert_eq!(stub.requests().len(), 3);
    insta::assert_snapshot!(told(&fault), @"credential billing: http://127.0.0.1:PORT/oauth2/token answered 400 invalid_scope: the client may not have one of the scopes");
}

#[tokio::test]
async fn x16_a_secret_that_changes_in_its_file_is_used_without_a_restart() {
    let pool = demo_pool();
    let folder = folder("rotation");
    let file = folder.join("secret");
    std::fs::write(&file, "not-yet\n").unwrap();
    let secret = Source {
        value: Secret::new("not-yet".to_owned()),
        file: Some(file.clone()),
    };
    let grant = Grant::ClientCredentials(
        endpoint(format!("{}/oauth2/token", pool.base), ClientAuth::Basic),
        Client {
            id: "demo-reader".to_owned(),
            secrets: vec![secret],
        },
    );
    let credential = credential(grant);
    assert!(credential.lease(&scopes(&["orders/read"])).await.is_err());
    std::fs::write(&file, "reader-secret-for-demo-only\n").unwrap();
    // Another set of scopes, so that nobody has to wait for the backoff of the first.
    assert!(credential.lease(&[]).await.is_ok());
    // A file that is gone, or empty, for a moment takes nothing away.
    let kept = Kept::new(&Source {
        value: Secret::new("not-yet".to_owned()),
        file: Some(file.clone()),
    });
    assert_eq!(kept.read().expose(), "reader-secret-for-demo-only");
    std::fs::write(&file, "").unwrap();
    assert_eq!(kept.read().expose(), "reader-secret-for-demo-only");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(kept.read().expose(), "reader-secret-for-demo-only");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn x07_an_answer_that_is_no_token_is_a_fault_that_says_why() {
    let mut table = String::new();
    for (head, body) in [
        ("401 Unauthorized", ""),
        ("403 Forbidden", ""),
        ("400 Bad Request", r#"{"error":"unauthorized_client"}"#),
        ("400 Bad Request", r#"{"error":"hunter2-secret"}"#),
        ("400 Bad Request", r#"{"error":5}"#),
        ("429 Too Many Requests\nRetry-After: 1000000000", ""),
        ("500 Internal Server Error", "hunter2-secret"),
        (
            "502 Bad Gateway\nContent-Type: text/html",
            "<html>hunter2-secret</html>",
        ),
        ("200 OK", ""),
        ("200 OK", r#"{"access_token":"t","token_type":"Bea"#),
        ("200 OK", "[]"),
        (
            "200 OK",
            r#"{"access_token":"a","access_token":"b","token_type":"Bearer"}"#,
        ),
        ("200 OK\nContent-Encoding: gzip", "hunter2-secret"),
        ("200 OK", r#"{"token_type":"Bearer"}"#),
        ("200 OK", r#"{"access_token":5,"token_type":"Bearer"}"#),
        ("200 OK", r#"{"access_token":"","token_type":"Bearer"}"#),
    ] {
        let fault = outcome(head, body).await.unwrap_err();
        let told = told(&fault).replace(
            "credential billing: http://127.0.0.1:PORT/oauth2/token",
            "…",
        );
        let waits = if fault.wait > Duration::from_secs(30) {
            " (waits)"
        } else {
            ""
        };
        table.push_str(&format!("{told}{waits}\n"));
    }
    insta::assert_snapshot!(table, @r#"
    … answered 401: client_id or client_secret is wrong
    … answered 403
    … answered 400 unauthorized_client: the client may not use this grant
    … answered 400 with another error
    … answered 400
    … answered 429 (waits)
    … answered 500
    … answered 502
    … answered 200 with what is no JSON object
    … answered 200 with what is no JSON object
    … answered 200 with what is no JSON object
    … answered 200 with what is no JSON object
    … answered with a Content-Encoding nobody asked for
    … answered without the token
    … answered without the token
    … issued a token that is empty, longer than 16 KiB, or not fit for a header
    "#);
}

#[tokio::test]
async fn x07_a_body_without_an_end_is_given_up() {
    let stub = Stub::start().await;
    let head = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    stub.reply("/oauth2/token", Reply::Endless(head, vec![b' '; 1 << 16]));
    let credential = credential(machine(&stub, ClientAuth::Basic, &[SECRET]));
    let fault = credential.lease(&[]).await.unwrap_err();
    assert!(
        told(&fault).ends_with("answered with more than 1 MiB"),
        "{fault}"
    );
}

#[tokio::test]
async fn x07_a_retry_after_is_seconds_or_a_date_by_the_answers_own_clock() {
    let wait = |head: &'static str| async move {
        let fault = outcome(head, "").await.unwrap_err();
        fault.wait.as_secs_f64().round()
    };
    assert_eq!(wait("429 Too Many Requests\nRetry-After: 20").await, 20.0);
    let dated = "503 Service Unavailable\nDate: Sun, 06 Nov 1994 08:49:37 GMT\nRetry-After: Sun, 06 Nov 1994 08:50:07 GMT";
    assert_eq!(wait(dated).await, 30.0);
    for nonsense in [
        "429 Too Many Requests\nRetry-After: soon",
        "429 Too Many Requests\nRetry-After: -5",
        "503 Service Unavailable\nDate: Sun, 06 Nov 1994 08:49:37 GMT\nRetry-After: Sun, 06 Nov 1993 08:50:07 GMT",
        "503 Service Unavailable\nRetry-After: Sun, 06 Nov 1994 08:50:07 GMT",
    ] {
        assert_eq!(wait(nonsense).await, 1.0, "{nonsense}");
    }
}

#[tokio::test]
async fn x09_only_bearer_tokens_that_fit_a_header_are_taken() {
    let long = "a".repeat(16 * 1024 + 1);
    for (kind, token) in [
        (r#""mac""#, "t"),
        (r#""DPoP""#, "t"),
        ("null", "t"),
        ("5", "t"),
        (r#""""#, "t"),
        (r#""Bearer""#, r"a\r\nX-Admin: yes"),
        (r#""Bearer""#, "a b"),
        (r#""Bearer""#, r"a\u0000"),
        (r#""Bearer""#, "é"),
        (r#""Bearer""#, long.as_str()),
    ] {
        let body = format!(r#"{{"access_token":"{token}","token_type":{kind},"expires_in":3600}}"#);
        assert!(outcome("200 OK", &body).await.is_err(), "{kind} {token}");
    }
    for (kind, token) in [("bearer", "t"), ("BEARER", "a.b-c_d~e+f/g=")] {
        let body =
            format!(r#"{{"access_token":"{token}","token_type":"{kind}","expires_in":3600}}"#);
        let lease = outcome("200 OK", &body).await.unwrap();
        assert_eq!(lease.token().unwrap().expose(), token);
    }
}

#[tokio::test]
async fn x10_a_redirect_is_never_followed() {
    let elsewhere = Stub::start().await;
    for status in [
        "301 Moved",
        "302 Found",
        "303 See Other",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        for auth in [ClientAuth::Basic, ClientAuth::Post] {
            let stub = Stub::start().await;
            answers(
                &stub,
                &format!("{status}\nLocation: {}", elsewhere.url("/oauth2/token")),
                "",
            );
            let fault = credential(machine(&stub, auth, &[SECRET]))
                .lease(&[])
                .await
                .unwrap_err();
            assert!(
                told(&fault).contains("redirects are not followed"),
                "{fault}"
            );
        }
    }
    assert_eq!(elsewhere.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn x17_a_token_url_in_the_clear_is_never_called() {
    let endpoint = endpoint(
        "http://example.com/oauth2/token".to_owned(),
        ClientAuth::Basic,
    );
    let grant = Grant::ClientCredentials(endpoint, client("c", &[SECRET]));
    let fault = credential(grant).lease(&[]).await.unwrap_err();
    assert!(fault.to_string().contains("plain HTTP"), "{fault}");
}

fn refresh(stub: &Stub, state_file: Option<PathBuf>) -> Grant {
    Grant::Refresh(Refresh {
        via: Via::Endpoint(endpoint(stub.url("/oauth2/token"), ClientAuth::Basic)),
        client: client("app", &[]),
        refresh_token: source("first-refresh-token"),
        state_file,
        token: UserToken::Access,
    })
}

#[tokio::test]
async fn a_rotated_refresh_token_is_used_next_and_survives_a_restart() {
    let folder = folder("refresh");
    let state = folder.join("state");
    let stub = Stub::start().await;
    let rotated = r#"{"access_token":"t","token_type":"Bearer","expires_in":3600,"refresh_token":"second-refresh-token"}"#;
    answers(&stub, "200 OK", rotated);
    let credential = credential(refresh(&stub, Some(state.clone())));
    let _ = credential.lease(&[]).await.unwrap();
    let _ = credential.lease(&scopes(&["a/b"])).await.unwrap();
    let restarted = super::credential(refresh(&stub, Some(state)));
    let _ = restarted.lease(&[]).await.unwrap();
    assert_eq!(
        stub.bodies(),
        [
            "grant_type=refresh_token&refresh_token=first-refresh-token&client_id=app",
            "grant_type=refresh_token&refresh_token=second-refresh-token&scope=a%2Fb&client_id=app",
            "grant_type=refresh_token&refresh_token=second-refresh-token&client_id=app",
        ]
    );
    std::fs::remove_dir_all(folder).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever an endpoint answers, echoing the secret in any place, nothing that is told has it.
    #[test]
    fn x07_no_answer_brings_a_secret_into_the_fault(
        status in prop::sample::select(vec![200u16, 201, 204, 302, 400, 401, 403, 418, 429, 500, 503]),
        shape in 0usize..9,
        noise in "[ -~]{0,20}",
    ) {
        let echo = serde_json::json!(format!("{noise}{SECRET}"));
        let body = match shape {
            0 => format!(r#"{{"error":{echo}}}"#),
            1 => format!(r#"{{"error":"invalid_client","error_description":{echo}}}"#),
            2 => format!(r#"{{"__type":{echo},"message":{echo}}}"#),
            3 => format!(r#"{{"access_token":{echo},"token_type":{echo}}}"#),
            4 => format!(r#"{{"access_token":{echo},"token_type":"Bearer","expires_in":{echo}}}"#),
            5 => format!(r#"{{{echo}:{echo}}}"#),
            6 => echo.to_string(),
            7 => format!("{noise}{SECRET}"),
            _ => format!(r#"{{"access_token":"é{SECRET}","token_type":"Bearer"}}"#),
        };
        let head = format!("{status} {SECRET}\nRetry-After: {SECRET}\nLocation: /{SECRET}\nContent-Type: {SECRET}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let told = runtime.block_on(async {
            let stub = Stub::start().await;
            answers(&stub, &head, &body);
            let credential = credential(machine(&stub, ClientAuth::Post, &[SECRET, "hunter2-secret-too"]));
            let outcome = credential.lease(&[]).await;
            format!("{outcome:?} {:?} {:?}", credential.facts(), credential.settings())
        });
        prop_assert!(!told.contains("hunter2"), "{told}");
    }
}
