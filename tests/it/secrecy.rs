//! What the log must not know, at its most talkative (Q13), and what a refusal must not tell (Q18): whatever the courier shows
//! those who issue tokens, whatever they answer, and whatever a browser that signs in carries.
//!
//! Nothing is listed here that was not seen on the wire: everything is recorded there, and each word of it looked for.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use portcullis::clock::Clock;
use portcullis::demo::DemoPool;
use serde_json::Value;

use crate::support::gate::{Scratch, portcullis};
use crate::support::login::{KEY_1, Site, fetch, navigation, query};
use crate::support::{
    Answer, Gate, Recorded, Recorder, Request, Response, Setup, access, get, post, request,
};

/// What is no secret, of what is shown to those who issue tokens and of what they answer.
const PUBLIC: [&str; 18] = [
    "aws4_request",
    "client_credentials",
    "authorization_code",
    "refresh_token",
    "orders/read",
    "orders/read orders/write",
    "demo-reader",
    "demo-writer",
    "demo-app",
    "demo-console",
    "eu-west-1_DemoPool1",
    "USER_SRP_AUTH",
    "USER_PASSWORD_AUTH",
    "REFRESH_TOKEN_AUTH",
    "PASSWORD_VERIFIER",
    "invalid_client",
    "unsupported_grant_type",
    "DemoPool1",
];

/// Everything that was said to somebody and that they answered.
#[derive(Clone, Default)]
struct Wire(Arc<Mutex<BTreeSet<String>>>);

impl Wire {
    /// Notes a body, be it JSON or a form.
    fn note(&self, body: &[u8]) {
        match serde_json::from_slice(body) {
            Ok(json) => self.note_json(&json),
            Err(_) => {
                let pairs = form_urlencoded::parse(body).into_owned();
                pairs.for_each(|(_, value)| self.note_word(&value));
            }
        }
    }

    fn note_json(&self, json: &Value) {
        match json {
            Value::String(text) => self.note_word(text),
            Value::Array(items) => items.iter().for_each(|item| self.note_json(item)),
            Value::Object(members) => members.values().for_each(|value| self.note_json(value)),
            _ => {}
        }
    }

    /// Short ones say nothing, and are found anywhere.
    fn note_word(&self, word: &str) {
        if word.len() >= 9 && !PUBLIC.contains(&word) && !word.starts_with("http") {
            self.0.lock().unwrap().insert(word.to_owned());
        }
    }

    /// That a log knows none of it.
    fn assert_unknown_to(&self, log: &str, least: usize) {
        let words = self.0.lock().unwrap();
        assert!(words.len() >= least, "hardly anything was said: {words:?}");
        for word in words.iter() {
            assert!(!log.contains(word), "{word} was logged:\n{log}");
        }
    }
}

/// The demo pool, and somebody before it who notes what is said there.
fn overheard(wire: &Wire) -> (Recorder, tokio::runtime::Runtime) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let pool_address = listener.local_addr().expect("an address");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let pool = Arc::new(DemoPool::new(Clock::System));
    runtime.spawn(async move { pool.serve(listener).await });
    let wire = wire.clone();
    let recorder = Recorder::answering(move |asked| {
        let answer = passed_on(asked).send(pool_address);
        wire.note(&asked.body);
        wire.note_word(asked.header("authorization").unwrap_or_default());
        wire.note(&answer.body);
        let kind = answer.header("content-type");
        Answer::status(answer.status, &[("content-type", &kind)], &answer.text())
    });
    (recorder, runtime)
}

fn passed_on(asked: &Recorded) -> Request {
    let kept = ["authorization", "content-type", "x-amz-target"];
    let headers = asked.headers.iter();
    let headers = headers.filter(|(name, _)| kept.contains(&name.to_lowercase().as_str()));
    let request = request(asked.method(), asked.target()).body(asked.body.clone());
    headers.fold(request, |request, (name, value)| {
        request.header(name, value)
    })
}

/// A refresh token of alice's, from a sign-in of our own.
fn refresh_token(pool: &Recorder) -> String {
    let answer = post("/")
        .header("Content-Type", "application/x-amz-json-1.1")
        .header("X-Amz-Target", "AWSCognitoIdentityProviderService.InitiateAuth")
        .body(
            r#"{"AuthFlow":"USER_PASSWORD_AUTH","ClientId":"demo-app","AuthParameters":{"USERNAME":"alice","PASSWORD":"Alice-demo-1"}}"#,
        )
        .send(pool.address());
    let token = &answer.json()["AuthenticationResult"]["RefreshToken"];
    token.as_str().expect("a refresh token").to_owned()
}

