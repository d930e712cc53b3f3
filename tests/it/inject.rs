//! `inject` from a shell: where it reads and writes, what it tells, how it ends. What it does to a text is tested beside it.

use std::io::Write as _;
use std::process::{Output, Stdio};

use crate::support::gate::{Scratch, portcullis};

const POD: &str = "kind: Pod\nmetadata:\n  name: legacy\nspec:\n  containers:\n  - name: legacy\n";

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Runs it with these arguments and this standard input.
fn inject(arguments: &[&str], input: &str) -> Output {
    let mut child = portcullis()
        .arg("inject")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end without having read all of it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[test]
fn inject_is_a_filter_and_takes_a_file_too() {
    let piped = inject(&[], POD);
    assert_eq!(piped.status.code(), Some(0));
    assert_eq!(text(&piped.stderr), "pod/legacy: injected\n");
    let result = text(&piped.stdout);
    for line in [
        "image: \"portcullis:0.1.0\"",
        "restartPolicy: Always",
        "readOnlyRootFilesystem: true",
        "runAsNonRoot: true",
        "name: portcullis-config",
    ] {
        assert!(result.contains(line), "{line} in\n{result}");
    }
    let scratch = Scratch::new();
    let file = scratch.write("pod.yaml", POD);
    let read = inject(&[file.to_str().unwrap()], "");
    assert_eq!(read.stdout, piped.stdout);
    assert_eq!(inject(&["-"], POD).stdout, piped.stdout);
    let again = inject(&[], result);
    assert_eq!(text(&again.stderr), "pod/legacy: as it should be\n");
    assert_eq!(again.stdout, piped.stdout);
}

#[test]
fn inject_takes_image_configuration_and_secret_from_the_command_line() {
    let arguments = [
        "--image",
        "registry.example.com/portcullis:1",
        "--config-map",
        "orders-gate",
        "--secret",
        "orders-gate",
    ];
    let run = inject(&arguments, POD);
    let result = text(&run.stdout);
    for line in [
        "image: \"registry.example.com/portcullis:1\"",
        "configMap:\n      name: orders-gate",
        "secretName: orders-gate",
        "mountPath: /run/secrets/portcullis",
    ] {
        assert!(result.contains(line), "{line} in\n{result}");
    }
    let none = inject(&["--opt-in"], POD);
    assert_eq!(text(&none.stdout), POD);
    assert!(text(&none.stderr).contains("left alone"));
}

#[test]
fn inject_writes_nothing_unless_all_of_it_can_be_done() {
    let cases = [
        (
            format!("{POD}---\nkind: Pod\nmetadata: {{name: odd}}\nspec: {{}}\n"),
            "standard input:8: pod/odd: its pods have no spec written out",
        ),
        ("kind: Pod\n  spec: x: y\n".to_owned(), "standard input:2:"),
    ];
    for (manifests, expected) in cases {
        let run = inject(&[], &manifests);
        assert_eq!((run.status.code(), text(&run.stdout)), (Some(2), ""));
        assert!(
            text(&run.stderr).contains(expected),
            "{}",
            text(&run.stderr)
        );
    }
    let absent = inject(&["/nonexistent/pod.yaml"], "");
    assert_eq!((absent.status.code(), text(&absent.stdout)), (Some(2), ""));
    assert!(text(&absent.stderr).starts_with("portcullis: /nonexistent/pod.yaml can't be read"));
}
