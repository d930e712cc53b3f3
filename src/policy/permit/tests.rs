//! The order of work: what is decided first, what is not even looked at then, and what a permit carries.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};

use super::{Admission, Head, Policy, admit};
use crate::identity::{Overrides, Plan, Template};
use crate::policy::path::{Case, Kinds};
use crate::policy::route::{Access, Host, Mode, Pattern, Route, RouteTable};
use crate::policy::rule::{Requirement, Rule};
use crate::reason::Reason;
use crate::token::cache::TokenCache;
use crate::token::find::{Place, Sources};
use crate::token::keys::{KeySet, Keys};
use crate::token::mint::{NOW, Ring, a1, access, but, ring, trust};
use crate::token::trust::{Clients, Uses};
use serde_json::json;

fn route(key: &str, access: Access, scope: &str) -> Route {
    let requirements = match scope {
        "" => Vec::new(),
        scope => vec![Requirement::AnyScope(vec![scope.to_owned()])],
    };
    Route {
        name: key.into(),
        pattern: Pattern::parse(key).expect("a good pattern"),
        access,
        pools: None,
        token_use: None,
        client_ids: None,
        login: false,
        rule: Rule { requirements },
        client_cert: None,
        mode: Mode::Enforce,
        upstream: 0,
        strip_prefix: None,
        add_prefix: None,
        headers: Arc::new(Plan::default()),
        timeout: None,
        body_bytes: None,
        method_override: false,
        allow_paths: Kinds::NONE,
    }
}

/// Routes as most have them, `/tried` in audit.
fn routes() -> Vec<Route> {
    let authenticated = |key, scope| route(key, Access::Authenticated, scope);
    vec![
        route("/public", Access::Public, ""),
        route("/maybe", Access::Optional, "orders/read"),
        authenticated("GET /orders/{*rest}", "orders/read"),
        authenticated("POST /orders/{*rest}", "orders/write"),
        Route {
            mode: Mode::Audit,
            ..authenticated("GET /tried", "admin/all")
        },
    ]
}

fn policy(routes: Vec<Route>) -> Policy {
    Policy {
        unrouted: None,
        hosts: Vec::new(),
        table: RouteTable::compile(&routes, Case::Guard, Kinds::NONE).expect("no conflict"),
        routes,
        case: Case::Guard,
        sources: Sources {
            places: vec![Place::Authorization, Place::Cookie("session".to_owned())],
            raw_authorization: false,
        },
        trust: trust(),
        cors: true,
        cross_site: Vec::new(),
        external_origin: None,
        sessions: None,
    }
}

/// Keys that count how often they are asked for.
struct Counted(Ring, AtomicUsize);

impl Keys for Counted {
    fn of(&self, pool: usize) -> Option<Arc<KeySet>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.of(pool)
    }
}

/// A request, and everything it is decided by.
struct Asked {
    policy: Policy,
    keys: Counted,
    cache: TokenCache,
    method: Method,
    uri: Uri,
    version: Version,
    headers: HeaderMap,
    fragment: bool,
    has_body: bool,
    refreshed: bool,
}

/// `METHOD target`, for the host `a`.
fn ask(line: &str) -> Asked {
    let (method, target) = line.split_once(' ').expect("a method and a target");
    Asked {
        policy: policy(routes()),
        keys: Counted(ring(), AtomicUsize::new(0)),
        cache: TokenCache::new(16),
        method: method.parse().expect("a method"),
        uri: target.parse().expect("a target"),
        version: Version::HTTP_11,
        headers: HeaderMap::from_iter([(http::header::HOST, HeaderValue::from_static("a"))]),
        fragment: false,
        has_body: false,
        refreshed: true,
    }
}

impl Asked {
    fn with(mut self, name: &'static str, value: &str) -> Asked {
        let value = HeaderValue::from_str(value).expect("a header value");
        self.headers.append(HeaderName::from_static(name), value);
        self
    }

    fn without(mut self, name: &'static str) -> Asked {
        self.headers.remove(name);
        self
    }

    /// With a token of these changes.
    fn bearer(self, changes: serde_json::Value) -> Asked {
        let token = a1().token(&but(access(), changes));
        self.with("authorization", &format!("Bearer {token}"))
    }

    fn but(mut self, change: impl FnOnce(&mut Asked)) -> Asked {
        change(&mut self);
        self
    }

