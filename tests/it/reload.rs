//! Changes of the configuration under a running program: taken whole or not at all, and felt by no request.
//!
//! The watcher's timing is tried in `src/reload/tests` at a clock of its own; here SIGHUP is what makes a test quick, and
//! the log says which configuration is in use.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use aws_lc_rs::digest::{SHA256, digest};

use crate::support::gate::{Scratch, portcullis, said};
use crate::support::http2::{Client, head};
use crate::support::mint::jwks;
use crate::support::{
    Answer, Connection, Gate, PATIENCE, Recorder, Request, Rig, Setup, a1, a2, access, get,
};

fn text(setup: &Setup, rig: &Rig) -> String {
    let keys = (rig.keys_a.url(), rig.keys_b.url());
    setup.text(&rig.upstream.url(), &keys.0, &keys.1)
}

fn config_of(gate: &Gate) -> PathBuf {
    gate.scratch.path().join("portcullis.toml")
}

/// Puts a configuration where the old one is, in one step.
fn place(gate: &Gate, text: impl AsRef<[u8]>) {
    let new = gate.scratch.write("new.toml", text);
    std::fs::rename(new, config_of(gate)).unwrap();
}

fn hang_up(gate: &Gate) {
    let process = gate.program.id().to_string();
    let told = Command::new("kill").args(["-HUP", &process]).status();
    assert!(told.unwrap().success());
}

/// Waits until the configuration with this text is in use.
fn in_use(gate: &Gate, text: &str) {
    let digest = digest(&SHA256, text.as_bytes());
    let hash: String = digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    gate.program
        .wait_for_log(|line| said(line, "was reloaded") && line["hash"] == hash.as_str());
}

/// Makes the program use a configuration. The text differs from all before it, by a comment.
fn take(gate: &Gate, text: &str) {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let text = format!("# {}\n{text}", COUNT.fetch_add(1, Ordering::Relaxed));
    place(gate, &text);
    hang_up(gate);
    in_use(gate, &text);
}

/// What `check` says to the file that is there, which it must refuse.
fn check(gate: &Gate) -> String {
    let output = portcullis()
        .args(["check", "--config"])
        .arg(config_of(gate))
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    told.trim_start_matches("portcullis: ")
        .trim_end()
        .to_owned()
}

/// That the file that is there is refused with the words of `check`, and nothing changes.
fn refuses(rig: &Rig, why: &str) {
    let told = check(&rig.gate);
    hang_up(&rig.gate);
    rig.gate
        .program
        .wait_for_log(|line| said(line, "was refused") && line["faults"] == told.as_str());
    rig.control();
    rig.refuses(&get("/secret"), 403, "no_route");
    let refused = r#"portcullis_config_reloads_total{result="refused"}"#;
    assert!(rig.gate.metric(refused) > Some(0.0), "{why}");
}

#[test]
fn q01_q20_what_check_refuses_is_refused_while_running_in_the_same_words() {
    let rig = Rig::standard();
    let good = text(
        &Setup::standard().routes("\"/secret\" = { access = \"public\" }"),
        &rig,
    );
    let without_pools = {
        let (head, tail) = good.split_once("[pools.a]").unwrap();
        format!("{head}{}", &tail[tail.find("[telemetry]").unwrap()..])
    };
    let bad: [(&str, Vec<u8>); 10] = [
        ("a syntax error", format!("{good}\n[routes").into()),
        ("an unknown key", format!("{good}\n[server2]\n").into()),
        ("a key that is mistyped", good.replace("client_ids", "client_id").into()),
        ("nothing", Vec::new()),
        ("no pools", without_pools.into()),
        ("a NUL", good.replace("\"/secret\"", "\"/sec\0ret\"").into()),
        ("no UTF-8", [good.as_bytes(), b"# \xff"].concat()),
        ("a route twice", format!("{good}\n\"GET /secret\" = \"a/b\"\n\"GET /secret/\" = \"a/c\"\n").into()),
        ("a secret that is not there", good.replace(
            "[pools.a]",
            "basic_auth = { username = { file = \"/nowhere\" }, password = { env = \"NOWHERE\" } }\n[pools.a]",
        ).into()),
        ("100 MB", vec![b'#'; 100 << 20]),
    ];
    for (why, bytes) in bad {
        place(&rig.gate, bytes);
        refuses(&rig, why);
    }
    let path = config_of(&rig.gate);
    std::fs::remove_file(&path).unwrap();
    refuses(&rig, "no file");
    std::fs::create_dir(&path).unwrap();
    refuses(&rig, "a directory");
    std::fs::remove_dir(&path).unwrap();
    symlink("nowhere", &path).unwrap();
    refuses(&rig, "a link to nothing");
    std::fs::remove_file(&path).unwrap();
    place(&rig.gate, &good);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o0)).unwrap();
    // Root reads it all the same, and then it is good.
    if std::fs::read(&path).is_err() {
        refuses(&rig, "a file that can't be read");
    }
    take(&rig.gate, &good);
    assert_eq!(rig.send(&get("/secret")).status, 200);
}

