//! The command line: exit statuses, what `check` tells, where the configuration comes from, the demo, going away.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};

use insta::assert_snapshot;
use socket2::{Domain, Socket, Type};

use crate::support::gate::{Gate, Scratch, portcullis, said};
use crate::support::{Answer, Program, Recorder, Rig, Setup, access, get};

/// What a run printed, and its exit status.
struct Run {
    status: Option<i32>,
    out: String,
    log: String,
}

fn run(command: &mut Command) -> Run {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the binary can be started");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Run {
        status: status.code(),
        out: text(stdout),
        log: text(stderr),
    }
}

fn check(configuration: &str) -> Run {
    let scratch = Scratch::new();
    let path = scratch.write("portcullis.toml", configuration);
    run(portcullis().arg("check").arg("--config").arg(path))
}

/// A good configuration that needs nothing of this machine.
fn good() -> String {
    Setup::standard().text(
        "http://127.0.0.1:3000",
        "http://127.0.0.1:3001",
        "http://127.0.0.1:3002",
    )
}

#[test]
fn check_prints_the_routes_of_a_good_configuration() {
    let run = check(&good());
    assert_eq!((run.status, run.log.as_str()), (Some(0), ""));
    for text in [
        "GET /orders/{*rest}",
        "scope orders/read",
        "/admin/{*rest}",
        "scope admin/all and group admin",
        "public",
    ] {
        assert!(run.out.contains(text), "{text} in {}", run.out);
    }
}

#[test]
fn check_tells_every_fault_in_one_run() {
    let bad = good()
        .replace("workers = 1", "workers = 1\nlisten_adress = \"x\"")
        .replace(
            "\"GET /orders/{*rest}\" = \"orders/read\"",
            "\"GET /orders/{*rest}\" = []\n\"get /x\" = \"a/b\"",
        )
        .replace("client_ids = [\"client-1\"]\njwks_url", "jwks_url");
    let run = check(&bad);
    assert_eq!((run.status, run.out.as_str()), (Some(2), ""));
    for text in [
        "listen_adress",
        "listen",
        "GET /orders",
        "get /x",
        "client_ids",
        "portcullis.toml:",
        "4 faults",
    ] {
        assert!(run.log.contains(text), "{text} in {}", run.log);
    }
}

#[test]
fn check_never_repeats_a_secret() {
    let literal = good().replace(
        "url = \"http://127.0.0.1:3000\"",
        "url = \"http://127.0.0.1:3000\"\nbasic_auth = { username = \"app\", password = \"hunter2-secret\" }",
    );
    let run = check(&literal);
    assert_eq!(run.status, Some(2));
    assert!(
        run.log.contains("password") && !run.log.contains("hunter2"),
        "{}",
        run.log
    );
}

