//! Sockets and limits that the machine hands over: systemd's (sd_listen_fds(3)), and too few descriptors (R09).

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use crate::support::gate::{Scratch, said};
use crate::support::mint::jwks;
use crate::support::{
    Answer, Connection, Gate, Program, Recorder, Rig, Setup, a1, a2, access, b1, get,
};

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

/// The program with a line of shell before it.
fn command(scratch: &Scratch, text: &str, before: &str) -> Command {
    let path = scratch.write("portcullis.toml", text);
    let line = format!("{before} exec \"$0\" run --config \"$1\"");
    let mut command = Command::new("sh");
    command
        .args(["-c", &line, env!("CARGO_BIN_EXE_portcullis")])
        .arg(path)
        .stdin(Stdio::null());
    command
}

/// Hands over one socket under a name, as systemd does.
fn handed_over(socket: impl Into<OwnedFd>, name: &str) -> (Scratch, Program) {
    let scratch = Scratch::new();
    let variables = "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=gate; export LISTEN_PID LISTEN_FDS LISTEN_FDNAMES;";
    let before = format!("exec 3<&0 </dev/null; {variables}");
    let text = CONFIGURATION.replace("LISTEN", &format!("fd:{name}"));
    let mut command = command(&scratch, &text, &before);
    let program = Program::start(command.stdin(Stdio::from(socket.into())));
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

/// The standard rig with a line of shell before it.
fn narrow(before: &str) -> Rig {
    let upstream = Recorder::start();
    let [keys_a, keys_b] =
        [a1(), b1()].map(|key| Recorder::answering(move |_| Answer::json(&jwks(&[key]))));
    let scratch = Scratch::new();
    let setup = Setup::standard().pool("jwks_cooldown = \"1ms\"");
    let text = setup.text(&upstream.url(), &keys_a.url(), &keys_b.url());
    let gate = Gate::run(&mut command(&scratch, &text, before), scratch);
    gate.wait_until_ready();
    Rig {
        gate,
        upstream,
        keys_a,
        keys_b,
    }
}

#[test]
fn r09_whoever_takes_all_connections_leaves_descriptors_for_keys_and_upstreams() {
    let rig = narrow("ulimit -n 64;");
    rig.gate
        .program
        .wait_for_log(|line| said(line, "fewer connections at once") && line["descriptors"] == 64);
    let mut canary = Connection::open(rig.gate.address);
    assert_eq!(canary.exchange(&get("/admin/x")).status, 401);
    let crowd: Vec<Connection> = (0..100)
        .map(|_| Connection::open(rig.gate.address))
        .collect();
    rig.gate
        .program
        .wait_for_log(|line| said(line, "as many connections"));
    // A key that is not known yet, and an upstream that nobody was connected to.
    rig.keys_a.answer(|_| Answer::json(&jwks(&[a1(), a2()])));
    let request = get("/orders/1").bearer(&access().key(a2()).sign());
    assert_eq!(canary.exchange(&request).status, 200);
    assert_eq!(get("/readyz").send(rig.gate.admin).status, 200);
    drop((crowd, canary));
    rig.control();
    let log = rig.gate.program.log();
    assert!(!log.contains("can't be accepted"), "{log}");
}

#[test]
fn r09_a_soft_limit_is_no_limit() {
    let rig = narrow("ulimit -S -n 40;");
    let mut many: Vec<Connection> = (0..100)
        .map(|_| {
            let mut one = Connection::open(rig.gate.address);
            assert_eq!(one.exchange(&get("/public")).status, 200);
            one
        })
        .collect();
    assert_eq!(many[0].exchange(&get("/public")).status, 200);
}

#[test]
fn r09_out_of_descriptors_it_waits_and_goes_on() {
    let rig = Rig::standard();
    let limit = |most: &str| {
        let id = rig.gate.program.id().to_string();
        let limit = format!("--nofile={most}:");
        let status = Command::new("prlimit")
            .args(["--pid", &id, &limit])
            .status();
        assert!(status.expect("prlimit can be run").success());
    };
    // Less than it found at its start.
    limit("10");
    let waiting = Connection::open(rig.gate.address);
    rig.gate
        .program
        .wait_for_log(|line| said(line, "can't be accepted"));
    limit("1000");
    drop(waiting);
    rig.control();
}
