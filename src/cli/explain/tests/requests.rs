//! How the options become a request.

use super::*;
use crate::cli;

/// The options of `explain` as typed after `GET /`.
fn arguments(typed: &[&str]) -> Result<Arguments, clap::Error> {
    let line = ["portcullis", "explain", "GET", "/"].iter().chain(typed);
    cli::Arguments::try_parse_from(line).map(|arguments| match arguments.command {
        cli::Command::Explain(arguments) => arguments,
        _ => fail("another command"),
    })
}

fn sources(text: &str) -> Sources {
    let places = text.split(' ').map(|place| match place.split_once('=') {
        Some(("cookie", name)) => Place::Cookie(name.to_owned()),
        Some(("query", name)) => Place::Query(name.to_owned()),
        Some((_, name)) => Place::Header(HeaderName::try_from(name).unwrap_or(header::COOKIE)),
        None => Place::Authorization,
    });
    Sources {
        places: places.collect(),
        raw_authorization: false,
    }
}

#[test]
fn a_token_is_sent_where_the_gate_looks_for_it() {
    for (places, line) in [
        ("authorization", "/?a=1 authorization: Bearer t+k"),
        ("cookie=s authorization", "/?a=1 authorization: Bearer t+k"),
        ("header=x-token cookie=s", "/?a=1 x-token: t+k"),
        ("cookie=s", "/?a=1 cookie: s=t+k"),
        ("query=access_token", "/?a=1&access_token=t%2Bk"),
    ] {
        let mut asked = asked("GET /?a=1");
        assert_eq!(send(&mut asked, "t+k", &sources(places)), Ok(()));
        let mut told = asked.target.clone();
        for (name, value) in &asked.headers {
            told.push_str(&format!(" {name}: {}", value.to_str().unwrap_or("?")));
        }
        assert_eq!(told, line, "{places}");
    }
}

#[test]
fn a_token_goes_before_a_fragment() {
    let mut asked = asked("GET /x#y");
    assert_eq!(send(&mut asked, "t", &sources("query=q")), Ok(()));
    assert_eq!(asked.target, "/x?q=t#y");
}

#[test]
fn a_token_that_no_header_can_carry_is_bad_usage() {
    let told = send(&mut asked("GET /"), "a\nb", &sources("authorization"));
    assert_eq!(
        told,
        Err("the token holds characters that no header can carry".to_owned())
    );
}

#[test]
fn there_is_one_way_at_a_time_to_show_who_asks() {
    assert!(arguments(&["--token", "t", "--claims", "{}"]).is_err());
    assert!(arguments(&["--token", "t", "--token-file", "f"]).is_err());
    assert!(arguments(&["--pool", "main"]).is_err());
    assert!(arguments(&["--claims", "{}", "--pool", "main"]).is_ok());
}

#[test]
fn headers_are_written_as_for_curl() {
    let lines = |typed: &[&str]| arguments(typed).map(|arguments| arguments.headers);
    let both = lines(&["-H", "X-A: 1", "-H", "x-a:"]).unwrap_or_default();
    let name = HeaderName::from_static("x-a");
    assert_eq!(
        both,
        [
            (name.clone(), HeaderValue::from_static("1")),
            (name, HeaderValue::from_static("")),
        ]
    );
    assert!(lines(&["-H", "no colon"]).is_err());
    assert!(lines(&["-H", "b ad: 1"]).is_err());
    assert!(lines(&["-H", "X-A: 1\r\nX-B: 2"]).is_err());
}

#[test]
fn a_pool_that_is_not_there_is_told_with_the_nearest() {
    let trust = mint::trust();
    assert_eq!(pool_named("other", &trust), Ok(1));
    let told = pool_named("mian", &trust);
    assert_eq!(
        told,
        Err("no pool has this name; did you mean main?".to_owned())
    );
}

#[test]
fn a_file_from_an_editor_ends_in_a_line_end() {
    let path = std::env::temp_dir().join(format!("portcullis-token-{}", std::process::id()));
    std::fs::write(&path, "abc\r\n").unwrap_or_else(|error| fail(&error.to_string()));
    let token = read_token(&path).ok();
    let _ = std::fs::remove_file(&path);
    assert_eq!(token.as_deref(), Some("abc"));
}

#[test]
fn keys_are_asked_for_once() {
    struct None;
    impl Keys for None {
        fn of(&self, _: usize) -> Option<Arc<crate::token::keys::KeySet>> {
            Option::None
        }
    }
    let request = asked(&bearer("GET /orders/1", &claims(json!({}))));
    let sample = plain();
    let first = Shown::Token(&None, false);
    let asks = explain(&request, &sample.policy, first, NOW, &sample.names);
    assert_eq!(asks.err(), Some(NeedKeys(0)));
    let second = sample.explain(&request, Shown::Token(&None, true));
    assert_eq!(second.answer.status, Some(503));
}