    fn admit(&self) -> Admission<'_> {
        let head = Head {
            method: &self.method,
            uri: &self.uri,
            version: self.version,
            headers: &self.headers,
            fragment: self.fragment,
            has_body: self.has_body,
            scheme: "http",
            certificate: None,
            channel: Default::default(),
            renewed: None,
        };
        admit(
            &head,
            &self.policy,
            &self.keys,
            &self.cache,
            NOW,
            self.refreshed,
        )
    }

    /// `permit KEY`, `need keys`, or the reason.
    fn outcome(&self) -> String {
        match self.admit() {
            Admission::Permit(permit) => format!("permit {}", permit.route().name),
            Admission::Own(endpoint) => format!("own {endpoint:?}"),
            Admission::NeedKeys(pool) => format!("need keys of {pool}"),
            Admission::Refuse(_, _, refusal) => refusal.reason.to_string(),
        }
    }

    fn keys_asked(&self) -> usize {
        self.keys.1.load(Ordering::Relaxed)
    }
}

#[test]
fn each_step_is_taken_before_the_next_is_looked_at() {
    let bad = "Bearer a b";
    for (asked, expected) in [
        (ask("GET /nowhere/../x").without("host"), "bad_request"),
        (ask("CONNECT /public"), "method_not_allowed"),
        (ask("get /nowhere"), "bad_request"),
        (
            ask("GET /a/../b").with("authorization", bad),
            "ambiguous_path",
        ),
        (ask("GET /nowhere").with("authorization", bad), "no_route"),
        (
            ask("DELETE /orders/1").with("authorization", bad),
            "method_not_allowed",
        ),
        (
            ask("GET /orders/1").with("authorization", bad),
            "malformed_authorization",
        ),
        (ask("GET /orders/1"), "missing_token"),
        (
            ask("GET /public").with("authorization", bad),
            "permit /public",
        ),
    ] {
        assert_eq!(asked.outcome(), expected);
        assert_eq!(asked.keys_asked(), 0, "{expected} needs no key");
    }
    let expired = ask("POST /orders/1").bearer(json!({"exp": NOW - 1.0}));
    assert_eq!(expired.outcome(), "expired");
    assert_eq!(
        ask("POST /orders/1").bearer(json!({})).outcome(),
        "insufficient_scope"
    );
    assert_eq!(
        ask("GET /orders/1").bearer(json!({})).outcome(),
        "permit GET /orders/{*rest}"
    );
}

#[test]
fn keys_are_asked_for_once() {
    let first = ask("GET /orders/1").bearer(json!({})).but(|asked| {
        asked.keys.0 = Ring(Vec::new());
        asked.refreshed = false;
    });
    assert_eq!(first.outcome(), "need keys of 0");
    let again = first.but(|asked| asked.refreshed = true);
    assert_eq!(again.outcome(), "keys_unavailable");
    // Audit lets no undecided request through.
    let tried = ask("GET /tried").bearer(json!({}));
    assert_eq!(
        tried.but(|asked| asked.keys.0 = Ring(Vec::new())).outcome(),
        "keys_unavailable"
    );
}

#[test]
fn c15_what_is_remembered_is_who_and_never_what_is_allowed() {
    let read = ask("GET /orders/1").bearer(json!({}));
    assert_eq!(read.outcome(), "permit GET /orders/{*rest}");
    assert_eq!(read.cache.len(), 1);
    let asked_before = read.keys_asked();
    let write = read.but(|asked| asked.method = Method::POST);
    assert_eq!(write.outcome(), "insufficient_scope");
    assert_eq!(write.cache.len(), 1);
    assert!(
        write.keys_asked() > asked_before,
        "its key is looked up again"
    );
}

#[test]
fn a_permit_says_who_and_where_the_token_was() {
    let asked = ask("GET /orders/1").bearer(json!({}));
    let Admission::Permit(permit) = asked.admit() else {
        unreachable!("a good request")
    };
    assert_eq!(permit.place(), Some(&Place::Authorization));
    let sub = permit
        .principal()
        .and_then(|principal| principal.sub.clone());
    assert_eq!(sub.as_deref(), access()["sub"].as_str());
    assert_eq!(
        (permit.audit(), permit.overrides()),
        (None, Overrides::Strip)
    );
    // On a public route nothing is looked at, so nobody is known, and nothing is taken away.
    let asked = ask("GET /public").bearer(json!({}));
    let Admission::Permit(permit) = asked.admit() else {
        unreachable!("a public route")
    };
    assert!(permit.principal().is_none() && permit.place().is_none());
}

