//! What becomes of a configuration that is offered.

use std::path::Path;

use super::super::files::{LARGEST, Reading};
use super::{Process, Scratch, keys, text};
use crate::token::mint;

#[tokio::test(start_paused = true)]
async fn q01_nothing_that_is_wrong_replaces_what_is_right() {
    let (mut process, scratch) = Process::with("one");
    let good = text(&scratch, "two");
    let bad: [(&str, Vec<u8>); 9] = [
        ("syntax", format!("{good}[routes").into()),
        ("unknown key", format!("{good}[pool]\n").into()),
        ("empty", Vec::new()),
        ("comments alone", b"# nothing here\n".to_vec()),
        ("no pool", good.replace("[pools.main]", "[other]").into()),
        ("NUL", format!("{good}\0").into()),
        ("no UTF-8", [good.as_bytes(), b"# \xff"].concat()),
        (
            "one route twice",
            format!("{good}\"GET /two\" = \"a/b\"\n").into(),
        ),
        ("100 MB", vec![b'#'; 100 << 20]),
    ];
    for (count, (name, bytes)) in bad.iter().enumerate() {
        scratch.write("portcullis.toml", bytes);
        let faults = process.refused().await;
        assert!(!faults.is_empty(), "{name}");
        let refused = format!(
            "portcullis_config_reloads_total{{result=\"refused\"}} {}",
            count + 1
        );
        assert_eq!(process.metric("portcullis_config_reloads_total"), refused);
    }
    scratch.write("portcullis.toml", good);
    process.taken().await;
    assert_eq!(process.route(), "GET /two");
}

#[tokio::test(start_paused = true)]
async fn q01_what_is_no_file_is_no_configuration() {
    let (mut process, scratch) = Process::with("one");
    let path = scratch.path("portcullis.toml");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    process.refused().await;
    std::fs::remove_dir(&path).unwrap();
    std::os::unix::fs::symlink("nowhere", &path).unwrap();
    process.refused().await;
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("portcullis.toml", &path).unwrap();
    process.refused().await;
    std::fs::remove_file(&path).unwrap();
    scratch.write("portcullis.toml", text(&scratch, "two"));
    process.taken().await;
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_is_gone_is_gone_from_the_metrics() {
    let (mut process, scratch) = Process::with("one");
    process
        .telemetry
        .metrics
        .observe_keys("main", (1, 0), 1, None);
    assert_ne!(process.metric("portcullis_jwks_keys{"), "");
    let other = text(&scratch, "one").replace("[pools.main]", "[pools.other]");
    scratch.write("portcullis.toml", other);
    process.taken().await;
    assert_eq!(process.metric("portcullis_jwks_keys{"), "");
    assert_eq!(process.metric("portcullis_jwks_refreshes_total{"), "");
}

#[tokio::test(start_paused = true)]
async fn what_only_a_start_can_change_is_told_by_name_until_it_is_changed_back() {
    let (mut process, scratch) = Process::with("one");
    let server = "[server]\nlisten = \"127.0.0.1:1\"\nadmin = \"127.0.0.1:2\"\nprobes = \"127.0.0.1:3\"\nworkers = 9\n\
                  [server.limits]\nconnections = 7\n";
    let good = text(&scratch, "two");
    scratch.write("portcullis.toml", format!("{server}{good}"));
    let facts = process.taken().await;
    let keys = [
        "server.listen",
        "server.admin",
        "server.probes",
        "server.workers",
    ];
    assert_eq!(facts.restart, keys);
    assert_eq!(process.route(), "GET /two", "the rest is taken");
    assert_eq!(process.reach.rooms.gate.places().available_permits(), 7);
    scratch.write("portcullis.toml", good);
    assert_eq!(process.taken().await.restart, [""; 0]);
    assert_eq!(
        process.reach.rooms.gate.places().available_permits(),
        10_000
    );
}

#[test]
fn a_load_sees_one_version_of_each_file() {
    let scratch = Scratch::new();
    let path = scratch.write("file", "one");
    let reading = Reading::default();
    assert_eq!(reading.read(&path).unwrap(), b"one");
    scratch.write("file", "two");
    assert_eq!(reading.read(&path).unwrap(), b"one");
    let missing = scratch.path("missing");
    assert!(reading.read(&missing).is_err());
    scratch.write("missing", "there");
    assert!(reading.read(&missing).is_err());
}

#[test]
fn of_an_endless_file_no_more_is_read_than_is_needed_to_refuse_it() {
    let bytes = Reading::default().read(Path::new("/dev/zero")).unwrap();
    assert_eq!(bytes.len(), LARGEST + 1);
}

#[test]
fn a_text_that_came_through_a_pipe_is_kept() {
    let scratch = Scratch::new();
    scratch.write("keys.json", keys(&[mint::a1()]));
    use std::os::fd::AsRawFd as _;
    let (reader, writer) = std::io::pipe().unwrap();
    std::io::Write::write_all(&mut &writer, text(&scratch, "one").as_bytes()).unwrap();
    drop(writer);
    let path = format!("/proc/self/fd/{}", reader.as_raw_fd());
    let origin = super::super::Origin::file(path.into(), |_| None);
    for _ in 0..2 {
        let loaded = origin.load().unwrap();
        assert_eq!(&*loaded.config.routes[0].name, "GET /one");
    }
}

#[tokio::test(start_paused = true)]
async fn a_configuration_whose_tests_fail_is_refused() {
    let (mut process, scratch) = Process::with("one");
    let test = |expect: &str| {
        let request = "request = \"GET /two\"";
        format!("[tests]\n\"nobody may\" = {{ {request}, expect = \"{expect}\" }}\n")
    };
    let good = text(&scratch, "two");
    scratch.write("portcullis.toml", format!("{good}{}", test("no_route")));
    let faults = process.refused().await;
    assert!(faults.contains("test \"nobody may\" fails"), "{faults}");
    assert!(faults.ends_with("1 of 1 tests failed"), "{faults}");
    scratch.write(
        "portcullis.toml",
        format!("{good}{}", test("missing_token")),
    );
    process.taken().await;
}

#[tokio::test(start_paused = true)]
async fn a_file_that_became_a_pipe_is_not_waited_for() {
    let (mut process, scratch) = Process::with("one");
    let path = scratch.path("portcullis.toml");
    std::fs::remove_file(&path).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    process.now.notify_one();
    assert!(process.refused().await.contains("can't read"));
    std::fs::remove_file(&path).unwrap();
    scratch.write("portcullis.toml", text(&scratch, "two"));
    process.taken().await;
}
