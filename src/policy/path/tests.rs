//! What paths are read as, and which are refused: tables by threat, then properties against an oracle.

mod properties;

use std::borrow::Cow;

use super::*;

const ALL: Kinds = Kinds(63);

fn refused(path: &str) -> &'static str {
    match read(path, Kinds::NONE) {
        Ok(readings) => panic_with(path, &readings.first),
        Err(refusal) => {
            assert_eq!(refusal.reason, Reason::AmbiguousPath, "{path}");
            match refusal.detail {
                Cow::Borrowed(detail) => detail,
                Cow::Owned(detail) => panic_with(path, &detail),
            }
        }
    }
}

#[allow(clippy::panic)]
fn panic_with(path: &str, found: &str) -> ! {
    panic!("{path} gave {found}")
}

fn assert_refused(detail: &str, paths: &[&str]) {
    for path in paths {
        let told = refused(path);
        assert!(told.contains(detail), "{path}: {told}");
    }
}

fn assert_read(table: &[(&str, &str)]) {
    for (path, expected) in table {
        let readings = read(path, Kinds::NONE);
        let first = readings.as_ref().map(|readings| &*readings.first);
        assert_eq!(first.ok(), Some(*expected), "{path}: {readings:?}");
        assert_eq!(readings.map(|readings| readings.others), Ok(vec![]));
    }
}

/// All readings under `admitted`, sorted.
fn ways(path: &str, admitted: Kinds) -> Vec<String> {
    let mut all = match read(path, admitted) {
        Ok(readings) => {
            let mut all = readings.others;
            all.push(readings.first.into_owned());
            all
        }
        Err(refusal) => vec![refusal.detail.into_owned()],
    };
    all.sort();
    all
}

#[test]
fn plain_paths_are_borrowed() {
    for path in [
        "/",
        "/orders",
        "/orders/",
        "/orders/1/items",
        "/a.b/..c/d..",
        "/...",
        "/~x!$&'()*+,=:@",
    ] {
        let readings = read(path, Kinds::NONE);
        assert!(
            matches!(&readings, Ok(Readings { first: Cow::Borrowed(first), others, kinds: Kinds::NONE })
                if *first == path && others.is_empty()),
            "{path}: {readings:?}"
        );
    }
}

#[test]
fn encodings_are_decoded_after_segments_were_split() {
    assert_read(&[
        ("/%61dmin", "/admin"),
        ("/users/%40me", "/users/@me"),
        ("/caf%C3%A9", "/café"),
        ("/a%3Bb", "/a;b"),
        ("/100%25", "/100%"),
        ("/%2541", "/%41"),
        ("/100%2525", "/100%25"),
        ("/a%2Eb/x%2e", "/a.b/x."),
        ("/%2e%2e%2e", "/..."),
        ("/%7Bid%7D", "/{id}"),
    ]);
}

#[test]
fn p01_dot_segments_are_refused() {
    assert_refused(
        "dot segment",
        &[
            "/public/../admin/x",
            "/public/./../admin/x",
            "/admin/./x",
            "/../admin/x",
            "/public/..",
            "/.",
            "/./",
        ],
    );
}

#[test]
fn p02_encoded_dots_slashes_and_their_doubles_are_refused() {
    assert_refused(
        "dot segment",
        &["/%2e%2e/x", "/.%2e/x", "/%2E.", "/%2e", "/a/%2E%2E"],
    );
    assert_refused("%2F", &["/a%2fb", "/a%2Fb", "/..%2f"]);
    assert_refused("backslash", &["/a%5cb", "/a%5Cb"]);
    assert_refused(
        "twice",
        &[
            "/%252e%252e/x",
            "/a%252fb",
            "/a%25%32%66b",
            "/a%255cb",
            "/a%252Eb",
            "/%25252e",
            "/%252%2565",
        ],
    );
    assert_refused("twice", &["/%25%32%65%25%32%65/admin", "/%2525%32%65"]);
    assert_refused("%2F", &["/%252e%252e%252f%2f"]);
    assert_refused(
        "UTF-8",
        &["/%c0%ae", "/%e0%80%af", "/%ff", "/%25c0%25ae", "/%C3/%A9"],
    );
    assert_refused(
        "hexadecimal",
        &[
            "/%u002e",
            "/%zz",
            "/%2",
            "/%",
            "/a%/b",
            "/%25u002e",
            "/%2%65",
        ],
    );
    assert_refused("many times", &["/%2525252525252e", "/%252525252541"]);
}