#[test]
fn a_refusal_names_its_route_and_who_was_verified() {
    let asked = ask("POST /orders/1").bearer(json!({}));
    let Admission::Refuse(route, principal, refusal) = asked.admit() else {
        unreachable!("a scope is missing")
    };
    assert_eq!(refusal.reason, Reason::InsufficientScope);
    assert_eq!(
        route.map(|route| &*route.name),
        Some("POST /orders/{*rest}")
    );
    assert!(principal.is_some());
    let asked = ask("POST /orders/1").bearer(json!({"exp": 1}));
    let Admission::Refuse(_, principal, _) = asked.admit() else {
        unreachable!("an expired token")
    };
    assert!(principal.is_none(), "who is not verified is nobody");
}

#[test]
fn audit_lets_through_what_a_token_or_a_rule_refuses() {
    for (asked, reason, known) in [
        (ask("GET /tried"), Reason::MissingToken, false),
        (
            ask("GET /tried").bearer(json!({"exp": 1})),
            Reason::Expired,
            false,
        ),
        (
            ask("GET /tried").bearer(json!({})),
            Reason::InsufficientScope,
            true,
        ),
    ] {
        let Admission::Permit(permit) = asked.admit() else {
            unreachable!("audit lets {reason} through")
        };
        assert_eq!(permit.audit(), Some(reason));
        assert_eq!(permit.principal().is_some(), known, "{reason}");
    }
    let malformed = ask("GET /tried").with("authorization", "Bearer");
    assert_eq!(malformed.outcome(), "malformed_authorization");
    let good = ask("GET /tried").bearer(json!({"scope": "admin/all"}));
    let Admission::Permit(permit) = good.admit() else {
        unreachable!("a good token")
    };
    assert_eq!(permit.audit(), None);
}

#[test]
fn optional_admits_no_token_but_no_bad_one() {
    assert_eq!(ask("GET /maybe").outcome(), "permit /maybe");
    assert_eq!(
        ask("GET /maybe").bearer(json!({})).outcome(),
        "permit /maybe"
    );
    assert_eq!(
        ask("GET /maybe").bearer(json!({"exp": 1})).outcome(),
        "expired"
    );
    let lacking = ask("GET /maybe").bearer(json!({"scope": "x"}));
    assert_eq!(lacking.outcome(), "insufficient_scope");
}

#[test]
fn c07_c08_c09_a_route_may_take_fewer_tokens_than_its_pool() {
    let narrowed = |change: fn(&mut Route)| {
        let mut routes = routes();
        change(&mut routes[2]);
        ask("GET /orders/1")
            .bearer(json!({}))
            .but(|asked| asked.policy = policy(routes))
    };
    let these = |client: &str| Some(Clients::These(vec![client.to_owned()]));
    let refused = "token_not_allowed";
    let admitted = "permit GET /orders/{*rest}";
    assert_eq!(
        narrowed(|route| route.pools = Some(vec![1])).outcome(),
        refused
    );
    assert_eq!(
        narrowed(|route| route.pools = Some(vec![])).outcome(),
        refused
    );
    assert_eq!(
        narrowed(|route| route.pools = Some(vec![1, 0])).outcome(),
        admitted
    );
    assert_eq!(
        narrowed(|route| route.token_use = Some(Uses::Id)).outcome(),
        refused
    );
    assert_eq!(
        narrowed(|route| route.token_use = Some(Uses::Access)).outcome(),
        admitted
    );
    for (client, expected) in [("client-2", refused), ("client-1", admitted)] {
        let mut routes = routes();
        routes[2].client_ids = these(client);
        let asked = ask("GET /orders/1").bearer(json!({}));
        let asked = asked.but(|asked| asked.policy = policy(routes));
        assert_eq!(asked.outcome(), expected);
    }
}

