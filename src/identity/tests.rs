//! What the upstream learns of the principal comes from its claims alone.

use std::sync::{Arc, OnceLock};

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::token::trust::{Clients, Pool, PoolKind, TokenUse, Uses};

fn principal(claims: Value) -> Principal {
    let claims = claims.as_object().cloned().expect("claims are an object");
    let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    let pool = Pool {
        name: "main".into(),
        issuers: Vec::new(),
        kind: PoolKind::Cognito,
        client_ids: Clients::Any,
        token_use: Uses::Any,
        audiences: Vec::new(),
        scope_claim: "scope".to_owned(),
        groups_claim: "cognito:groups".to_owned(),
        client_claim: "client_id".to_owned(),
        leeway: 0.0,
        kept: None,
    };
    Principal {
        pool: Arc::new(pool),
        pool_index: 0,
        token_use: TokenUse::Access,
        expires: 0.0,
        key: None,
        sub: text("sub"),
        client_id: text("client_id"),
        scopes: Vec::new(),
        groups: Vec::new(),
        claims: claims.into(),
        signed_in: None,
        renew: None,
        rendered: OnceLock::new(),
    }
}

fn header(name: &str, alternatives: &[&str]) -> IdentityHeader {
    IdentityHeader {
        name: name.parse().expect("a header name"),
        alternatives: alternatives
            .iter()
            .map(|text| Template::parse(text).expect("a template"))
            .collect(),
        required: false,
        list: ListStyle::Join,
    }
}

fn plan(headers: Vec<IdentityHeader>) -> Arc<Plan> {
    Arc::new(Plan {
        headers,
        list_separator: ",".to_owned(),
        route: "GET /orders/{id}".into(),
    })
}

/// The lines that a plan of one header gives.
fn lines(header: IdentityHeader, claims: Value) -> Vec<String> {
    render(&plan(vec![header]), &principal(claims))
        .expect("nothing is required")
        .into_iter()
        .map(|(_, value)| value.to_str().expect("ASCII").to_owned())
        .collect()
}

fn styled(list: ListStyle, claims: Value) -> Vec<String> {
    let header = IdentityHeader {
        list,
        ..header("x-groups", &["cognito:groups"])
    };
    lines(header, claims)
}

