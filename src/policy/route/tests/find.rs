//! What the table answers, request by request.

use super::*;
use crate::token::claims::ClaimName;

#[test]
fn the_most_specific_path_answers_whatever_the_order() {
    let keys = [
        "/{*rest}",
        "/a/{*rest}",
        "/a/{b}",
        "/a/b",
        "/a",
        "/",
        "/{x}/b/c",
        "/a/{b}/{c}/d",
    ];
    let mut reversed = keys;
    reversed.reverse();
    for keys in [keys, reversed] {
        Gate::new(&keys).assert(&[
            ("/", "/"),
            ("/a", "/a"),
            ("/a/", "/a"),
            ("/a/b", "/a/b"),
            ("/a/x", "/a/{b}"),
            ("/a/x/", "/a/{b}"),
            ("/a/b/c", "/a/{*rest}"),
            ("/z/b/c", "/{x}/b/c"),
            ("/a/b/c/d", "/a/{b}/{c}/d"),
            ("/z", "/{*rest}"),
            ("/z/b/c/d", "/{*rest}"),
            ("/A", "/{*rest}"),
        ]);
    }
}

#[test]
fn search_steps_back_where_a_literal_leads_nowhere() {
    Gate::new(&["/a/b/c", "/{x}/b/d", "/a/{y}/e"]).assert(&[
        ("/a/b/c", "/a/b/c"),
        ("/a/b/d", "/{x}/b/d"),
        ("/a/b/e", "/a/{y}/e"),
        ("/a/b/f", "nothing"),
        ("/a/b", "nothing"),
    ]);
}

#[test]
fn nothing_matches_by_default() {
    Gate::new(&[]).assert(&[("/", "nothing"), ("h/a", "nothing")]);
    Gate::new(&["/a/{b}", "/rest/{*r}"]).assert(&[
        ("/", "nothing"),
        ("/a", "nothing"),
        ("/a/", "nothing"),
        ("/a/b/c", "nothing"),
        ("/rest", "/rest/{*r}"),
        ("/rests", "nothing"),
    ]);
}

#[test]
fn hosts_go_before_paths() {
    let gate = Gate::new(&[
        "/admin",
        "*.com/admin",
        "*.b.com/{*r}",
        "a.b.com/{x}/y",
        "[::1]/",
    ]);
    gate.assert(&[
        ("a.b.com/z/y", "a.b.com/{x}/y"),
        ("a.b.com/admin", "*.b.com/{*r}"),
        ("x.y.b.com/admin", "*.b.com/{*r}"),
        ("b.com/admin", "*.com/admin"),
        ("com/admin", "/admin"),
        ("/admin", "/admin"),
        ("b.com/z", "nothing"),
        ("[::1]/", "[::1]/"),
    ]);
}

#[test]
fn the_pattern_decides_and_never_a_looser_one() {
    Gate::new(&["GET /x", "/x", "POST /y", "PUT,GET /{any}", "a.b/y"]).assert(&[
        ("GET /x", "GET /x"),
        ("HEAD /x", "GET /x"),
        ("DELETE /x", "/x"),
        ("POST /y", "POST /y"),
        ("GET /y", "allow: POST"),
        ("get /y", "allow: POST"),
        ("DELETE /z", "allow: GET, HEAD, PUT"),
        ("GET a.b/y", "a.b/y"),
    ]);
}

#[test]
fn p15_head_needs_what_get_needs_unless_it_has_its_own_route() {
    let gate = Gate::new(&["GET /x", "HEAD /x", "GET /y", "POST /{p}"]);
    gate.assert(&[
        ("GET /x", "GET /x"),
        ("HEAD /x", "HEAD /x"),
        ("HEAD /y", "GET /y"),
        ("get /y", "allow: GET, HEAD"),
        ("GeT /y", "allow: GET, HEAD"),
        ("PROPFIND /z", "allow: POST"),
    ]);
    Gate::new(&["HEAD /x", "GET /x"]).assert(&[("HEAD /x", "HEAD /x"), ("GET /x", "GET /x")]);
}

