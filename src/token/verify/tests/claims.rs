//! What claims a good token may and must hold: the rows C01 to C18 that concern verification.

use serde_json::{Value, json};

use super::{Untouched, outcome, verdict};
use crate::token::mint::{
    ISSUER_A, ISSUER_B, ISSUER_C, NOW, a1, access, b1, but, id, p256, ring, trust, trust_with,
};
use crate::token::trust::{Clients, Pool, Uses};
use crate::token::verify::{Principal, Verdict, verify};

/// Good claims with these changes, from the pool `main`.
fn with(changes: Value) -> String {
    a1().token(&but(access(), changes))
}

/// Good claims with this text in place of one claim.
fn raw(name: &str, text: &str) -> String {
    let claims = but(access(), json!({ name: null })).to_string();
    let claims = format!("{},\"{name}\":{text}}}", &claims[..claims.len() - 1]);
    let header = json!({"kid": a1().kid, "alg": "RS256"}).to_string();
    a1().seal("RS256", &header, claims)
}

fn at(changed: impl Fn(&mut Pool), token: &str) -> &'static str {
    verdict(token, &trust_with(changed), &ring(), true)
}

fn principal(changed: impl Fn(&mut Pool), token: &str) -> std::sync::Arc<Principal> {
    match verify(token, &trust_with(changed), &ring(), NOW, true) {
        Verdict::Good(principal) => principal,
        verdict => unreachable!("{verdict:?}"),
    }
}

/// Claims of the pool `oidc`.
fn oidc(changes: Value) -> String {
    oidc_typ("JWT", changes)
}

fn oidc_typ(typ: &str, changes: Value) -> String {
    let claims = json!({"iss": ISSUER_C, "sub": "s", "exp": NOW + 60.0, "aud": "client-1"});
    let header = json!({"kid": "p256", "alg": "ES256", "typ": typ}).to_string();
    p256().seal("ES256", &header, but(claims, changes).to_string())
}

#[test]
fn a_principal_says_what_its_token_says() {
    let principal = principal(|_| {}, &a1().token(&access()));
    assert_eq!(&*principal.pool.name, "main");
    assert_eq!(principal.pool_index, 0);
    assert_eq!(
        principal.sub.as_deref(),
        Some("6f1c5c2e-0000-4000-8000-000000000001")
    );
    assert_eq!(principal.client_id.as_deref(), Some("client-1"));
    assert_eq!(principal.scopes, ["orders/read", "openid"]);
    assert_eq!(principal.groups, ["staff", "admin"]);
    assert_eq!(principal.expires, NOW + 3600.0);
    assert_eq!(principal.claims.get("username").unwrap(), "jane");
}

#[test]
fn c01_exp_is_a_time_to_come() {
    for text in ["null", "\"1900000000\"", "true", "[]", "{}", "[1900000000]"] {
        assert_eq!(outcome(&raw("exp", text)), "invalid_claims", "{text}");
    }
    assert_eq!(outcome(&with(json!({"exp": null}))), "invalid_claims");
    for text in [
        "253402300800",
        "18446744073709551615",
        "9007199254740993",
        "1e300",
        "1e18",
    ] {
        assert_eq!(outcome(&raw("exp", text)), "invalid_claims", "{text}");
    }
    for text in [
        "-1",
        "0",
        "-0.0",
        "-1e300",
        "1.5",
        "1799999999.999",
        "1800000000",
        "1e-400",
    ] {
        assert_eq!(outcome(&raw("exp", text)), "expired", "{text}");
    }
    for text in [
        "NaN",
        "Infinity",
        "01900000000",
        "+1900000000",
        "1e400",
        "0x7fffffff",
        ".5",
    ] {
        assert_eq!(outcome(&raw("exp", text)), "malformed_token", "{text}");
    }
    for text in ["1800000000.5", "1800000001", "1.9e9", "253402300799"] {
        assert_eq!(outcome(&raw("exp", text)), "good", "{text}");
    }
}

