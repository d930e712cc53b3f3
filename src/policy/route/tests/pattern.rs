//! Patterns and hosts as text.

use super::*;

fn literal(text: &str) -> Segment {
    Segment::Literal(text.to_owned())
}

fn parse(text: &str) -> Pattern {
    route(text).pattern
}

#[test]
fn a_pattern_is_taken_apart() {
    let pattern = parse("GET,POST *.Example.COM/Orders/%40me/{id}/{*rest}");
    assert_eq!(pattern.methods, ["GET", "HEAD", "POST"]);
    assert_eq!(pattern.host, Some(Host::Below("example.com".to_owned())));
    assert_eq!(
        pattern.segments,
        [
            literal("Orders"),
            literal("@me"),
            Segment::Parameter("id".to_owned()),
            Segment::Rest("rest".to_owned())
        ]
    );
    let bare = parse("/");
    assert_eq!(
        (bare.methods.len(), bare.host, bare.segments.len()),
        (0, None, 0)
    );
}

#[test]
fn one_pattern_has_many_spellings() {
    let table = [
        ("/admin", "/%61dmin"),
        ("/admin", "/admin/"),
        ("example.com/", "EXAMPLE.com./"),
        ("GET /x", "GET,HEAD /x"),
        ("/{*rest}", "/{*rest}/"),
        ("[::1]/", "[0:0::1]/"),
    ];
    for (one, other) in table {
        assert_eq!(parse(one), parse(other));
    }
}

#[test]
fn faults_are_told_with_their_place() {
    let table = [
        ("", "", "a pattern has a path"),
        ("GET", "GET", "a pattern has a path"),
        ("GET example.com", "example.com", "a pattern has a path"),
        ("get /x", "get", "a method is upper-case"),
        ("GET,post /x", "post", "a method is upper-case"),
        ("GET, POST /x", "", "a method is upper-case"),
        (" /x", "", "a method is upper-case"),
        ("GET,GET /x", "GET", "GET stands here twice"),
        ("TRACE /x", "TRACE", "TRACE is refused"),
        ("GET,CONNECT /x", "CONNECT", "CONNECT is refused"),
        ("GET  /x", " ", "this is not a host name"),
        ("GET\t/x", "GET\t", "this is not a host name"),
        ("GET a..b/x", "a..b", "this is not a host name"),
        ("user@host/x", "user@host", "this is not a host name"),
        ("a:80/x", "a:80", "hosts are compared without port"),
        ("[::1]:80/x", "[::1]:80", "hosts are compared without port"),
        ("*/x", "*", "a `*` stands for whole labels"),
        ("a*.b/x", "a*.b", "a `*` stands for whole labels"),
        ("*.[::1]/x", "*.[::1]", "nothing is below an address"),
        ("GET /a//b", "//", "the path has an empty segment"),
        ("//", "//", "the path has an empty segment"),
        ("/a//", "//", "the path has an empty segment"),
        ("/a/../b", "..", "the path has a dot segment"),
        ("/a/%2e/b", "%2e", "the path has a dot segment"),
        ("/a%2Fb", "a%2Fb", "the path has a percent-encoded slash"),
        ("/a/b;c", "b;c", "the path has a semicolon"),
        ("/a?b=c", "a?b=c", "the path has a question mark"),
        ("/é", "é", "the path has a byte outside ASCII"),
        ("/a b", "a b", "the path has a control character or a blank"),
        ("/x/%zz", "%zz", "the path has a percent sign"),
        (
            "/a%252e",
            "a%252e",
            "the path has something percent-encoded twice",
        ),
        ("/a{b}", "a{b}", "a parameter is a whole segment"),
        ("/{a", "{a", "a parameter is a whole segment"),
        ("/a}", "a}", "a parameter is a whole segment"),
        ("/{}", "{}", "a parameter is `{name}`"),
        ("/{1}", "{1}", "a parameter is `{name}`"),
        ("/{a...}", "{a...}", "a parameter is `{name}`"),
        ("/{**a}", "{**a}", "a parameter is `{name}`"),
        ("/{*a}/b", "b", "nothing can follow"),
        ("/{a}/{*a}", "{*a}", "there are two parameters named `a`"),
    ];
    for (text, place, message) in table {
        let Err(fault) = Pattern::parse(text) else {
            fail(&format!("{text} parses"));
        };
        assert!(fault.message.starts_with(message), "{text}: {fault:?}");
        assert_eq!(
            text.get(fault.span.clone()),
            Some(place),
            "{text}: {fault:?}"
        );
    }
    assert!(Pattern::parse(&"/a".repeat(256)).is_ok());
    assert!(Pattern::parse(&"/a".repeat(257)).is_err());
}