#[test]
fn q02_a_configmap_is_followed_without_being_told() {
    let rig = Rig::standard();
    let scratch = Scratch::new();
    let flip = |version: usize| {
        let route = format!("\"/v{version}\" = {{ access = \"public\" }}");
        let text = text(&Setup::standard().routes(&route), &rig);
        let name = format!("..version-{version}");
        std::fs::create_dir(scratch.path().join(&name)).unwrap();
        scratch.write(&format!("{name}/portcullis.toml"), &text);
        let link = scratch.path().join("..data_tmp");
        symlink(&name, &link).unwrap();
        std::fs::rename(link, scratch.path().join("..data")).unwrap();
        text
    };
    flip(0);
    let path = scratch.path().join("portcullis.toml");
    symlink("..data/portcullis.toml", &path).unwrap();
    let gate = Gate::run(
        portcullis().arg("run").arg("--config").arg(path),
        Scratch::new(),
    );
    for version in 1..=3 {
        in_use(&gate, &flip(version));
        let old = get(&format!("/v{}", version - 1)).send(gate.address);
        assert_eq!(old.reason(), "no_route");
        let new = get(&format!("/v{version}")).send(gate.address);
        assert_eq!(new.status, 200);
    }
}

/// `/mix` goes to one of two upstreams with headers of one colour; `/door` is open or not.
fn coloured(rig: &Rig, blue: &Recorder, is_blue: bool) -> String {
    let (colour, upstream, door) = match is_blue {
        true => (
            "blue",
            ", upstream = \"blue\"",
            "any_scope = [\"doors/open\"]",
        ),
        false => ("red", "", "access = \"public\""),
    };
    // Without the lines of its requests, among which those of its reloads would be looked for again and again.
    let setup = Setup::standard()
        .telemetry("access_log = false")
        .headers(&format!(
            "X-First = \"{colour}-{{sub}}\"\nX-Second = \"{colour}-{{username}}\"\n"
        ))
        .also(&format!("[upstreams.blue]\nurl = \"{}\"", blue.url()))
        .routes(&format!(
            "\"/mix\" = {{ any_scope = [\"orders/read\"]{upstream} }}\n\"/door\" = {{ {door} }}"
        ));
    text(&setup, rig)
}

