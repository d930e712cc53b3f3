//! The program under test: the real binary as a child process, its log read as it comes.

use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use serde_json::Value;

use super::{PATIENCE, get};

/// A directory that is removed when this is dropped.
pub struct Scratch(PathBuf);

impl Scratch {
    /// An empty one.
    pub fn new() -> Scratch {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).expect("a directory can be made");
        Scratch(path)
    }

    /// Writes a file into it, and tells where that is.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a file can be written");
        path
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The binary, with nothing of this environment that it would read.
pub fn portcullis() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command
        .env_remove("PORTCULLIS_CONFIG")
        .env_remove("PORTCULLIS_CONFIG_TOML")
        .env_remove("RUST_LOG");
    command.stdin(Stdio::null());
    command
}

#[derive(Default)]
struct Log {
    lines: Mutex<(Vec<String>, bool)>,
    changed: Condvar,
}

impl Log {
    fn read(self: &Arc<Log>, from: impl Read + Send + 'static) {
        let log = self.clone();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(from);
            let mut line = Vec::new();
            while reader
                .read_until(b'\n', &mut line)
                .is_ok_and(|count| count > 0)
            {
                let text = String::from_utf8_lossy(&line)
                    .trim_end_matches('\n')
                    .to_owned();
                log.change(|lines| lines.0.push(text));
                line.clear();
            }
            log.change(|lines| lines.1 = true);
        });
    }

    fn change(&self, change: impl FnOnce(&mut (Vec<String>, bool))) {
        change(&mut self.lines.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Waits for something to be found in the lines; none if they end before.
    fn wait<T>(&self, find: impl Fn(&[String]) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(found) = find(&lines.0) {
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if lines.1 || left.is_zero() {
                return None;
            }
            (lines, _) = self
                .changed
                .wait_timeout(lines, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn text(&self) -> String {
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .0
            .join("\n")
    }
}

/// A child process whose output is read as it comes. Killed when this is dropped.
pub struct Program {
    child: Child,
    out: Arc<Log>,
    log: Arc<Log>,
}

impl Program {
    /// Starts a command.
    pub fn start(command: &mut Command) -> Program {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary can be started");
        let (out, log) = (Arc::new(Log::default()), Arc::new(Log::default()));
        out.read(child.stdout.take().expect("stdout is piped"));
        log.read(child.stderr.take().expect("stderr is piped"));
        Program { child, out, log }
    }

    /// What it wrote to stderr so far.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// What it wrote to stdout so far.
    pub fn out(&self) -> String {
        self.out.text()
    }

    /// Waits for a line of stdout with this in it, and gives all of stdout so far.
    pub fn wait_for_out(&self, text: &str) -> String {
        let found = self.out.wait(|lines| {
            lines
                .iter()
                .any(|line| line.contains(text))
                .then(|| lines.join("\n"))
        });
        found
            .unwrap_or_else(|| panic!("{text:?} was never printed: {}\n{}", self.out(), self.log()))
    }

    /// Waits for a line of the log that is JSON and meets `fits`.
    pub fn wait_for_log(&self, fits: impl Fn(&Value) -> bool) -> Value {
        let found = self.log.wait(|lines| {
            lines
                .iter()
                .filter_map(|line| serde_json::from_str(line).ok())
                .find(|value| fits(value))
        });
        found.unwrap_or_else(|| panic!("the line waited for was never logged:\n{}", self.log()))
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        self.log.wait(|_| None::<()>);
        self.child.wait().expect("a child can be waited for")
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Memory that it holds now, in bytes (proc(5), VmRSS).
    pub fn memory(&self) -> usize {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes =
            line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<usize>().ok());
        kilobytes.expect("a process that runs holds memory") * 1024
    }

    /// Processor time that it has used so far (proc(5), utime and stime; a tick is a hundredth of a second).
    pub fn processor(&self) -> std::time::Duration {
        let stat = self.proc("stat");
        let (_, fields) = stat.rsplit_once(')').expect("the name stands in brackets");
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks = ticks.map(|ticks| ticks.parse::<u64>().expect("a number"));
        std::time::Duration::from_millis(ticks.sum::<u64>() * 10)
    }

    fn proc(&self, name: &str) -> String {
        let path = format!("/proc/{}/{name}", self.id());
        std::fs::read_to_string(path).expect("a process that runs can be looked at")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `portcullis run`, listening.
pub struct Gate {
    /// The process.
    pub program: Program,
    /// Where the gate listens.
    pub address: SocketAddr,
    /// Where admin listens.
    pub admin: SocketAddr,
    /// Its directory; `portcullis.toml` is in it.
    pub scratch: Scratch,
}

impl Gate {
    /// Runs it with this configuration, and waits until it listens.
    pub fn start(configuration: &str) -> Gate {
        let scratch = Scratch::new();
        let path = scratch.write("portcullis.toml", configuration);
        Gate::run(portcullis().arg("run").arg("--config").arg(path), scratch)
    }

    /// Runs this command, and waits until it listens.
    pub fn run(command: &mut Command, scratch: Scratch) -> Gate {
        let program = Program::start(command);
        let line = program.wait_for_log(|line| said(line, "listening"));
        let address = |name: &str| line[name].as_str().and_then(|text| text.parse().ok());
        Gate {
            address: address("gate").unwrap_or_else(|| panic!("no gate address in {line}")),
            admin: address("admin").unwrap_or_else(|| panic!("no admin address in {line}")),
            program,
            scratch,
        }
    }

    /// Waits until it is ready.
    pub fn wait_until_ready(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = get("/readyz").send(self.admin);
            if answer.status == 200 {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "never ready: {}\n{}",
                answer.text(),
                self.program.log()
            );
            std::thread::yield_now();
        }
    }

    /// The line of the access log for the request with this id.
    pub fn record(&self, request_id: &str) -> Value {
        self.program
            .wait_for_log(|line| line["log"] == "access" && line["request_id"] == request_id)
    }

    /// The value of a metric, its labels written as Prometheus shows them; none if it has no such sample.
    pub fn metric(&self, sample: &str) -> Option<f64> {
        let metrics = get("/metrics").send(self.admin).text();
        let line = metrics.lines().find(|line| {
            line.strip_prefix(sample)
                .is_some_and(|rest| rest.starts_with(' '))
        })?;
        line.rsplit(' ').next()?.parse().ok()
    }
}

/// Whether a line of the log says this.
pub fn said(line: &Value, message: &str) -> bool {
    line["message"]
        .as_str()
        .is_some_and(|text| text.contains(message))
}