#[test]
fn p13_the_host_is_one_host() {
    let host = |value: &str| ask("GET /public").without("host").with("host", value);
    for good in ["a", "A.example.com:80", "[::1]:80", "a."] {
        assert_eq!(host(good).outcome(), "permit /public", "{good}");
    }
    for bad in ["", "a b", "a, b", "a:b", "a:1:2", "u@a", "a/x", "[::1"] {
        assert_eq!(host(bad).outcome(), "bad_request", "{bad}");
    }
    assert_eq!(host("a").with("host", "a").outcome(), "bad_request");
    assert_eq!(ask("GET /public").without("host").outcome(), "bad_request");
    let old = |asked: &mut Asked| asked.version = Version::HTTP_10;
    assert_eq!(
        ask("GET /public").without("host").but(old).outcome(),
        "permit /public"
    );
    // A target's own host must be the same one.
    assert_eq!(ask("GET http://a/public").outcome(), "permit /public");
    assert_eq!(ask("GET http://b/public").outcome(), "bad_request");
    assert_eq!(ask("GET http://a:80/public").outcome(), "bad_request");
    assert_eq!(ask("GET a").outcome(), "bad_request");
    assert_eq!(ask("OPTIONS *").outcome(), "bad_request");
    // HTTP/2 has its authority in the target.
    let two = |asked: &mut Asked| asked.version = Version::HTTP_2;
    assert_eq!(
        ask("GET http://a/public")
            .without("host")
            .but(two)
            .outcome(),
        "permit /public"
    );
    assert_eq!(ask("GET http://b/public").but(two).outcome(), "bad_request");
    assert_eq!(
        ask("GET /public").without("host").but(two).outcome(),
        "bad_request"
    );
}

#[test]
fn hosts_that_are_not_ours_have_no_route() {
    let ours = |asked: &mut Asked| {
        asked.policy.hosts = vec![Host::parse("*.example.com").expect("a host")];
    };
    assert_eq!(ask("GET /public").but(ours).outcome(), "no_route");
    let asked = ask("GET /public")
        .without("host")
        .with("host", "A.Example.com.:81");
    assert_eq!(asked.but(ours).outcome(), "permit /public");
}

#[test]
fn p08_a_fragment_is_ambiguous_whatever_the_path() {
    let cut = |asked: &mut Asked| asked.fragment = true;
    assert_eq!(ask("GET /public").but(cut).outcome(), "ambiguous_path");
    assert_eq!(ask("GET /nowhere").but(cut).outcome(), "ambiguous_path");
}

/// A preflight that asks for this method.
fn preflight(target: &str, method: &str) -> Asked {
    ask(&format!("OPTIONS {target}"))
        .with("origin", "https://app.example.com")
        .with("access-control-request-method", method)
}

#[test]
fn p17_a_preflight_is_matched_by_the_method_it_asks_for() {
    let asked = preflight("/orders/1", "POST").with("authorization", "Bearer a b");
    let Admission::Permit(permit) = asked.admit() else {
        unreachable!("a preflight")
    };
    assert!(permit.is_preflight() && permit.principal().is_none());
    assert_eq!(&*permit.route().name, "POST /orders/{*rest}");
    assert_eq!(
        preflight("/orders/1", "DELETE").outcome(),
        "method_not_allowed"
    );
    assert_eq!(preflight("/nowhere", "GET").outcome(), "no_route");
    for no_preflight in [
        preflight("/orders/1", "get"),
        preflight("/orders/1", "GET").with("access-control-request-method", "GET"),
        preflight("/orders/1", "GET").without("origin"),
        preflight("/orders/1", "GET").but(|asked| asked.has_body = true),
        preflight("/orders/1", "GET").but(|asked| asked.policy.cors = false),
    ] {
        assert_eq!(no_preflight.outcome(), "method_not_allowed");
    }
}

#[test]
fn a_cookie_that_another_site_sent_is_refused_before_it_is_read() {
    let token = a1().token(&but(access(), json!({"scope": "orders/write"})));
    let write = || ask("POST /orders/1").with("cookie", &format!("session={token}"));
    assert_eq!(write().outcome(), "cross_site");
    assert_eq!(write().keys_asked(), 0);
    let admitted = "permit POST /orders/{*rest}";
    assert_eq!(
        write().with("sec-fetch-site", "same-origin").outcome(),
        admitted
    );
    assert_eq!(write().with("origin", "http://a").outcome(), admitted);
    assert_eq!(write().with("origin", "https://a").outcome(), "cross_site");
    let external = |asked: &mut Asked| {
        asked.policy.external_origin = Some("https://app.example.com".to_owned());
    };
    assert_eq!(
        write().with("origin", "http://a").but(external).outcome(),
        "cross_site"
    );
    let ours = write().with("origin", "https://app.example.com");
    assert_eq!(ours.but(external).outcome(), admitted);
}

