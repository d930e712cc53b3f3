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
    assert_snapshot!(refused("[upstream]\nbasic_auth = { username = \"bob\", password = \"hunter2\" }\n"));
    assert_snapshot!(refused("[upstream]\nbasic_auth = \"Basic hunter2\"\n"));
    assert_snapshot!(refused(
        r#"[upstream.basic_auth]
username = { value = "hunter2" }
pasword = "hunter2"
password = { file = "/secrets/one", env = "SECRET" }
"#
    ));
    assert_snapshot!(refused("[upstream]\nurl = \"http://bob:hunter2@127.0.0.1:3000\"\n[fetch]\nproxy = \"http://bob:hunter2@proxy:1\"\n"));
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
    ));
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
        for told in [faults.render(), faults.render_styled(), format!("{faults:?}"), faults.to_string()] {
            assert!(!told.contains("hunter2"), "{leak}\n---\n{told}");
        }
    }
}
