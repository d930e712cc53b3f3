//! Faults of routes, rules and identity headers: above all where something that looks like protection would be none.

use insta::assert_snapshot;

use super::{loaded, refused};

#[test]
fn q19_an_empty_requirement_is_a_fault_wherever_it_stands() {
    assert_snapshot!(refused(
        r#"[routes]
"/a" = ""
"/b" = []
"/c" = { any_scope = [] }
"/d" = { all_scopes = "" }
"/e" = { any_group = "staff" }
"/f" = { all_groups = [""] }
"/g" = { claims = {} }
"/h" = { claims = { plan = [] } }
"/i" = { any_of = [] }
"/j" = { any_of = [{}] }
"/k" = ["s", {}]
"/l" = { acr = [] }
"/m" = { max_age = "0s" }
"/n" = { pools = [] }
"/o" = { client_ids = [] }
"#
    ));
}

#[test]
fn q19_a_requirement_on_an_open_route_is_a_fault() {
    assert_snapshot!(refused(
        r#"[routes]
"/a" = { access = "public", any_scope = ["s"] }
"/b" = { access = "optional", claims = { a = 1 } }
"/c" = { access = "public", pools = ["main"] }
"/d" = { access = "optional", pools = ["main"] }
"#
    ));
    assert_snapshot!(refused("[defaults]\naccess = \"public\"\n[routes]\n\"/a\" = \"orders/read\"\n"));
    assert_snapshot!(refused("[defaults]\naccess = \"public\"\nany_scope = [\"s\"]\n"));
}

#[test]
fn rules_are_told() {
    assert_snapshot!(refused(
        r#"[routes]
"/a" = "orders/read orders/write"
"/b" = ["s", "s", 5]
"/c" = ["s", { scope = ["a"] }, 5]
"/d" = { any_scopes = ["s"] }
"/e/{id}" = { claims = { a = "{idd}", b = "x-{id}", c = ["{id}"], d = 1979-05-27, e = [[1]], f = "{other}" } }
"/f" = true
"/g" = { claims = { a = "{x}" } }
"#
    ));
}

#[test]
fn patterns_are_told_inside_the_key() {
    assert_snapshot!(refused(
        r#"[routes]
"get /a" = "s"
"GET a" = "s"
"/a/{*rest}/b" = "s"
"/a%2Fb" = "s"
'/a//b' = "s"
"#
    ));
}

#[test]
fn routes_that_cannot_be_told_apart_are_told_together() {
    assert_snapshot!(refused(
        r#"[routes]
"GET /a/{id}" = "s"
"/b" = "s"
"GET /a/{name}/" = "t"
"#
    ));
}

#[test]
fn p13_a_host_route_that_another_host_walks_around_is_a_fault() {
    let routes = r#"[routes]
"admin.example.com/{*rest}" = "admin"
"/{*any}" = { access = "public" }
"#;
    assert_snapshot!(refused(routes));
    // Bound hosts, the same demand, or a stricter one leave nothing to walk around.
    loaded(&format!("[server]\nhosts = [\"*.example.com\"]\n{routes}"));
    loaded("[routes]\n\"admin.example.com/a\" = \"admin\"\n\"/a\" = \"admin\"\n");
    loaded("[routes]\n\"www.example.com/a\" = { access = \"public\" }\n\"/a\" = \"admin\"\n");
    loaded("[routes]\n\"GET a.example.com/a\" = \"s\"\n\"POST /{x}\" = { access = \"public\" }\n");
    assert!(refused("[paths]\ncase = \"insensitive\"\n[routes]\n\"a.example.com/A\" = \"s\"\n\"/a\" = {}\n").contains("walks around"));
}

#[test]
fn what_a_route_refers_to_is_told() {
    assert_snapshot!(refused(
        r#"[pools.staff]
user_pool_id = "eu-west-1_Staff"
client_ids = ["desk"]
token_use = "id"
[routes]
"/a" = { pools = ["mian"] }
"/b" = { token_use = "id", pools = ["main"] }
"/c" = { token_use = "any", pools = ["main", "staff"] }
"/d" = { client_ids = ["desk"], pools = ["main"] }
"/e" = { client_ids = "any" }
"/f" = { token_use = "any", client_ids = ["desk", "app"] }
"#
    ));
    assert_snapshot!(refused("[routes]\n\"/a\" = { token_use = \"id\" }\n"));
}

#[test]
fn prefixes_are_told() {
    assert_snapshot!(refused(
        r#"[routes]
"/legacy/{id}" = { strip_prefix = "legacy" }
"/legacy/a" = { strip_prefix = "/leg" }
"/legacy/{id}/b" = { strip_prefix = "/legacy/1" }
"/x" = { add_prefix = "/a/../b" }
"/y" = { add_prefix = "/" }
"/z" = { strip_prefix = "/z/z" }
"#
    ));
}

#[test]
fn identity_headers_are_told() {
    assert_snapshot!(refused(
        r#"[identity]
list_separator = "%"
remove = ["Host", "X-Old", "x y"]
[identity.headers]
Host = "sub"
Authorization = "sub"
Transfer_Encoding = "sub"
X-Forwarded-User = "sub"
"X User" = "sub"
X-User = "sub"
x_user = "username"
X-A = []
X-B = { value = "sub", lists = "json", list = "yaml" }
X-C = { required = true }
X-D = "client:{client_id"
X-E = "@pol"
X-F = 5
X-G = ""
[routes]
"/a" = { headers = { X_User = "sub" } }
"/b" = { headers = { Cookie = "sub" } }
"#
    ));
}