#[test]
fn p10_a_rewritten_path_is_read_again() {
    let rewritten = |target: &str, strip: Option<&str>, add: Option<&str>| {
        let mut changed = route("/api/{*rest}", Access::Public, "");
        changed.strip_prefix = strip.map(str::to_owned);
        changed.add_prefix = add.map(str::to_owned);
        let asked = ask(&format!("GET {target}"));
        let asked = asked.but(|asked| asked.policy = policy(vec![changed]));
        match asked.admit() {
            Admission::Permit(permit) => permit.target().unwrap_or("as it is").to_owned(),
            Admission::Refuse(_, _, refusal) => refusal.reason.to_string(),
            Admission::NeedKeys(_) | Admission::Own(_) => unreachable!("no token is looked at"),
        }
    };
    assert_eq!(rewritten("/api/x", None, None), "as it is");
    assert_eq!(rewritten("/api/x", Some("/api"), None), "/x");
    assert_eq!(rewritten("/api", Some("/api/"), None), "/");
    assert_eq!(
        rewritten("/api/%78/", Some("/api"), Some("/v2/")),
        "/v2/%78/"
    );
    assert_eq!(rewritten("/api/x", None, Some("/v2")), "/v2/api/x");
    assert_eq!(rewritten("/%61pi/x", Some("/api"), None), "ambiguous_path");
    assert_eq!(rewritten("/api/x", Some("/ap"), None), "ambiguous_path");
    assert_eq!(rewritten("/api/x", Some("/other"), None), "ambiguous_path");
}

#[test]
fn p16_an_override_is_kept_only_where_its_method_is_allowed() {
    let kept = |scope: &str, method: &str| {
        let mut routes = routes();
        routes[3].method_override = true;
        let asked = ask("POST /orders/1")
            .bearer(json!({"scope": scope}))
            .with("x-http-method-override", method);
        let asked = asked.but(|asked| asked.policy = policy(routes));
        match asked.admit() {
            Admission::Permit(permit) => permit.overrides() == Overrides::Keep,
            _ => unreachable!("orders/write is there"),
        }
    };
    assert!(kept("orders/write", "POST"));
    assert!(kept("orders/write orders/read", "GET"));
    assert!(!kept("orders/write", "GET"));
    assert!(!kept("orders/write orders/read", "DELETE"));
    assert!(!kept("orders/write orders/read", "get"));
    assert!(!kept("orders/write orders/read", ""));
}