#[test]
fn q01_a_file_that_is_no_configuration_is_refused() {
    let scratch = Scratch::new();
    let files = [
        ("empty", Vec::new()),
        ("nul", b"[server]\nlisten = \"a\0b\"".to_vec()),
        ("latin", b"# \xe9\n".to_vec()),
        ("syntax", b"[server\n".to_vec()),
        ("twice", format!("{}\n[routes]\n", good()).into_bytes()),
        (
            "keyless",
            good().replace("jwks_url = ", "jwks_uri = ").into_bytes(),
        ),
        (
            "unknown",
            format!("{}\n[login]\npool = \"a\"\n", good()).into_bytes(),
        ),
    ];
    for (name, bytes) in files {
        let path = scratch.write(name, bytes);
        for command in ["check", "run"] {
            let run = run(portcullis().arg(command).arg("--config").arg(&path));
            assert_eq!(
                run.status,
                Some(2),
                "{command} {name}: {}{}",
                run.out,
                run.log
            );
            assert!(
                !run.log.is_empty() && !run.log.contains("panicked"),
                "{}",
                run.log
            );
        }
    }
    let large = scratch.write("large", vec![b'#'; (4 << 20) + 1]);
    let latin = scratch.path().join("latin");
    let mut told = String::new();
    for path in [
        scratch.path(),
        Path::new("/nowhere/portcullis.toml"),
        &large,
        &latin,
    ] {
        let [checked, ran] = ["check", "run"]
            .map(|command| run(portcullis().arg(command).arg("--config").arg(path)));
        assert_eq!(
            (checked.status, ran.status),
            (Some(2), Some(2)),
            "{}",
            path.display()
        );
        assert_eq!(checked.log, ran.log);
        told.push_str(&checked.log);
    }
    let told = told.replace(&scratch.path().display().to_string(), "(scratch)");
    assert_snapshot!(told, @r"
    portcullis: can't read (scratch): Is a directory (os error 21)
    portcullis: can't read /nowhere/portcullis.toml: No such file or directory (os error 2)
    portcullis: can't read (scratch)/large: it is larger than 4 MiB
    portcullis: can't read (scratch)/latin: it is not UTF-8
    ");
}

#[test]
fn q19_a_requirement_that_asks_for_nothing_is_no_configuration() {
    let with = |route: &str| good().replace("[routes]", &format!("[routes]\n{route}"));
    for route in [
        "\"GET /x\" = []",
        "\"GET /x\" = { any_scope = [] }",
        "\"GET /x\" = { any_of = [] }",
        "\"GET /x\" = { any_of = [{}] }",
        "\"GET /x\" = { claims = {} }",
        "\"GET /x\" = { access = \"public\", any_scope = [\"a/b\"] }",
        "\"GET /x\" = { access = \"any\" }",
        "\"GET /x\" = { pools = [\"nobody\"] }",
        "\"GET /x\" = { acces = \"public\" }",
        "\"GET /orders/{*other}\" = \"orders/read\"",
        "\"GET /a/../x\" = \"a/b\"",
        "\"x\" = \"a/b\"",
    ] {
        let run = check(&with(route));
        assert_eq!(run.status, Some(2), "{route}: {}{}", run.out, run.log);
    }
    let any = good().replace("client_ids = [\"client-1\"]", "client_ids = []");
    assert_eq!(check(&any).status, Some(2));
    let plain = good().replace("http://127.0.0.1:3001", "http://keys.example.com");
    assert_eq!(
        check(&plain).status,
        Some(2),
        "keys over plain HTTP from elsewhere"
    );
}

#[test]
fn the_configuration_comes_from_the_text_then_the_option_then_the_path_then_here() {
    let scratch = Scratch::new();
    let named = |name: &str| good().replace("\"/public\" =", &format!("\"/{name}\" ="));
    let option = scratch.write("option.toml", named("from-option"));
    let path = scratch.write("path.toml", named("from-path"));
    scratch.write("portcullis.toml", named("from-here"));
    let base = || {
        let mut command = portcullis();
        command.arg("check").current_dir(scratch.path());
        command
    };
    let took = |command: &mut Command, name: &str| {
        let run = run(command);
        assert!(
            run.out.contains(&format!("/{name}")),
            "{name} in {}{}",
            run.out,
            run.log
        );
    };
    took(&mut base(), "from-here");
    took(base().env("PORTCULLIS_CONFIG", &path), "from-path");
    took(
        base()
            .env("PORTCULLIS_CONFIG", &path)
            .arg("--config")
            .arg(&option),
        "from-option",
    );
    let text = named("from-text");
    took(
        base()
            .env("PORTCULLIS_CONFIG", &path)
            .env("PORTCULLIS_CONFIG_TOML", text)
            .arg("--config")
            .arg(&option),
        "from-text",
    );
    let bad = run(base().env("PORTCULLIS_CONFIG_TOML", "[sever]"));
    assert!(
        bad.status == Some(2) && bad.log.contains("$PORTCULLIS_CONFIG_TOML"),
        "{}",
        bad.log
    );
}

#[test]
fn the_environment_fills_placeholders() {
    let text = good().replace(
        "client_ids = [\"client-1\", \"client-2\"]",
        "client_ids = [\"${CLIENT_ID}\"]",
    );
    let run = |value: Option<&str>| {
        let mut command = portcullis();
        command
            .arg("check")
            .env("PORTCULLIS_CONFIG_TOML", &text)
            .env_remove("CLIENT_ID");
        if let Some(value) = value {
            command.env("CLIENT_ID", value);
        }
        run(&mut command)
    };
    assert_eq!(run(Some("client-1")).status, Some(0));
    let unset = run(None);
    assert!(
        unset.status == Some(2) && unset.log.contains("CLIENT_ID"),
        "{}",
        unset.log
    );
}

#[test]
fn usage_is_told_and_bad_usage_is_2() {
    let version = run(portcullis().arg("--version"));
    assert_eq!(
        (version.status, version.out.trim()),
        (Some(0), concat!("portcullis ", env!("CARGO_PKG_VERSION")))
    );
    let help = run(portcullis().arg("--help"));
    assert_eq!(help.status, Some(0));
    for command in ["run", "check", "demo"] {
        assert!(help.out.contains(command));
        assert_eq!(run(portcullis().arg(command).arg("--help")).status, Some(0));
    }
    for arguments in [
        vec![],
        vec!["runn"],
        vec!["run", "--confg", "x"],
        vec!["run", "x"],
        vec!["demo", "--port", "99999"],
    ] {
        let bad = run(portcullis().args(&arguments));
        assert_eq!(
            (bad.status, bad.out.as_str()),
            (Some(2), ""),
            "{arguments:?}"
        );
        assert!(!bad.log.is_empty());
    }
}

#[test]
fn a_port_that_is_taken_is_a_failure_while_running() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for key in ["listen", "admin"] {
        let text = good().replace(
            &format!("{key} = \"127.0.0.1:0\""),
            &format!("{key} = \"{address}\""),
        );
        let run = run(portcullis().arg("run").env("PORTCULLIS_CONFIG_TOML", text));
        assert_eq!(run.status, Some(1), "{}", run.log);
        assert!(
            run.log.contains(&format!("can't listen on {address}")),
            "{}",
            run.log
        );
    }
}

