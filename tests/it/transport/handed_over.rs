//! Sockets and limits that the machine hands over: systemd's (sd_listen_fds(3)), and too few descriptors (R09).

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use crate::support::gate::{Scratch, said};
use crate::support::{Connection, Program, get};

const CONFIGURATION: &str = r#"
[server]
listen = "LISTEN"
admin = "127.0.0.1:0"
workers = 1
[upstream]
url = "http://127.0.0.1:1"
[pools.main]
user_pool_id = "eu-west-1_AbC123xyz"
client_ids = ["client-1"]
jwks_url = "http://127.0.0.1:1/jwks.json"
[telemetry]
log_format = "json"
[routes]
"/me" = {}
"#;

/// The program with a line of shell before it, and `stdin` as its standard input.
fn shell(scratch: &Scratch, listen: &str, before: &str, stdin: Stdio) -> Program {
    let path = scratch.write("portcullis.toml", CONFIGURATION.replace("LISTEN", listen));
    let line = format!("{before} exec \"$0\" run --config \"$1\"");
    let mut command = Command::new("sh");
    command
        .args(["-c", &line, env!("CARGO_BIN_EXE_portcullis")])
        .arg(path)
        .stdin(stdin);
    Program::start(&mut command)
}

/// Hands over one socket under a name, as systemd does.
fn handed_over(socket: impl Into<OwnedFd>, name: &str) -> (Scratch, Program) {
    let scratch = Scratch::new();
    let variables = "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=gate; export LISTEN_PID LISTEN_FDS LISTEN_FDNAMES;";
    let before = format!("exec 3<&0 </dev/null; {variables}");
    let program = shell(
        &scratch,
        &format!("fd:{name}"),
        &before,
        Stdio::from(socket.into()),
    );
    (scratch, program)
}

#[test]
fn a_socket_that_systemd_bound_is_served() {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("a bound socket");
    let (_scratch, program) = handed_over(socket, "gate");
    let line = program.wait_for_log(|line| said(line, "listening"));
    assert_eq!(line["gate"], address.to_string());
    assert_eq!(get("/me").send(address).status, 401);
}

#[test]
fn so_is_one_of_the_unix_kind() {
    use std::io::{Read as _, Write as _};
    let scratch = Scratch::new();
    let path = scratch.path().join("gate.sock");
    let socket = UnixListener::bind(&path).expect("a path of our own");
    let (_scratch, program) = handed_over(socket, "gate");
    program.wait_for_log(|line| said(line, "listening"));
    let mut stream = std::os::unix::net::UnixStream::connect(&path).expect("the program listens");
    let request = b"GET /me HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    stream.write_all(request).expect("the program reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

#[test]
fn a_name_nobody_handed_over_is_told() {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let (_scratch, mut program) = handed_over(socket, "other");
    assert!(!program.wait().success());
    assert!(
        program.log().contains("FileDescriptorName=other"),
        "{}",
        program.log()
    );
}

#[test]
fn r09_out_of_descriptors_it_waits_and_goes_on() {
    let scratch = Scratch::new();
    let program = shell(&scratch, "127.0.0.1:0", "ulimit -n 40;", Stdio::null());
    let line = program.wait_for_log(|line| said(line, "listening"));
    let address = line["gate"]
        .as_str()
        .and_then(|text| text.parse().ok())
        .expect("an address");
    let many: Vec<Connection> = (0..60).map(|_| Connection::open(address)).collect();
    program.wait_for_log(|line| said(line, "can't be accepted"));
    drop(many);
    assert_eq!(get("/me").send(address).status, 401);
}