#[test]
fn p03_backslashes_are_refused() {
    assert_refused("backslash", &["/\\", "/public\\..\\admin", "/admin\\x"]);
}

#[test]
fn p04_empty_segments_are_refused() {
    assert_refused(
        "empty segment",
        &[
            "//",
            "//admin/x",
            "/admin//x",
            "///",
            "/admin//",
            "/public//..x",
        ],
    );
}

#[test]
fn p05_suffixes_stay_literal_or_are_refused() {
    assert_read(&[
        ("/admin/x/", "/admin/x/"),
        ("/admin/x.", "/admin/x."),
        ("/admin/x%20", "/admin/x "),
        ("/admin/x.json", "/admin/x.json"),
    ]);
    assert_refused(
        "control",
        &[
            "/admin/x%00",
            "/admin/x%09",
            "/admin/x%0a",
            "/x%7f",
            "/x%1F",
            "/x%2500",
        ],
    );
    assert_refused(
        "semicolon",
        &["/admin/x;a=b", "/admin;/x", "/public/..;/admin/x", "/;"],
    );
}

#[test]
fn p06_letters_beyond_ascii_are_compared_as_they_are() {
    assert_read(&[
        ("/ADMIN/x", "/ADMIN/x"),
        ("/%EF%BD%81dmin", "/ａdmin"),
        ("/%E2%84%AA", "/\u{212A}"),
        ("/e%CC%81", "/e\u{301}"),
        ("/%EF%BC%8F%EF%BC%8E%EF%BC%8E", "/／．．"),
    ]);
    assert_refused("outside ASCII", &["/ａdmin", "/é"]);
}

#[test]
fn p07_questions_are_literal_when_encoded_and_refused_when_not() {
    assert_read(&[
        ("/public%3f", "/public?"),
        ("/public%3Fx=/admin", "/public?x=/admin"),
    ]);
    assert_refused("question mark", &["/public?x=/admin"]);
    assert_refused("dot segment", &["/public%3f/../admin"]);
}

#[test]
fn p08_fragments_are_refused() {
    assert_refused(
        "number sign",
        &["/public#/../admin/x", "/admin/x#public", "/#"],
    );
    assert_read(&[("/admin/x%23public", "/admin/x#public")]);
}

#[test]
fn raw_blanks_and_controls_are_refused_whatever_is_admitted() {
    for path in [
        "/a b", "/a\tb", "/a\0", "/a\x7f", "/\u{80}", "/%00", "/a#", "/%", "/%ff", "/%2500",
        "/%252500",
    ] {
        assert!(read(path, ALL).is_err(), "{path:?}");
    }
}

#[test]
fn p12_what_is_no_path_is_a_bad_request() {
    for path in ["", "*", "admin", "http://a/b", "%2Fadmin"] {
        let reason = read(path, ALL).map_err(|refusal| refusal.reason);
        assert_eq!(reason, Err(Reason::BadRequest), "{path}");
    }
}

#[test]
fn an_admitted_encoded_slash_is_read_both_ways() {
    let kind = Kinds::ENCODED_SLASH;
    assert_eq!(ways("/a%2fb/c", kind), ["/a%2Fb/c", "/a/b/c"]);
    assert_eq!(
        ways("/p/https%3A%2F%2Fh/x", kind),
        ["/p/https:%2F%2Fh/x", "/p/https://h/x", "/p/https:/h/x"]
    );
    // What only shows once the slash is one has to be admitted too.
    assert_eq!(ways("/p/a%2F..", kind), [Kinds::DOT_SEGMENTS.detail()]);
    let both = kind.union(Kinds::DOT_SEGMENTS);
    assert_eq!(ways("/p/a%2F..", both), ["/p/", "/p/a%2F..", "/p/a/.."]);
    assert_eq!(
        read("/p/a%2F..", both).map(|readings| readings.kinds),
        Ok(both)
    );
}

#[test]
fn admitted_empty_segments_are_kept_and_dropped() {
    assert_eq!(ways("//a//b/", Kinds::DOUBLE_SLASH), ["//a//b/", "/a/b/"]);
    // The order of dropping and resolving matters: RFC 3986 says /a/b, nginx says /b.
    let both = Kinds::DOUBLE_SLASH.union(Kinds::DOT_SEGMENTS);
    assert_eq!(
        ways("/a//../b", both),
        ["/a/../b", "/a//../b", "/a/b", "/b"]
    );
}