/// A file of this repository.
fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn the_example_configuration_is_good() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.toml");
    let run = run(portcullis().arg("check").arg("--config").arg(path));
    assert_eq!(run.status, Some(0), "{}", run.log);
}

#[test]
fn every_configuration_in_the_readme_is_good() {
    let readme = file("README.md");
    let blocks: Vec<&str> = readme
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(!blocks.is_empty(), "README.md shows no configuration");
    for block in blocks {
        let run = check(block);
        assert_eq!(run.status, Some(0), "{block}\n{}", run.log);
    }
}

#[test]
fn the_demos_commands_do_what_they_say() {
    let demo = Program::start(portcullis().arg("demo").arg("--port").arg("0"));
    let script = demo.wait_for_out("# The configuration this runs with:");
    let run = run(Command::new("sh")
        .arg("-c")
        .arg(&script)
        .env("no_proxy", "*"));
    let statuses: Vec<&str> = run
        .out
        .lines()
        .filter_map(|line| line.strip_prefix("HTTP/1.1 "))
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(
        statuses,
        [
            "401", "200", "403", "201", "200", "403", "403", "401", "302"
        ],
        "{}{}",
        run.out,
        run.log
    );
    for reason in [
        "missing_token",
        "insufficient_scope",
        "missing_group",
        "no_route",
    ] {
        assert!(
            run.out.contains(&format!("\"reason\":\"{reason}\"")),
            "{reason} in {}",
            run.out
        );
    }
    let callers: Vec<&str> = run
        .out
        .lines()
        .filter(|line| line.starts_with("You are "))
        .collect();
    assert_eq!(callers.len(), 3, "{}", run.out);
    assert!(callers[0].contains("admin"), "{callers:?}");
    assert!(
        !callers[1].contains("admin") && !callers[2].contains("admin"),
        "{callers:?}"
    );
}

#[test]
fn the_demo_prints_its_configuration_and_it_is_good() {
    let demo = Program::start(portcullis().arg("demo").arg("--port").arg("0"));
    demo.wait_for_out("[pools.demo]");
    demo.wait_for_out("\"GET /reports\" =");
}

