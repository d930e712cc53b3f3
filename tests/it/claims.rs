//! Claims: what a token that is signed well must say to be good, and what is remembered of it.
//!
//! The wire's side of the table of claims (C01-C18). A good token passes in the same run as those that are refused.

use serde_json::{Value, json};

use crate::support::mint::{issuer, now};
use crate::support::rig::IDENTITY;
use crate::support::{Connection, Rig, Setup, Token, a1, access, b1, get, id, mint, post};
use crate::tokens::{are_refused, is_refused, no_key_was_fetched, orders};

#[test]
fn c01_exp_is_a_time_in_the_future() {
    let rig = Rig::standard();
    let with = |exp: Value| access().claim("exp", exp).sign();
    for exp in [
        Value::Null,
        json!("9999999999"),
        json!(true),
        json!([]),
        json!({}),
        json!(1e300),
        json!(u64::MAX),
    ] {
        is_refused(&rig, &with(exp), "invalid_claims");
    }
    is_refused(&rig, &access().without("exp").sign(), "invalid_claims");
    for exp in [
        json!(-1),
        json!(0),
        json!(1.5),
        json!(now() - 1),
        json!(now() as f64 - 0.5),
    ] {
        is_refused(&rig, &with(exp), "expired");
    }
    let zeros = access()
        .without("exp")
        .payload_with(&format!("\"exp\":00{}", now() + 60));
    is_refused(&rig, &access().sign_payload(zeros), "malformed_token");
    rig.forwards(&orders(&with(json!(now() as f64 + 600.5))));
    rig.control();
}

#[test]
fn c02_leeway_is_what_is_configured() {
    let none = Rig::standard();
    let lenient = Setup::standard().pool("leeway = \"1m\"").start();
    let expired = access().claim("exp", now() - 5).sign();
    is_refused(&none, &expired, "expired");
    lenient.forwards(&orders(&expired));
    is_refused(
        &lenient,
        &access().claim("exp", now() - 120).sign(),
        "expired",
    );
}

#[test]
fn c02_every_request_of_a_connection_is_judged_for_itself() {
    let rig = Rig::standard();
    let (good, bad) = (access().sign(), access().claim("exp", now() - 1).sign());
    let mut connection = Connection::open(rig.gate.address);
    for (token, status) in [
        (&good, 200),
        (&bad, 401),
        (&good, 200),
        (&bad, 401),
        (&bad, 401),
        (&good, 200),
    ] {
        assert_eq!(connection.exchange(&orders(token)).status, status);
    }
    let answer = connection.exchange(&get("/orders/1"));
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (401, "missing_token")
    );
    assert_eq!(rig.upstream.requests().len(), 3);
}

#[test]
fn c03_a_token_from_the_future_is_refused() {
    let rig = Rig::standard();
    are_refused(
        &rig,
        [
            access().claim("nbf", now() + 60).sign(),
            access().claim("nbf", now() as f64 + 60.5).sign(),
            access().claim("iat", now() + 300).sign(),
        ],
        "not_yet_valid",
    );
    are_refused(
        &rig,
        [
            access().claim("nbf", (now() - 60).to_string()).sign(),
            access().claim("nbf", Value::Null).sign(),
            access().claim("iat", "now").sign(),
            access().claim("iat", json!([])).sign(),
        ],
        "invalid_claims",
    );
    rig.forwards(&orders(
        &access()
            .claim("nbf", now() - 1)
            .claim("iat", now() + 30)
            .sign(),
    ));
}

