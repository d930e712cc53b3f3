//! Faults of the text itself: broken syntax, placeholders, line ends, and what is not there at all.

use insta::assert_snapshot;

use super::{POOL, loaded, machine, refused, refused_whole};

#[test]
fn syntax_errors_are_told_with_what_stands_before_them() {
    assert_snapshot!(refused("[server]\nlisen = \"x\"\nadmin = \n[paths]\nmore = 1\n"), @r#"
    error: unknown key `lisen` in [server]
     --> portcullis.toml:5:1
      |
    5 | lisen = "x"
      | ^^^^^ this key is not known here
      |
      = help: did you mean `listen`?

    error: syntax error: string values must be quoted
     --> portcullis.toml:6:9
      |
    6 | admin = 
      |         ^ expected literal string

    portcullis.toml: 2 faults
    "#);
    assert_snapshot!(refused_whole("[server]\nhosts = [\"a\"\n[paths]\ncase = \"guard\"\n"), @r#"
    error: syntax error: missing comma between array elements
     --> portcullis.toml:3:1
      |
    3 | [paths]
      | ^ expected `,`

    error: syntax error: missing comma between array elements
     --> portcullis.toml:4:1
      |
    4 | case = "guard"
      | ^ expected `,`

    portcullis.toml: 2 faults
    "#);
    assert_snapshot!(refused("[server\n"), @r"
    error: syntax error: unclosed table
     --> portcullis.toml:4:8
      |
    4 | [server
      |        ^ expected `]`

    portcullis.toml: 1 fault
    ");
    assert_snapshot!(refused("[server]\nadmin = \"127.0.0.1:1\"\nadmin = \"127.0.0.1:2\"\n"), @r#"
    error: syntax error: duplicate key
     --> portcullis.toml:6:1
      |
    6 | admin = "127.0.0.1:2"
      | ^^^^^ not valid TOML

    portcullis.toml: 1 fault
    "#);
}

#[test]
fn placeholders_are_told() {
    assert_snapshot!(refused(
        "[server]\nlisten = \"${NOWHERE}:8080\"\nadmin = \"127.0.0.1:${not a name}\"\nprobes = \"${\"\n"
    ), @r#"
    error: the environment variable `NOWHERE` is not set
     --> portcullis.toml:5:11
      |
    5 | listen = "${NOWHERE}:8080"
      |           ^^^^^^^^^^ expected a variable that is set
      |
      = help: set it where this runs; a literal `${` is written `$${`

    error: this is no name of an environment variable
     --> portcullis.toml:6:20
      |
    6 | admin = "127.0.0.1:${not a name}"
      |                    ^^^^^^^^^^^^^ expected letters, digits and `_`
      |
      = help: a literal `${` is written `$${`

    error: a placeholder is never closed
     --> portcullis.toml:7:11
      |
    7 | probes = "${"
      |           ^^ expected `${NAME}`
      |
      = help: a literal `${` is written `$${`

    portcullis.toml: 3 faults
    "#);
}

#[test]
fn what_the_environment_holds_is_a_value_and_nothing_else() {
    let config = loaded(
        "[telemetry]\nlog_level = \"${NAME}=debug\"\n[tokens]\nsources = [{ query = \"$${NAME}$\" }]\n",
    );
    assert_eq!(config.telemetry.log_level, "value=debug");
    assert_eq!(
        config.tokens.sources.places,
        [crate::token::find::Place::Query("${NAME}$".to_owned())]
    );
    // A value with a quote, a line end and a key in it stays one string.
    let told = refused("[server]\nlisten = \"${INJECTION}\"\n");
    assert!(told.contains("`listen` is not an address"), "{told}");
    assert!(told.contains("1 fault"), "{told}");
}

#[test]
fn a_text_with_windows_line_ends_and_a_mark_at_its_head_is_read() {
    let text = format!("\u{feff}{POOL}[paths]\ncase = \"sensitive\"\n").replace('\n', "\r\n");
    assert!(machine(&text).is_ok());
    assert_snapshot!(refused_whole(&text.replace("sensitive", "sensible")), @r#"
    error: `case` has an unknown value
     --> portcullis.toml:5:8
      |
    5 | case = "sensible"
      |        ^^^^^^^^^^ expected one of "guard", "insensitive", "sensitive"
      |
      = help: did you mean "sensitive"?

    portcullis.toml: 1 fault
    "#);
}

#[test]
fn a_text_that_says_nothing_is_never_no_authentication() {
    assert_snapshot!(refused_whole(""), @r"
    error: no pool is configured
    --> portcullis.toml
     = note: expected a table [pools.NAME] at least
     = help: user_pool_id and client_ids are all it needs

    portcullis.toml: 1 fault
    ");
    assert_snapshot!(refused_whole("[pools]\n"), @r"
    error: no pool is configured
     --> portcullis.toml:1:1
      |
    1 | [pools]
      | ^^^^^^^ expected a table [pools.NAME] at least
      |
      = help: user_pool_id and client_ids are all it needs

    portcullis.toml: 1 fault
    ");
}

#[test]
fn debug_of_faults_leaves_the_text_out() {
    let Err(faults) = machine("[serve]\n# a comment nobody quotes\n") else {
        panic!("loaded");
    };
    assert!(!format!("{faults:?}").contains("nobody quotes"));
}
