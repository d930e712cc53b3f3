//! What a browser brings of sessions and sign-ins: cookies, what is under their seals, and the query of a callback.
//!
//! It opens as what was sealed, or not at all; taken out, nothing of it is left for the service; and whoever is sent back
//! stays on this very origin.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use portcullis::reason::Reason;
use portcullis::secret::Secret;
use portcullis::session::{Channel, Jar, Key, Keys, Purpose, Said, Session, State, safe_return};
use portcullis::token::claims::Claims;
use url::Url;

use super::standing::NOW;

const NAME: &str = "__Host-portcullis";
const ORIGIN: &str = "https://app.example.com";
/// The one sign-in that this browser began.
const ID: &str = "abcdefghijklmnopqrstuv";

/// The first byte says what the others are: what is under a session's seal, what is under a sign-in's, Cookie lines, or the
/// query of a callback with Cookie lines behind it. In these, `@0@` and the like stand for what was sealed.
pub fn check(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    match kind % 4 {
        0 => session_under_seal(rest),
        1 => sign_in_under_seal(rest),
        2 => brought(&headers(rest)),
        _ => {
            let (query, lines) = halves(rest);
            if let Ok(query) = std::str::from_utf8(query) {
                called_back(query, &headers(lines));
            }
        }
    }
}

fn keys() -> Keys {
    Keys::new(&[Key::parse(&STANDARD.encode([7; 32])).expect("32 bytes")])
}

fn jar() -> &'static Jar {
    static JAR: OnceLock<Jar> = OnceLock::new();
    JAR.get_or_init(|| Jar::new(NAME, keys()))
}

/// A session that fits into one cookie, or needs three.
fn session(long: bool) -> Session {
    Session {
        started: NOW as u64,
        sub: "6f1c5c2e".to_owned(),
        access: Secret::new("e30.e30.c2ln".to_owned()),
        refresh: Some(Secret::new("!".repeat(if long { 7000 } else { 9 }))),
        identity: Claims::parse(br#"{"email":"jane@example.com"}"#).expect("claims"),
    }
}

/// Everything that may stand in the bytes, sealed once for the run.
fn sealed() -> &'static BTreeMap<&'static str, String> {
    static SEALED: OnceLock<BTreeMap<&str, String>> = OnceLock::new();
    SEALED.get_or_init(|| {
        let none = HeaderMap::new();
        let state = State {
            id: ID.to_owned(),
            nonce: "n".to_owned(),
            verifier: Secret::new("v".repeat(43)),
            started: NOW as u64,
            back: "/reports?page=2".to_owned(),
        };
        let short = jar().give(&session(false), 60, &none, Channel::Https);
        let long = jar().give(&session(true), 60, &none, Channel::Https);
        let begun = jar().begin(&state, &none, Channel::Https, NOW);
        let values = [short, long, begun].map(|given| given.expect("cookies").into_iter());
        let values = values.into_iter().flatten().map(|cookie| {
            let pair = cookie.to_str().expect("ASCII").split(';').next();
            let (_, value) = pair.and_then(|pair| pair.split_once('=')).expect("a pair");
            value.to_owned()
        });
        let names = ["@s@", "@0@", "@1@", "@2@", "@state@"];
        let sealed: Vec<String> = values.collect();
        assert_eq!(sealed.len(), names.len());
        names.into_iter().zip(sealed).collect()
    })
}

fn halves(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[]),
    }
}

/// The Cookie lines of a request.
fn headers(lines: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n').take(16) {
        let mut line = line.to_vec();
        for (name, value) in sealed() {
            let found = |line: &[u8]| {
                line.windows(name.len())
                    .position(|at| at == name.as_bytes())
            };
            if let Some(at) = found(&line) {
                line.splice(at..at + name.len(), value.bytes());
            }
        }
        if let Ok(value) = HeaderValue::from_bytes(&line) {
            headers.append(COOKIE, value);
        }
    }
    headers
}