#[test]
fn templates_are_read_as_written() {
    let claim = |name: &str| Part::Claim(ClaimName::new(name));
    let text = |text: &str| Part::Text(text.to_owned());
    let cases = [
        ("sub", vec![claim("sub")]),
        ("cognito:groups", vec![claim("cognito:groups")]),
        ("/address/country", vec![claim("/address/country")]),
        ("@pool", vec![Part::Fact(Fact::Pool)]),
        (
            "client:{client_id}",
            vec![text("client:"), claim("client_id")],
        ),
        (r"CORP\{username}", vec![text(r"CORP\"), claim("username")]),
        ("{a}{b}", vec![claim("a"), claim("b")]),
        (
            "{@kind}/{sub}!",
            vec![Part::Fact(Fact::Kind), text("/"), claim("sub"), text("!")],
        ),
        ("@{username}", vec![text("@"), claim("username")]),
        ("{{{sub}}}", vec![text("{"), claim("sub"), text("}")]),
        ("gate{{}}", vec![text("gate{}")]),
    ];
    for (template, parts) in cases {
        assert_eq!(Template::parse(template), Ok(Template(parts)), "{template}");
    }
}

#[test]
fn a_template_that_makes_no_sense_is_refused_with_a_sentence() {
    let refused = [
        "",
        " sub",
        "{",
        "}",
        "{sub",
        "sub}",
        "{}",
        "{a{b}",
        "{ sub }",
        "@tenant",
        "{@}",
        "a\nb",
        "x\r\n{sub}",
        "caf\u{e9} {sub}",
        "x\u{7f}{sub}",
    ];
    let told: Vec<String> = refused
        .iter()
        .map(|text| {
            let sentence = Template::parse(text).expect_err(text);
            format!("{text:?}: {sentence}")
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn the_first_alternative_that_is_whole_is_taken() {
    let user = || header("x-user", &["username", "client:{client_id}"]);
    assert_eq!(
        lines(user(), json!({"username": "jane", "client_id": "c1"})),
        ["jane"]
    );
    assert_eq!(lines(user(), json!({"client_id": "c1"})), ["client:c1"]);
    assert_eq!(
        lines(user(), json!({"username": "", "client_id": "c1"})),
        ["client:c1"]
    );
    assert_eq!(
        lines(user(), json!({"username": null, "client_id": "c1"})),
        ["client:c1"]
    );
    assert!(lines(user(), json!({"sub": "s"})).is_empty());
}

#[test]
fn h03_a_claim_that_says_nothing_sets_no_header() {
    for nothing in [
        json!({}),
        json!({"c": null}),
        json!({"c": ""}),
        json!({"c": []}),
        json!({"c": [null, ""]}),
    ] {
        assert!(
            lines(header("x-c", &["c"]), nothing.clone()).is_empty(),
            "{nothing}"
        );
        assert!(
            lines(header("x-c", &["c:{c}"]), nothing.clone()).is_empty(),
            "{nothing}"
        );
    }
}

#[test]
fn values_are_text_whatever_their_type() {
    let claims = json!({
        "yes": true, "n": 1_700_000_000, "f": 1.5, "zero": 0, "no": false,
        "address": {"country": "\u{d6}sterreich"}, "empty": {},
    });
    let cases = [
        ("yes", "true"),
        ("no", "false"),
        ("zero", "0"),
        ("n", "1700000000"),
        ("f", "1.5"),
        ("address", r#"{"country":"\u00d6sterreich"}"#),
        ("/address/country", "%C3%96sterreich"),
        ("empty", "{}"),
    ];
    for (claim, value) in cases {
        assert_eq!(
            lines(header("x-c", &[claim]), claims.clone()),
            [value],
            "{claim}"
        );
    }
}

#[test]
fn facts_come_from_the_sidecar() {
    let facts = || header("x-facts", &["{@pool} {@kind} {@route}"]);
    let told = |claims| lines(facts(), claims);
    assert_eq!(
        told(json!({"sub": "u", "client_id": "c"})),
        ["main user GET /orders/{id}"]
    );
    assert_eq!(
        told(json!({"sub": "c", "client_id": "c"})),
        ["main machine GET /orders/{id}"]
    );
    assert_eq!(
        told(json!({"client_id": "c"})),
        ["main machine GET /orders/{id}"]
    );
    for name in ["username", "cognito:username"] {
        assert_eq!(
            told(json!({"sub": "c", "client_id": "c", name: "jane"})),
            ["main user GET /orders/{id}"]
        );
    }
}

#[test]
fn lists_become_text_in_the_style_asked_for() {
    let groups = json!({"cognito:groups": ["staff", "a,admin", "Zo\u{eb}"]});
    assert_eq!(
        styled(ListStyle::Join, groups.clone()),
        ["staff,a%2Cadmin,Zo%C3%AB"]
    );
    assert_eq!(
        styled(ListStyle::Json, groups.clone()),
        [r#"["staff","a,admin","Zo\u00eb"]"#]
    );
    assert_eq!(
        styled(ListStyle::Repeat, groups),
        ["staff", "a%2Cadmin", "Zo%C3%AB"]
    );

    let one = json!({"cognito:groups": "staff"});
    assert_eq!(styled(ListStyle::Join, one.clone()), ["staff"]);
    assert_eq!(styled(ListStyle::Json, one.clone()), [r#"["staff"]"#]);
    assert_eq!(styled(ListStyle::Repeat, one), ["staff"]);

    // It is one item, and must not be read as two (C14).
    let odd = json!({"cognito:groups": "a,admin"});
    assert_eq!(styled(ListStyle::Join, odd.clone()), ["a%2Cadmin"]);
    assert_eq!(styled(ListStyle::Json, odd.clone()), [r#"["a,admin"]"#]);
    assert_eq!(styled(ListStyle::Repeat, odd), ["a%2Cadmin"]);

    assert_eq!(
        styled(ListStyle::Json, json!({"cognito:groups": []})),
        ["[]"]
    );
}

#[test]
fn a_required_header_without_a_value_is_a_claim_mismatch() {
    let required = IdentityHeader {
        required: true,
        ..header("x-user", &["username"])
    };
    let plan = plan(vec![header("x-sub", &["sub"]), required]);
    let mut headers = HeaderMap::new();
    let refused = apply(
        &plan,
        &principal(json!({"sub": "s3cret", "username": ""})),
        &mut headers,
    );
    let refusal = refused.expect_err("the username is missing");
    assert_eq!(refusal.reason, Reason::ClaimMismatch);
    assert!(!refusal.detail.contains("s3cret"));
    assert!(headers.is_empty(), "a refusal sets nothing");
    assert_eq!(
        apply(
            &plan,
            &principal(json!({"sub": "s", "username": "jane"})),
            &mut headers
        ),
        Ok(())
    );
    assert_eq!(headers["x-user"], "jane");
}

#[test]
fn what_is_remembered_is_used_for_its_own_plan_alone() {
    let jane = principal(json!({"sub": "jane", "username": "j"}));
    let by_sub = plan(vec![header("x-user", &["sub"])]);
    let by_name = plan(vec![header("x-user", &["username"])]);
    for (plan, value) in [(&by_sub, "jane"), (&by_name, "j"), (&by_sub, "jane")] {
        let mut headers = HeaderMap::new();
        assert_eq!(apply(plan, &jane, &mut headers), Ok(()));
        assert_eq!(headers["x-user"], value);
    }
    let remembered = jane.rendered.get().map(|(plan, _)| Arc::as_ptr(plan));
    assert_eq!(remembered, Some(Arc::as_ptr(&by_sub)));
}

#[test]
fn h01_what_is_set_replaces_what_stands_there() {
    let repeated = IdentityHeader {
        list: ListStyle::Repeat,
        ..header("x-groups", &["cognito:groups"])
    };
    let plan = plan(vec![header("x-user", &["sub"]), repeated]);
    let jane = principal(json!({"sub": "jane", "cognito:groups": ["a", "b"]}));
    let mut headers = HeaderMap::new();
    for name in ["x-user", "x-groups"] {
        headers.append(name, HeaderValue::from_static("admin"));
        headers.append(name, HeaderValue::from_static("root"));
    }
    for _ in 0..2 {
        assert_eq!(apply(&plan, &jane, &mut headers), Ok(()));
        assert_eq!(
            headers.get_all("x-user").iter().collect::<Vec<_>>(),
            ["jane"]
        );
        assert_eq!(
            headers.get_all("x-groups").iter().collect::<Vec<_>>(),
            ["a", "b"]
        );
    }
}

fn reserved() -> Reserved {
    let plan = plan(vec![
        header("X-User-Sub", &["sub"]),
        header("X_Tenant", &["t"]),
    ]);
    Reserved::new(
        [&*plan, &*plan].into_iter(),
        &[HeaderName::from_static("x-internal-auth")],
    )
}

fn map(names: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for name in names {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        headers.append(name, HeaderValue::from_static("forged"));
    }
    headers
}

#[test]
fn h02_a_reserved_name_is_known_in_every_spelling() {
    let reserved = reserved();
    for name in [
        "X-User-Sub",
        "x_user_sub",
        "X-USER_sub",
        "x.user.sub",
        "x~user!sub",
        "X-Tenant",
        "x_tenant",
        "X-Internal_Auth",
        "X-Original-URL",
        "X_Rewrite_Url",
        "X-Original-Method",
        "X-HTTP-Method",
        "x_http_method_override",
        "X-Method-Override",
        "X-Envoy-Original-Path",
        "x_envoy_peer_metadata",
        "X-Amzn-Oidc-Data",
        "X-Portcullis-Audit",
        "x_portcullis_anything",
        "Proxy",
    ] {
        assert!(reserved.contains(name), "{name}");
    }
    for name in [
        "X-User",
        "X-User-Sub-",
        "XX-User-Sub",
        "XUserSub",
        "X-Envoy",
        "Proxy-Connection",
        "Authorization",
        "Host",
        "X-Amzn-Trace-Id",
        "X-HTTP-Method-Overridden",
        "",
        "-",
    ] {
        assert!(!reserved.contains(name), "{name}");
    }
}

#[test]
fn h01_strip_removes_every_line_and_leaves_the_rest() {
    let mut headers = map(&[
        "Host",
        "X-User-Sub",
        "x-user-sub",
        "X_User_Sub",
        "X-User_Sub",
        "Accept",
        "Proxy",
        "X-HTTP-Method",
        "Accept",
        "X-Envoy-Original-Path",
        "X-Users",
    ]);
    strip(&reserved(), &mut headers, Overrides::Strip);
    let mut left: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    left.sort_unstable();
    assert_eq!(left, ["accept", "accept", "host", "x-users"]);
}

#[test]
fn p16_method_overrides_pass_only_where_they_may_and_spelt_as_they_should_be() {
    let sent = [
        "X-HTTP-Method",
        "X_HTTP_Method",
        "X-HTTP-Method-Override",
        "X-HTTP_Method-Override",
        "X-Method-Override",
    ];
    let mut kept = map(&sent);
    strip(&reserved(), &mut kept, Overrides::Keep);
    let mut names: Vec<&str> = kept.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["x-http-method", "x-http-method-override"]);

    let mut stripped = map(&sent);
    strip(&reserved(), &mut stripped, Overrides::Strip);
    assert!(stripped.is_empty());

    let listed = Reserved::new(
        std::iter::empty(),
        &[HeaderName::from_static("x-http-method")],
    );
    let mut headers = map(&sent);
    strip(&listed, &mut headers, Overrides::Keep);
    assert!(
        !headers.contains_key("x-http-method"),
        "`remove` has the last word"
    );
    assert!(Reserved::is_method_override("X_HTTP_Method"));
    assert!(!Reserved::is_method_override("X-Method"));
}

const CLOSE: &[&str] = &[
    "x-user-sub",
    "x-envoy-x",
    "x-http-method",
    "proxy",
    "x-tenant",
    "x-original-url",
];

/// Spellings close to a reserved name, and names far from any.
fn names() -> impl Strategy<Value = String> {
    let spelling =
        (proptest::sample::select(CLOSE), "[-_.a-z0-9]{24}").prop_map(|(name, noise)| {
            name.chars()
                .zip(noise.chars())
                .map(|(own, other)| match (own, other) {
                    ('-', '-' | '_' | '.') => other,
                    (own, 'a'..='m') => own.to_ascii_uppercase(),
                    (_, 'z') => 'z',
                    _ => own,
                })
                .collect::<String>()
        });
    prop_oneof![spelling, "[A-Za-z0-9_.~!#$&'*+^`|-]{1,24}"]
}

proptest! {
    #[test]
    fn h02_after_strip_no_name_folds_into_a_reserved_one(sent in proptest::collection::vec(names(), 0..20)) {
        let reserved = reserved();
        let sent: Vec<&str> = sent.iter().map(String::as_str).collect();
        let mut headers = map(&sent);
        strip(&reserved, &mut headers, Overrides::Strip);
        for name in headers.keys() {
            let folded: String = name
                .as_str()
                .chars()
                .map(|char| if char.is_ascii_alphanumeric() { char.to_ascii_lowercase() } else { '-' })
                .collect();
            prop_assert!(!["x-user-sub", "x-tenant", "x-internal-auth", "proxy", "x-http-method"].contains(&&*folded));
            prop_assert!(!folded.starts_with("x-envoy-"));
        }
        // Nothing innocent was lost.
        let innocent = sent.iter().filter(|name| !reserved.contains(name)).count();
        prop_assert_eq!(headers.len(), innocent);
    }

    #[test]
    fn a_template_never_panics(text in "[{}@a-z \\n\u{e9}]{0,12}") {
        let _ = Template::parse(&text);
    }

    #[test]
    fn h08_any_claim_gives_one_printable_line(claim in "\\PC*|[\\x00-\\xff]*") {
        for line in lines(header("x-c", &["c", "{c}/{c}"]), json!({ "c": &claim })) {
            prop_assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }
    }
}