#[test]
fn c02_leeway_is_what_is_configured() {
    let leeway = |pool: &mut Pool| pool.leeway = 30.0;
    assert_eq!(outcome(&with(json!({"exp": NOW}))), "expired");
    assert_eq!(outcome(&with(json!({"exp": NOW + 0.001}))), "good");
    assert_eq!(at(leeway, &with(json!({"exp": NOW - 30.0}))), "expired");
    assert_eq!(at(leeway, &with(json!({"exp": NOW - 29.0}))), "good");
}

#[test]
fn c03_a_token_from_the_future_is_refused() {
    let leeway = |pool: &mut Pool| pool.leeway = 100.0;
    assert_eq!(outcome(&with(json!({"nbf": NOW}))), "good");
    assert_eq!(outcome(&with(json!({"nbf": NOW + 1.0}))), "not_yet_valid");
    assert_eq!(outcome(&with(json!({"nbf": 1e300}))), "not_yet_valid");
    assert_eq!(at(leeway, &with(json!({"nbf": NOW + 100.0}))), "good");
    assert_eq!(
        at(leeway, &with(json!({"nbf": NOW + 101.0}))),
        "not_yet_valid"
    );
    assert_eq!(outcome(&with(json!({"iat": NOW + 60.0}))), "good");
    assert_eq!(outcome(&with(json!({"iat": NOW + 61.0}))), "not_yet_valid");
    assert_eq!(at(leeway, &with(json!({"iat": NOW + 100.0}))), "good");
    assert_eq!(
        at(leeway, &with(json!({"iat": NOW + 101.0}))),
        "not_yet_valid"
    );
    for name in ["nbf", "iat"] {
        for text in ["\"0\"", "null", "[]", "true"] {
            assert_eq!(outcome(&raw(name, text)), "invalid_claims", "{name} {text}");
        }
    }
}

#[test]
fn c04_a_claim_twice_in_a_token_is_refused() {
    let header = json!({"kid": a1().kid, "alg": "RS256"}).to_string();
    let claims = access().to_string();
    for (name, value) in [
        ("scope", "\"admin/all\""),
        ("token_use", "\"access\""),
        ("client_id", "\"client-1\""),
        ("cognito:groups", "[\"root\"]"),
        ("sub", "\"someone else\""),
        ("iss", "\"x\""),
        ("\\u0073cope", "\"admin/all\""),
        ("unheard_of\":1,\"unheard_of", "2"),
    ] {
        let before = format!("{{\"{name}\":{value},{}", &claims[1..]);
        let after = format!("{},\"{name}\":{value}}}", &claims[..claims.len() - 1]);
        for payload in [before, after] {
            let token = a1().seal("RS256", &header, payload);
            assert_eq!(
                verdict(&token, &trust(), &Untouched, false),
                "invalid_claims",
                "{name}"
            );
        }
    }
}

#[test]
fn c05_iss_is_one_string_byte_for_byte() {
    let issuers = [
        format!("{ISSUER_A}/"),
        ISSUER_A.replace("https", "http"),
        ISSUER_A.replace("cognito-idp.eu", "COGNITO-IDP.eu"),
        ISSUER_A.replace(".com/", ".com:443/"),
        ISSUER_A.replace("https://", "https://user@"),
        format!("{ISSUER_B}/../eu-west-1_AAAA"),
        ISSUER_A.replace("AAAA", "\u{410}AAA"),
        ISSUER_A[..ISSUER_A.len() - 1].to_owned(),
        format!(" {ISSUER_A}"),
        format!("{ISSUER_A}\0"),
        String::new(),
    ];
    for issuer in issuers {
        let token = with(json!({ "iss": issuer }));
        assert_eq!(
            verdict(&token, &trust(), &Untouched, false),
            "unknown_issuer",
            "{issuer}"
        );
    }
    let list = format!("[\"{ISSUER_A}\"]");
    for text in ["null", "5", "{}", "true", &list] {
        let token = raw("iss", text);
        assert_eq!(
            verdict(&token, &trust(), &Untouched, false),
            "invalid_claims",
            "{text}"
        );
    }
    assert_eq!(outcome(&with(json!({"iss": null}))), "invalid_claims");
}

