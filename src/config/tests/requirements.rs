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
    ), @r#"
    error: this route asks for nothing
     --> portcullis.toml:5:8
      |
    5 | "/a" = ""
      |        ^^ expected a scope
      |
      = help: any good token is `{}`, no token at all is `{ access = "public" }`

    error: this route asks for nothing
     --> portcullis.toml:6:8
      |
    6 | "/b" = []
      |        ^^ expected a scope
      |
      = help: any good token is `{}`, no token at all is `{ access = "public" }`

    error: `any_scope` is an empty list
     --> portcullis.toml:7:22
      |
    7 | "/c" = { any_scope = [] }
      |                      ^^ expected a list of scopes, not empty
      |
      = help: a list that asks for nothing is never meant: fill it, or leave the key out

    error: `all_scopes` is a string
     --> portcullis.toml:8:23
      |
    8 | "/d" = { all_scopes = "" }
      |                       ^^ expected a list of scopes
      |
      = help: put it in brackets: ["…"]

    error: `any_group` is a string
     --> portcullis.toml:9:22
      |
    9 | "/e" = { any_group = "staff" }
      |                      ^^^^^^^ expected a list of strings
      |
      = help: put it in brackets: ["…"]

    error: this string is empty
      --> portcullis.toml:10:24
       |
    10 | "/f" = { all_groups = [""] }
       |                        ^^ expected a string

    error: `claims` is empty
      --> portcullis.toml:11:19
       |
    11 | "/g" = { claims = {} }
       |                   ^^ expected claims and their values: { email_verified = true }

    error: `plan` is an empty list
      --> portcullis.toml:12:28
       |
    12 | "/h" = { claims = { plan = [] } }
       |                            ^^ expected a list of values, not empty
       |
       = help: a list that asks for nothing is never meant: fill it, or leave the key out

    error: `any_of` is an empty list
      --> portcullis.toml:13:19
       |
    13 | "/i" = { any_of = [] }
       |                   ^^ expected a list of rules, not empty
       |
       = help: a list that asks for nothing is never meant: fill it, or leave the key out

    error: a rule of `any_of` asks for nothing
      --> portcullis.toml:14:20
       |
    14 | "/j" = { any_of = [{}] }
       |                    ^^ expected one of `any_scope`, `all_scopes`, `any_group`, `all_groups`, `claims`, `any_of`, `acr`, `max_age` at least

    error: a rule of `any_of` asks for nothing
      --> portcullis.toml:15:14
       |
    15 | "/k" = ["s", {}]
       |              ^^ expected one of `any_scope`, `all_scopes`, `any_group`, `all_groups`, `claims`, `any_of`, `acr`, `max_age` at least

    error: `acr` is an empty list
      --> portcullis.toml:16:16
       |
    16 | "/l" = { acr = [] }
       |                ^^ expected a list of strings, not empty
       |
       = help: a list that asks for nothing is never meant: fill it, or leave the key out

    error: `max_age` is no time at all
      --> portcullis.toml:17:20
       |
    17 | "/m" = { max_age = "0s" }
       |                    ^^^^ expected more than zero

    error: `pools` is an empty list
      --> portcullis.toml:18:18
       |
    18 | "/n" = { pools = [] }
       |                  ^^ expected a list of pool names, not empty
       |
       = help: a list that asks for nothing is never meant: fill it, or leave the key out

    error: `client_ids` is an empty list
      --> portcullis.toml:19:23
       |
    19 | "/o" = { client_ids = [] }
       |                       ^^ expected a list of client ids, not empty
       |
       = help: a list that asks for nothing is never meant: fill it, or leave the key out

    portcullis.toml: 15 faults
    "#);
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
    ), @r#"
    error: this route asks for something, and is open
     --> portcullis.toml:5:29
      |
    5 | "/a" = { access = "public", any_scope = ["s"] }
      |                             ^^^^^^^^^ only an `authenticated` route has requirements
      |
      = help: set `access = "authenticated"`, or leave this out

    error: this route asks for something, and is open
     --> portcullis.toml:6:31
      |
    6 | "/b" = { access = "optional", claims = { a = 1 } }
      |                               ^^^^^^ only an `authenticated` route has requirements
      |
      = help: set `access = "authenticated"`, or leave this out

    error: this route asks for something, and is open
     --> portcullis.toml:7:29
      |
    7 | "/c" = { access = "public", pools = ["main"] }
      |                             ^^^^^ no token is looked at on a `public` route
      |
      = help: set `access = "authenticated"`, or leave this out

    portcullis.toml: 3 faults
    "#);
    assert_snapshot!(refused("[defaults]\naccess = \"public\"\n[routes]\n\"/a\" = \"orders/read\"\n"), @r#"
    error: this route asks for something, and is open
     --> portcullis.toml:7:8
      |
    7 | "/a" = "orders/read"
      |        ^^^^^^^^^^^^^ only an `authenticated` route has requirements
      |
      = help: set `access = "authenticated"`, or leave this out

    portcullis.toml: 1 fault
    "#);
    assert_snapshot!(refused("[defaults]\naccess = \"public\"\nany_scope = [\"s\"]\n"), @r#"
    error: this route asks for something, and is open
     --> portcullis.toml:6:1
      |
    6 | any_scope = ["s"]
      | ^^^^^^^^^ only an `authenticated` route has requirements
      |
      = help: set `access = "authenticated"`, or leave this out

    portcullis.toml: 1 fault
    "#);
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
    ), @r#"
    error: a scope has no blank in it
     --> portcullis.toml:5:8
      |
    5 | "/a" = "orders/read orders/write"
      |        ^^^^^^^^^^^^^^^^^^^^^^^^^^ expected one scope
      |
      = help: several are a list: ["orders/read", "orders/write"]

    error: a list says the same twice
     --> portcullis.toml:6:14
      |
    6 | "/b" = ["s", "s", 5]
      |              ^^^ this is in the list already

    error: `/b` is an integer
     --> portcullis.toml:6:19
      |
    6 | "/b" = ["s", "s", 5]
      |                   ^ expected a scope or a rule

    error: unknown key `scope` in a rule of `any_of`
     --> portcullis.toml:7:16
      |
    7 | "/c" = ["s", { scope = ["a"] }, 5]
      |                ^^^^^ this key is not known here
      |
      = help: known keys: `any_scope`, `all_scopes`, `any_group`, `all_groups`, `claims`, `any_of`, `acr`, `max_age`

    error: `/c` is an integer
     --> portcullis.toml:7:33
      |
    7 | "/c" = ["s", { scope = ["a"] }, 5]
      |                                 ^ expected a scope or a rule

    error: unknown key `any_scopes` in route `/d`
     --> portcullis.toml:8:10
      |
    8 | "/d" = { any_scopes = ["s"] }
      |          ^^^^^^^^^^ this key is not known here
      |
      = help: did you mean `any_scope`?

    error: the route's pattern has no such parameter
     --> portcullis.toml:9:30
      |
    9 | "/e/{id}" = { claims = { a = "{idd}", b = "x-{id}", c = ["{id}"], d = 1979-05-27, e = [[1]], f = "{other}" } }
      |                              ^^^^^^^ expected a parameter of the pattern
      |
      = help: it has `id`

    error: a path parameter stands alone
     --> portcullis.toml:9:43
      |
    9 | "/e/{id}" = { claims = { a = "{idd}", b = "x-{id}", c = ["{id}"], d = 1979-05-27, e = [[1]], f = "{other}" } }
      |                                           ^^^^^^^^ expected "{name}" and nothing else

    error: a path parameter stands alone
     --> portcullis.toml:9:58
      |
    9 | "/e/{id}" = { claims = { a = "{idd}", b = "x-{id}", c = ["{id}"], d = 1979-05-27, e = [[1]], f = "{other}" } }
      |                                                          ^^^^^^ expected "{name}" and nothing else

    error: `d` is a date or time
     --> portcullis.toml:9:71
      |
    9 | "/e/{id}" = { claims = { a = "{idd}", b = "x-{id}", c = ["{id}"], d = 1979-05-27, e = [[1]], f = "{other}" } }
      |                                                                       ^^^^^^^^^^ expected a string, a number, or true or false

    error: `e` is a list
     --> portcullis.toml:9:88
      |
    9 | "/e/{id}" = { claims = { a = "{idd}", b = "x-{id}", c = ["{id}"], d = 1979-05-27, e = [[1]], f = "{other}" } }
      |                                                                                        ^^^ expected a string, a number, or true or false

    error: the route's pattern has no such parameter
     --> portcullis.toml:9:98
      |
    9 | "/e/{id}" = { claims = { a = "{idd}", b = "x-{id}", c = ["{id}"], d = 1979-05-27, e = [[1]], f = "{other}" } }
      |                                                                                                  ^^^^^^^^^ expected a parameter of the pattern
      |
      = help: it has `id`

    error: `/f` is a boolean
      --> portcullis.toml:10:8
       |
    10 | "/f" = true
       |        ^^^^ expected a scope, a list of scopes and rules, or a table

    error: the route's pattern has no such parameter
      --> portcullis.toml:11:25
       |
    11 | "/g" = { claims = { a = "{x}" } }
       |                         ^^^^^ expected a parameter of the pattern
       |
       = help: the pattern has no parameter at all

    portcullis.toml: 14 faults
    "#);
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
    ), @r#"
    error: this is no route pattern
     --> portcullis.toml:5:2
      |
    5 | "get /a" = "s"
      |  ^^^ a method is upper-case, and a comma without blanks stands between two: `GET,POST /orders`
      |
      = help: a pattern is [METHOD[,METHOD…] ][host]/path: "GET /orders/{id}"

    error: this is no route pattern
     --> portcullis.toml:6:6
      |
    6 | "GET a" = "s"
      |      ^ a pattern has a path, which starts with `/`: `GET /orders/{id}`
      |
      = help: a pattern is [METHOD[,METHOD…] ][host]/path: "GET /orders/{id}"

    error: this is no route pattern
     --> portcullis.toml:7:13
      |
    7 | "/a/{*rest}/b" = "s"
      |             ^ nothing can follow `{*name}`, which takes all there is
      |
      = help: a pattern is [METHOD[,METHOD…] ][host]/path: "GET /orders/{id}"

    error: this is no route pattern
     --> portcullis.toml:8:3
      |
    8 | "/a%2Fb" = "s"
      |   ^^^^^ the path has a percent-encoded slash (%2F)
      |
      = help: a pattern is [METHOD[,METHOD…] ][host]/path: "GET /orders/{id}"

    error: this is no route pattern
     --> portcullis.toml:9:4
      |
    9 | '/a//b' = "s"
      |    ^^ the path has an empty segment (//)
      |
      = help: a pattern is [METHOD[,METHOD…] ][host]/path: "GET /orders/{id}"

    portcullis.toml: 5 faults
    "#);
}

