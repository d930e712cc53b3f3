//! Routes and rules: who is let in by which, where a token may be, and what audit lets through all the same.

use serde_json::{Value, json};

use crate::support::rig::IDENTITY;
use crate::support::{Request, Rig, Setup, Token, access, get, id, mint, post};

#[test]
fn audit_lets_refusals_of_token_and_rule_through_and_tells() {
    let rig = Setup::standard()
        .routes("[routes.\"GET /tried/{*rest}\"]\nany_scope = [\"tried/read\"]\nmode = \"audit\"")
        .start();
    let tried = get("/tried/1")
        .header("X-User-Sub", "forged")
        .header("X-Portcullis-Audit", "forged");
    for (request, reason) in [
        (tried.clone(), "missing_token"),
        (tried.clone().bearer("a.b.c"), "malformed_token"),
        (
            tried.clone().bearer(
                &access()
                    .key(mint::b1())
                    .header("kid", mint::a1().kid)
                    .sign(),
            ),
            "bad_signature",
        ),
        (
            tried.clone().bearer(&access().claim("exp", 1).sign()),
            "expired",
        ),
    ] {
        let recorded = rig.forwards(&request);
        assert_eq!(recorded.all_alike("x-portcullis-audit"), [reason]);
        for name in IDENTITY {
            assert_eq!(
                recorded.all_alike(name),
                Vec::<&str>::new(),
                "{name} for {reason}"
            );
        }
    }
    let recorded = rig.forwards(&tried.clone().bearer(&access().sign()));
    assert_eq!(
        recorded.header("x-portcullis-audit"),
        Some("insufficient_scope")
    );
    assert_eq!(recorded.all_alike("x-user-sub"), [mint::SUB]);
    let recorded = rig.forwards(&tried.clone().bearer(&access().scope("tried/read").sign()));
    assert_eq!(recorded.header("x-portcullis-audit"), None);
    // What is malformed, unrouted or undecided is refused all the same.
    rig.refuses(
        &tried.clone().header("Authorization", "Bearer a b"),
        400,
        "malformed_authorization",
    );
    rig.refuses(
        &tried.clone().bearer("a").bearer("b"),
        400,
        "multiple_tokens",
    );
    rig.refuses(&get("/tried/../x"), 400, "ambiguous_path");
    rig.refuses(&post("/tried/1"), 405, "method_not_allowed");
    rig.refuses(&get("/other"), 403, "no_route");
    let sample =
        "portcullis_audit_refusals_total{reason=\"missing_token\",route=\"GET /tried/{*rest}\"}";
    assert_eq!(rig.gate.metric(sample), Some(1.0));
    let record = rig
        .gate
        .program
        .wait_for_log(|line| line["audit"] == "insufficient_scope");
    assert_eq!(
        (record["status"].clone(), record["reason"].clone()),
        (json!(200), Value::Null)
    );
}

#[test]
fn optional_takes_no_token_but_no_bad_one() {
    let rig = Setup::standard()
        .routes("\"GET /maybe\" = { access = \"optional\" }")
        .start();
    assert_eq!(rig.forwards(&get("/maybe")).header("x-user-sub"), None);
    assert_eq!(
        rig.forwards(&get("/maybe").bearer(&access().sign()))
            .header("x-user-sub"),
        Some(mint::SUB)
    );
    rig.refuses(
        &get("/maybe").bearer(&access().claim("exp", 1).sign()),
        401,
        "expired",
    );
    rig.refuses(&get("/maybe").bearer("x"), 401, "malformed_token");
    rig.refuses(
        &get("/maybe").header("Authorization", "Bearer"),
        400,
        "malformed_authorization",
    );
    rig.forwards(&get("/maybe").header("Authorization", "Basic dXNlcjpwYXNz"));
}

#[test]
fn a_public_route_looks_at_no_token() {
    let rig = Rig::standard();
    for value in ["Bearer x", "Bearer", "Bearer a b", "Basic eA=="] {
        let recorded = rig.forwards(&get("/public").header("Authorization", value));
        assert_eq!(recorded.header("x-user-sub"), None);
    }
}

