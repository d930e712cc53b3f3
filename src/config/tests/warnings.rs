//! What loads, and is worth a word.

use insta::assert_snapshot;

use super::{loaded, machine};

fn warnings(added: &str) -> String {
    loaded(added).warnings.join("\n")
}

#[test]
fn what_is_sound_is_not_worth_a_word() {
    assert_eq!(
        warnings("[routes]\n\"GET /orders\" = \"orders/read\"\n"),
        ""
    );
    assert_eq!(
        warnings("[routes]\n\"/{*rest}\" = { access = \"public\" }\n"),
        ""
    );
}

#[test]
fn what_is_legal_but_suspicious_is_said() {
    assert_snapshot!(warnings(""), @r"there is no route: every request is refused with 403 no_route");
    assert_snapshot!(warnings(
        r#"[server]
admin = "0.0.0.0:9090"
trusted_proxies = ["0.0.0.0/0"]
[pools.wide]
user_pool_id = "eu-west-1_wide"
client_ids = "any"
leeway = "90s"
[pools.people]
user_pool_id = "eu-west-1_people"
client_ids = ["app"]
token_use = "id"
[routes]
"/reports" = { any_scope = ["reports/read"], pools = ["people"] }
"/tried" = { any_scope = ["a/b"], mode = "audit" }
"/open" = { access = "public", mode = "audit" }
"/{*rest}" = { access = "public" }
"#
    ), @r#"
    `admin` listens beyond loopback: `probes` is the listener for kubelet and Prometheus
    `trusted_proxies` trusts every peer: any client can say which host and scheme it used
    [pools.wide] takes tokens of any client: whoever may create an app client of that pool is let in
    [pools.wide] has a leeway of more than a minute: expired tokens stay good for that long
    route "/reports" asks for a scope and takes ID tokens alone, which carry none: nobody can pass
    route "/tried" is in audit mode: what its rule refuses is let through
    route "/{*rest}" is public and takes every path below it, beside routes that ask for a token: whatever no other route names is open
    "#);
}

#[test]
fn a_scope_that_is_only_one_of_several_ways_in_is_no_trap() {
    let text = r#"[pools.people]
user_pool_id = "eu-west-1_people"
client_ids = ["app"]
token_use = "id"
[routes]
"/a" = ["s", { any_group = ["staff"] }]
"#;
    assert!(machine(text).is_ok_and(|config| config.warnings.is_empty()));
}