/// The names of all cookies, read by hand.
fn names(headers: &HeaderMap) -> Vec<Vec<u8>> {
    let lines = headers.get_all(COOKIE).iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    pairs
        .filter(|pair| pair.contains(&b'='))
        .map(|pair| {
            let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
            name.trim_ascii().to_vec()
        })
        .collect()
}

fn times(names: &[Vec<u8>], name: &str) -> usize {
    names.iter().filter(|one| *one == name.as_bytes()).count()
}

/// What somebody with the key sealed: it is read whole, and reads the same when it is given again.
fn session_under_seal(content: &[u8]) {
    let text = keys()
        .seal(Purpose::Session, NAME, content)
        .expect("randomness");
    for channel in [Channel::Loopback, Channel::Plain] {
        assert!(jar().open(&text, channel).is_none(), "of another channel");
    }
    let Some(session) = jar().open(&text, Channel::Https) else {
        return;
    };
    assert_eq!(format!("{session:?}"), "Session(secret)");
    let none = HeaderMap::new();
    if let Some(given) = jar().give(&session, 60, &none, Channel::Https) {
        let again = given.iter().map(|cookie| {
            let cookie = cookie.to_str().expect("ASCII");
            assert!(cookie.len() <= 4096, "no browser keeps it");
            cookie.split(';').next().unwrap_or_default()
        });
        let line = again.collect::<Vec<_>>().join("; ");
        let headers = headers(line.as_bytes());
        let again = jar().sealed(&headers, Channel::Https);
        let again = again.and_then(|sealed| jar().open(&sealed, Channel::Https));
        assert!(again == Some(session), "given again, it is another");
    }
    let other = if text.starts_with('A') { 'B' } else { 'A' };
    for spoilt in [
        format!("{text}="),
        format!("{text}A"),
        format!("{other}{}", &text[1..]),
        text[..text.len() - 1].to_owned(),
    ] {
        assert!(jar().open(&spoilt, Channel::Https).is_none(), "{spoilt}");
    }
}

/// The same of a sign-in, which is only good under its own name and in its time; what it comes back to is ours.
fn sign_in_under_seal(content: &[u8]) {
    if let Ok(target) = std::str::from_utf8(content) {
        stays(&safe_return(target));
    }
    let cookie = format!("{NAME}-state-{}", &ID[..12]);
    let text = keys()
        .seal(Purpose::State, &cookie, content)
        .expect("randomness");
    let headers = headers(format!("{cookie}={text}").as_bytes());
    if let Some(state) = jar().state(ID, &headers, Channel::Https, NOW) {
        assert_eq!(state.id, ID);
        assert!(state.is_current(NOW) && !state.is_current(NOW + 660.0));
        assert_eq!(format!("{state:?}"), "State(secret)");
        stays(&state.back);
    }
    assert!(jar().open(&text, Channel::Https).is_none(), "no session");
}

/// Every browser takes it for a page of this origin (the rules of the URL standard).
fn stays(target: &str) {
    let base = Url::parse(ORIGIN).expect("an origin");
    let url = base.join(target).expect("a target");
    assert_eq!(url.origin(), base.origin(), "{target:?} leads away");
    assert!(
        HeaderValue::try_from(target).is_ok(),
        "{target:?} is no header"
    );
}