#[test]
fn admitted_dot_segments_are_resolved_by_their_spelling_too() {
    let kind = Kinds::DOT_SEGMENTS;
    assert_eq!(ways("/a/../b", kind), ["/a/../b", "/b"]);
    assert_eq!(ways("/../b/.", kind), ["/../b/.", "/b/"]);
    // A server that resolves before it decodes takes %2e%2e for a name.
    assert_eq!(ways("/a/%2e%2e/../b", kind), ["/a/../../b", "/a/b", "/b"]);
}

#[test]
fn an_admitted_semicolon_is_cut_and_kept() {
    let kind = Kinds::SEMICOLON;
    assert_eq!(ways("/a;v=1/b;w", kind), ["/a/b", "/a;v=1/b;w"]);
    assert_eq!(
        ways("/public/..;/admin", kind),
        [Kinds::DOT_SEGMENTS.detail()]
    );
    assert!(
        ways("/public/..;/admin", kind.union(Kinds::DOT_SEGMENTS)).contains(&"/admin".to_owned())
    );
    // Cut before or after the encoded slash became one.
    assert_eq!(
        ways("/a;b%2Fc/d", kind.union(Kinds::ENCODED_SLASH)),
        ["/a/c/d", "/a/d", "/a;b%2Fc/d", "/a;b/c/d"]
    );
}

#[test]
fn an_admitted_backslash_is_a_slash_and_none() {
    assert_eq!(ways("/a\\b", Kinds::BACKSLASH), ["/a/b", "/a\\b"]);
    assert_eq!(ways("/a%5Cb", Kinds::BACKSLASH), ["/a/b", "/a\\b"]);
    assert_eq!(
        ways("/a\\b%5cc", Kinds::BACKSLASH),
        ["/a/b/c", "/a/b\\c", "/a\\b\\c"]
    );
}

#[test]
fn an_admitted_double_encoding_is_decoded_to_the_end() {
    let kind = Kinds::DOUBLE_ENCODING;
    assert_eq!(ways("/a%252Fb", kind), ["/a%2Fb", "/a/b"]);
    assert_eq!(ways("/a%25252eb", kind), ["/a%252eb", "/a%2eb", "/a.b"]);
    assert_eq!(ways("/a%255cb", kind), ["/a%5cb", "/a/b", "/a\\b"]);
    assert_eq!(
        ways("/a/%252e%252e/b", kind),
        [Kinds::DOT_SEGMENTS.detail()]
    );
    // Harmless encodings are read once, however they are spelt.
    assert_eq!(ways("/a%2541", kind), ["/a%41"]);
}

#[test]
fn a_kind_is_admitted_by_its_own_name_alone() {
    let examples = ["/a%2Fb", "/a//b", "/a/../b", "/a%252eb", "/a;b", "/a\\b"];
    for (path, (name, kind)) in examples.into_iter().zip(Kinds::NAMES) {
        let readings = read(path, kind);
        assert_eq!(readings.map(|readings| readings.kinds), Ok(kind), "{path}");
        let others = Kinds(ALL.0 & !kind.0);
        assert_eq!(ways(path, others), [kind.detail()], "{name}");
        assert_eq!(Kinds::parse(name), Some(kind));
    }
    assert_eq!(Kinds::parse("fragment"), None);
}

#[test]
fn the_work_on_one_path_is_bounded() {
    let layered = format!("/%{}2e", "25".repeat(8000));
    assert!(read(&layered, ALL).is_err());
    let long = "/a//b".repeat(4000);
    assert_eq!(
        ways(&long, ALL),
        ["the path has too many possible readings"]
    );
    let nasty = "/a;x//..;%2F%5C..\\%252e%252e%252f.%2e;y%2F;z//".repeat(80);
    assert_eq!(
        ways(&nasty, ALL),
        ["the path has too many possible readings"]
    );
    // What an application has in earnest is far from that.
    let earnest = "/files//a%2Fb;v=1/c%252Fd\\e/../f";
    assert!(ways(earnest, ALL).len() > 20);
}

#[test]
fn segments_of_readings() {
    let table: [(&str, &[&str]); 6] = [
        ("/", &[]),
        ("/a", &["a"]),
        ("/a/", &["a"]),
        ("/a/b", &["a", "b"]),
        ("/a//b", &["a", "", "b"]),
        ("/a//", &["a", ""]),
    ];
    for (reading, expected) in table {
        assert!(segments(reading).eq(expected.iter().copied()), "{reading}");
    }
}