#[test]
fn any_of_holds_when_one_of_its_rules_does() {
    let rig = Setup::standard()
        .routes(
            r#"
"GET /either" = ["reports/read", { any_group = ["staff"] }]
[routes."GET /both"]
any_scope = ["openid"]
any_of = [{ any_scope = ["a/b"] }, { any_group = ["staff"], claims = { plan = ["pro", "team"] } }]
"#,
        )
        .start();
    let sent = |target: &str, token: Token| get(target).bearer(&token.sign());
    rig.forwards(&sent("/either", access().scope("reports/read")));
    rig.forwards(&sent("/either", access().groups(&["staff"])));
    rig.refuses(&sent("/either", access()), 403, "insufficient_scope");
    rig.forwards(&sent("/both", access().scope("openid a/b")));
    rig.forwards(&sent(
        "/both",
        access().groups(&["staff"]).claim("plan", "team"),
    ));
    rig.forwards(&sent(
        "/both",
        access()
            .groups(&["staff"])
            .claim("plan", json!(["free", "pro"])),
    ));
    rig.refuses_with(
        &sent("/both", access().groups(&["staff"]).claim("plan", "free")),
        &[403],
    );
    rig.refuses_with(&sent("/both", access().groups(&["staff"])), &[403]);
    rig.refuses(
        &sent("/both", access().scope("a/b")),
        403,
        "insufficient_scope",
    );
}

#[test]
fn a_claim_can_be_bound_to_the_path() {
    let rig = Setup::standard()
        .routes("[routes.\"GET /tenants/{tenant}/{*rest}\"]\nclaims = { \"custom:tenant\" = \"{tenant}\" }")
        .start();
    let sent = |target: &str, tenant: Value| {
        get(target).bearer(&access().claim("custom:tenant", tenant).sign())
    };
    rig.forwards(&sent("/tenants/acme/x", json!("acme")));
    rig.forwards(&sent("/tenants/%61cme/x", json!("acme")));
    rig.forwards(&sent("/tenants/acme/x", json!(["other", "acme"])));
    rig.forwards(&sent("/tenants/1/x", json!("1")));
    for (target, tenant) in [
        ("/tenants/acme/x", json!("Acme")),
        ("/tenants/other/acme", json!("acme")),
        ("/tenants/acme/x", json!("")),
        ("/tenants/acme/x", Value::Null),
        ("/tenants/1/x", json!(1)),
        ("/tenants/true/x", json!(true)),
        ("/tenants/acme%20/x", json!("acme")),
        ("/tenants/%7Btenant%7D/x", json!("tenant")),
    ] {
        rig.refuses(&sent(target, tenant), 403, "claim_mismatch");
    }
    rig.refuses(
        &get("/tenants/acme/x").bearer(&access().sign()),
        403,
        "claim_mismatch",
    );
}

#[test]
fn step_up_is_asked_for_with_its_own_challenge() {
    let rig = Setup::standard()
        .routes("\"GET /strong\" = { acr = [\"loa:2\", \"loa:3\"] }\n\"GET /recent\" = { max_age = \"15m\" }")
        .start();
    let sent = |target: &str, token: Token| get(target).bearer(&token.sign());
    rig.forwards(&sent("/strong", access().claim("acr", "loa:3")));
    for acr in [
        json!("loa:1"),
        json!("LOA:2"),
        json!(2),
        json!(["loa:2"]),
        Value::Null,
    ] {
        let answer = rig.refuses(
            &sent("/strong", access().claim("acr", acr)),
            401,
            "step_up_required",
        );
        let challenge = answer.header("www-authenticate");
        assert!(
            challenge.contains("error=\"insufficient_user_authentication\""),
            "{challenge}"
        );
        assert!(
            challenge.contains("acr_values=\"loa:2 loa:3\""),
            "{challenge}"
        );
    }
    rig.forwards(&sent("/recent", access()));
    for age in [
        json!(mint::now() - 16 * 60),
        json!(mint::now() + 3600),
        json!("now"),
        Value::Null,
    ] {
        let answer = rig.refuses(
            &sent("/recent", access().claim("auth_time", age)),
            401,
            "step_up_required",
        );
        assert!(
            answer
                .header("www-authenticate")
                .contains("max_age=\"900\"")
        );
    }
    rig.refuses(
        &sent("/recent", access().without("auth_time")),
        401,
        "step_up_required",
    );
}