/// What a request's cookies hold.
fn brought(headers: &HeaderMap) {
    let before = names(headers);
    let sealed = jar().sealed(headers, Channel::Https);
    let session_of = sealed.and_then(|sealed| jar().open(&sealed, Channel::Https));
    if let Some(found) = session_of {
        assert!(
            found == session(false) || found == session(true),
            "nobody sealed it"
        );
        assert_eq!(times(&before, NAME), 1, "two of one name");
    }
    assert!(jar().sealed(headers, Channel::Plain).is_none());

    // What is cleared is there, and nothing else is touched.
    let cleared = jar().clear(headers, Channel::Https);
    for cookie in &cleared {
        let text = cookie.to_str().expect("ASCII");
        let (name, rest) = text.split_once('=').expect("a pair");
        assert!(times(&before, name) > 0, "{name} was not there");
        assert!(rest.starts_with("; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure"));
    }
    let state = State::begin("/", NOW).expect("randomness");
    let begun = jar().begin(&state, headers, Channel::Https, NOW);
    assert!((1..=34).contains(&begun.expect("cookies").len()));

    // Taken out, nothing of ours is left, and all else is.
    let mut rest = headers.clone();
    jar().strip(&mut rest);
    let ours = |name: &[u8]| {
        [NAME, "portcullis"].iter().any(|own| {
            let rest = name.strip_prefix(own.as_bytes());
            rest.is_some_and(|rest| {
                let digits = |rest: &[u8]| rest.iter().all(u8::is_ascii_digit);
                rest.is_empty()
                    || rest.strip_prefix(b"-").is_some_and(digits)
                    || rest.starts_with(b"-state-")
            })
        })
    };
    let others: Vec<_> = before.into_iter().filter(|name| !ours(name)).collect();
    assert_eq!(names(&rest), others);
}

/// A callback says each thing once, and only the browser that began the sign-in goes on with it.
fn called_back(query: &str, headers: &HeaderMap) {
    let said = Said::read(query);
    let values = |name: &str| -> Vec<String> {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        let own = pairs.filter(|(one, _)| one == name);
        own.map(|(_, value)| value.into_owned()).collect()
    };
    let said = match said {
        Ok(said) => said,
        Err(refusal) => {
            assert_eq!(refusal.reason, Reason::BadRequest);
            assert!(!refusal.detail.contains(ID));
            return;
        }
    };
    for name in ["state", "code", "error"] {
        assert!(values(name).len() < 2, "{name} is said twice");
    }
    assert_eq!(values("state"), [said.state.to_string()]);
    if let Some(code) = &said.code {
        assert_eq!(values("code"), [code.to_string()]);
        assert!(HeaderValue::try_from(&**code).is_ok() && code.len() <= 2048);
    }
    let state = jar().state(&said.state, headers, Channel::Https, NOW);
    if let Some(state) = state {
        assert_eq!((state.id.as_str(), &*said.state), (ID, ID));
        assert_eq!(state.back, "/reports?page=2");
        let own = format!("{NAME}-state-{}", &ID[..12]);
        assert_eq!(times(&names(headers), &own), 1, "two of one name");
        assert!(jar().end(&state, Channel::Https).is_some());
        assert!(
            jar()
                .state(&said.state, headers, Channel::Https, NOW + 660.0)
                .is_none()
        );
    }
}

fn number(number: u64) -> Vec<u8> {
    number.to_be_bytes()[2..].to_vec()
}

fn field(bytes: &[u8]) -> Vec<u8> {
    [number(bytes.len() as u64), bytes.to_vec()].concat()
}

/// Contents of a seal, right and wrong.
fn contents() -> Vec<Vec<u8>> {
    let parts = |parts: &[&[u8]]| {
        let fields = parts.iter().flat_map(|part| field(part)).collect();
        [field(&[1]), number(parts.len() as u64), fields].concat()
    };
    let plain = |token: &[u8]| [field(&[0]), field(token)].concat();
    let session = |access: Vec<u8>, refresh: Vec<u8>, claims: &[u8]| {
        let fields = [field(b"6f1c5c2e"), access, refresh, field(claims)].concat();
        [vec![0], number(NOW as u64), fields].concat()
    };
    let state = |started: f64, back: &str| {
        let texts = [ID, "nonce", "verifier", back].map(|text| field(text.as_bytes()));
        [vec![1], number(started as u64), texts.concat()].concat()
    };
    let long = session(
        parts(&[b"{}", b"{}", &[9; 64]]),
        plain(b"a+b"),
        b"{\"a\":1}",
    );
    vec![
        long.clone(),
        long[..long.len() - 1].to_vec(),
        [long.as_slice(), b"x"].concat(),
        session(plain(b"aa.bb.cc"), plain(b""), b"{}"),
        session(parts(&[]), parts(&[b"", b""]), b"{\"a\":1,\"a\":2}"),
        session([field(&[1]), number(1 << 40)].concat(), plain(b""), b"{}"),
        session(plain(b"a"), field(&[2]), b"[]"),
        state(NOW, "/reports?page=2"),
        state(NOW - 700.0, "/"),
        state(NOW + 61.0, "//evil.example"),
        state(NOW, "/\\evil.example"),
    ]
}

