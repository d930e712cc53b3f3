//! What is folded, what is asked for, and what never becomes a route.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::fold::{Step, Tree, step};
use super::{Lessons, Observation};
use crate::reason::Reason;
use crate::token::Principal;
use crate::token::claims::Claims;
use crate::token::mint;
use crate::token::trust::Clients;
use crate::token::verify::trial;

fn principal(claims: Value) -> Principal {
    let trust = mint::trust_with(|pool| pool.client_ids = Clients::Any);
    let Value::Object(claims) = claims else {
        panic!("claims are an object");
    };
    trial(Claims::from(claims), &trust, 0, 1e9).expect("good claims")
}

/// A request that was let through and answered 200.
fn seen<'a>(target: &'a str, principal: Option<&'a Principal>) -> Observation<'a> {
    let (method, path) = target.split_once(' ').expect("a method and a path");
    Observation {
        method,
        path,
        route: Some("none"),
        principal,
        refused: principal.is_none().then_some(Reason::MissingToken),
        status: 200,
    }
}

fn learnt(targets: &[String]) -> Vec<String> {
    let mut tree = Tree::new(4_096);
    for target in targets {
        let (method, path) = target.split_once(' ').expect("a method and a path");
        tree.tally(path, method).expect("room").requests += 1;
    }
    let patterns = tree.patterns().into_iter();
    patterns
        .flat_map(|(pattern, seen)| {
            seen.into_iter()
                .map(move |(method, tally)| format!("{method} {pattern} {}", tally.requests))
        })
        .collect()
}

#[test]
fn ids_are_told_from_names() {
    for id in [
        "1",
        "12345",
        "2024-01-31",
        "1.5",
        "deadbeef",
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "4BF92F35-77B3-4DA6-A3CE-929D0E0E4736",
        "aZ3kQ9xYpL0w",
        "order-12345",
        "a-very-long-slug-of-an-article",
    ] {
        assert_eq!(step(id), Step::Id, "{id}");
    }
    for name in [
        "orders",
        "v1",
        "oauth2",
        ".well-known",
        "a.b",
        "Search",
        "me",
        "cafe",
        "x_y~z",
    ] {
        assert_eq!(step(name), Step::Name, "{name}");
    }
    for odd in ["a b", "{id}", "é", "a%2Fb", "@me", "a\"b", "-", "", "a\n"] {
        assert_eq!(step(odd), Step::Odd, "{odd}");
    }
}

#[test]
fn ids_are_folded_and_methods_share_a_pattern() {
    let targets = [
        "GET /orders/1",
        "GET /orders/2/",
        "HEAD /orders/3",
        "GET /orders/search",
        "DELETE /orders/4",
        "PUT /users/@me/addresses/7/lines/8",
    ];
    assert_eq!(
        learnt(&targets.map(str::to_owned)),
        [
            "GET /orders/search 1",
            "DELETE /orders/{id} 1",
            "GET /orders/{id} 3",
            "PUT /users/{name}/addresses/{id}/lines/{id2} 1",
        ]
    );
}

#[test]
fn too_many_names_are_one_and_a_tree_of_them_is_the_rest() {
    let name = |number: u32| {
        let digit = |by: u32| char::from(b'g' + ((number / by) % 20) as u8);
        format!("x{}{}", digit(20), digit(1))
    };
    let users: Vec<String> = (0..40)
        .map(|at| format!("GET /users/{}/posts", name(at)))
        .collect();
    assert_eq!(learnt(&users), ["GET /users/{name}/posts 40"]);
    let files: Vec<String> = (0..40)
        .flat_map(|at| (0..40).map(move |below| (at, below)))
        .map(|(at, below)| format!("GET /files/{}/{}", name(at), name(below)))
        .collect();
    assert_eq!(learnt(&files), ["GET /files/{*rest} 1600"]);
    let deep = "GET /a/b/c/d/e/f/g/h/i/j".to_owned();
    assert_eq!(learnt(&[deep]), ["GET /a/b/c/d/e/f/g/h/{*rest} 1"]);
    // Servers that fold case take them for one, and the gate's guard refuses both.
    let twins = ["GET /Orders", "POST /orders"].map(str::to_owned);
    assert_eq!(learnt(&twins), ["GET /{name} 1", "POST /{name} 1"]);
}

#[test]
fn r13_paths_without_number_take_bounded_room() {
    let mut tree = Tree::new(200);
    let mut lost = 0;
    for number in 0..3_000 {
        let path = format!("{}/{}", letters(1 + number / 50), letters(1 + number % 50));
        lost += u32::from(tree.tally(&path, "GET").is_none());
    }
    assert_eq!(lost, 0);
    assert!(tree.patterns().len() < 200);
}

fn letters(mut number: u32) -> String {
    let mut text = String::new();
    while number > 0 {
        text.push(char::from(b'g' + (number % 20) as u8));
        number /= 20;
    }
    text
}