#[test]
fn parameters_are_read_where_they_stand() {
    let pattern = parse("/tenants/{tenant}/{*rest}");
    let table = [
        ("/tenants/Acme/a/b", "tenant", Some("Acme")),
        ("/tenants/Acme/a/b", "rest", Some("a/b")),
        ("/tenants/Acme/a/b/", "rest", Some("a/b")),
        ("/tenants/Acme/", "rest", Some("")),
        ("/tenants/Acme", "rest", Some("")),
        ("/tenants/Acme", "other", None),
        ("/tenants", "tenant", None),
        ("/", "tenant", None),
    ];
    for (reading, name, expected) in table {
        assert_eq!(
            pattern.parameter(reading, name),
            expected,
            "{reading} {name}"
        );
    }
    assert_eq!(parse("/{*all}").parameter("/", "all"), Some(""));
}

#[test]
fn a_pattern_covers_what_is_no_wider() {
    let table = [
        ("/{*r}", "/", true),
        ("/{*r}", "/{*s}", true),
        ("/a/{*r}", "/a/b/{c}", true),
        ("/a/{b}", "/a/c", true),
        ("/a/{b}", "/a/{c}", true),
        ("/a", "/a", true),
        ("/a/{b}", "/a/{*r}", false),
        ("/a/b", "/a/{b}", false),
        ("/a", "/a/b", false),
        ("/a/b", "/a", false),
        ("/A", "/a", false),
    ];
    for (one, other, expected) in table {
        assert_eq!(parse(one).covers(&parse(other)), expected, "{one} {other}");
    }
}

#[test]
fn p13_hosts_are_normalised_or_none() {
    let table = [
        ("example.com", Some("example.com")),
        ("Example.COM", Some("example.com")),
        ("example.com.", Some("example.com")),
        ("example.com:8080", Some("example.com")),
        ("example.com.:80", Some("example.com")),
        ("10.0.0.1:80", Some("10.0.0.1")),
        ("my_host-1", Some("my_host-1")),
        ("[::1]", Some("[::1]")),
        ("[::1]:80", Some("[::1]")),
        ("[0:0:0:0:0:0:0:1]", Some("[::1]")),
        ("[2001:DB8::A]", Some("[2001:db8::a]")),
        ("", None),
        (".", None),
        (":80", None),
        ("a:", None),
        ("a:80:80", None),
        ("a:+80", None),
        ("a:65536", None),
        ("a:8o", None),
        ("a, b", None),
        ("a,b", None),
        ("a b", None),
        (" a", None),
        ("a\t", None),
        ("user@a", None),
        ("a/b", None),
        ("a?b", None),
        ("a#b", None),
        ("a\\b", None),
        ("a%2eb", None),
        ("a..", None),
        ("a..b", None),
        (".a", None),
        ("é.com", None),
        ("[::1", None),
        ("[::1]a", None),
        ("[::1]80", None),
        ("[::1]:", None),
        ("[a]", None),
        ("[::1%25eth0]", None),
        ("::1", None),
        ("*.example.com", None),
    ];
    for (text, expected) in table {
        assert_eq!(normalise_host(text).as_deref(), expected, "{text}");
    }
    assert_eq!(normalise_host(&"a".repeat(10 << 10)), None);
    assert!(matches!(
        normalise_host("example.com:80"),
        Some(Cow::Borrowed(_))
    ));
}

#[test]
fn hosts_match_whole_labels() {
    let table = [
        ("example.com", "example.com", true),
        ("example.com", "a.example.com", false),
        ("*.example.com", "a.example.com", true),
        ("*.example.com", "a.b.example.com", true),
        ("*.example.com", "example.com", false),
        ("*.example.com", "evilexample.com", false),
        ("*.example.com", "example.com.evil", false),
    ];
    for (pattern, host, expected) in table {
        let matches = Host::parse(pattern).map(|pattern| pattern.matches(host));
        assert_eq!(matches, Ok(expected), "{pattern} {host}");
    }
}

#[test]
fn p15_methods_are_upper_case_words() {
    for method in ["GET", "M-SEARCH", "X_1", &"A".repeat(32)] {
        assert!(is_method(method), "{method}");
    }
    for method in [
        "",
        "get",
        "GeT",
        "1X",
        "-A",
        "GET\x0b",
        "GÉT",
        "A B",
        &"A".repeat(33),
    ] {
        assert!(!is_method(method), "{method}");
    }
}
