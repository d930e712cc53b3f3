//! What `learn` writes is a configuration that loads, and that admits everything it was learnt from.

use proptest::prelude::*;
use serde_json::json;

use super::machine;
use crate::policy::learn::{Lessons, Observation, is_kept};
use crate::policy::path::{self, Kinds};
use crate::policy::route::{Found, RouteTable};
use crate::reason::Reason;
use crate::token::Principal;
use crate::token::claims::Claims;
use crate::token::mint;
use crate::token::trust::Clients;
use crate::token::verify::trial;

const ANY_CLIENT: &str =
    "[pools.main]\nuser_pool_id = \"eu-west-1_AbC123xyz\"\nclient_ids = \"any\"\n\n";

/// What a request was, and what its token said, if it had one.
#[derive(Clone, Debug)]
struct Sent {
    method: String,
    path: String,
    scopes: Vec<String>,
    groups: Vec<String>,
    client: String,
    verified: bool,
    status: u16,
}

fn principal(sent: &Sent) -> Principal {
    let trust = mint::trust_with(|pool| pool.client_ids = Clients::Any);
    let claims = json!({
        "scope": sent.scopes.join(" "),
        "cognito:groups": sent.groups,
        "client_id": sent.client,
    });
    let claims = claims.as_object().cloned().unwrap_or_default();
    trial(Claims::from(claims), &trust, 0, 1e9).expect("good claims")
}

fn segment() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(vec!["orders", "Orders", "v1", "a", "b", "search"]).prop_map(str::to_owned),
        2 => "[g-z]{1,2}",
        2 => "[0-9]{1,3}",
        1 => "[a-zA-Z0-9]{12,30}",
        1 => prop::sample::select(vec!["%7Bid%7D", "%20", "%C3%A9", "$%7BNAME%7D", "a%22b", "~", "'", "(x)", "*", "a:b", "@me"]).prop_map(str::to_owned),
    ]
}

fn sent() -> impl Strategy<Value = Sent> {
    let word = || {
        prop_oneof![
            "[a-c]/(read|write)",
            Just("openid".to_owned()),
            "[ -~é]{1,6}"
        ]
    };
    (
        prop::sample::select(vec!["GET", "HEAD", "POST", "OPTIONS", "PURGE"]),
        prop::collection::vec(segment(), 0..11),
        prop::collection::vec(word(), 0..3),
        prop::collection::vec(word(), 0..3),
        word(),
        prop::bool::weighted(0.8),
        prop::sample::select(vec![200, 204, 302, 404, 500]),
    )
        .prop_map(
            |(method, segments, scopes, groups, client, verified, status)| Sent {
                method: method.to_owned(),
                path: format!("/{}", segments.join("/")),
                scopes,
                groups,
                client,
                verified,
                status,
            },
        )
}

#[test]
fn routes_that_say_more_than_scopes_and_groups_are_kept() {
    let config = super::loaded(
        r#"[identity.headers]
X-Route = "@route"
[upstreams.other]
url = "http://127.0.0.1:3001"
[server]
hosts = ["app.example.com"]
[routes]
"GET /a" = "a/read"
"/b" = ["a/read", { any_group = ["staff"] }]
"/c" = { any_scope = ["a"], mode = "audit" }
"/d" = {}
"/k1" = { access = "public" }
"/k2" = { access = "optional" }
"/k3" = { any_scope = ["a"], upstream = "other" }
"/k4" = { claims = { plan = "pro" } }
"/k5" = { any_of = [{ any_scope = ["a"] }, { acr = ["loa:2"] }] }
"/k6" = { token_use = "access" }
"/k7" = { headers = { X-More = "sub" } }
"/k8" = { timeout = "5m" }
"app.example.com/k9" = "a/read"
"#,
    );
    let kept = config.routes.iter();
    let kept = kept.filter(|route| is_kept(route, &config.catch_all));
    let kept: Vec<&str> = kept.map(|route| &*route.name).collect();
    assert_eq!(
        kept,
        [
            "/k1",
            "/k2",
            "/k3",
            "/k4",
            "/k5",
            "/k6",
            "/k7",
            "/k8",
            "app.example.com/k9"
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_was_learnt_loads_and_admits_what_it_was_learnt_from(
        all in prop::collection::vec(sent(), 0..300)
    ) {
        let mut lessons = Lessons::new([]);
        let principals: Vec<Principal> = all.iter().map(principal).collect();
        for (sent, principal) in all.iter().zip(&principals) {
            lessons.observe(&Observation {
                method: &sent.method,
                path: &sent.path,
                route: Some("none"),
                principal: sent.verified.then_some(principal),
                refused: (!sent.verified).then_some(Reason::MissingToken),
                status: sent.status,
            });
        }
        let text = format!("{ANY_CLIENT}{}", lessons.render());
        let config = match machine(&text) {
            Ok(config) => config,
            Err(faults) => return Err(TestCaseError::fail(faults.render())),
        };
        let table = RouteTable::compile(&config.routes, config.paths.case, config.paths.allow)
            .expect("routes that can be told apart");
        for (sent, principal) in all.iter().zip(&principals) {
            let readings = path::read(&sent.path, Kinds::NONE).expect("a plain path");
            let found = table.find(&config.routes, &sent.method, "app.example.com", &readings);
            if !sent.verified || !matches!(sent.status, 200..=399) {
                continue;
            }
            let Found::Route(index) = found else {
                return Err(TestCaseError::fail(format!("{found:?} for {sent:?} in\n{text}")));
            };
            let route = &config.routes[index];
            let parameter = |_: &str| None;
            prop_assert!(route.rule.check(principal, &parameter, 1e9).is_ok(), "{sent:?} in\n{text}");
            let clients = route.client_ids.as_ref();
            prop_assert!(clients.is_none_or(|clients| clients.contains(&sent.client)), "{sent:?} in\n{text}");
        }
    }
}