#[test]
fn the_demo_on_any_port_prints_the_one_it_got() {
    let demo = Program::start(portcullis().arg("demo").arg("--port").arg("0"));
    let text = demo.wait_for_out("8. What no route names");
    assert!(
        !text.contains("127.0.0.1:0/") && !text.contains("127.0.0.1:0 "),
        "{text}"
    );
}

fn signal(program: &Program, name: &str) {
    let status = Command::new("kill")
        .arg(format!("-{name}"))
        .arg(program.id().to_string())
        .status();
    assert!(status.is_ok_and(|status| status.success()));
}

#[test]
fn q09_requests_in_flight_finish_before_it_goes() {
    for name in ["TERM", "INT"] {
        let mut rig = Rig::standard();
        rig.upstream.hold();
        let answer = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| rig.send(&get("/orders/1").bearer(&access().sign())));
            rig.upstream.wait_for(1);
            signal(&rig.gate.program, name);
            rig.gate.program.wait_for_log(|line| said(line, "draining"));
            assert_eq!(get("/readyz").send(rig.gate.admin).status, 503);
            rig.upstream.release();
            waiting.join().unwrap()
        });
        assert_eq!(answer.status, 200);
        assert_eq!(
            rig.gate.program.wait().code(),
            Some(0),
            "{}",
            rig.gate.program.log()
        );
        rig.gate
            .program
            .wait_for_log(|line| line["log"] == "access" && line["status"] == 200);
    }
}

#[test]
fn q10_a_service_may_start_after_it_and_end_before_it() {
    // Bound and not listening: nobody is there, and nobody else can be.
    let service = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    service
        .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    let address = service.local_addr().unwrap().as_socket().unwrap();
    let keys = Recorder::answering(|_| Answer::ok());
    let text = Setup::standard().text(&format!("http://{address}"), &keys.url(), &keys.url());
    let mut gate = Gate::start(&text);
    let asked = || get("/public").send(gate.address);
    assert_eq!(get("/livez").send(gate.admin).status, 200);
    assert_eq!(asked().reason(), "upstream_unreachable");

    service.listen(1).unwrap();
    let served = std::thread::scope(|scope| {
        let asking = scope.spawn(asked);
        let mut stream = TcpStream::from(service.accept().unwrap().0);
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
        let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer).unwrap();
        asking.join().unwrap()
    });
    assert_eq!(served.status, 200);
    service.shutdown(Shutdown::Both).unwrap();
    assert_eq!(asked().reason(), "upstream_unreachable");
    signal(&gate.program, "TERM");
    assert_eq!(
        gate.program.wait().code(),
        Some(0),
        "{}",
        gate.program.log()
    );
}

#[test]
fn q09_when_its_delay_is_over_it_goes() {
    let mut rig = Setup::standard().server("drain_delay = \"200ms\"").start();
    signal(&rig.gate.program, "TERM");
    assert_eq!(rig.gate.program.wait().code(), Some(0));
    let log = rig.gate.program.log();
    assert!(
        log.contains("stopped") && !log.contains("in flight when"),
        "{log}"
    );
}

#[test]
fn it_serves_on_a_unix_socket_too() {
    let scratch = Scratch::new();
    let socket = scratch.path().join("gate.sock");
    let upstream = Recorder::answering(|_| Answer::ok());
    let text = Setup::standard()
        .text(&upstream.url(), "http://127.0.0.1:1", "http://127.0.0.1:1")
        .replacen(
            "listen = \"127.0.0.1:0\"",
            &format!("listen = \"unix:{}\"", socket.display()),
            1,
        );
    let program = Program::start(portcullis().arg("run").env("PORTCULLIS_CONFIG_TOML", text));
    program.wait_for_log(|line| said(line, "listening"));
    let mut stream = std::os::unix::net::UnixStream::connect(&socket).unwrap();
    stream.write_all(b"GET /public HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(!upstream.wait_for(1)[0].holds("6.6.6.6"));
}
