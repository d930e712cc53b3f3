//! What browsers may send: whatever it is, it opens as what was sealed, or not at all.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use serde_json::json;

use super::*;

const NAME: &str = "__Host-portcullis";
const NOW: Timestamp = 1_800_000_000.0;

fn key(byte: u8) -> Key {
    use base64::engine::general_purpose::STANDARD;
    Key::parse(&STANDARD.encode([byte; 32])).expect("a key")
}

fn jar(keys: &[u8]) -> Jar {
    let keys: Vec<Key> = keys.iter().map(|byte| key(*byte)).collect();
    Jar::new(NAME, Keys::new(&keys))
}

fn session(access: &str, refresh: Option<&str>) -> Session {
    let claims = json!({"email": "jane@example.com", "list": [1, "ö"]});
    Session {
        started: NOW as u64,
        sub: "sub-1".to_owned(),
        access: Secret::new(access.to_owned()),
        refresh: refresh.map(|token| Secret::new(token.to_owned())),
        identity: Claims::parse(claims.to_string().as_bytes()).expect("claims"),
    }
}

/// The request headers of a browser that took these cookies.
fn sent(given: &[HeaderValue]) -> HeaderMap {
    let pairs: Vec<&str> = given
        .iter()
        .map(|line| line.to_str().unwrap().split(';').next().unwrap())
        .collect();
    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, pairs.join("; ").parse().unwrap());
    headers
}

fn opened(jar: &Jar, headers: &HeaderMap, channel: Channel) -> Option<Session> {
    jar.open(&jar.sealed(headers, channel)?, channel)
}

#[test]
fn what_was_sealed_is_what_opens() {
    let jar = jar(&[1]);
    for (access, refresh) in [
        ("aa.bb.cc", Some("dd")),
        ("e30.e30.c2ln", None),
        ("not base64url at all!", Some("a+b/c==")),
        ("QQ.QR.", Some("..")), // `QR` has bits that are not canonical
    ] {
        let session = session(access, refresh);
        let given = jar
            .give(&session, 60, &HeaderMap::new(), Channel::Https)
            .unwrap();
        assert!(opened(&jar, &sent(&given), Channel::Https) == Some(session));
    }
}

#[test]
fn l09_a_seal_is_bound_to_its_key_its_purpose_and_its_name() {
    let session = session("aa.bb.cc", None);
    let none = HeaderMap::new();
    let given = jar(&[1]).give(&session, 60, &none, Channel::Https).unwrap();
    let headers = sent(&given);
    assert!(
        opened(&jar(&[2, 1]), &headers, Channel::Https).is_some(),
        "all keys open"
    );
    assert!(opened(&jar(&[2]), &headers, Channel::Https).is_none());
    let by_second = jar(&[2, 1])
        .give(&session, 60, &none, Channel::Https)
        .unwrap();
    assert!(
        opened(&jar(&[1]), &sent(&by_second), Channel::Https).is_none(),
        "the first seals"
    );
    // The same bytes under the name they have over plain HTTP.
    let renamed = given[0].to_str().unwrap().replace("__Host-", "");
    let renamed = sent(&[renamed.parse().unwrap()]);
    assert!(opened(&jar(&[1]), &renamed, Channel::Loopback).is_none());
    assert!(opened(&jar(&[1]), &headers, Channel::Plain).is_none());
    let other = Jar::new("__Host-other", Keys::new(&[key(1)]));
    let renamed = given[0].to_str().unwrap().replace("portcullis", "other");
    assert!(opened(&other, &sent(&[renamed.parse().unwrap()]), Channel::Https).is_none());
    let keys = Keys::new(&[key(1)]);
    let sealed = keys.seal(Purpose::State, NAME, b"x").unwrap();
    assert!(keys.open(Purpose::Session, NAME, &sealed).is_none());
    assert_ne!(
        keys.fingerprint(),
        Keys::new(&[key(1), key(2)]).fingerprint()
    );
}

#[test]
fn keys_are_32_bytes_in_any_base64() {
    let standard = "/v38+/r5+Pf29fTz8vHw7+7t7Ovq6ejn5uXk4+Lh4N8=";
    let url = standard.replace('+', "-").replace('/', "_");
    assert!(Key::parse(standard) == Key::parse(&url));
    assert!(Key::parse(url.trim_end_matches('=')).is_some());
    for bad in [
        "",
        "AAAA",
        "not base64",
        &standard[4..],
        &format!("{standard} "),
    ] {
        assert!(Key::parse(bad).is_none(), "{bad}");
    }
    assert_eq!(format!("{:?}", key(7)), "Key((secret))");
}

#[test]
fn l02_a_sign_in_is_good_for_ten_minutes_and_by_its_whole_state() {
    let jar = jar(&[1]);
    let state = State::begin("/back?x=1", NOW).unwrap();
    let begun = jar
        .begin(&state, &HeaderMap::new(), Channel::Https, NOW)
        .unwrap();
    let headers = sent(&begun);
    let at = |id: &str, now| jar.state(id, &headers, Channel::Https, now);
    assert!(at(&state.id, NOW + 600.0) == Some(state.clone()));
    assert!(at(&state.id, NOW + 601.0).is_none());
    assert!(at(&state.id, NOW - 120.0).is_none());
    let mut other = state.id.clone();
    other.replace_range(21.., if state.id.ends_with('A') { "B" } else { "A" });
    assert!(
        at(&other, NOW).is_none(),
        "its cookie has the first letters alone in its name"
    );
    assert_eq!(state.verifier.expose().len(), 43);
    assert_eq!(state.challenge().len(), 43);
    assert_eq!((state.id.len(), state.nonce.len()), (22, 22));
}

