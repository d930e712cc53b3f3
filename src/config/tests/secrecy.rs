//! Secrets: read from where they are said to be, refused where they are written out, shown nowhere.

use std::path::PathBuf;

use insta::assert_snapshot;

use super::{POOL, loaded, machine, refused};

#[test]
fn secrets_come_from_files_and_variables() {
    let config = loaded(
        "[upstream.basic_auth]\nusername = { file = \"/secrets/one\" }\npassword = { env = \"SECRET\" }\n",
    );
    let Some((user, password)) = &config.upstreams[0].basic_auth else {
        panic!("no basic_auth");
    };
    // The line end that editors leave is no part of it.
    assert_eq!(user.expose(), "hunter2-file");
    assert_eq!(password.expose(), "hunter2-env");
    assert_eq!(config.files, [PathBuf::from("/secrets/one")]);
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn x16_a_secret_that_is_written_out_is_refused_and_blanked() {
    assert_snapshot!(refused("[upstream]\nbasic_auth = { username = \"bob\", password = \"hunter2\" }\n"), @r#"
    error: `username` is written out in the configuration
     --> portcullis.toml:5:27
      |
    5 | basic_auth = { username = (secret), password = (secret) }
      |                           ^^^^^^^^ expected { file = "…" } or { env = "…" }
      |
      = help: keep the secret in a file or an environment variable, and name that here

    error: `password` is written out in the configuration
     --> portcullis.toml:5:48
      |
    5 | basic_auth = { username = (secret), password = (secret) }
      |                                                ^^^^^^^^ expected { file = "…" } or { env = "…" }
      |
      = help: keep the secret in a file or an environment variable, and name that here

    portcullis.toml: 2 faults
    "#);
    assert_snapshot!(refused("[upstream]\nbasic_auth = \"Basic hunter2\"\n"), @r"
    error: `basic_auth` is a string
     --> portcullis.toml:5:14
      |
    5 | basic_auth = (secret)
      |              ^^^^^^^^ expected a table

    portcullis.toml: 1 fault
    ");
    assert_snapshot!(refused(
        r#"[upstream.basic_auth]
username = { value = "hunter2" }
pasword = "hunter2"
password = { file = "/secrets/one", env = "SECRET" }
"#
    ), @r#"
    error: `username` does not say where the secret is
     --> portcullis.toml:5:12
      |
    5 | username = { value = (secret) }
      |            ^^^^^^^^^^^^^^^^^^^^ expected { file = "…" } or { env = "…" }, one of them alone

    error: unknown key `pasword` in `basic_auth`
     --> portcullis.toml:6:1
      |
    6 | pasword = (secret)
      | ^^^^^^^ this key is not known here
      |
      = help: did you mean `password`?

    error: `password` does not say where the secret is
     --> portcullis.toml:7:12
      |
    7 | password = { file = "/secrets/one", env = "SECRET" }
      |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected { file = "…" } or { env = "…" }, one of them alone

    portcullis.toml: 3 faults
    "#);
    assert_snapshot!(refused("[upstream]\nurl = \"http://bob:hunter2@127.0.0.1:3000\"\n[fetch]\nproxy = \"http://bob:hunter2@proxy:1\"\n"), @r#"
    error: `url` has a user or a password in it
     --> portcullis.toml:5:7
      |
    5 | url = (secret)
      |       ^^^^^^^^ expected a URL such as "http://127.0.0.1:3000", or "unix:/run/app.sock"

    error: `proxy` has a user or a password in it
     --> portcullis.toml:7:9
      |
    7 | proxy = (secret)
      |         ^^^^^^^^ expected a URL such as "http://proxy.internal:3128"

    portcullis.toml: 2 faults
    "#);
}

#[test]
fn x16_secrets_that_are_not_there_are_told() {
    assert_snapshot!(refused(
        r#"[upstream.basic_auth]
username = { file = "/secrets/colon" }
password = { file = "/secrets/empty" }
[upstreams.a]
url = "unix:/a"
[upstreams.a.basic_auth]
username = { file = "/secrets/none" }
password = { env = "EMPTY" }
[upstreams.b]
url = "unix:/b"
[upstreams.b.basic_auth]
username = { env = "NOWHERE" }
password = { file = "/secrets/binary" }
[upstreams.c]
url = "unix:/c"
basic_auth = { username = { env = "SECRET" } }
"#
    ), @r#"
    error: this user has a colon in it
     --> portcullis.toml:5:12
      |
    5 | username = { file = "/secrets/colon" }
      |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected a user without a colon

    error: this file is empty
     --> portcullis.toml:6:21
      |
    6 | password = { file = "/secrets/empty" }
      |                     ^^^^^^^^^^^^^^^^ expected a secret in it

    error: this file cannot be read: entity not found
      --> portcullis.toml:10:21
       |
    10 | username = { file = "/secrets/none" }
       |                     ^^^^^^^^^^^^^^^ expected a file that can be read

    error: this environment variable is empty
      --> portcullis.toml:11:20
       |
    11 | password = { env = "EMPTY" }
       |                    ^^^^^^^ expected a secret in it

    error: this environment variable is not set
      --> portcullis.toml:15:20
       |
    15 | username = { env = "NOWHERE" }
       |                    ^^^^^^^^^ expected the name of a variable that is set

    error: the secret in this file is not UTF-8
      --> portcullis.toml:16:21
       |
    16 | password = { file = "/secrets/binary" }
       |                     ^^^^^^^^^^^^^^^^^ expected text

    error: `basic_auth` has no `password`
      --> portcullis.toml:19:14
       |
    19 | basic_auth = { username = { env = "SECRET" } }
       |              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected `username` and `password`

    portcullis.toml: 7 faults
    "#);
}

/// Texts that are wrong in many ways, each with `hunter2` where a secret could be written.
const LEAKS: [&str; 18] = [
    "[upstream]\nbasic_auth = { username = \"a\", password = \"hunter2\"\n",
    "[upstream.basic_auth]\npassword = \"hunter2\n",
    "[upstream.basic_auth]\npassword = \"\"\"\nhunter2\n",
    "[upstream.basic_auth]\npassword = hunter2\n",
    "[upstream.basic_auth]\npassword = '''\nabc=hunter2==\nhunter2\n",
    "[upstream.basic_auth]\npassword = [\n\"hunter2\"\n\"hunter2\"\n]\n",
    "[upstream.basic_auth]\npasswort = \"hunter2\"\n",
    "[upstream.basic_auth]\npassword = { literal = \"hunter2\" }\n",
    "[upstream.basic_auth]\npassword = { file = \"/x\", note = \"hunter2\" }\n",
    "[upstream.basic_auth]\npassword = [\"hunter2\"]\n",
    "client_secret = \"hunter2\"\n",
    "credentials = { billing = { client_secret = \"hunter2\" } }\n",
    "[credentials.billing]\nclient_secret = \"hunter2\"\nlisten = \n",
    "login = { session_key = [\"hunter2\"], sesion_key = \"hunter2\" }\n",
    "[server]\nsecret = 'hunter2' # hunter\nlisten = 5\napi_key = \"hunter2\"\n",
    "[server]\nlisten = \"${SECRET}\"\nadmin = \"${SECRET}\"\nexternal_url = \"${SECRET}\"\n",
    "[identity.headers]\nX-A = \"@${SECRET}\"\nX-B = \"{${SECRET}\"\n[routes]\n\"/a\" = \"${SECRET} b\"\n\"/b\" = { upstream = \"${SECRET}\", pools = [\"${SECRET}\"] }\n",
    "[upstream]\nurl = \"http://u:hunter2@h/\"\nbasic_auth = { password = { env = \"SECRET\" }, username = \"hunter2\" }\n",
];

#[test]
fn x16_no_fault_ever_shows_a_secret() {
    for leak in LEAKS {
        let Err(faults) = machine(&format!("{POOL}{leak}")) else {
            panic!("loaded: {leak}");
        };
        for told in [
            faults.render(),
            faults.render_styled(),
            format!("{faults:?}"),
            faults.to_string(),
        ] {
            assert!(!told.contains("hunter2"), "{leak}\n---\n{told}");
        }
    }
}