#[test]
fn a_required_identity_header_is_a_requirement() {
    let rig = Setup::standard()
        .headers("X-Remote-User = { value = 'CORP\\{username}', required = true }\nX-Facts = \"{@pool}/{@kind}\"\nX-Who = [\"nickname\", \"client:{client_id}\"]")
        .start();
    let recorded = rig.forwards(&get("/orders/1").bearer(&access().sign()));
    assert_eq!(recorded.header("x-remote-user"), Some("CORP\\jane"));
    assert_eq!(recorded.header("x-facts"), Some("a/user"));
    assert_eq!(recorded.header("x-who"), Some("client:client-1"));
    rig.refuses(
        &get("/orders/1").bearer(&access().without("username").sign()),
        403,
        "claim_mismatch",
    );
}

/// A rig that takes tokens from everywhere.
fn everywhere() -> Setup {
    Setup::standard().also(
        r#"
[tokens]
sources = [{ header = "Authorization" }, { cookie = "session" }, { query = "access_token" }, { header = "X-Token" }]
cross_site = ["https://partner.example.com"]
raw_authorization = true
"#,
    )
}

#[test]
fn a_token_is_removed_from_where_it_was_found() {
    let rig = everywhere().start();
    let token = access().sign();
    for request in [
        get("/orders/1").bearer(&token),
        get("/orders/1").header("Authorization", &token),
        get("/orders/1").header("X-Token", &token),
        get("/orders/1").header("X-Token", &format!("Bearer {token}")),
        get("/orders/1").header("Cookie", &format!("a=b; session={token}; c=d")),
        get("/orders/1")
            .header("Cookie", "a=b")
            .header("Cookie", &format!("session={token}"))
            .header("Cookie", "c=d"),
        get(&format!("/orders/1?access_token={token}")),
        get(&format!("/orders/1?a=%20b&access_token={token}&c=d")),
    ] {
        let recorded = rig.forwards(&request);
        assert!(!recorded.holds(&token), "{recorded:#?}");
        assert_eq!(recorded.header("x-user-sub"), Some(mint::SUB));
        if request_has(&request, "a=b;") {
            assert_eq!(recorded.header("cookie"), Some("a=b; c=d"));
        }
        if request_has(&request, "a=%20b") {
            assert_eq!(recorded.target(), "/orders/1?a=%20b&c=d");
        }
    }
}

fn request_has(request: &Request, text: &str) -> bool {
    let bytes = request.bytes(([127, 0, 0, 1], 1).into());
    String::from_utf8_lossy(&bytes).contains(text)
}

#[test]
fn multiple_tokens_are_refused_wherever_they_are() {
    let rig = everywhere().start();
    let token = access().sign();
    let cookie = format!("session={token}");
    for request in [
        get("/orders/1").bearer(&token).header("X-Token", &token),
        get("/orders/1").bearer(&token).header("Cookie", &cookie),
        get(&format!("/orders/1?access_token={token}")).bearer(&token),
        get(&format!(
            "/orders/1?access_token={token}&access_token={token}"
        )),
        get(&format!(
            "/orders/1?access_token={token}&%61ccess_token={token}"
        )),
        get("/orders/1").header("Cookie", &format!("{cookie}; {cookie}")),
        get("/orders/1")
            .header("Cookie", &cookie)
            .header("Cookie", &cookie),
        get("/orders/1")
            .header("X-Token", &token)
            .header("X-Token", &token),
    ] {
        rig.refuses(&request, 400, "multiple_tokens");
    }
    rig.refuses(
        &get("/orders/1").header("Cookie", "session="),
        401,
        "malformed_token",
    );
    rig.refuses(&get("/orders/1?access_token="), 401, "malformed_token");
    rig.control();
}

