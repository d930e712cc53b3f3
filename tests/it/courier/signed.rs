//! Calls that leave signed (SigV4), with AWS credentials of an identity pool, for a user of a user pool.
//!
//! Every signature is made again here, from what was recorded and from a canonical path and query that are written out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::{digest, hmac};
use serde_json::json;

use super::Courier;
use crate::support::gate::Scratch;
use crate::support::rig::Setup;
use crate::support::{Answer, Connection, Recorded, Recorder, get, post, request};

const KEY_ID: &str = "ASIAEXAMPLEEXAMPLE12";
const SECRET_KEY: &str = "wJalrXUtnFEMI+K7MDENG+bPxRfiCYEXAMPLEKEY";
const SESSION_TOKEN: &str = "session-token-of-the-identity-pool";
const ID_TOKEN: &str = "header.id-token-of-alice.signature";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A user pool's API and an identity pool's at one address.
fn pools() -> Recorder {
    pools_with([KEY_ID; 2])
}

/// The same, whose first credentials have this key id, and all others that.
fn pools_with([first, next]: [&'static str; 2]) -> Recorder {
    let issued = AtomicUsize::new(0);
    let identities = Arc::new(AtomicUsize::new(0));
    Recorder::answering(move |request| {
        let target = request.header("x-amz-target").unwrap_or_default();
        match target.rsplit('.').next().unwrap_or_default() {
            "InitiateAuth" => Answer::json(&json!({ "AuthenticationResult": {
                "AccessToken": "header.access-token-of-alice.signature",
                "IdToken": ID_TOKEN,
                "ExpiresIn": 3600,
                "TokenType": "Bearer",
            } })),
            "GetId" => {
                let count = identities.fetch_add(1, Ordering::Relaxed);
                assert_eq!(count, 0, "an identity is asked for once");
                Answer::json(&json!({ "IdentityId": "eu-west-1:alice" }))
            }
            "GetCredentialsForIdentity" => {
                let id = match issued.fetch_add(1, Ordering::Relaxed) {
                    0 => first,
                    _ => next,
                };
                Answer::json(&json!({ "Credentials": {
                    "AccessKeyId": id,
                    "SecretKey": SECRET_KEY,
                    "SessionToken": SESSION_TOKEN,
                    "Expiration": 4_102_444_800.0,
                } }))
            }
            other => panic!("nobody asks for {other}"),
        }
    })
}

/// A relay that signs for this service, and logs all it can.
fn relay(service: &str) -> Courier {
    relay_with(service, pools())
}

fn relay_with(service: &str, tok: Recorder) -> Courier {
    let out = Recorder::start();
    let scratch = Scratch::new();
    let (who, password) = (
        scratch.write("who", "alice"),
        scratch.write("password", super::SECRET),
    );
    let text = format!(
        r#"
[credentials.alice]
grant = "user_password"
user_pool_id = "eu-west-1_AbC123xyz"
endpoint = "{tok}/"
client_id = "app"
username = {{ file = "{who}" }}
password = {{ file = "{password}" }}
[credentials.aws]
grant = "identity_pool"
identity_pool_id = "eu-west-1:1a2b3c4d-0000-1111-2222-333344445555"
endpoint = "{tok}/"
credential = "alice"
[outbound.out]
listen = "127.0.0.1:0"
upstream = "{out}"
credential = "aws"
sign = {{ service = "{service}", region = "eu-west-1" }}
"#,
        tok = tok.url(),
        who = who.display(),
        password = password.display(),
        out = out.url(),
    );
    let setup = Setup::standard().also(&text);
    let rig = setup.telemetry("log_level = \"trace\"").start();
    std::mem::forget(scratch);
    Courier { rig, out, tok }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// What a service answers that checks signatures: whether this one is over these words.
fn assert_signed(recorded: &Recorded, service: &str, path: &str, query: &str, content: &str) {
    assert_signed_with(KEY_ID, recorded, service, path, query, content);
}

fn assert_signed_with(
    key_id: &str,
    recorded: &Recorded,
    service: &str,
    path: &str,
    query: &str,
    content: &str,
) {
    let only = |name: &str| {
        let value = recorded.header(name);
        value.unwrap_or_else(|| panic!("no {name}: {recorded:#?}"))
    };
    let authorization = only("authorization");
    let (claimed, signature) = authorization
        .rsplit_once(", Signature=")
        .expect("a signature");
    let (credential, names) = claimed
        .split_once(", SignedHeaders=")
        .expect("signed headers");
    let at = only("x-amz-date");
    let day = &at[..8];
    let reach = format!("{day}/eu-west-1/{service}/aws4_request");
    assert_eq!(
        credential,
        format!("AWS4-HMAC-SHA256 Credential={key_id}/{reach}")
    );
    for name in [
        "host",
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-security-token",
    ] {
        assert!(
            names.split(';').any(|signed| signed == name),
            "{name} is not signed"
        );
    }
    assert_eq!(only("x-amz-security-token"), SESSION_TOKEN);
    assert_eq!(only("x-amz-content-sha256"), content);

    let headers: String = names
        .split(';')
        .map(|name| format!("{name}:{}\n", only(name)))
        .collect();
    let method = recorded.method();
    let canonical = format!("{method}\n{path}\n{query}\n{headers}\n{names}\n{content}");
    let text = format!(
        "AWS4-HMAC-SHA256\n{at}\n{reach}\n{}",
        sha256(canonical.as_bytes())
    );
    let sign = |key: &[u8], text: &str| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
    };
    let key = sign(format!("AWS4{SECRET_KEY}").as_bytes(), day);
    let key = ["eu-west-1", service, "aws4_request"]
        .iter()
        .fold(key, |key, step| sign(&key, step));
    assert_eq!(signature, hex(&sign(&key, &text)), "{canonical}");
}

/// X16: whatever was sent, and whatever is logged.
fn assert_silent(courier: &Courier) {
    let log = courier.rig.gate.program.log();
    for hidden in [
        SECRET_KEY,
        SESSION_TOKEN,
        "id-token-of-alice",
        "access-token-of-alice",
        "Signature=",
    ] {
        assert!(!log.contains(hidden), "{hidden} was logged:\n{log}");
    }
}

#[test]
fn x05_a_call_is_signed_in_place_of_what_the_client_shows() {
    let courier = relay("execute-api");
    let recorded = courier.sends(
        &get("/prod/a%20b//../caf%C3%A9?b=2&a=x%20y+z&b=1&empty=&c")
            .header("Authorization", "AWS4-HMAC-SHA256 Credential=AKIATHEIRS")
            .header("X_Amz_Security_Token", "theirs")
            .header("X-Amz-Security-Token", "theirs")
            .header("X-Amz-Date", "20200101T000000Z")
            .header("X-Amz-Target", "  Orders.List   All "),
    );
    let query = "a=x%20y%20z&b=1&b=2&c=&empty=";
    assert_eq!(
        recorded.target(),
        "/prod/a%20b//../caf%C3%A9?b=2&a=x%20y+z&b=1&empty=&c"
    );
    assert_eq!(recorded.all_alike("x-amz-security-token"), [SESSION_TOKEN]);
    assert!(
        !recorded.holds("THEIRS") && !recorded.holds("theirs"),
        "{recorded:#?}"
    );
    assert!(!recorded.holds("Bearer"), "{recorded:#?}");
    let mut collapsed = recorded.clone();
    for (name, value) in &mut collapsed.headers {
        if name.eq_ignore_ascii_case("x-amz-target") {
            *value = "Orders.List All".to_owned();
        }
    }
    assert_signed(
        &collapsed,
        "execute-api",
        "/prod/caf%25C3%25A9",
        query,
        EMPTY,
    );
    // The user's tokens went to the pools alone.
    assert!(!courier.out.everything().contains("of-alice"));
    assert_silent(&courier);
}

#[test]
fn a_body_is_read_and_its_hash_signed_however_it_comes() {
    let courier = relay("execute-api");
    let told = courier.sends(
        &post("/items")
            .header("Content-Type", "text/plain")
            .body("hello"),
    );
    let chunked = post("/items").header("Content-Type", "text/plain");
    let chunked = chunked.header("Transfer-Encoding", "chunked");
    let chunked = courier.sends(&chunked.raw_body("3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"));
    for recorded in [told, chunked] {
        assert_eq!(recorded.body, b"hello");
        assert_eq!(recorded.header("content-length"), Some("5"));
        assert_eq!(recorded.header("transfer-encoding"), None);
        assert_signed(&recorded, "execute-api", "/items", "", &sha256(b"hello"));
    }
    let empty = courier.sends(&request("PUT", "/items").header("Content-Length", "0"));
    assert_signed(&empty, "execute-api", "/items", "", EMPTY);
    assert_silent(&courier);
}

#[test]
fn a_body_too_large_to_be_signed_is_refused_before_anybody_is_called() {
    let courier = relay("execute-api");
    let told = post("/items")
        .header("Content-Length", "10485761")
        .raw_body("begun");
    courier.refuses(&told, 413, "body_too_large");
    let mut chunks = Vec::new();
    for _ in 0..11 {
        chunks.extend(b"100000\r\n");
        chunks.extend(vec![b'a'; 0x10_0000]);
        chunks.extend(b"\r\n");
    }
    chunks.extend(b"0\r\n\r\n");
    let chunked = post("/items").header("Transfer-Encoding", "chunked");
    courier.refuses(&chunked.raw_body(chunks), 413, "body_too_large");
}

#[test]
fn a_body_for_s3_streams_past_unsigned() {
    let courier = relay("s3");
    let upload = request(
        "PUT",
        "/bucket/a//b%20(c)/caf%c3%a9?partNumber=1&uploadId=x%2Fy",
    );
    let recorded = courier.sends(&upload.body(vec![b'a'; 300_000]));
    let path = "/bucket/a//b%20%28c%29/caf%C3%A9";
    assert_signed(
        &recorded,
        "s3",
        path,
        "partNumber=1&uploadId=x%2Fy",
        "UNSIGNED-PAYLOAD",
    );

    let declared = sha256(b"hello");
    let declaring = request("PUT", "/bucket/key").header("X-Amz-Content-Sha256", &declared);
    let recorded = courier.sends(&declaring.body("hello"));
    assert_signed(&recorded, "s3", "/bucket/key", "", &declared);
    assert_signed(
        &courier.sends(&get("/bucket/key")),
        "s3",
        "/bucket/key",
        "",
        EMPTY,
    );
    assert_silent(&courier);
}

#[test]
fn the_first_bytes_for_s3_arrive_before_the_last_are_sent() {
    let courier = relay("s3");
    for (framing, first, last) in [
        (
            "Content-Length: 1000009\r\n",
            "the-first",
            String::from_utf8(vec![b'a'; 1_000_000]).unwrap(),
        ),
        (
            "Transfer-Encoding: chunked\r\n",
            "a\r\nthe-second\r\n",
            "4\r\nlast\r\n0\r\n\r\n".to_owned(),
        ),
    ] {
        let mut connection = Connection::open(courier.address("out"));
        connection.write(format!(
            "PUT /bucket/key HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n{first}"
        ));
        courier
            .out
            .wait_for_text(first[first.find("the").unwrap()..].trim_end());
        connection.write(last);
        assert_eq!(connection.read("PUT").status, 200);
    }
    let [told, chunked] = &courier.out.requests()[..] else {
        panic!("two uploads");
    };
    assert_eq!(
        (told.body.len(), &told.body[..9]),
        (1_000_009, &b"the-first"[..])
    );
    assert_eq!(chunked.body, b"the-secondlast");
    for recorded in [told, chunked] {
        assert_signed(recorded, "s3", "/bucket/key", "", "UNSIGNED-PAYLOAD");
    }
}

#[test]
fn chunks_signed_with_other_credentials_are_refused() {
    let courier = relay("s3");
    let upload = request("PUT", "/bucket/key");
    let upload = upload.header("X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
    let answer =
        courier.send(&upload.body("5;chunk-signature=00\r\nhello\r\n0;chunk-signature=00\r\n\r\n"));
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (400, "bad_request")
    );
    assert_eq!(courier.out.connections(), 0);
}

#[test]
fn x12_a_call_whose_keys_were_refused_is_signed_anew_with_the_next_ones() {
    const NEXT_ID: &str = "ASIAEXAMPLEEXAMPLE13";
    let courier = relay_with("execute-api", pools_with([KEY_ID, NEXT_ID]));
    courier.out.answer(|request| {
        let shown = request.header("authorization").unwrap_or_default();
        match shown.contains(KEY_ID) {
            true => Answer::status(401, &[], "old"),
            false => Answer::ok(),
        }
    });
    let answer = courier.send(&post("/items?b=2&a=1").body("hello"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let requests = courier.out.requests();
    assert_eq!(requests.len(), 2);
    for (recorded, id) in requests.iter().zip([KEY_ID, NEXT_ID]) {
        assert_eq!(recorded.target(), "/items?b=2&a=1");
        assert_eq!(recorded.all_alike("authorization").len(), 1);
        assert_eq!(recorded.body, b"hello");
        let content = sha256(b"hello");
        assert_signed_with(id, recorded, "execute-api", "/items", "a=1&b=2", &content);
    }
    assert_silent(&courier);
}

#[test]
fn x12_a_refused_signature_is_handed_back() {
    let courier = relay("execute-api");
    for status in [403, 401] {
        courier.out.answer(move |_| {
            Answer::status(
                status,
                &[("x-amzn-errortype", "ExpiredTokenException")],
                "{}",
            )
        });
        let answer = courier.send(&get("/items"));
        assert_eq!((answer.status, answer.text().as_str()), (status, "{}"));
        assert_eq!(answer.header("x-amzn-errortype"), "ExpiredTokenException");
    }
    assert_eq!(
        courier.out.requests().len(),
        3,
        "the 401 was tried once more"
    );
    // Signed in once, an identity once, credentials twice.
    assert_eq!(courier.tok.requests().len(), 4);
}