#[test]
fn routes_that_cannot_be_told_apart_are_conflicts() {
    let conflict = |first, second| Conflict { first, second };
    let table: [(&[&str], &[Conflict]); 8] = [
        (&["/x/{a}", "/x/{b}"], &[conflict(0, 1)]),
        (
            &["GET /x", "POST /x", "GET,POST /x/"],
            &[conflict(0, 2), conflict(1, 2)],
        ),
        (&["GET /x", "GET /x"], &[conflict(0, 1)]),
        (&["HEAD /x", "HEAD,PUT /x"], &[conflict(0, 1)]),
        (&["a.b/x", "A.B./x", "*.b/x"], &[conflict(0, 1)]),
        (&["/{*a}", "/{*b}", "/{c}"], &[conflict(0, 1)]),
        (&["/x", "GET /x", "HEAD /x", "a.b/x", "/{a}", "/X"], &[]),
        (&["/%61", "/a"], &[conflict(0, 1)]),
    ];
    for (keys, expected) in table {
        let compiled = RouteTable::compile(&routes(keys), Case::Guard, Kinds::NONE);
        assert_eq!(compiled.err().unwrap_or_default(), expected, "{keys:?}");
    }
    let folded = RouteTable::compile(&routes(&["/x", "/X"]), Case::Insensitive, Kinds::NONE);
    assert_eq!(folded.err(), Some(vec![conflict(0, 1)]));
}

#[test]
fn p06_case_is_guarded_folded_or_minded() {
    let keys = ["/admin/x", "/{*rest}", "/Users/{id}"];
    Gate::with(routes(&keys), Case::Guard, Kinds::NONE).assert(&[
        ("/admin/x", "/admin/x"),
        ("/ADMIN/x", "ambiguous"),
        ("/%41dmin/x", "ambiguous"),
        ("/admin/y", "/{*rest}"),
        ("/Other", "/{*rest}"),
        ("/Users/AbC", "/Users/{id}"),
        ("/users/AbC", "ambiguous"),
        ("/\u{212A}", "refused: ambiguous_path"),
        ("/adm%C4%B1n/x", "/{*rest}"),
    ]);
    Gate::with(routes(&keys), Case::Insensitive, Kinds::NONE).assert(&[
        ("/ADMIN/X", "/admin/x"),
        ("/uSERS/1", "/Users/{id}"),
        ("/adm%C4%B1n/x", "/{*rest}"),
    ]);
    Gate::with(routes(&keys), Case::Sensitive, Kinds::NONE)
        .assert(&[("/ADMIN/x", "/{*rest}"), ("/users/1", "/{*rest}")]);
}

#[test]
fn p06_guard_refuses_what_is_unrouted_only_for_its_case() {
    Gate::with(routes(&["GET /admin"]), Case::Guard, Kinds::NONE).assert(&[
        ("/ADMIN", "ambiguous"),
        ("POST /ADMIN", "ambiguous"),
        ("/OTHER", "nothing"),
    ]);
    let twins = ["GET /Admin", "POST /admin", "/both", "/BOTH"];
    Gate::with(routes(&twins), Case::Guard, Kinds::NONE).assert(&[
        ("GET /Admin", "GET /Admin"),
        ("POST /admin", "POST /admin"),
        ("GET /admin", "ambiguous"),
        ("/both", "ambiguous"),
        ("/BOTH", "ambiguous"),
        ("/Both", "ambiguous"),
    ]);
}