#[test]
fn routes_that_cannot_be_told_apart_are_told_together() {
    assert_snapshot!(refused(
        r#"[routes]
"GET /a/{id}" = "s"
"/b" = "s"
"GET /a/{name}/" = "t"
"#
    ), @r#"
    error: two routes cannot be told apart
     --> portcullis.toml:7:1
      |
    5 | "GET /a/{id}" = "s"
      | ------------- as this one
    6 | "/b" = "s"
    7 | "GET /a/{name}/" = "t"
      | ^^^^^^^^^^^^^^^^ takes the same requests
      |
      = help: parameter names and a trailing slash make no difference

    portcullis.toml: 1 fault
    "#);
}

#[test]
fn p13_a_host_route_that_another_host_walks_around_is_a_fault() {
    let routes = r#"[routes]
"admin.example.com/{*rest}" = "admin"
"/{*any}" = { access = "public" }
"#;
    assert_snapshot!(refused(routes), @r#"
    error: another `Host` walks around this route
     --> portcullis.toml:5:1
      |
    5 | "admin.example.com/{*rest}" = "admin"
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^ asks for more, of one host alone
    6 | "/{*any}" = { access = "public" }
      | --------- takes the same path under any host
      |
      = help: set `hosts` in [server], or a host on both routes

    portcullis.toml: 1 fault
    "#);
    // Bound hosts, the same demand, or a stricter one leave nothing to walk around.
    loaded(&format!("[server]\nhosts = [\"*.example.com\"]\n{routes}"));
    loaded("[routes]\n\"admin.example.com/a\" = \"admin\"\n\"/a\" = \"admin\"\n");
    loaded("[routes]\n\"www.example.com/a\" = { access = \"public\" }\n\"/a\" = \"admin\"\n");
    loaded("[routes]\n\"GET a.example.com/a\" = \"s\"\n\"POST /{x}\" = { access = \"public\" }\n");
    assert!(
        refused(
            "[paths]\ncase = \"insensitive\"\n[routes]\n\"a.example.com/A\" = \"s\"\n\"/a\" = {}\n"
        )
        .contains("walks around")
    );
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
    ), @r#"
    error: this pool is not configured
     --> portcullis.toml:9:19
      |
    9 | "/a" = { pools = ["mian"] }
      |                   ^^^^^^ expected the NAME of a [pools.NAME]
      |
      = help: did you mean "main"?

    error: `token_use` is wider than the pool's
      --> portcullis.toml:10:22
       |
    10 | "/b" = { token_use = "id", pools = ["main"] }
       |                      ^^^^ expected what the pool takes, or less
       |
       = help: set `token_use` of the pool; a route can only narrow it

    error: `token_use` is wider than the pool's
      --> portcullis.toml:11:22
       |
    11 | "/c" = { token_use = "any", pools = ["main", "staff"] }
       |                      ^^^^^ expected what the pool takes, or less
       |
       = help: set `token_use` of the pool; a route can only narrow it

    error: no pool of this route takes this client
      --> portcullis.toml:12:24
       |
    12 | "/d" = { client_ids = ["desk"], pools = ["main"] }
       |                        ^^^^^^ expected one of the pool's `client_ids`

    error: `client_ids` of a route can only narrow the pool's
      --> portcullis.toml:13:23
       |
    13 | "/e" = { client_ids = "any" }
       |                       ^^^^^ expected a list, or nothing at all for every client of the pool

    portcullis.toml: 5 faults
    "#);
    assert_snapshot!(refused("[routes]\n\"/a\" = { token_use = \"id\" }\n"), @r#"
    error: `token_use` is wider than the pool's
     --> portcullis.toml:5:22
      |
    5 | "/a" = { token_use = "id" }
      |                      ^^^^ expected what the pool takes, or less
      |
      = help: set `token_use` of the pool; a route can only narrow it

    portcullis.toml: 1 fault
    "#);
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
    ), @r#"
    error: `strip_prefix` is not a path of plain segments
     --> portcullis.toml:5:35
      |
    5 | "/legacy/{id}" = { strip_prefix = "legacy" }
      |                                   ^^^^^^^^ expected a path of plain segments such as "/legacy"

    error: the route's pattern does not begin with `strip_prefix`
     --> portcullis.toml:6:32
      |
    6 | "/legacy/a" = { strip_prefix = "/leg" }
      |                                ^^^^^^ expected whole literal segments that the pattern begins with

    error: the route's pattern does not begin with `strip_prefix`
     --> portcullis.toml:7:37
      |
    7 | "/legacy/{id}/b" = { strip_prefix = "/legacy/1" }
      |                                     ^^^^^^^^^^^ expected whole literal segments that the pattern begins with

    error: `add_prefix` is not a path of plain segments
     --> portcullis.toml:8:23
      |
    8 | "/x" = { add_prefix = "/a/../b" }
      |                       ^^^^^^^^^ expected a path of plain segments such as "/legacy"

    error: `add_prefix` is not a path of plain segments
     --> portcullis.toml:9:23
      |
    9 | "/y" = { add_prefix = "/" }
      |                       ^^^ expected a path of plain segments such as "/legacy"

    error: the route's pattern does not begin with `strip_prefix`
      --> portcullis.toml:10:25
       |
    10 | "/z" = { strip_prefix = "/z/z" }
       |                         ^^^^^^ expected whole literal segments that the pattern begins with

    portcullis.toml: 6 faults
    "#);
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
X-Forwarded-Proto = "sub"
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
    ), @r#"
    error: `list_separator` is not punctuation
     --> portcullis.toml:5:18
      |
    5 | list_separator = "%"
      |                  ^^^ expected punctuation such as "," or "; ", without %

    error: `remove` names a header that belongs to the message itself
     --> portcullis.toml:6:11
      |
    6 | remove = ["Host", "X-Old", "x y"]
      |           ^^^^^^ expected another header

    error: `remove` is not the name of a header
     --> portcullis.toml:6:28
      |
    6 | remove = ["Host", "X-Old", "x y"]
      |                            ^^^^^ expected the name of a header

    error: `Host` cannot carry identity
     --> portcullis.toml:8:1
      |
    8 | Host = "sub"
      | ^^^^ expected another name, such as X-User
      |
      = help: this header says how the message itself is to be read

    error: `Authorization` cannot carry identity
     --> portcullis.toml:9:1
      |
    9 | Authorization = "sub"
      | ^^^^^^^^^^^^^ expected another name, such as X-User
      |
      = help: this header has a meaning of its own

    error: `Transfer_Encoding` cannot carry identity
      --> portcullis.toml:10:1
       |
    10 | Transfer_Encoding = "sub"
       | ^^^^^^^^^^^^^^^^^ expected another name, such as X-User
       |
       = help: this header says how the message itself is to be read

    error: `X-Forwarded-Proto` cannot carry identity
      --> portcullis.toml:12:1
       |
    12 | X-Forwarded-Proto = "sub"
       | ^^^^^^^^^^^^^^^^^ expected another name, such as X-User
       |
       = help: this header has a meaning of its own

    error: this is no name of a header
      --> portcullis.toml:13:1
       |
    13 | "X User" = "sub"
       | ^^^^^^^^ expected letters, digits and hyphens

    error: two identity headers have one name
      --> portcullis.toml:15:1
       |
    14 | X-User = "sub"
       | ------ the other one
    15 | x_user = "username"
       | ^^^^^^ the same name to many a service
       |
       = help: letter case, `_` and `-` make no difference to a service behind CGI or WSGI

    error: `X-A` is an empty list
      --> portcullis.toml:16:7
       |
    16 | X-A = []
       |       ^^ expected a list of claims and templates, not empty
       |
       = help: a list that asks for nothing is never meant: fill it, or leave the key out

    error: unknown key `lists` in `X-B`
      --> portcullis.toml:17:24
       |
    17 | X-B = { value = "sub", lists = "json", list = "yaml" }
       |                        ^^^^^ this key is not known here
       |
       = help: did you mean `list`?

    error: `list` has an unknown value
      --> portcullis.toml:17:47
       |
    17 | X-B = { value = "sub", lists = "json", list = "yaml" }
       |                                               ^^^^^^ expected one of "join", "json", "repeat"

    error: `X-C` has no `value`
      --> portcullis.toml:18:7
       |
    18 | X-C = { required = true }
       |       ^^^^^^^^^^^^^^^^^^^ expected `value`: a claim, a template, or a list of them

    error: `X-D` has no such value
      --> portcullis.toml:19:7
       |
    19 | X-D = "client:{client_id"
       |       ^^^^^^^^^^^^^^^^^^^ `{` is never closed; a brace itself is written `{{`

    error: `X-E` has no such value
      --> portcullis.toml:20:7
       |
    20 | X-E = "@pol"
       |       ^^^^^^ unknown fact `@pol`; known are @pool, @kind, @route, @tls.subject and @tls.san

    error: `X-F` is an integer
      --> portcullis.toml:21:7
       |
    21 | X-F = 5
       |       ^ expected a claim, a template such as "client:{client_id}", or a list of them

    error: `X-G` has no such value
      --> portcullis.toml:22:7
       |
    22 | X-G = ""
       |       ^^ expected a claim's name, found nothing

    error: two identity headers have one name
      --> portcullis.toml:24:22
       |
    14 | X-User = "sub"
       | ------ the other one
    ...
    24 | "/a" = { headers = { X_User = "sub" } }
       |                      ^^^^^^ the same name to many a service
       |
       = help: letter case, `_` and `-` make no difference to a service behind CGI or WSGI

    error: `Cookie` cannot carry identity
      --> portcullis.toml:25:22
       |
    25 | "/b" = { headers = { Cookie = "sub" } }
       |                      ^^^^^^ expected another name, such as X-User
       |
       = help: this header has a meaning of its own

    portcullis.toml: 19 faults
    "#);
}