#[test]
fn q03_under_traffic_each_request_is_judged_by_one_configuration() {
    let (rig, blue) = (Rig::standard(), Recorder::start());
    take(&rig.gate, &coloured(&rig, &blue, false));
    let (done, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mix = get("/mix").bearer(&access().sign());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut connection = Connection::open(rig.gate.address);
                while !done.load(Ordering::Relaxed) {
                    let answer = connection.exchange(&mix);
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        scope.spawn(|| {
            let token = format!("Bearer {}", access().sign());
            let mut fields = head("GET", "/mix");
            fields.push(("authorization", &token));
            while !done.load(Ordering::Relaxed) {
                // A connection for a while: this client never gives its window back.
                let mut client = Client::open(rig.gate.address, &[]);
                for _ in 0..500 {
                    assert_eq!(client.request(&fields).status, 200);
                    sent.fetch_add(1, Ordering::Relaxed);
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                }
            }
        });
        for round in 0..30 {
            let is_blue = round % 2 == 0;
            let before = sent.load(Ordering::Relaxed);
            if round % 3 == 0 {
                let bad = format!("# {round}\n{}", coloured(&rig, &blue, is_blue)) + "\n[routes";
                place(&rig.gate, bad);
                hang_up(&rig.gate);
                let told = check(&rig.gate);
                rig.gate.program.wait_for_log(|line| {
                    said(line, "was refused") && line["faults"] == told.as_str()
                });
            }
            take(&rig.gate, &coloured(&rig, &blue, is_blue));
            // What is told to be in use is, for every request from then on.
            let door = if is_blue { 401 } else { 200 };
            assert_eq!(rig.send(&get("/door")).status, door);
            while sent.load(Ordering::Relaxed) < before + 3 {
                std::thread::yield_now();
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    let mut seen = 0;
    for (recorder, colour) in [(&rig.upstream, "red-"), (&blue, "blue-")] {
        for request in recorder
            .requests()
            .iter()
            .filter(|it| it.target() == "/mix")
        {
            for name in ["X-First", "X-Second"] {
                let value = request.header(name).unwrap_or("none");
                assert!(value.starts_with(colour), "{name}: {value} at {colour}");
            }
            seen += 1;
        }
    }
    assert_eq!(seen, sent.load(Ordering::Relaxed));
}

#[test]
fn q04_a_pool_is_removed_while_its_token_is_in_flight() {
    let rig = Rig::standard();
    let request = get("/orders/1").bearer(&access().of_pool_b().sign());
    let all = text(&Setup::standard(), &rig);
    let (head, tail) = all.split_once("[pools.b]").unwrap();
    let without_b = format!("{head}{}", &tail[tail.find("[telemetry]").unwrap()..]);
    rig.upstream.hold();
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| rig.send(&request));
        rig.upstream.wait_for(1);
        take(&rig.gate, &without_b);
        rig.upstream.release();
        assert_eq!(answer.join().unwrap().status, 200);
    });
    rig.refuses(&request, 401, "unknown_issuer");
    assert_eq!(rig.gate.metric(r#"portcullis_jwks_keys{pool="b"}"#), None);
    rig.control();
}

#[test]
fn q05_a_key_file_is_followed_and_a_broken_one_is_not() {
    let scratch = Scratch::new();
    let keys = scratch.write("keys.json", jwks(&[a1()]).to_string());
    let upstream = Recorder::start();
    let file = format!("jwks_file = \"{}\"", keys.display());
    let text = Setup::standard()
        .pool(&file)
        .text(&upstream.url(), "KEYS", "KEYS")
        .replace("\"KEYS/jwks.json\"", "\"none\"");
    // Pool B would have no keys at all, so it has the same.
    let text = text.replace("[telemetry]", &format!("{file}\n[telemetry]"));
    let mut command = portcullis();
    let gate = Gate::run(
        command.arg("run").env("PORTCULLIS_CONFIG_TOML", &text),
        scratch,
    );
    let of = |key| get("/orders/1").bearer(&access().key(key).sign());
    let status = |request: &Request| request.send(gate.address).status;
    assert_eq!((status(&of(a1())), status(&of(a2()))), (200, 401));

    gate.scratch.write("keys.json", "{}");
    gate.program.wait_for_log(|line| said(line, "was refused"));
    assert_eq!((status(&of(a1())), status(&of(a2()))), (200, 401));

    gate.scratch.write("keys.json", jwks(&[a2()]).to_string());
    in_use(&gate, &text);
    assert_eq!((status(&of(a1())), status(&of(a2()))), (401, 200));
}

#[test]
fn what_did_not_change_is_kept_through_a_reload() {
    let rig = Rig::standard();
    rig.control();
    let request = get("/orders/1").bearer(&access().sign());
    rig.forwards(&request);
    let count = |result: &str| {
        let sample = format!("portcullis_token_cache_requests_total{{result=\"{result}\"}}");
        rig.gate.metric(&sample).unwrap()
    };
    let (hits, misses) = (count("hit"), count("miss"));
    let connections = rig.upstream.connections();
    let more = Setup::standard().routes("\"/more\" = { access = \"public\" }");
    take(&rig.gate, &text(&more, &rig));
    rig.forwards(&get("/more"));
    rig.forwards(&request);
    assert_eq!((count("hit"), count("miss")), (hits + 1.0, misses));
    assert_eq!(rig.upstream.connections(), connections);
    assert_eq!(
        (rig.keys_a.requests().len(), rig.keys_b.requests().len()),
        (1, 1)
    );
    assert_eq!(get("/readyz").send(rig.gate.admin).status, 200);
}

#[test]
fn a_pool_that_trusts_another_client_keeps_its_keys_and_forgets_its_tokens() {
    let rig = Rig::standard();
    let request = get("/orders/1").bearer(&access().sign());
    rig.forwards(&request);
    rig.keys_a.answer(|_| Answer::status(500, &[], ""));
    let other = text(&Setup::standard(), &rig);
    let known = "[\"client-1\", \"client-2\"]";
    assert!(other.contains(known));
    let other = other.replace(known, "[\"client-3\"]");
    take(&rig.gate, &other);
    rig.refuses(&request, 401, "wrong_client");
    let fits = access().claim("client_id", "client-3").sign();
    rig.forwards(&get("/orders/1").bearer(&fits));
}

#[test]
fn a_new_pool_serves_and_readiness_stays() {
    let rig = Rig::standard();
    let keys = Recorder::answering(|_| Answer::json(&jwks(&[a2()])));
    let pool = format!(
        "[pools.c]\nissuer = \"{0}\"\njwks_url = \"{0}/jwks.json\"\nclient_ids = [\"client-1\"]\n",
        keys.url()
    );
    take(&rig.gate, &text(&Setup::standard().also(&pool), &rig));
    assert_eq!(get("/readyz").send(rig.gate.admin).status, 200);
    let token = access()
        .claim("iss", keys.url())
        .header("typ", "at+jwt")
        .key(a2());
    rig.forwards(&get("/orders/1").bearer(&token.sign()));
}

#[test]
fn what_never_was_ready_becomes_so_with_a_better_configuration() {
    let setup = Setup::standard();
    let rig = setup.start_unready(Recorder::answering(|_| Answer::status(404, &[], "")));
    let keys = Recorder::answering(|_| Answer::json(&jwks(&[a1()])));
    assert_eq!(get("/readyz").send(rig.gate.admin).status, 503);
    let better = setup.text(&rig.upstream.url(), &keys.url(), &rig.keys_b.url());
    take(&rig.gate, &better);
    rig.gate.wait_until_ready();
    rig.control();
}

#[test]
fn only_listeners_and_workers_need_a_restart_and_are_told_by_name() {
    let rig = Rig::standard();
    let other = text(
        &Setup::standard().routes("\"/more\" = { access = \"public\" }"),
        &rig,
    )
    .replace("listen = \"127.0.0.1:0\"", "listen = \"127.0.0.1:9\"")
    .replace("workers = 1", "workers = 2");
    take(&rig.gate, &other);
    for key in ["server.listen", "server.workers"] {
        let line = rig.gate.program.wait_for_log(|line| line["key"] == key);
        assert!(said(&line, "next start"), "{line}");
    }
    assert!(!rig.gate.program.log().contains("server.admin"));
    rig.forwards(&get("/more"));
}

#[test]
fn limits_and_logs_follow_the_configuration() {
    let rig = Rig::standard();
    let mut open = Connection::open(rig.gate.address);
    let large = get("/public").header("X-Large", &"x".repeat(12_000));
    assert_eq!(open.exchange(&large).status, 200);
    let strict =
        Setup::standard().server("limits = { header_bytes = \"9KiB\", body_bytes = \"1KiB\" }");
    let strict = text(&strict, &rig);
    take(
        &rig.gate,
        &strict.replace("[telemetry]", "[telemetry]\nlog_subject = false"),
    );
    assert_eq!(
        open.exchange(&large).status,
        200,
        "this connection was there before"
    );
    rig.refuses(&large, 431, "headers_too_large");
    let body = crate::support::post("/public").body("x".repeat(2_000));
    assert_eq!(open.exchange(&body).status, 413);

    let answer = rig.exchange(&get("/orders/1").bearer(&access().sign())).1;
    let line = rig.gate.record(answer.header("x-request-id").unwrap());
    assert_eq!(
        (line["pool"].as_str(), line["sub"].as_str()),
        (Some("a"), None)
    );
    take(
        &rig.gate,
        &strict.replace("[telemetry]", "[telemetry]\naccess_log = false"),
    );
    let silent = rig
        .exchange(&get("/public").header("X-Request-Id", "never-told"))
        .1;
    assert_eq!(silent.header("x-request-id"), Some("never-told"));
    take(
        &rig.gate,
        &strict.replace("\"json\"", "\"json\"\nlog_level = \"debug\""),
    );
    let told = rig
        .exchange(&get("/public").header("X-Request-Id", "told-again"))
        .1;
    rig.gate.record(told.header("x-request-id").unwrap());
    assert!(!rig.gate.program.log().contains("never-told"));
}

#[test]
fn the_log_changes_its_format_in_flight() {
    let rig = Rig::standard();
    let plain = text(&Setup::standard(), &rig).replace("\"json\"", "\"text\"");
    place(&rig.gate, plain);
    hang_up(&rig.gate);
    let deadline = Instant::now() + PATIENCE;
    while !rig
        .gate
        .program
        .log()
        .contains("INFO portcullis::reload: the configuration was reloaded")
    {
        assert!(Instant::now() < deadline, "{}", rig.gate.program.log());
        std::thread::yield_now();
    }
    take(&rig.gate, &text(&Setup::standard(), &rig));
    rig.control();
}