/// A credential of each grant that a user pool has, and one whose secret is wrong.
fn credentials(pool: &Recorder, scratch: &Scratch) -> String {
    let file = |name: &str, text: &str| scratch.write(name, text).display().to_string();
    let url = pool.url();
    let user = |name: &str, grant: &str, rest: &str| {
        format!(
            "[credentials.{name}]\ngrant = \"{grant}\"\nuser_pool_id = \"eu-west-1_DemoPool1\"\nendpoint = \"{url}/\"\n{rest}\n"
        )
    };
    let machine = |name: &str, client: &str, rest: &str| {
        format!(
            "[credentials.{name}]\ngrant = \"client_credentials\"\ntoken_url = \"{url}/oauth2/token\"\nclient_id = \"{client}\"\n{rest}\n"
        )
    };
    let person = format!(
        "username = {{ file = \"{}\" }}\npassword = {{ file = \"{}\" }}",
        file("who", "alice"),
        file("password", "Alice-demo-1")
    );
    let reader = file("reader", "reader-secret-for-demo-only");
    let writer = file("writer", "writer-secret-for-demo-only");
    let console = file("console", "console-secret-for-demo-only");
    let wrong = file("wrong", "a-wrong-secret-hunter2");
    let refresh = file("refresh", &refresh_token(pool));
    [
        machine("basic", "demo-reader", &format!("client_secret = {{ file = \"{reader}\" }}")),
        machine(
            "post",
            "demo-writer",
            &format!("client_auth = \"post\"\nclient_secret = [{{ file = \"{wrong}\" }}, {{ file = \"{writer}\" }}]"),
        ),
        machine("wrong", "demo-reader", &format!("client_secret = {{ file = \"{wrong}\" }}")),
        user(
            "password",
            "user_password",
            &format!("{person}\nclient_id = \"demo-console\"\nclient_secret = {{ file = \"{console}\" }}"),
        ),
        user("srp", "user_srp", &format!("{person}\nclient_id = \"demo-app\"\ntoken = \"id\"")),
        user(
            "refresh",
            "refresh_token",
            &format!("client_id = \"demo-app\"\nrefresh_token = {{ file = \"{refresh}\" }}"),
        ),
    ]
    .concat()
}

const NAMES: [&str; 6] = ["basic", "post", "wrong", "password", "srp", "refresh"];

/// A call with secrets of its caller wherever one may be.
fn talkative(target: &str) -> Request {
    request("POST", target)
        .header("Authorization", "Bearer hunter2-of-the-caller")
        .header("Proxy-Authorization", "Basic hunter2-of-the-caller")
        .header("Cookie", "session=hunter2-of-the-caller")
        .body("password=hunter2-of-the-caller")
}

#[test]
fn q13_nothing_that_opens_anything_is_logged_of_a_call_out() {
    let wire = Wire::default();
    let (pool, _serving) = overheard(&wire);
    let (out, keys, upstream) = (Recorder::start(), Recorder::start(), Recorder::start());
    let scratch = Scratch::new();
    let mut text = credentials(&pool, &scratch);
    for name in NAMES {
        text.push_str(&format!(
            "[outbound.{name}]\nlisten = \"127.0.0.1:0\"\nupstream = \"{}\"\ncredential = \"{name}\"\n",
            out.url()
        ));
    }
    text.push_str(&format!(
        "[outbound.proxy]\nlisten = \"127.0.0.1:0\"\nmode = \"forward_proxy\"\nothers = \"pass\"\n[outbound.proxy.destinations]\n\"{}\" = {{ credential = \"basic\" }}\n",
        out.url()
    ));
    let setup = Setup::standard()
        .telemetry("log_level = \"trace\"")
        .also(&text);
    let config = scratch.write(
        "portcullis.toml",
        setup.text(&upstream.url(), &keys.url(), &keys.url()),
    );
    let mut command = portcullis();
    command.arg("run").arg("--config").arg(config);
    let gate = Gate::run(command.env("RUST_LOG", "trace"), scratch);
    let address = |name: &str| {
        let line = gate
            .program
            .wait_for_log(|line| line["outbound"] == name && line["message"] == "taking calls out");
        line["address"].as_str().unwrap().parse().unwrap()
    };
    let target = "/items?token=hunter2-of-the-caller";
    for name in NAMES {
        let answer = talkative(target).send(address(name));
        let expected = if name == "wrong" { 503 } else { 200 };
        assert_eq!(answer.status, expected, "{name}: {}", gate.program.log());
    }
    // A token that is given up is a secret too, and so is what a stranger is called with.
    for (host, expected) in [(out.address(), 200), (keys.address(), 200)] {
        let answer = talkative(&format!("http://{host}{target}"))
            .without_host()
            .header("Host", &host.to_string())
            .header("X-Request-Id", &format!("to-{host}"))
            .send(address("proxy"));
        assert_eq!(answer.status, expected, "{}", answer.text());
        gate.record(&format!("to-{host}"));
    }
    for recorded in out.requests() {
        wire.note_word(recorded.header("authorization").unwrap_or_default());
    }
    let log = gate.program.log();
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "{log}");
    wire.assert_unknown_to(&log, 20);
    for secret in ["hunter2", "Alice-demo-1", "for-demo-only", "eyJ"] {
        assert!(!log.contains(secret), "{secret} was logged:\n{log}");
    }
}