#[test]
fn a_line_asks_for_what_every_token_carried() {
    let reader = principal(json!({ "scope": "openid orders/read", "client_id": "c1" }));
    let writer = principal(json!({ "scope": "orders/read orders/write", "client_id": "c2" }));
    let staff = principal(
        json!({ "scope": "aws.cognito.signin.user.admin", "cognito:groups": ["staff"], "sub": "u" }),
    );
    let guest = principal(json!({ "scope": "aws.cognito.signin.user.admin", "sub": "v" }));
    let lonely = principal(json!({ "client_id": "c1" }));
    let mut lessons = Lessons::new(["GET /health".to_owned()]);
    for (target, principals) in [
        ("GET /orders/1", vec![&reader, &writer]),
        ("POST /orders", vec![&writer]),
        ("GET /either", vec![&reader, &staff]),
        ("GET /groups", vec![&staff]),
        ("GET /signed-in", vec![&staff, &guest]),
        ("GET /machines", vec![&lonely]),
    ] {
        for principal in principals {
            lessons.observe(&seen(target, Some(principal)));
        }
    }
    lessons.observe(&seen("GET /open", None));
    lessons.observe(&Observation {
        status: 404,
        ..seen("GET /missing", Some(&reader))
    });
    lessons.observe(&Observation {
        refused: Some(Reason::InsufficientScope),
        route: Some("POST /orders"),
        ..seen("POST /orders", Some(&writer))
    });
    lessons.observe(&Observation {
        route: Some("GET /health"),
        ..seen("GET /health", None)
    });
    lessons.observe(&Observation {
        route: None,
        refused: Some(Reason::AmbiguousPath),
        status: 400,
        ..seen("GET /a/../b", None)
    });
    assert_snapshot!(lessons.render(), @r#"
    # Learnt from 14 requests. A draft: read every line before it guards anything.
    # Each is the tightest rule that admits all that was seen with a verified token and answered 2xx or 3xx.

    [routes]
    # 2 requests by "c1" and more; every token carried one of these
    "GET /either" = ["orders/read", { any_group = ["staff"] }]
    # 1 request; every token carried this
    "GET /groups" = { all_groups = ["staff"] }
    # 1 request by "c1"; the tokens had no scope or group in common, only their clients
    "GET /machines" = { client_ids = ["c1"] }
    # 2 requests by "c2"; every token carried this; BEWARE, the present rule refuses some: insufficient_scope 1
    "POST /orders" = { all_scopes = ["orders/read", "orders/write"] }
    # 2 requests by "c1", "c2"; every token carried this
    "GET /orders/{id}" = "orders/read"
    # 2 requests; every token carried this
    "GET /signed-in" = "aws.cognito.signin.user.admin"

    # Keep these lines of the configuration: they say more than a pattern, scopes and groups.
    #   "GET /health": 1 request, of which 1 would have been refused

    # Not written: no verified token, or no good answer. With no line of their own, these will be refused.
    #   1 x GET /missing: answered 4xx 1
    #   1 x GET /open: missing_token 1, answered 2xx 1
    # 1 request refused all the same: ambiguous_path
    "#);
}

#[test]
fn nothing_that_was_sent_breaks_out_of_its_string_or_comment() {
    let evil = principal(json!({
        "client_id": "c\"\n[routes]\n\"/\" = { access = \"public\" }",
        "cognito:groups": ["g\"]\n", "${HOME}", "a\u{2028}b"],
    }));
    let mut lessons = Lessons::new([]);
    lessons.observe(&seen("GET /a%20%22b/x", Some(&evil)));
    lessons.observe(&seen("GET /a%20b%22", None));
    let text = lessons.render();
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    assert!(lines.all(|line| !line.contains("public")), "{text}");
    assert_snapshot!(text, @r#"
    # Learnt from 2 requests. A draft: read every line before it guards anything.
    # Each is the tightest rule that admits all that was seen with a verified token and answered 2xx or 3xx.

    [routes]
    # 1 request by "c\"\u000A[routes]\u000A\"/\" = { access = \"public\" }"; every token carried this
    "GET /{name}/x" = { all_groups = ["$${HOME}", "a\u2028b"] }

    # Not written: no verified token, or no good answer. With no line of their own, these will be refused.
    #   1 x GET /{name}: missing_token 1, answered 2xx 1
    "#);
}

#[test]
fn a_scanner_folds_nothing_that_honest_clients_use() {
    let client = principal(json!({ "scope": "a/b" }));
    let mut lessons = Lessons::new([]);
    lessons.observe(&seen("GET /orders", Some(&client)));
    for number in 0..2_000 {
        let path = format!("GET /orders{}", letters(number));
        lessons.observe(&seen(&path, None));
    }
    assert!(lessons.render().contains("\n\"GET /orders\" = \"a/b\"\n"));
}