#[test]
fn cross_site_a_cookie_is_taken_from_our_own_pages_alone() {
    let rig = everywhere().start();
    let cookie = format!(
        "session={}",
        access().scope("orders/read orders/write").sign()
    );
    let ours = format!("http://{}", rig.gate.address);
    let reads = get("/orders/1").header("Cookie", &cookie);
    rig.forwards(&reads.clone().header("Sec-Fetch-Site", "cross-site"));
    let writes = post("/orders/1").header("Cookie", &cookie);
    for request in [
        writes.clone().header("Sec-Fetch-Site", "same-origin"),
        writes.clone().header("Sec-Fetch-Site", "none"),
        writes.clone().header("Origin", &ours),
        writes
            .clone()
            .header("Origin", "https://partner.example.com"),
        writes
            .clone()
            .header("Origin", "https://partner.example.com")
            .header("Sec-Fetch-Site", "cross-site"),
    ] {
        rig.forwards(&request);
    }
    for request in [
        writes.clone(),
        writes.clone().header("Sec-Fetch-Site", "cross-site"),
        writes.clone().header("Sec-Fetch-Site", "same-site"),
        writes
            .clone()
            .header("Sec-Fetch-Site", "cross-site")
            .header("Origin", &ours),
        writes.clone().header("Origin", "null"),
        writes.clone().header("Origin", "https://evil.com"),
        writes.clone().header("Origin", &format!("{ours}.evil.com")),
        writes.clone().header("Referer", &format!("{ours}/")),
        reads
            .clone()
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket"),
    ] {
        rig.refuses(&request, 403, "cross_site");
    }
    // A token in a header is no cookie: no page of another site can send it unasked.
    rig.forwards(
        &post("/orders/1")
            .bearer(&access().scope("orders/write").sign())
            .header("Sec-Fetch-Site", "cross-site"),
    );
}

#[test]
fn an_id_token_says_more_of_its_user() {
    let rig = Setup::standard()
        .pool("token_use = \"any\"")
        .routes("\"GET /me\" = {}")
        .start();
    let recorded = rig.forwards(&get("/me").bearer(&id().sign()));
    assert_eq!(recorded.header("x-user-email"), Some("jane@example.com"));
    assert_eq!(recorded.header("x-client-id"), None);
}

/// What is remembered of a token has to be enough for every rule and header there is.
#[test]
fn a_token_says_the_same_the_second_time() {
    let rig = Setup::standard()
        .routes(
            r#"
[routes."GET /known/{tenant}"]
claims = { "custom:tenant" = "{tenant}", "/address/country" = "NZ" }
any_of = [{ claims = { plan = "pro" } }, { any_group = ["nobody"] }]
acr = ["loa:2"]
max_age = "1h"
headers = { X-City = "/address/city", X-Kind = "@kind", X-Label = "{plan}/{nick~name}" }
"#,
        )
        .start();
    let token = access()
        .claim("custom:tenant", "t7")
        .claim("address", json!({"country": "NZ", "city": "Nelson"}))
        .claim("plan", "pro")
        .claim("nick~name", "j")
        .claim("acr", "loa:2")
        .claim("auth_time", mint::now())
        .claim("username", "jane")
        .sign();
    for _ in 0..3 {
        let recorded = rig.forwards(&get("/known/t7").bearer(&token));
        assert_eq!(recorded.header("x-city"), Some("Nelson"));
        assert_eq!(recorded.header("x-kind"), Some("user"));
        assert_eq!(recorded.header("x-label"), Some("pro/j"));
        rig.refuses(&get("/known/t8").bearer(&token), 403, "claim_mismatch");
    }
}