#[test]
fn c04_a_claim_twice_is_refused() {
    let rig = Rig::standard();
    for twice in [
        r#""scope":"orders/read""#,
        r#""scope":"admin/all""#,
        r#""\u0073cope":"admin/all""#,
        r#""token_use":"access""#,
        r#""client_id":"client-1""#,
        r#""sub":"x""#,
        r#""iss":"x""#,
        r#""exp":9999999999"#,
        r#""cognito:groups":["admin"],"cognito:groups":[]"#,
        r#""nested":{"a":1,"a":2}"#,
    ] {
        is_refused(
            &rig,
            &access().sign_payload(access().payload_with(twice)),
            "invalid_claims",
        );
    }
    let first = access()
        .payload_text()
        .replacen('{', r#"{"scope":"admin/all","#, 1);
    is_refused(&rig, &access().sign_payload(first), "invalid_claims");
    rig.control();
}

#[test]
fn c05_an_issuer_is_compared_byte_for_byte() {
    let rig = Rig::standard();
    for iss in [
        json!(1),
        json!([issuer(mint::POOL_A)]),
        json!({}),
        Value::Null,
        json!(true),
    ] {
        is_refused(&rig, &access().claim("iss", iss).sign(), "invalid_claims");
    }
    is_refused(&rig, &access().without("iss").sign(), "invalid_claims");
    let ours = issuer(mint::POOL_A);
    for iss in [
        format!("{ours}/"),
        ours.replace("https:", "http:"),
        ours.replace("https:", "HTTPS:"),
        ours.replace("cognito-idp", "COGNITO-IDP"),
        ours.replace(".com/", ".com:443/"),
        ours.replace("://", "://user@"),
        ours.replace(
            mint::POOL_A,
            &format!("{}/../{}", mint::POOL_B, mint::POOL_A),
        ),
        ours.replace("cognito", "cogn\u{456}to"),
        ours[..ours.len() - 1].to_owned(),
        format!("{ours}A"),
        format!(" {ours}"),
        format!("{ours}?"),
        format!("{ours}\0"),
        String::new(),
    ] {
        is_refused(&rig, &access().claim("iss", iss).sign(), "unknown_issuer");
    }
    // Cognito's other form of the same pool's issuer.
    let other = format!(
        "https://issuer-cognito-idp.eu-west-1.amazonaws.com/{}",
        mint::POOL_A
    );
    rig.forwards(&orders(&access().claim("iss", other).sign()));
    rig.control();
}

#[test]
fn c06_a_key_of_one_pool_signs_for_no_other() {
    let rig = Rig::standard();
    let forged = [
        access().key(b1()).sign(),
        access().key(b1()).header("kid", a1().kid).sign(),
        access().claim("iss", issuer(mint::POOL_B)).sign(),
        access()
            .claim("iss", issuer(mint::POOL_B))
            .header("kid", b1().kid)
            .sign(),
    ];
    for (token, reason) in forged.iter().zip([
        "unknown_key",
        "bad_signature",
        "unknown_key",
        "bad_signature",
    ]) {
        is_refused(&rig, token, reason);
    }
    // With both pools' tokens remembered, all the same.
    rig.control();
    rig.forwards(&orders(&access().of_pool_b().sign()));
    for token in &forged {
        rig.refuses_with(&orders(token), &[401]);
    }
}

#[test]
fn c07_c08_c09_a_good_token_of_another_kind_is_not_allowed() {
    let rig = Setup::standard()
        .pool("token_use = \"any\"")
        .routes(
            r#"
"GET /a" = { pools = ["a"] }
"GET /b" = { pools = ["b"] }
"GET /id" = { pools = ["a"], token_use = "id" }
"GET /access" = { pools = ["a"], token_use = "access" }
"GET /client" = { client_ids = ["client-2"] }
"#,
        )
        .start();
    let (a, b, id) = (access().sign(), access().of_pool_b().sign(), id().sign());
    let is = |target: &str, token: &str, allowed: bool| match allowed {
        true => assert_eq!(rig.forwards(&get(target).bearer(token)).target(), target),
        false => drop(rig.refuses(&get(target).bearer(token), 403, "token_not_allowed")),
    };
    for _remembered in [false, true] {
        is("/a", &a, true);
        is("/a", &b, false);
        is("/b", &a, false);
        is("/b", &b, true);
        is("/id", &id, true);
        is("/id", &a, false);
        is("/id", &b, false);
        is("/access", &id, false);
        is("/access", &a, true);
        is("/client", &a, false);
        is("/client", &b, false);
        is(
            "/client",
            &access().claim("client_id", "client-2").sign(),
            true,
        );
        is("/client", &id, false);
    }
}

#[test]
fn c08_a_token_of_the_wrong_use_is_refused() {
    let rig = Rig::standard();
    is_refused(&rig, &id().sign(), "wrong_token_use");
    for (value, reason) in [
        (json!("id"), "wrong_token_use"),
        (json!("ACCESS"), "wrong_token_use"),
        (json!("access "), "wrong_token_use"),
        (json!(""), "wrong_token_use"),
        (json!(["access"]), "invalid_claims"),
        (json!(1), "invalid_claims"),
        (Value::Null, "invalid_claims"),
    ] {
        is_refused(&rig, &access().claim("token_use", value).sign(), reason);
    }
    is_refused(
        &rig,
        &access().without("token_use").sign(),
        "invalid_claims",
    );
    let ids = Setup::standard()
        .pool("token_use = \"id\"")
        .routes("\"GET /me\" = {}")
        .start();
    let me = |token: &str| get("/me").bearer(token);
    assert_eq!(
        ids.forwards(&me(&id().sign())).header("x-user-email"),
        Some("jane@example.com")
    );
    let answer = ids.refuses(&me(&access().sign()), 401, "wrong_token_use");
    assert_eq!(
        answer.json()["detail"],
        "this is an access token; this route takes ID tokens"
    );
}

#[test]
fn c09_a_token_issued_to_another_client_is_refused() {
    let rig = Rig::standard();
    for (client, reason) in [
        (json!("client-3"), "wrong_client"),
        (json!("client-1 "), "wrong_client"),
        (json!("CLIENT-1"), "wrong_client"),
        (json!("client-"), "wrong_client"),
        (json!(""), "wrong_client"),
        (json!(["client-1"]), "invalid_claims"),
        (json!(1), "invalid_claims"),
        (Value::Null, "invalid_claims"),
    ] {
        is_refused(&rig, &access().claim("client_id", client).sign(), reason);
    }
    is_refused(
        &rig,
        &access().without("client_id").sign(),
        "invalid_claims",
    );
    rig.control();
    let ids = Setup::standard()
        .pool("token_use = \"id\"")
        .routes("\"GET /me\" = {}")
        .start();
    for (aud, reason) in [
        (json!("other"), "wrong_client"),
        (json!(["client-1", "foreign"]), "wrong_client"),
        (json!([]), "wrong_client"),
        (json!(""), "wrong_client"),
        (json!(1), "invalid_claims"),
        (json!(["client-1", 1]), "invalid_claims"),
        (Value::Null, "invalid_claims"),
    ] {
        ids.refuses(
            &get("/me").bearer(&id().claim("aud", aud).sign()),
            401,
            reason,
        );
    }
    ids.refuses(
        &get("/me").bearer(&id().claim("azp", "foreign").sign()),
        401,
        "wrong_client",
    );
    ids.refuses(
        &get("/me").bearer(&id().without("aud").sign()),
        401,
        "invalid_claims",
    );
    ids.forwards(&get("/me").bearer(&id().claim("aud", json!(["client-1"])).sign()));
}

#[test]
fn c09_audiences_are_met_where_they_are_asked_for() {
    let rig = Setup::standard()
        .pool("audiences = [\"https://orders.example.com\"]")
        .start();
    let with = |aud: Value| access().claim("aud", aud).sign();
    rig.forwards(&orders(&with(json!("https://orders.example.com"))));
    rig.forwards(&orders(&with(json!([
        "https://other",
        "https://orders.example.com"
    ]))));
    is_refused(&rig, &access().sign(), "wrong_audience");
    is_refused(
        &rig,
        &with(json!("https://orders.example.com/")),
        "wrong_audience",
    );
    is_refused(&rig, &with(json!([])), "wrong_audience");
}

#[test]
fn c10_scopes_are_compared_whole() {
    let rig = Rig::standard();
    let tokens = [
        "orders/readwrite",
        "orders/rea",
        "xorders/read",
        "orders/READ",
        "orders/read/x",
        "orders%2Fread",
        "orders/*",
        "*",
        "orders",
        "",
    ];
    are_refused(
        &rig,
        tokens.map(|scope| access().scope(scope).sign()),
        "insufficient_scope",
    );
}

#[test]
fn c11_only_a_blank_separates_scopes() {
    let rig = Rig::standard();
    for scope in [
        "openid\torders/read",
        "openid\norders/read",
        "openid,orders/read",
        "openid\u{a0}orders/read",
        "openid\u{2003}orders/read",
        "orders/read,",
        "orders/read\0",
        "\"orders/read\"",
    ] {
        is_refused(&rig, &access().scope(scope).sign(), "insufficient_scope");
    }
    for scope in [
        json!(["orders/read"]),
        json!({"orders/read": true}),
        json!(1),
        Value::Null,
        json!(true),
    ] {
        is_refused(
            &rig,
            &access().claim("scope", scope).sign(),
            "invalid_claims",
        );
    }
    for scope in ["openid  orders/read", " orders/read", "orders/read "] {
        rig.forwards(&orders(&access().scope(scope).sign()));
    }
    let many: Vec<String> = (0..800).map(|number| format!("s/{number}")).collect();
    is_refused(
        &rig,
        &access().scope(&many.join(" ")).sign(),
        "insufficient_scope",
    );
}

#[test]
fn c12_all_scopes_are_all_of_them() {
    let rig = Setup::standard()
        .routes(
            "\"GET /all\" = { all_scopes = [\"a/1\", \"a/2\"] }\n\"GET /any\" = [\"a/1\", \"a/2\"]",
        )
        .start();
    let sent = |target: &str, scope: &str| get(target).bearer(&access().scope(scope).sign());
    for scope in ["a/1", "a/2", "a/1 a/1", "openid"] {
        let answer = rig.refuses(&sent("/all", scope), 403, "insufficient_scope");
        assert!(
            answer
                .header("www-authenticate")
                .contains("scope=\"a/1 a/2\"")
        );
    }
    rig.forwards(&sent("/all", "a/2 a/1"));
    rig.forwards(&sent("/any", "a/1"));
    rig.forwards(&sent("/any", "a/2"));
    rig.refuses(&sent("/any", "a/3"), 403, "insufficient_scope");
}

#[test]
fn c13_a_token_without_scopes_has_none() {
    let rig = Rig::standard();
    let tokens = [
        access().without("scope").sign(),
        access().scope("aws.cognito.signin.user.admin").sign(),
    ];
    are_refused(&rig, tokens, "insufficient_scope");
}

#[test]
fn c14_groups_are_compared_whole() {
    let rig = Rig::standard();
    let with = |groups: Value| {
        get("/admin/x").bearer(
            &access()
                .scope("admin/all")
                .claim("cognito:groups", groups)
                .sign(),
        )
    };
    for groups in [
        json!(["Admin"]),
        json!(["a,admin"]),
        json!(["admin "]),
        json!("a,admin"),
        json!("[admin]"),
        json!([]),
    ] {
        rig.refuses(&with(groups), 403, "missing_group");
    }
    for groups in [
        json!([["admin"]]),
        json!({"admin": true}),
        json!([1]),
        json!(1),
    ] {
        rig.refuses(&with(groups), 401, "invalid_claims");
    }
    // One string is a list of one.
    rig.forwards(&with(json!("admin")));
    rig.forwards(&with(json!(["staff", "admin"])));
    rig.refuses(
        &get("/admin/x").bearer(&access().groups(&["admin"]).sign()),
        403,
        "insufficient_scope",
    );
    rig.refuses(
        &get("/admin/x").bearer(&access().scope("admin/all").sign()),
        403,
        "missing_group",
    );
}

#[test]
fn c15_a_remembered_token_opens_no_other_route() {
    let rig = Rig::standard();
    let token = access().sign();
    for _order in 0..3 {
        rig.forwards(&orders(&token));
        rig.refuses(&get("/admin/x").bearer(&token), 403, "insufficient_scope");
        rig.refuses(&post("/orders/1").bearer(&token), 403, "insufficient_scope");
    }
    let before = rig.upstream.requests().len();
    std::thread::scope(|scope| {
        for worker in 0..16 {
            let (rig, token) = (&rig, &token);
            scope.spawn(move || {
                for turn in 0..4 {
                    let (request, status) = match (worker + turn) % 3 {
                        0 => (orders(token), 200),
                        1 => (get("/admin/x").bearer(token), 403),
                        _ => (post("/orders/1").bearer(token), 403),
                    };
                    assert_eq!(rig.send(&request).status, status);
                }
            });
        }
    });
    let passed = (0..16)
        .flat_map(|worker| (0..4).map(move |turn| (worker + turn) % 3))
        .filter(|kind| *kind == 0);
    assert_eq!(rig.upstream.requests().len(), before + passed.count());
}

#[test]
fn c17_only_verified_tokens_are_remembered_and_no_more_than_the_limit() {
    let rig = Setup::standard()
        .also("[tokens]\ncache_entries = 8")
        .start();
    let token = access();
    for number in 0..64_u8 {
        let mut signature = vec![number; 256];
        signature[0] = 1;
        is_refused(&rig, &token.with_signature(&signature), "bad_signature");
    }
    assert_eq!(rig.gate.metric("portcullis_token_cache_entries"), Some(0.0));
    for number in 0..32 {
        rig.forwards(&orders(&access().claim("jti", number.to_string()).sign()));
    }
    let entries = rig.gate.metric("portcullis_token_cache_entries").unwrap();
    // An eighth more than asked for at most: the shards are not filled evenly.
    assert!((1.0..=9.0).contains(&entries), "{entries}");
    no_key_was_fetched(&rig);
}

#[test]
fn c17_the_cache_answers_for_a_token_seen_before() {
    let rig = Rig::standard();
    let token = access().sign();
    for _ in 0..3 {
        rig.forwards(&orders(&token));
    }
    assert_eq!(
        rig.gate
            .metric("portcullis_token_cache_requests_total{result=\"hit\"}"),
        Some(2.0)
    );
    assert_eq!(
        rig.gate
            .metric("portcullis_token_cache_requests_total{result=\"miss\"}"),
        Some(1.0)
    );
    let off = Setup::standard()
        .also("[tokens]\ncache_entries = 0")
        .start();
    for _ in 0..3 {
        off.forwards(&orders(&token));
    }
    assert_eq!(off.gate.metric("portcullis_token_cache_entries"), Some(0.0));
}

#[test]
fn c18_an_address_means_what_the_rule_says_of_it() {
    let rig = Setup::standard()
        .pool("token_use = \"id\"")
        .routes("\"GET /me\" = { claims = { email_verified = true } }\n\"GET /any\" = {}")
        .start();
    let me = |token: Token| get("/me").bearer(&token.sign());
    rig.forwards(&me(id()));
    for verified in [
        json!(false),
        json!("true"),
        json!(1),
        Value::Null,
        json!([false]),
    ] {
        rig.refuses(
            &me(id().claim("email_verified", verified)),
            403,
            "claim_mismatch",
        );
    }
    rig.refuses(&me(id().without("email_verified")), 403, "claim_mismatch");
    for email in ["a@b@c", "Jane@Example.com", "jane@example.com\0@evil.com"] {
        let recorded = rig.forwards(&get("/any").bearer(&id().claim("email", email).sign()));
        assert_eq!(
            recorded.header("x-user-email"),
            Some(email.replace('\0', "%00").as_str())
        );
    }
    for name in IDENTITY {
        let recorded = rig.forwards(&get("/public").header(name, "forged"));
        assert_eq!(recorded.all_alike(name), Vec::<&str>::new());
    }
}
