//! Faults of single values: their text, and that all of them come in one run.

use insta::assert_snapshot;

use super::refused;

#[test]
fn a_typo_is_told_with_the_nearest_key() {
    assert_snapshot!(refused("[server]\nlisen = \"0.0.0.0:8080\"\n"), @r#"
    error: unknown key `lisen` in [server]
     --> portcullis.toml:5:1
      |
    5 | lisen = "0.0.0.0:8080"
      | ^^^^^ this key is not known here
      |
      = help: did you mean `listen`?

    portcullis.toml: 1 fault
    "#);
    assert_snapshot!(refused("[route]\n\"/x\" = \"a\"\n"), @r"
    error: unknown key `route` at the top level
     --> portcullis.toml:4:2
      |
    4 | [route]
      |  ^^^^^ this key is not known here
      |
      = help: did you mean `routes`?

    portcullis.toml: 1 fault
    ");
    assert_snapshot!(refused("[paths]\nbanana = 1\n"), @r"
    error: unknown key `banana` in [paths]
     --> portcullis.toml:5:1
      |
    5 | banana = 1
      | ^^^^^^ this key is not known here
      |
      = help: known keys: `allow`, `case`

    portcullis.toml: 1 fault
    ");
}

#[test]
fn every_fault_is_told_in_one_run_and_in_order() {
    assert_snapshot!(refused(
        r#"
[server]
listen = "localhost:8080"
drain_delay = 5
workers = -1
[server.limits]
header_timeout = "0s"
body_bytes = "10KB"
[identity.headers]
Content-Length = "sub"
[routes]
"GET /x" = []
"#
    ), @r#"
    error: `listen` is not an address
     --> portcullis.toml:6:10
      |
    6 | listen = "localhost:8080"
      |          ^^^^^^^^^^^^^^^^ expected an IP address and a port, such as "127.0.0.1:8080"
      |
      = help: names are not looked up here: write 127.0.0.1

    error: `drain_delay` is an integer
     --> portcullis.toml:7:15
      |
    7 | drain_delay = 5
      |               ^ expected a duration such as "30s" (ms, s, m, h or d)

    error: `workers` is out of bounds
     --> portcullis.toml:8:11
      |
    8 | workers = -1
      |           ^^ expected a whole number from 0 to 1024

    error: `header_timeout` is no time at all
      --> portcullis.toml:10:18
       |
    10 | header_timeout = "0s"
       |                  ^^^^ expected more than zero

    error: `body_bytes` is not a size
      --> portcullis.toml:11:14
       |
    11 | body_bytes = "10KB"
       |              ^^^^^^ expected a size such as "1MiB" (B, KiB, MiB or GiB), or "unlimited"

    error: `Content-Length` cannot carry identity
      --> portcullis.toml:13:1
       |
    13 | Content-Length = "sub"
       | ^^^^^^^^^^^^^^ expected another name, such as X-User
       |
       = help: this header says how the message itself is to be read

    error: this route asks for nothing
      --> portcullis.toml:15:12
       |
    15 | "GET /x" = []
       |            ^^ expected a scope
       |
       = help: any good token is `{}`, no token at all is `{ access = "public" }`

    portcullis.toml: 7 faults
    "#);
}

#[test]
fn a_value_of_another_type_is_told() {
    assert_snapshot!(refused("[server]\nlimits = 1\n[paths.allow]\n[tokens]\ncache_entries = -1\nsources = [1]\n"), @r"
    error: `limits` is an integer
     --> portcullis.toml:5:10
      |
    5 | limits = 1
      |          ^ expected a table

    error: `allow` is a table
     --> portcullis.toml:6:1
      |
    6 | [paths.allow]
      | ^^^^^^^^^^^^^ expected a list of kinds of ambiguity

    error: `cache_entries` is out of bounds
     --> portcullis.toml:8:17
      |
    8 | cache_entries = -1
      |                 ^^ expected a whole number from 0 to 10000000

    error: `sources` is an integer
     --> portcullis.toml:9:12
      |
    9 | sources = [1]
      |            ^ expected a table

    portcullis.toml: 4 faults
    ");
    assert_snapshot!(refused(
        r#"[server]
listen = 8080
hosts = "example.com"
workers = "four"
[tokens]
raw_authorization = "yes"
cache_entries = 1979-05-27
[upstream]
max_connections = 99999999999999999999
"#
    ), @r#"
    error: `listen` is an integer
     --> portcullis.toml:5:10
      |
    5 | listen = 8080
      |          ^^^^ expected a string

    error: `hosts` is a string
     --> portcullis.toml:6:9
      |
    6 | hosts = "example.com"
      |         ^^^^^^^^^^^^^ expected a list of hosts such as "app.example.com" or "*.example.com"
      |
      = help: put it in brackets: ["…"]

    error: `workers` is a string
     --> portcullis.toml:7:11
      |
    7 | workers = "four"
      |           ^^^^^^ expected a whole number from 0 to 1024

    error: `raw_authorization` is a string
     --> portcullis.toml:9:21
      |
    9 | raw_authorization = "yes"
      |                     ^^^^^ expected `true` or `false`

    error: `cache_entries` is a date or time
      --> portcullis.toml:10:17
       |
    10 | cache_entries = 1979-05-27
       |                 ^^^^^^^^^^ expected a whole number from 0 to 10000000

    error: this number is too large
      --> portcullis.toml:12:19
       |
    12 | max_connections = 99999999999999999999
       |                   ^^^^^^^^^^^^^^^^^^^^ expected a number of at most 64 bits

    portcullis.toml: 6 faults
    "#);
}

#[test]
fn addresses_are_told() {
    assert_snapshot!(refused(
        r#"[server]
listen = ":8080"
admin = "127.0.0.1"
probes = "example.com:9091"
"#
    ), @r#"
    error: `listen` is not an address
     --> portcullis.toml:5:10
      |
    5 | listen = ":8080"
      |          ^^^^^^^ expected an IP address and a port, such as "127.0.0.1:8080"
      |
      = help: every IPv4 address is written 0.0.0.0, every address [::]

    error: `admin` is not an address
     --> portcullis.toml:6:9
      |
    6 | admin = "127.0.0.1"
      |         ^^^^^^^^^^^ expected an IP address and a port, such as "127.0.0.1:8080"

    error: `probes` is not an address
     --> portcullis.toml:7:10
      |
    7 | probes = "example.com:9091"
      |          ^^^^^^^^^^^^^^^^^^ expected an IP address and a port, such as "127.0.0.1:8080"

    portcullis.toml: 3 faults
    "#);
    assert_snapshot!(refused("[server]\nlisten = \"unix:gate.sock\"\n"), @r#"
    error: `listen` is not an absolute path
     --> portcullis.toml:5:10
      |
    5 | listen = "unix:gate.sock"
      |          ^^^^^^^^^^^^^^^^ expected a path such as "unix:/run/app.sock"

    portcullis.toml: 1 fault
    "#);
    assert_snapshot!(refused("[server]\nlisten = \"fd:\"\n"), @r#"
    error: `listen` names no socket
     --> portcullis.toml:5:10
      |
    5 | listen = "fd:"
      |          ^^^^^ expected "fd:NAME", as FileDescriptorName= says

    portcullis.toml: 1 fault
    "#);
    assert_snapshot!(refused("[server]\nlisten = \"0.0.0.0:9090\"\n"), @r#"
    error: `admin` and `listen` are on one address
     --> portcullis.toml:5:10
      |
    5 | listen = "0.0.0.0:9090"
      |          ^^^^^^^^^^^^^^ this address is taken

    portcullis.toml: 1 fault
    "#);
    assert_snapshot!(refused(
        "[server]\nprobes = \"127.0.0.1:9090\"\ntrusted_proxies = [\"10.0.0.0/40\", \"10.0.0.1\", \"10.0.0.1\"]\n"
    ), @r#"
    error: `probes` and `admin` are on one address
     --> portcullis.toml:5:10
      |
    5 | probes = "127.0.0.1:9090"
      |          ^^^^^^^^^^^^^^^^ this address is taken

    error: `trusted_proxies` is not a network
     --> portcullis.toml:6:20
      |
    6 | trusted_proxies = ["10.0.0.0/40", "10.0.0.1", "10.0.0.1"]
      |                    ^^^^^^^^^^^^^ expected a network such as "10.0.0.0/8"

    error: a list says the same twice
     --> portcullis.toml:6:47
      |
    6 | trusted_proxies = ["10.0.0.0/40", "10.0.0.1", "10.0.0.1"]
      |                                               ^^^^^^^^^^ this is in the list already

    portcullis.toml: 3 faults
    "#);
    assert_snapshot!(refused(
        "[server]\nhosts = [\"*.example.com\", \"a b\", \"example.com:80\"]\nexternal_url = \"https://app.example.com/app\"\n"
    ), @r#"
    error: `hosts` is not a host
     --> portcullis.toml:5:27
      |
    5 | hosts = ["*.example.com", "a b", "example.com:80"]
      |                           ^^^^^ expected a host such as "app.example.com" or "*.example.com"

    error: `hosts` is not a host
     --> portcullis.toml:5:34
      |
    5 | hosts = ["*.example.com", "a b", "example.com:80"]
      |                                  ^^^^^^^^^^^^^^^^ expected a host such as "app.example.com" or "*.example.com"

    error: `external_url` has a path
     --> portcullis.toml:6:16
      |
    6 | external_url = "https://app.example.com/app"
      |                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected an origin such as "https://app.example.com", without a path

    portcullis.toml: 3 faults
    "#);
}

#[test]
fn times_and_sizes_are_told() {
    assert_snapshot!(refused(
        r#"[server]
drain_delay = "30s"
drain_timeout = "25s"
[server.limits]
header_bytes = "512B"
header_timeout = "1h30m"
body_bytes = "none"
idle_timeout = "soon"
[upstream]
response_timeout = "unlimited"
"#
    ), @r#"
    error: `drain_delay` leaves no time to drain
     --> portcullis.toml:5:15
      |
    5 | drain_delay = "30s"
      |               ^^^^^ expected less than `drain_timeout`
      |
      = help: both count from SIGTERM

    error: `header_bytes` is out of bounds
     --> portcullis.toml:8:16
      |
    8 | header_bytes = "512B"
      |                ^^^^^^ expected from "1KiB" to "1MiB"

    error: `header_timeout` is not a duration
     --> portcullis.toml:9:18
      |
    9 | header_timeout = "1h30m"
      |                  ^^^^^^^ expected a duration such as "30s" (ms, s, m, h or d)

    error: `body_bytes` is not a size
      --> portcullis.toml:10:14
       |
    10 | body_bytes = "none"
       |              ^^^^^^ expected a size such as "1MiB" (B, KiB, MiB or GiB), or "unlimited"

    error: `idle_timeout` is not a duration
      --> portcullis.toml:11:16
       |
    11 | idle_timeout = "soon"
       |                ^^^^^^ expected a duration such as "30s" (ms, s, m, h or d)

    error: `response_timeout` is not a duration
      --> portcullis.toml:13:20
       |
    13 | response_timeout = "unlimited"
       |                    ^^^^^^^^^^^ expected a duration such as "30s" (ms, s, m, h or d), or "none"

    portcullis.toml: 6 faults
    "#);
}

#[test]
fn words_are_told_with_the_nearest() {
    assert_snapshot!(refused(
        r#"[paths]
allow = ["encoded-slashes", "semicolon", "semicolon"]
case = "insensitiv"
[identity]
authorization = "pass"
"#
    ), @r#"
    error: `allow` has an unknown value
     --> portcullis.toml:5:10
      |
    5 | allow = ["encoded-slashes", "semicolon", "semicolon"]
      |          ^^^^^^^^^^^^^^^^^ expected one of "encoded-slash", "double-slash", "dot-segments", "double-encoding", "semicolon", "backslash"
      |
      = help: did you mean "encoded-slash"?

    error: a list says the same twice
     --> portcullis.toml:5:42
      |
    5 | allow = ["encoded-slashes", "semicolon", "semicolon"]
      |                                          ^^^^^^^^^^^ this is in the list already

    error: `case` has an unknown value
     --> portcullis.toml:6:8
      |
    6 | case = "insensitiv"
      |        ^^^^^^^^^^^^ expected one of "guard", "insensitive", "sensitive"
      |
      = help: did you mean "insensitive"?

    error: `authorization` has an unknown value
     --> portcullis.toml:8:17
      |
    8 | authorization = "pass"
      |                 ^^^^^^ expected one of "strip", "forward"

    portcullis.toml: 4 faults
    "#);
}

#[test]
fn upstreams_are_told() {
    assert_snapshot!(refused(
        r#"[upstream]
url = "http://127.0.0.1:3000/app"
[upstreams.a]
url = "ftp://127.0.0.1"
[upstreams.b]
keepalive = "1s"
[upstreams.upstream]
url = "unix:app.sock"
[routes]
"/x" = { upstream = "bb" }
"/y" = { upstream = "upstream" }
"#
    ), @r#"
    error: `url` has a path
     --> portcullis.toml:5:7
      |
    5 | url = "http://127.0.0.1:3000/app"
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected a URL such as "http://127.0.0.1:3000", or "unix:/run/app.sock", without a path
      |
      = help: a route's `add_prefix` puts something in front of a path

    error: `url` is not such a URL
     --> portcullis.toml:7:7
      |
    7 | url = "ftp://127.0.0.1"
      |       ^^^^^^^^^^^^^^^^^ expected a URL such as "http://127.0.0.1:3000", or "unix:/run/app.sock"

    error: [upstreams.b] has no `url`
     --> portcullis.toml:8:1
      |
    8 | [upstreams.b]
      | ^^^^^^^^^^^^^ expected `url`: where this upstream is

    error: no upstream may be named `upstream`
      --> portcullis.toml:10:1
       |
    10 | [upstreams.upstream]
       | ^^^^^^^^^^^^^^^^^^^^ expected another name
       |
       = help: that is what logs and metrics call the default [upstream]

    error: `url` is not an absolute path
      --> portcullis.toml:11:7
       |
    11 | url = "unix:app.sock"
       |       ^^^^^^^^^^^^^^^ expected a path such as "unix:/run/app.sock"

    error: this upstream is not configured
      --> portcullis.toml:13:21
       |
    13 | "/x" = { upstream = "bb" }
       |                     ^^^^ expected the NAME of an [upstreams.NAME]
       |
       = help: did you mean "b"?

    portcullis.toml: 6 faults
    "#);
    assert_snapshot!(refused("[routes]\n\"/x\" = { upstream = \"a\" }\n"), @r#"
    error: this upstream is not configured
     --> portcullis.toml:5:21
      |
    5 | "/x" = { upstream = "a" }
      |                     ^^^ expected the NAME of an [upstreams.NAME]
      |
      = help: there is no such table

    portcullis.toml: 1 fault
    "#);
}

#[test]
fn tokens_cors_and_telemetry_are_told() {
    assert_snapshot!(refused(
        r#"[tokens]
sources = [{ header = "Host" }, { cookie = "a b" }, { cookie = "a", query = "b" }, { query = "t" }, { query = "t" }, {}]
cross_site = ["https://a.example/x", "null"]
[cors]
allow_origins = ["*"]
allow_credentials = true
allow_headers = ["x y"]
preflight = "reply"
[telemetry]
log_format = "yaml"
log_level = "inof"
"#
    ), @r#"
    error: `header` names a header that belongs to the message itself
     --> portcullis.toml:5:23
      |
    5 | sources = [{ header = "Host" }, { cookie = "a b" }, { cookie = "a", query = "b" }, { query = "t" }, { query = "t" }, {}]
      |                       ^^^^^^ expected another header

    error: `cookie` is not the name of a cookie
     --> portcullis.toml:5:44
      |
    5 | sources = [{ header = "Host" }, { cookie = "a b" }, { cookie = "a", query = "b" }, { query = "t" }, { query = "t" }, {}]
      |                                            ^^^^^ expected the name of a cookie

    error: this place is not one place
     --> portcullis.toml:5:53
      |
    5 | sources = [{ header = "Host" }, { cookie = "a b" }, { cookie = "a", query = "b" }, { query = "t" }, { query = "t" }, {}]
      |                                                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected one of `header`, `cookie` and `query`

    error: a list says the same twice
     --> portcullis.toml:5:101
      |
    5 | sources = [{ header = "Host" }, { cookie = "a b" }, { cookie = "a", query = "b" }, { query = "t" }, { query = "t" }, {}]
      |                                                                                                     ^^^^^^^^^^^^^^^ this is in the list already

    error: this place is not one place
     --> portcullis.toml:5:118
      |
    5 | sources = [{ header = "Host" }, { cookie = "a b" }, { cookie = "a", query = "b" }, { query = "t" }, { query = "t" }, {}]
      |                                                                                                                      ^^ expected one of `header`, `cookie` and `query`

    error: `cross_site` has a path
     --> portcullis.toml:6:15
      |
    6 | cross_site = ["https://a.example/x", "null"]
      |               ^^^^^^^^^^^^^^^^^^^^^ expected an origin such as "https://app.example.com", without a path

    error: `cross_site` is not such a URL
     --> portcullis.toml:6:38
      |
    6 | cross_site = ["https://a.example/x", "null"]
      |                                      ^^^^^^ expected an origin such as "https://app.example.com"

    error: every origin may send cookies and read the answers
     --> portcullis.toml:9:21
      |
    9 | allow_credentials = true
      |                     ^^^^ expected `false` beside `allow_origins = ["*"]`
      |
      = help: name the origins that may; browsers refuse this combination too

    error: `allow_headers` is not the name of a header
      --> portcullis.toml:10:18
       |
    10 | allow_headers = ["x y"]
       |                  ^^^^^ expected the name of a header

    error: `preflight` has an unknown value
      --> portcullis.toml:11:13
       |
    11 | preflight = "reply"
       |             ^^^^^^^ expected one of "forward", "answer"

    error: `log_format` has an unknown value
      --> portcullis.toml:13:14
       |
    13 | log_format = "yaml"
       |              ^^^^^^ expected one of "json", "text"

    error: `log_level` has an unknown value
      --> portcullis.toml:14:13
       |
    14 | log_level = "inof"
       |             ^^^^^^ expected one of "off", "error", "warn", "info", "debug", "trace"
       |
       = help: did you mean "info"?

    portcullis.toml: 12 faults
    "#);
    assert_snapshot!(refused("[tokens]\nsources = []\n[cors]\nallow_origins = [\"*\", \"https://a.example\"]\n"), @r#"
    error: `sources` is an empty list
     --> portcullis.toml:5:11
      |
    5 | sources = []
      |           ^^ expected a list of places such as { header = "Authorization" }, not empty
      |
      = help: a list that asks for nothing is never meant: fill it, or leave the key out

    error: `allow_origins` has "*" and more
     --> portcullis.toml:7:17
      |
    7 | allow_origins = ["*", "https://a.example"]
      |                 ^^^^^^^^^^^^^^^^^^^^^^^^^^ expected "*" alone, or origins

    portcullis.toml: 2 faults
    "#);
    assert_snapshot!(refused("[cors]\nmax_age = \"1m\"\n[telemetry]\nlog_level = \"a=b=c\"\n"), @r#"
    error: [cors] has no `allow_origins`
     --> portcullis.toml:4:1
      |
    4 | [cors]
      | ^^^^^^ expected `allow_origins`: the pages that may read answers

    error: `log_level` is not a level
     --> portcullis.toml:7:13
      |
    7 | log_level = "a=b=c"
      |             ^^^^^^^ expected a level, or a filter such as "info,portcullis=debug"

    portcullis.toml: 2 faults
    "#);
}