#[test]
fn c06_pools_do_not_vouch_for_each_other() {
    let of_b = but(access(), json!({"iss": ISSUER_B}));
    assert_eq!(outcome(&b1().token(&of_b)), "good");
    assert_eq!(outcome(&b1().token(&access())), "unknown_key");
    assert_eq!(outcome(&a1().token(&of_b)), "unknown_key");
    // The same kid in both pools.
    let header = json!({"kid": a1().kid, "alg": "RS256"}).to_string();
    assert_eq!(
        outcome(&b1().seal("RS256", &header, access().to_string())),
        "bad_signature"
    );
    let header = json!({"kid": b1().kid, "alg": "RS256"}).to_string();
    assert_eq!(
        outcome(&a1().seal("RS256", &header, of_b.to_string())),
        "bad_signature"
    );
}

#[test]
fn c08_token_use_must_be_the_pools() {
    let any = |pool: &mut Pool| pool.token_use = Uses::Any;
    let only_id = |pool: &mut Pool| pool.token_use = Uses::Id;
    let (access, id) = (a1().token(&access()), a1().token(&id()));
    assert_eq!(
        [outcome(&access), outcome(&id)],
        ["good", "wrong_token_use"]
    );
    assert_eq!(
        [at(only_id, &access), at(only_id, &id)],
        ["wrong_token_use", "good"]
    );
    assert_eq!([at(any, &access), at(any, &id)], ["good", "good"]);
    for token_use in ["ACCESS", "Access", "access ", "refresh", ""] {
        let token = with(json!({ "token_use": token_use }));
        assert_eq!(at(any, &token), "wrong_token_use", "{token_use:?}");
    }
    for text in ["[\"access\"]", "null", "true", "{}"] {
        assert_eq!(at(any, &raw("token_use", text)), "invalid_claims", "{text}");
    }
    assert_eq!(at(any, &with(json!({"token_use": null}))), "invalid_claims");
}

#[test]
fn the_refusal_of_an_id_token_says_so() {
    let Verdict::Refuse(refusal) = verify(&a1().token(&id()), &trust(), &ring(), NOW, true) else {
        unreachable!("an ID token")
    };
    insta::assert_snapshot!(refusal.detail, @"this is an ID token; this route takes access tokens");
}

#[test]
fn c09_an_access_tokens_client_must_be_accepted() {
    assert_eq!(outcome(&with(json!({"client_id": "client-2"}))), "good");
    for client in [
        "client-3",
        "client-",
        "client-11",
        "CLIENT-1",
        "client-1 ",
        "",
        "client-1,client-2",
    ] {
        assert_eq!(
            outcome(&with(json!({ "client_id": client }))),
            "wrong_client",
            "{client:?}"
        );
    }
    assert_eq!(
        outcome(&with(json!({"client_id": null, "azp": "client-1"}))),
        "invalid_claims"
    );
    for text in ["[\"client-1\"]", "null", "5", "{}"] {
        assert_eq!(outcome(&raw("client_id", text)), "invalid_claims", "{text}");
    }
    let any = |pool: &mut Pool| pool.client_ids = Clients::Any;
    assert_eq!(at(any, &with(json!({"client_id": "client-3"}))), "good");
    assert_eq!(at(any, &with(json!({"client_id": null}))), "good");
    assert_eq!(at(any, &raw("client_id", "5")), "invalid_claims");
    let none = |pool: &mut Pool| pool.client_ids = Clients::These(Vec::new());
    assert_eq!(at(none, &with(json!({}))), "wrong_client");
}

