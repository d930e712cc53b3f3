//! Every form in which a route can be written, and what it means.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::loaded;
use crate::config::Config;
use crate::policy::path::Kinds;
use crate::policy::route::{Access, Mode, Route};
use crate::policy::rule::{Expected, Requirement, Rule};
use crate::token::claims::ClaimName;
use crate::token::trust::{Clients, Uses};

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn rule(requirement: Requirement) -> Rule {
    Rule {
        requirements: vec![requirement],
    }
}

fn route(value: &str) -> Route {
    let config = loaded(&format!(
        "[upstreams.reports]\nurl = \"unix:/r\"\n[routes]\n\"GET /a/{{id}}\" = {value}\n"
    ));
    config
        .routes
        .into_iter()
        .next()
        .unwrap_or_else(|| panic!("no route"))
}

#[test]
fn short_forms_are_scopes_and_alternatives() {
    let any_scope = |scopes: &[&str]| rule(Requirement::AnyScope(words(scopes)));
    assert_eq!(route("\"a/b\"").rule, any_scope(&["a/b"]));
    assert_eq!(route("[\"a/b\", \"a/c\"]").rule, any_scope(&["a/b", "a/c"]));
    assert_eq!(
        route("[\"a/b\", { any_group = [\"staff\"] }]").rule,
        rule(Requirement::AnyOf(vec![
            any_scope(&["a/b"]),
            rule(Requirement::AnyGroup(words(&["staff"]))),
        ])),
    );
    assert_eq!(route("{}").rule, Rule::default());
    assert_eq!(route("{}").access, Access::Authenticated);
    assert_eq!(route("{ access = \"optional\" }").access, Access::Optional);
}

#[test]
fn requirements_stand_in_the_order_they_are_checked() {
    let written = route(
        r#"{ max_age = "15m", acr = ["loa:2"], any_of = [{ all_scopes = ["s"] }], claims = { "/a/b" = [1, true, "x"], "custom:id" = "{id}" },
             all_groups = ["g"], any_group = ["h"], all_scopes = ["s"], any_scope = ["t"] }"#,
    );
    assert_eq!(
        written.rule.requirements,
        [
            Requirement::AnyScope(words(&["t"])),
            Requirement::AllScopes(words(&["s"])),
            Requirement::AnyGroup(words(&["h"])),
            Requirement::AllGroups(words(&["g"])),
            Requirement::Claim(
                ClaimName::new("/a/b"),
                Expected::OneOf(vec![json!(1), json!(true), json!("x")])
            ),
            Requirement::Claim(
                ClaimName::new("custom:id"),
                Expected::Parameter("id".into())
            ),
            Requirement::AnyOf(vec![rule(Requirement::AllScopes(words(&["s"])))]),
            Requirement::Acr(words(&["loa:2"])),
            Requirement::MaxAge(Duration::from_secs(900)),
        ]
    );
}

#[test]
fn every_other_key_of_a_route_is_read() {
    let written = route(
        r#"{ pools = ["main"], token_use = "access", client_ids = ["app"], mode = "audit", upstream = "reports", strip_prefix = "/a/",
             add_prefix = "/b/c", timeout = "none", body_bytes = "1MiB", method_override = true, allow_paths = ["semicolon"] }"#,
    );
    assert_eq!(&*written.name, "GET /a/{id}");
    assert_eq!(written.pools, Some(vec![0]));
    assert_eq!(written.token_use, Some(Uses::Access));
    assert_eq!(written.client_ids, Some(Clients::These(words(&["app"]))));
    assert_eq!(written.mode, Mode::Audit);
    assert_eq!(written.upstream, 1);
    assert_eq!(written.strip_prefix.as_deref(), Some("/a"));
    assert_eq!(written.add_prefix.as_deref(), Some("/b/c"));
    assert_eq!(written.timeout, Some(None));
    assert_eq!(written.body_bytes, Some(Some(1 << 20)));
    assert!(written.method_override);
    assert_eq!(Some(written.allow_paths), Kinds::parse("semicolon"));
}

fn defaults(text: &str) -> Config {
    loaded(&format!("[defaults]\n{text}"))
}

#[test]
fn defaults_hold_where_a_route_is_silent() {
    let config = defaults(
        r#"any_scope = ["default"]
any_group = ["staff"]
timeout = "5m"
[routes]
"/silent" = {}
"/short" = "own"
"/open" = { access = "public", timeout = "1m" }
[routes."/table"]
any_group = ["own"]
"#,
    );
    let scope = |scope| Requirement::AnyScope(words(&[scope]));
    let group = |group| Requirement::AnyGroup(words(&[group]));
    let rules: Vec<&[Requirement]> = config
        .routes
        .iter()
        .map(|route| route.rule.requirements.as_slice())
        .collect();
    assert_eq!(
        rules,
        [
            &[scope("default"), group("staff")][..],
            &[scope("own"), group("staff")],
            // A route that says it is open is open, whatever the defaults ask.
            &[],
            &[scope("default"), group("own")],
        ]
    );
    let timeouts: Vec<u64> = config
        .routes
        .iter()
        .filter_map(|route| Some(route.timeout??.as_secs()))
        .collect();
    assert_eq!(timeouts, [300, 300, 60, 300]);
}

#[test]
fn routes_share_a_plan_where_nothing_tells_them_apart() {
    let config = loaded(
        r#"[identity.headers]
X-User = "sub"
[routes]
"/a" = "s"
"/b" = "s"
"/c" = { headers = { x-user = "username" } }
"/d" = { headers = { X-Route = "@route" } }
"/e" = { headers = { X-Route = "@route" } }
"#,
    );
    let plan = |at: usize| config.routes[at].headers.clone();
    assert!(Arc::ptr_eq(&plan(0), &plan(1)));
    assert_eq!(plan(2).headers.len(), 1);
    assert_ne!(plan(2), plan(0));
    assert_eq!(plan(3).headers.len(), 2);
    assert_eq!(&*plan(3).route, "/d");
    assert_eq!(&*plan(4).route, "/e");
}

#[test]
fn routes_stand_in_the_order_of_the_text() {
    let config = loaded("[routes]\n\"/z\" = \"s\"\n\"/a\" = \"s\"\n[routes.\"/m\"]\n");
    let names: Vec<&str> = config.routes.iter().map(|route| &*route.name).collect();
    assert_eq!(names, ["/z", "/a", "/m"]);
}