/// From the tables of what browsers and other people's links bring.
const COOKIES: [&str; 14] = [
    "__Host-portcullis=@s@",
    "a=1; __Host-portcullis=@s@; b=2",
    "__Host-portcullis=@0@; __Host-portcullis-1=@1@; __Host-portcullis-2=@2@",
    "__Host-portcullis-2=@2@\n__Host-portcullis-1=@1@\n__Host-portcullis=@0@",
    "__Host-portcullis=@0@; __Host-portcullis-1=@2@; __Host-portcullis-2=@1@",
    "__Host-portcullis=@0@; __Host-portcullis-1=@1@",
    "__Host-portcullis=@s@; __Host-portcullis=@s@",
    "__Host-portcullis=@s@; __Host-portcullis-1=@1@; __Host-portcullis-50=x",
    "__Host-portcullis=9.@s@",
    "__Host-portcullis = @s@ ;; =; portcullis=@s@",
    "__host-portcullis=@s@; __Host_portcullis=@s@; __Host-portcullisx=1",
    "__Host-portcullis=\"@s@\"; __Host-portcullis-state-abcdefghijkl=@state@",
    "__Host-portcullis-state-abcdefghijkl=x; __Host-portcullis-state-=; __Host-portcullis-state-\u{e9}=",
    "foo=1; ; bar=2",
];
const TARGETS: [&str; 14] = [
    "/",
    "/a?b=c#d",
    "//evil",
    "/\\evil",
    "/\t/evil",
    "https:evil",
    "///",
    "@evil",
    "",
    "javascript:1",
    "/\r\nSet-Cookie: a=b",
    "/%09/evil",
    "\\\\evil",
    "/.//evil",
];
const QUERIES: [&str; 13] = [
    "code=c&state=abcdefghijklmnopqrstuv",
    "state=abcdefghijklmnopqrstuv&code=c&error=access_denied",
    "state=abcdefghijklmnopqrstuv",
    "state=abcdefghijklmnopqrstuv&state=x&code=c",
    "state=abcdefghijklmnopqrstuv&st%61te=x&code=c",
    "state=abcdefghijklmnopqrstuv&code=c&code=d",
    "state=abcdefghijkl&code=c",
    "state=abcdefghijklMNOPQRSTUV&code=c",
    "state=%00&code=%0d%0a",
    "state=&code=",
    "code=c",
    "",
    "&&=&state==&%",
];

/// All of these, the queries with the cookie of their sign-in once, twice and not at all.
pub fn seeds() -> Vec<Vec<u8>> {
    let own = format!("{NAME}-state-{}=@state@", &ID[..12]);
    let mut seeds = contents();
    let mut add = |kind: u8, text: &str| seeds.push([&[kind], text.as_bytes()].concat());
    TARGETS.iter().for_each(|target| add(1, target));
    COOKIES.iter().for_each(|line| add(2, line));
    for query in QUERIES {
        add(3, query);
        add(3, &format!("{query}\n{own}"));
        add(3, &format!("{query}\na=1; {own}\n{own}"));
    }
    seeds
}