#[test]
fn c09_every_audience_of_an_id_token_must_be_accepted() {
    let ids = |pool: &mut Pool| pool.token_use = Uses::Id;
    let rows = [
        (json!({"aud": "client-2"}), "good"),
        (json!({"aud": ["client-1"]}), "good"),
        (json!({"aud": ["client-1", "client-2"]}), "good"),
        (json!({"aud": ["client-1", "foreign"]}), "wrong_client"),
        (json!({"aud": ["foreign"]}), "wrong_client"),
        (json!({"aud": "foreign"}), "wrong_client"),
        (json!({"aud": []}), "wrong_client"),
        (json!({"aud": ""}), "wrong_client"),
        (json!({"aud": 5}), "invalid_claims"),
        (json!({"aud": ["client-1", 5]}), "invalid_claims"),
        (json!({"aud": [["client-1"]]}), "invalid_claims"),
        (json!({"aud": {"client-1": true}}), "invalid_claims"),
        (json!({"aud": null}), "invalid_claims"),
        (
            json!({"aud": null, "client_id": "client-1"}),
            "invalid_claims",
        ),
        (json!({"azp": "client-2"}), "good"),
        (json!({"azp": "foreign"}), "wrong_client"),
        (json!({"azp": ["client-1"]}), "invalid_claims"),
    ];
    for (changes, expected) in rows {
        assert_eq!(
            at(ids, &a1().token(&but(id(), changes.clone()))),
            expected,
            "{changes}"
        );
    }
    let both = a1().token(&but(
        id(),
        json!({"aud": ["client-1", "client-2"], "azp": "client-2"}),
    ));
    assert_eq!(principal(ids, &both).client_id.as_deref(), Some("client-2"));
    let any = |pool: &mut Pool| {
        pool.token_use = Uses::Id;
        pool.client_ids = Clients::Any;
    };
    assert_eq!(
        at(any, &a1().token(&but(id(), json!({"aud": "x"})))),
        "good"
    );
    assert_eq!(
        at(any, &a1().token(&but(id(), json!({"aud": []})))),
        "wrong_client"
    );
}

#[test]
fn an_audience_is_met_when_one_is_asked_for() {
    let resource =
        |pool: &mut Pool| pool.audiences = vec!["https://api".to_owned(), "b".to_owned()];
    for (aud, expected) in [
        (json!("https://api"), "good"),
        (json!(["x", "b"]), "good"),
        (json!("https://api/"), "wrong_audience"),
        (json!(["x"]), "wrong_audience"),
        (json!([]), "wrong_audience"),
        (json!(null), "wrong_audience"),
        (json!(["b", 5]), "invalid_claims"),
    ] {
        assert_eq!(
            at(resource, &with(json!({ "aud": aud.clone() }))),
            expected,
            "{aud}"
        );
    }
    assert_eq!(
        outcome(&with(json!({"aud": "anything"}))),
        "good",
        "none is asked for"
    );
}

#[test]
fn another_issuers_token_is_what_it_can_be_told_to_be() {
    let ids = |pool: &mut Pool| pool.token_use = Uses::Id;
    let audience = |pool: &mut Pool| pool.audiences = vec!["api".to_owned()];
    let client = json!({"client_id": "client-1"});
    // Without token_use: an ID token unless typ or audience says otherwise.
    assert_eq!(outcome(&oidc(client.clone())), "wrong_token_use");
    assert_eq!(at(ids, &oidc(json!({}))), "good");
    assert_eq!(outcome(&oidc_typ("at+jwt", client.clone())), "good");
    assert_eq!(
        at(ids, &oidc_typ("at+jwt", client.clone())),
        "wrong_token_use"
    );
    assert_eq!(
        at(
            audience,
            &oidc(json!({"client_id": "client-1", "aud": ["api", "x"]}))
        ),
        "good"
    );
    assert_eq!(at(audience, &oidc(client.clone())), "wrong_audience");
    // With token_use, that.
    assert_eq!(
        outcome(&oidc(but(client.clone(), json!({"token_use": "access"})))),
        "good"
    );
    let claims = but(client, json!({"token_use": "id"}));
    assert_eq!(outcome(&oidc_typ("at+jwt", claims)), "wrong_token_use");
    // Access tokens name their client in the configured claim, and nowhere else.
    assert_eq!(
        outcome(&oidc_typ("at+jwt", json!({"azp": "client-1"}))),
        "invalid_claims"
    );
    let azp = |pool: &mut Pool| pool.client_claim = "azp".to_owned();
    assert_eq!(
        at(azp, &oidc_typ("at+jwt", json!({"azp": "client-1"}))),
        "good"
    );
    assert_eq!(
        at(azp, &oidc_typ("at+jwt", json!({"azp": "client-3"}))),
        "wrong_client"
    );
}