#[test]
fn readings_must_choose_alike() {
    let all = Kinds::NAMES
        .iter()
        .fold(Kinds::NONE, |all, (_, kind)| all.union(*kind));
    let keys = [
        "/{*rest}",
        "/admin/{*rest}",
        "/files/{*rest}",
        "/items/{id}",
        "POST /items/{id}/x",
    ];
    Gate::with(routes(&keys), Case::Guard, all).assert(&[
        ("/files/a%2Fb", "/files/{*rest}"),
        ("/files/https%3A%2F%2Fh", "/files/{*rest}"),
        ("/files//a;b/c\\d", "/files/{*rest}"),
        ("/files/..%2Fadmin", "ambiguous"),
        ("/files/%252e%252e/admin", "ambiguous"),
        ("/files/a/../b", "/files/{*rest}"),
        ("/files/../admin", "ambiguous"),
        ("/x/..;/admin", "ambiguous"),
        ("//admin/x", "ambiguous"),
        ("/admin;/x", "ambiguous"),
        ("/admin;v=1", "ambiguous"),
        ("/x\\..\\admin", "ambiguous"),
        ("/items/1;v=1", "ambiguous"),
        ("POST /items/1%2Fx", "ambiguous"),
        ("/x//y", "/{*rest}"),
    ]);
}

#[test]
fn a_rest_counts_where_the_rule_looks_at_it() {
    let named = |requirement| Rule {
        requirements: vec![requirement],
    };
    let claim = |name: &str| {
        Requirement::Claim(
            ClaimName::new("custom:key"),
            Expected::Parameter(name.to_owned()),
        )
    };
    let table = [
        (Rule::default(), "/{*key}"),
        (named(claim("other")), "/{*key}"),
        (named(claim("key")), "ambiguous"),
        (
            named(Requirement::AnyOf(vec![
                Rule::default(),
                named(claim("key")),
            ])),
            "ambiguous",
        ),
    ];
    for (rule, expected) in table {
        let guarded = Route {
            rule,
            ..route("/{*key}")
        };
        let gate = Gate::with(vec![guarded], Case::Guard, Kinds::ENCODED_SLASH);
        gate.assert(&[("/a%2Fb", expected), ("/a/b", "/{*key}")]);
    }
}

#[test]
fn a_route_admits_for_itself_alone() {
    let loose = Route {
        allow_paths: Kinds::ENCODED_SLASH,
        ..route("/objects/{*key}")
    };
    let gate = Gate::with(
        vec![loose, route("/{*rest}")],
        Case::Guard,
        Kinds::SEMICOLON,
    );
    assert_eq!(
        gate.table.admitted(),
        Kinds::ENCODED_SLASH.union(Kinds::SEMICOLON)
    );
    gate.assert(&[
        ("/objects/a%2Fb", "/objects/{*key}"),
        ("/objects/a%2Fb;c", "/objects/{*key}"),
        ("/other/a%2Fb", "ambiguous"),
        ("/other/a;b", "/{*rest}"),
        ("/objects/a//b", "refused: ambiguous_path"),
    ]);
    let alone = Route {
        allow_paths: Kinds::ENCODED_SLASH,
        ..route("GET /objects/{*key}")
    };
    Gate::with(vec![alone], Case::Guard, Kinds::NONE).assert(&[
        ("/nowhere/a%2Fb", "ambiguous"),
        ("/nowhere", "nothing"),
        ("POST /objects/a%2Fb", "ambiguous"),
    ]);
}

#[test]
fn an_empty_segment_is_nobodys_parameter() {
    let gate = Gate::with(
        routes(&["/a/{b}/c", "/{*r}"]),
        Case::Guard,
        Kinds::DOUBLE_SLASH,
    );
    gate.assert(&[
        ("/a//c", "/{*r}"),
        ("/a/b/c", "/a/{b}/c"),
        ("/a/b//c", "ambiguous"),
    ]);
}

#[test]
fn find_is_bounded_on_a_deep_path_against_nasty_patterns() {
    // Every prefix of every pattern can be had by literal and by parameter, and none of them ends where the path does.
    let mut keys = vec!["/a".repeat(199) + "/b", "/{p}".to_owned()];
    for at in 0..199 {
        let names: String = (at..199).map(|name| format!("/{{p{name}}}")).collect();
        keys.push("/a".repeat(at) + &names + "/b");
    }
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let gate = Gate::new(&keys);
    let deep = "/a".repeat(200);
    assert_eq!(gate.ask(&deep), "nothing");
    assert_eq!(gate.ask(&"/a".repeat(10_000)), "nothing");
    assert_eq!(gate.ask(&("/c".repeat(199) + "/b")), keys[2]);
}