/// Whether an override of `POST /orders/1`, which takes overrides, is kept.
fn keeps(asked: Asked, change: impl FnOnce(&mut Vec<Route>)) -> bool {
    let mut routes = routes();
    routes[3].method_override = true;
    change(&mut routes);
    let asked = asked.but(|asked| asked.policy = policy(routes));
    match asked.admit() {
        Admission::Permit(permit) => permit.overrides() == Overrides::Keep,
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn p16_no_override_names_what_is_refused_by_its_name() {
    let both = || ask("POST /orders/1").bearer(json!({"scope": "orders/read orders/write"}));
    let any = |routes: &mut Vec<Route>| {
        routes.remove(2);
        routes[2].pattern = Pattern::parse("/orders/{*rest}").expect("a good pattern");
    };
    for (method, kept) in [("PUT", true), ("TRACE", false), ("CONNECT", false)] {
        let asked = both().with("x-http-method", method);
        assert_eq!(
            keeps(asked, |routes| {
                routes[3].method_override = false;
                any(routes);
                routes[2].method_override = true;
            }),
            kept,
            "{method}"
        );
    }
}

#[test]
fn p16_an_override_gives_a_cookie_no_more_than_its_method_would() {
    let token = a1().token(&but(access(), json!({"scope": "orders/read orders/write"})));
    let read = || {
        let cookie = format!("session={token}");
        ask("GET /orders/1").with("cookie", &cookie)
    };
    let on_get = |routes: &mut Vec<Route>| routes[2].method_override = true;
    let named = |asked: Asked| asked.with("x-http-method-override", "POST");
    // GET needs no proof of where it comes from; POST does, whichever header says that it is one.
    assert!(!keeps(named(read()), on_get));
    assert!(!keeps(
        named(read()).with("sec-fetch-site", "cross-site"),
        on_get
    ));
    assert!(keeps(
        named(read()).with("sec-fetch-site", "same-origin"),
        on_get
    ));
    let in_one = |routes: &mut Vec<Route>| {
        routes[2].pattern = Pattern::parse("GET,PUT /orders/{*rest}").expect("a good pattern");
        routes[2].method_override = true;
    };
    let put = |asked: Asked| asked.with("x-http-method-override", "PUT");
    assert!(!keeps(put(read()), in_one));
    assert!(keeps(put(read()).with("origin", "http://a"), in_one));
}

#[test]
fn p16_an_override_asks_for_all_that_its_method_asks_for() {
    let header = crate::identity::IdentityHeader {
        name: HeaderName::from_static("x-user"),
        alternatives: vec![Template::parse("nickname").expect("a template")],
        required: true,
        list: Default::default(),
    };
    let asked = |claims: serde_json::Value| {
        ask("POST /orders/1")
            .bearer(but(json!({"scope": "orders/read orders/write"}), claims))
            .with("x-http-method", "GET")
    };
    let required = |routes: &mut Vec<Route>| {
        routes[2].headers = Arc::new(Plan {
            headers: vec![header.clone()],
            ..Plan::default()
        });
    };
    assert!(!keeps(asked(json!({})), required));
    assert!(keeps(asked(json!({"nickname": "j"})), required));
    // A bad token that audit lets through is no absent one.
    let optional = |routes: &mut Vec<Route>| {
        routes[2].access = Access::Optional;
        routes[3].mode = Mode::Audit;
    };
    let bad = ask("POST /orders/1")
        .with("authorization", "Bearer a.b.c")
        .with("x-http-method", "GET");
    assert!(!keeps(bad, optional));
}

#[test]
fn p10_no_reading_of_a_rewritten_path_leaves_its_prefix() {
    let rewritten = |target: &str, strip: Option<&str>, add: Option<&str>, allow: Kinds| {
        let mut changed = route("/api/v1/{*rest}", Access::Public, "");
        if strip.is_none() {
            changed = route("/{*rest}", Access::Public, "");
        }
        changed.strip_prefix = strip.map(str::to_owned);
        changed.add_prefix = add.map(str::to_owned);
        changed.allow_paths = allow;
        let asked = ask(&format!("GET {target}"));
        let asked = asked.but(|asked| asked.policy = policy(vec![changed]));
        match asked.admit() {
            Admission::Permit(permit) => permit.target().unwrap_or("as it is").to_owned(),
            Admission::Refuse(_, _, refusal) => refusal.reason.to_string(),
            Admission::NeedKeys(_) | Admission::Own(_) => unreachable!("no token is looked at"),
        }
    };
    let dots = Kinds::DOT_SEGMENTS;
    // The upstream resolves `/app/../admin` to `/admin`, which no reading of what was matched is rewritten to.
    let added = |target| rewritten(target, None, Some("/app"), dots);
    assert_eq!(added("/a/../b"), "/app/a/../b");
    assert_eq!(added("/a/b/.."), "/app/a/b/..");
    assert_eq!(added("/../admin"), "ambiguous_path");
    assert_eq!(added("/a/%2e%2e/../../admin"), "ambiguous_path");
    let stripped = |target| rewritten(target, Some("/api/v1"), None, dots);
    assert_eq!(stripped("/api/v1/a/../b"), "/a/../b");
    assert_eq!(stripped("/api/v1/a/.."), "/a/..");
    assert_eq!(stripped("/api/v1/."), "/.");
    assert_eq!(stripped("/api/v1/../v1/admin"), "ambiguous_path");
    assert_eq!(stripped("/api/v1/../../api/v1/%61dmin"), "ambiguous_path");
    let slashes = Kinds::DOUBLE_SLASH.union(Kinds::ENCODED_SLASH);
    let stripped = |target| rewritten(target, Some("/api/v1"), Some("/x"), slashes);
    assert_eq!(stripped("/api/v1//a%2Fb/"), "/x//a%2Fb/");
    assert_eq!(stripped("/api/v1//"), "/x//");
}

#[test]
fn a_required_identity_header_is_part_of_the_decision() {
    let required = || {
        let mut routes = routes();
        let header = crate::identity::IdentityHeader {
            name: HeaderName::from_static("x-user"),
            alternatives: vec![Template::parse("nickname").expect("a template")],
            required: true,
            list: Default::default(),
        };
        routes[2].headers = Arc::new(Plan {
            headers: vec![header],
            ..Plan::default()
        });
        policy(routes)
    };
    let asked = |claims| {
        ask("GET /orders/1")
            .bearer(claims)
            .but(|asked| asked.policy = required())
    };
    assert_eq!(asked(json!({})).outcome(), "claim_mismatch");
    assert_eq!(
        asked(json!({"nickname": "j"})).outcome(),
        "permit GET /orders/{*rest}"
    );
}
