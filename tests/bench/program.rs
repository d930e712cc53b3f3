//! The processes that are measured: the program as it is shipped, and the service behind it, which is this program once more.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use serde_json::Value;

/// Where the sidecar listens.
pub struct Listeners {
    pub gate: SocketAddr,
    pub admin: SocketAddr,
    /// The courier's, by name.
    pub outbound: BTreeMap<String, SocketAddr>,
}

/// A child process, ended with this.
pub struct Program {
    child: Child,
}

impl Program {
    /// Starts a command and reads what it says until `find` finds something in a line; the rest is thrown away.
    fn start<T>(command: &mut Command, mut find: impl FnMut(&str) -> Option<T>) -> (Program, T) {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it can be started");
        let mut said = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let program = Program { child };
        let (mut line, mut all) = (String::new(), String::new());
        while said.read_line(&mut line).is_ok_and(|read| read > 0) {
            if let Some(found) = find(&line) {
                std::thread::spawn(move || {
                    let mut rest = [0; 64 * 1024];
                    while said.read(&mut rest).is_ok_and(|read| read > 0) {}
                });
                return (program, found);
            }
            all.push_str(&std::mem::take(&mut line));
        }
        panic!("it ended, saying:\n{all}");
    }

    /// The service behind: this program, called with `upstream`.
    pub fn upstream() -> (Program, SocketAddr) {
        let this = std::env::current_exe().expect("this program has a path");
        Program::start(Command::new(this).arg("upstream"), |line| {
            line.strip_prefix("listening on ")?.trim().parse().ok()
        })
    }

    /// The same, where only its gate is of interest.
    pub fn gate(configuration: &Path) -> (Program, SocketAddr) {
        let (program, listeners) = Program::sidecar(configuration);
        (program, listeners.gate)
    }

    /// The sidecar: the one that was built with this, or `$PORTCULLIS_BIN`.
    pub fn sidecar(configuration: &Path) -> (Program, Listeners) {
        let built = env!("CARGO_BIN_EXE_portcullis").into();
        let mut command = Command::new(std::env::var_os("PORTCULLIS_BIN").unwrap_or(built));
        command
            .arg("run")
            .arg("--config")
            .arg(configuration)
            .env_remove("RUST_LOG");
        let mut outbound = BTreeMap::new();
        let (program, (gate, admin)) = Program::start(&mut command, |line| {
            let line: Value = serde_json::from_str(line).ok()?;
            let address = |key: &str| line[key].as_str()?.parse().ok();
            if let (Some(name), Some(address)) = (line["outbound"].as_str(), address("address")) {
                outbound.insert(name.to_owned(), address);
            }
            Some((address("gate")?, address("admin")?))
        });
        let listeners = Listeners {
            gate,
            admin,
            outbound,
        };
        (program, listeners)
    }

    /// CPU time it has taken, in microseconds: in steps of a clock tick, ten thousand of them.
    pub fn cpu(&self) -> f64 {
        let stat = self.proc("stat");
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .map_or("", |(_, rest)| rest)
            .split_whitespace()
            .collect();
        let ticks = |index: usize| {
            fields
                .get(index)
                .and_then(|field| field.parse::<f64>().ok())
                .unwrap_or(0.0)
        };
        (ticks(11) + ticks(12)) * 10_000.0
    }

    /// Memory that is resident, in KiB: now, or the most there ever was.
    pub fn memory(&self, name: &str) -> u64 {
        let status = self.proc("status");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok())
            .unwrap_or(0)
    }

    fn proc(&self, name: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{name}", self.child.id())).unwrap_or_default()
    }

    /// Asks it to go away.
    pub fn terminate(&self) {
        let sent = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "the signal is sent"
        );
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("a child can be waited for")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder that goes with this.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Scratch {
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        Scratch(folder)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a file can be written");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