#[test]
fn q13_nothing_that_opens_anything_is_logged_of_a_sign_in() {
    let site = Site::with(|setup| {
        let secret = crate::support::login::key_file("client-secret-hunter2");
        setup
            .also(&format!("client_secret = {{ file = \"{secret}\" }}"))
            .telemetry("log_level = \"trace\"")
    });
    let wire = Wire::default();
    site.idp.wishes().rotates = true;
    // Due for renewal from the start: most of its token's life is over.
    let long_ago = crate::support::mint::now() - 100_000;
    site.idp.wishes().access = vec![("iat", long_ago.into())];
    let mut browser = site.browser();
    let sent = browser.navigate("/app/page?secret=hunter2-in-a-query");
    let location = sent.header("location");
    let asked = query(&location);
    for name in ["state", "nonce", "code_challenge"] {
        wire.note_word(&asked[name]);
    }
    let note_cookies = |browser: &crate::support::login::Browser| {
        browser
            .cookies
            .iter()
            .for_each(|(_, value)| wire.note_word(value));
    };
    note_cookies(&browser);
    // Somebody else's callback first, then our own.
    let refused = browser.clone().send(navigation(
        "/_portcullis/callback?code=hunter2-code&state=hunter2-state",
        "cross-site",
    ));
    assert_ne!(refused.status, 302, "{refused:#?}");
    let callback = site.idp.grant(&location);
    assert_eq!(
        browser.send(navigation(&callback, "cross-site")).status,
        302
    );
    note_cookies(&browser);
    site.idp.wishes().access.clear();
    assert_eq!(browser.fetch("/app/page").status, 200);
    note_cookies(&browser);
    assert_eq!(
        (
            site.granted("authorization_code"),
            site.granted("refresh_token")
        ),
        (1, 1)
    );
    let out = browser.send(fetch(post("/_portcullis/logout")));
    site.rig.gate.record(&out.header("x-request-id"));
    for asked in site.rig.keys_a.requests() {
        wire.note(&asked.body);
        wire.note_word(asked.header("authorization").unwrap_or_default());
    }
    let log = site.rig.gate.program.log();
    wire.assert_unknown_to(&log, 8);
    // The codes and refresh tokens of this pool are short, and all the easier to find.
    for secret in [
        "hunter2",
        KEY_1,
        "code-1",
        "refresh-2",
        "refresh-3",
        "jane@example.com",
    ] {
        assert!(!log.contains(secret), "{secret} was logged:\n{log}");
    }
}

/// An answer, without what differs from one to the next.
fn told(answer: &Response) -> String {
    let id = answer.header("x-request-id");
    let head = answer
        .headers
        .iter()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("date"));
    let head: String = head
        .map(|(name, value)| format!("{name}: {value}\n"))
        .collect();
    let whole = format!("{}\n{head}\n{}", answer.status, answer.text());
    match id.is_empty() {
        true => whole,
        false => whole.replace(&id, "(id)"),
    }
}

/// Replaces one letter of base64url by another one.
fn spoilt(text: &str, at: usize) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    letters[at] = if letters[at] == 'A' { 'B' } else { 'A' };
    letters.into_iter().collect()
}

#[test]
fn q18_a_refusal_does_not_tell_where_a_proof_went_wrong() {
    let site = Site::start();
    let token = access().sign();
    let from = token.rfind('.').unwrap() + 1;
    let answers: BTreeSet<String> = [from, from + 100, token.len() - 3]
        .map(|at| get("/orders/1").bearer(&spoilt(&token, at)))
        .map(|request| told(&site.rig.refuses(&request, 401, "bad_signature")))
        .into();
    assert_eq!(answers.len(), 1, "{answers:#?}");

    // A sealed cookie: its key's number, its nonce, its text, its seal.
    let mut browser = site.browser();
    browser.sign_in(&site, "/app/x");
    let sealed = browser.value(crate::support::login::COOKIE).clone();
    let answers: BTreeSet<String> = [0, 8, 30, sealed.len() / 2, sealed.len() - 3]
        .map(|at| {
            let mut browser = browser.clone();
            *browser.value(crate::support::login::COOKIE) = spoilt(&sealed, at);
            told(
                &site
                    .rig
                    .refuses(&browser.dress(fetch(get("/app/x"))), 401, "missing_token"),
            )
        })
        .into();
    assert_eq!(answers.len(), 1, "{answers:#?}");
}