#[test]
fn c11_scopes_are_split_at_single_spaces_alone() {
    let scopes = |scope: &str| {
        principal(|_| {}, &with(json!({ "scope": scope })))
            .scopes
            .clone()
    };
    assert_eq!(scopes("a b"), ["a", "b"]);
    assert_eq!(scopes("  a   b "), ["a", "b"]);
    assert_eq!(scopes(""), Vec::<String>::new());
    for one in [
        "a\tb",
        "a\nb",
        "a,b",
        "a\u{a0}b",
        "a\u{2003}b",
        "a%20b",
        "a+b",
        "a\0b",
    ] {
        assert_eq!(scopes(one), [one]);
    }
    let many = (0..2000).map(|n| n.to_string()).collect::<Vec<_>>();
    assert_eq!(scopes(&many.join(" ")), many);
    for text in ["[\"a\"]", "{}", "5", "null", "true"] {
        assert_eq!(outcome(&raw("scope", text)), "invalid_claims", "{text}");
    }
    assert!(
        principal(|_| {}, &with(json!({"scope": null})))
            .scopes
            .is_empty()
    );
}

#[test]
fn other_issuers_scopes_may_be_a_list() {
    let scp = |pool: &mut Pool| pool.scope_claim = "scp".to_owned();
    let token = |scp: Value| oidc_typ("at+jwt", json!({"client_id": "client-1", "scp": scp}));
    assert_eq!(
        principal(scp, &token(json!(["a", "b c"]))).scopes,
        ["a", "b c"]
    );
    assert_eq!(principal(scp, &token(json!("a b"))).scopes, ["a", "b"]);
    for bad in [json!([5]), json!([["a"]]), json!({}), json!(5)] {
        assert_eq!(at(scp, &token(bad.clone())), "invalid_claims", "{bad}");
    }
    // A Cognito scope stays a string, whatever claim is read.
    assert_eq!(at(scp, &raw("scope", "[\"a\"]")), "invalid_claims");
    assert_eq!(at(scp, &raw("scp", "[\"a\"]")), "invalid_claims");
}

#[test]
fn c14_groups_are_whole_strings() {
    let groups = |value: Value| {
        principal(|_| {}, &with(json!({ "cognito:groups": value })))
            .groups
            .clone()
    };
    assert_eq!(groups(json!("admin")), ["admin"]);
    assert_eq!(groups(json!("a,admin")), ["a,admin"]);
    assert_eq!(groups(json!("a admin")), ["a admin"]);
    assert_eq!(groups(json!(["Admin", "a,admin"])), ["Admin", "a,admin"]);
    assert!(groups(json!([])).is_empty());
    assert!(groups(json!(null)).is_empty());
    for text in [
        "[[\"admin\"]]",
        "[\"a\",1]",
        "[null]",
        "{\"admin\":true}",
        "true",
        "null",
    ] {
        assert_eq!(
            outcome(&raw("cognito:groups", text)),
            "invalid_claims",
            "{text}"
        );
    }
    let nested = |pool: &mut Pool| pool.groups_claim = "/realm_access/roles".to_owned();
    let token = with(json!({"realm_access": {"roles": ["x"]}}));
    assert_eq!(principal(nested, &token).groups, ["x"]);
}

#[test]
fn registered_claims_have_their_types() {
    for name in ["sub", "jti", "azp"] {
        for text in ["5", "null", "[\"x\"]", "{}", "false"] {
            assert_eq!(outcome(&raw(name, text)), "invalid_claims", "{name} {text}");
        }
    }
    for text in ["5", "null", "[5]", "{}"] {
        assert_eq!(outcome(&raw("aud", text)), "invalid_claims", "aud {text}");
    }
    assert_eq!(
        outcome(&with(json!({"sub": null, "jti": null}))),
        "good",
        "none is required"
    );
}

#[test]
fn c18_a_strange_claim_is_kept_as_it_is() {
    for email in ["a@b@c", "A@b.C", "a\0b", &"x".repeat(8000)] {
        let principal = principal(|_| {}, &with(json!({ "email": email })));
        assert_eq!(principal.claims.get("email").unwrap(), email);
    }
}