#[test]
fn leftovers_are_cleared_and_the_oldest_sign_in_gives_way() {
    let jar = jar(&[1]);
    let mut pairs = vec!["__Host-portcullis-state-AAAAAAAAAAAA=stale".to_owned()];
    let mut first = None;
    for at in 0..8 {
        let state = State::begin("/", NOW + f64::from(at)).unwrap();
        let begun = jar
            .begin(&state, &HeaderMap::new(), Channel::Https, NOW)
            .unwrap();
        let pair = begun[0]
            .to_str()
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        first.get_or_insert_with(|| pair.split('=').next().unwrap().to_owned());
        pairs.push(pair);
    }
    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, pairs.join("; ").parse().unwrap());
    let state = State::begin("/", NOW + 9.0).unwrap();
    let begun = jar
        .begin(&state, &headers, Channel::Https, NOW + 9.0)
        .unwrap();
    let cleared: Vec<&str> = begun[1..]
        .iter()
        .map(|line| line.to_str().unwrap().split('=').next().unwrap())
        .collect();
    let oldest = first.unwrap();
    assert_eq!(cleared, ["__Host-portcullis-state-AAAAAAAAAAAA", &*oldest]);
    // However many a client makes up, an answer stays small.
    let many: Vec<String> = (0..500)
        .map(|n| format!("{NAME}-state-{n:012}=x"))
        .collect();
    headers.insert(COOKIE, many.join("; ").parse().unwrap());
    let begun = jar.begin(&state, &headers, Channel::Https, NOW).unwrap();
    assert!(begun.len() < 20, "{}", begun.len());
}

#[test]
fn a_token_with_a_hundred_groups_takes_two_cookies() {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let groups: Vec<String> = (0..100)
        .map(|n| format!("department-{n:03}-staff"))
        .collect();
    let claims = json!({
        "sub": "6f1c5c2e-7c7e-4b7e-9d2c-3a1f0c9b8a77", "cognito:groups": groups,
        "iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC123xyz", "version": 2,
        "client_id": "1example23456789", "origin_jti": "0b9f2a7e-5c1d-4e3f-8a6b-7c8d9e0f1a2b",
        "event_id": "0b9f2a7e-5c1d-4e3f-8a6b-7c8d9e0f1a2b", "token_use": "access",
        "scope": "openid email", "auth_time": 1_800_000_000, "exp": 1_800_003_600,
        "iat": 1_800_000_000, "jti": "0b9f2a7e-5c1d-4e3f-8a6b-7c8d9e0f1a2b", "username": "jane",
    });
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let (header, payload) = (part(&[b'h'; 80]), part(claims.to_string().as_bytes()));
    let access = format!("{header}.{payload}.{}", part(&[7; 256]));
    let refresh: Vec<String> = [60, 256, 12, 1050, 16]
        .map(|size| part(&vec![9; size]))
        .into();
    let session = session(&access, Some(&refresh.join(".")));
    let given = jar(&[1])
        .give(&session, 60, &HeaderMap::new(), Channel::Https)
        .unwrap();
    let bytes: usize = given.iter().map(HeaderValue::len).sum();
    assert_eq!(given.len(), 2, "{bytes} bytes");
    assert!(
        bytes < access.len() + refresh.join(".").len() + 1500,
        "{bytes} bytes"
    );
    eprintln!(
        "access {} refresh {} set-cookie {bytes}",
        access.len(),
        refresh.join(".").len()
    );
}

#[test]
fn l01_only_a_path_of_ours_is_come_back_to() {
    for (target, back) in [
        ("/", "/"),
        ("/a?b=//c", "/a?b=//c"),
        ("//evil", "/"),
        ("/\\evil", "/"),
        ("\\/evil", "/"),
        ("https:evil", "/"),
        ("", "/"),
        ("a", "/"),
        ("/\tx", "/"),
        ("/a b", "/"),
        ("/ä", "/"),
        ("/\r\nSet-Cookie: x", "/"),
    ] {
        assert_eq!(safe_return(target), back, "{target:?}");
    }
}

proptest! {
    #[test]
    fn l07_no_cookie_header_panics_or_opens(bytes in proptest::collection::vec(any::<u8>(), 0..400), tail in "[A-Za-z0-9_.=; -]{0,80}") {
        let jar = jar(&[1]);
        for line in [bytes.clone(), [NAME.as_bytes(), b"=1.", &bytes].concat(), format!("{NAME}{tail}").into_bytes()] {
            let Ok(value) = HeaderValue::from_bytes(&line) else { continue };
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, value);
            for channel in [Channel::Https, Channel::Loopback, Channel::Plain] {
                prop_assert!(opened(&jar, &headers, channel).is_none());
                prop_assert!(jar.state(&tail, &headers, channel, NOW).is_none());
                let _ = jar.clear(&headers, channel);
            }
            jar.strip(&mut headers);
            prop_assert!(jar.sealed(&headers, Channel::Https).is_none());
        }
    }

    #[test]
    fn no_content_is_read_but_whole(cut in 0usize..200, extra in 0usize..3) {
        let written = session("aa.bb.cc", Some("dd.ee")).write();
        let mut bytes = written.bytes().to_vec();
        bytes.truncate(bytes.len().saturating_sub(cut));
        bytes.extend(std::iter::repeat_n(0, extra));
        prop_assert_eq!(Session::read(&bytes).is_some(), cut == 0 && extra == 0);
    }
}
