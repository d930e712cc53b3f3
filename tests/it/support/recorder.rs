//! REC: an upstream of bare sockets that records every byte per connection and answers as it is told.
//!
//! It serves as the key server of a pool too. Blocking threads alone: what it saw is in place before it answers, so a
//! test that has its answer can look at once; what comes by itself is waited for under a deadline.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::PATIENCE;

/// What is sent back to one request.
#[derive(Clone, Debug)]
pub struct Answer {
    bytes: Vec<u8>,
    ending: Ending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// The next request is waited for.
    KeepAlive,
    /// The connection is closed.
    Close,
    /// It stays open, and nothing more is said.
    Silence,
}

impl Answer {
    /// A whole answer with a body, its length told.
    pub fn status(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut head = format!(
            "HTTP/1.1 {status} Status\r\ncontent-length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        Answer::raw(format!("{head}\r\n{body}"))
    }

    /// 200 with a small body.
    pub fn ok() -> Answer {
        Answer::status(
            200,
            &[("content-type", "text/plain")],
            "from the upstream\n",
        )
    }

    /// A JSON document.
    pub fn json(document: &serde_json::Value) -> Answer {
        Answer::status(
            200,
            &[("content-type", "application/json")],
            &document.to_string(),
        )
    }

    /// Exactly these bytes, then the next request.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Answer {
        Answer {
            bytes: bytes.into(),
            ending: Ending::KeepAlive,
        }
    }

    /// The same, and the connection is closed behind it.
    pub fn closing(self) -> Answer {
        Answer {
            ending: Ending::Close,
            ..self
        }
    }

    /// The same, and then silence on an open connection.
    pub fn silent(self) -> Answer {
        Answer {
            ending: Ending::Silence,
            ..self
        }
    }
}

/// One request as it came over the wire.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Its request line.
    pub line: String,
    /// Every header line in its order: the name as sent, the value without the blanks around it.
    pub headers: Vec<(String, String)>,
    /// Its body, chunks joined.
    pub body: Vec<u8>,
    /// What stood behind the last chunk.
    pub trailers: String,
    /// Head and body, byte for byte.
    pub raw: Vec<u8>,
    /// Which connection it came over, from 0.
    pub connection: usize,
}

impl Recorded {
    /// Its method.
    pub fn method(&self) -> &str {
        self.line.split(' ').next().unwrap_or("")
    }

    /// Its target, byte for byte.
    pub fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or("")
    }

    /// Every value of a header, its name compared without case.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let named = self
            .headers
            .iter()
            .filter(|(own, _)| own.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// The one value of a header; none if it is not there.
    pub fn header(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() <= 1, "{name} came {} times: {self:#?}", all.len());
        all.first().copied()
    }

    /// Every value whose name a CGI or WSGI server would take for `name`: case folded, `_`, `.` and their kin as `-`.
    pub fn all_alike(&self, name: &str) -> Vec<&str> {
        let named = self
            .headers
            .iter()
            .filter(|(own, _)| folded(own) == folded(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// Whether these bytes stand anywhere in it.
    pub fn holds(&self, text: &str) -> bool {
        self.raw
            .windows(text.len().max(1))
            .any(|window| window == text.as_bytes())
    }
}

fn folded(name: &str) -> String {
    name.chars()
        .map(|char| {
            if char.is_ascii_alphanumeric() {
                char.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect()
}

type Script = Arc<dyn Fn(&Recorded) -> Answer + Send + Sync>;

struct State {
    script: Script,
    /// While set, nobody is answered.
    held: bool,
    /// While set, a request is answered before its body is read, and its connection read no further.
    at_heads: bool,
    requests: Vec<Recorded>,
    /// Every byte of every connection.
    bytes: Vec<Vec<u8>>,
    /// Connections that are over.
    ended: usize,
    waiting: usize,
    most_waiting: usize,
    stopped: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.lock());
        self.changed.notify_all();
        changed
    }
}

/// A server that records.
pub struct Recorder {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Recorder {
    /// One that answers everything with 200.
    pub fn start() -> Recorder {
        Recorder::answering(|_| Answer::ok())
    }

    /// One that answers by this script.
    pub fn answering(script: impl Fn(&Recorded) -> Answer + Send + Sync + 'static) -> Recorder {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        Recorder::on(listener, script)
    }

    /// The same on a listener that is there already.
    pub fn on(
        listener: TcpListener,
        script: impl Fn(&Recorded) -> Answer + Send + Sync + 'static,
    ) -> Recorder {
        let state = State {
            script: Arc::new(script),
            held: false,
            at_heads: false,
            requests: Vec::new(),
            bytes: Vec::new(),
            ended: 0,
            waiting: 0,
            most_waiting: 0,
            stopped: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let address = listener.local_addr().expect("a bound listener");
        let accepting = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let index = accepting.change(|state| {
                    state.bytes.push(Vec::new());
                    state.bytes.len() - 1
                });
                if accepting.lock().stopped {
                    return;
                }
                let shared = accepting.clone();
                std::thread::spawn(move || {
                    serve(&shared, stream, index);
                    shared.change(|state| state.ended += 1);
                });
            }
        });
        Recorder { address, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://` and where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on it answers by this script.
    pub fn answer(&self, script: impl Fn(&Recorded) -> Answer + Send + Sync + 'static) {
        self.shared.change(|state| state.script = Arc::new(script));
    }

    /// From now on it lets everybody wait, until `release`.
    pub fn hold(&self) {
        self.shared.change(|state| state.held = true);
    }

    /// Everybody gets an answer again.
    pub fn release(&self) {
        self.shared.change(|state| state.held = false);
    }

    /// Whether from now on a request is answered as soon as its head is there; its connection is read no further.
    pub fn answer_at_heads(&self, at_heads: bool) {
        self.shared.change(|state| state.at_heads = at_heads);
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.lock().requests.clone()
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.shared.lock().bytes.len()
    }

    /// How many bytes came over all of them.
    pub fn bytes(&self) -> usize {
        self.shared.lock().bytes.iter().map(Vec::len).sum()
    }

    /// Everything that came over all connections, as text.
    pub fn everything(&self) -> String {
        self.shared
            .lock()
            .bytes
            .iter()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .collect()
    }

    /// The most requests that ever waited for their answer at one time.
    pub fn most_waiting(&self) -> usize {
        self.shared.lock().most_waiting
    }

    /// Waits until `count` requests are there in all.
    pub fn wait_for(&self, count: usize) -> Vec<Recorded> {
        self.wait(|state| state.requests.len() >= count);
        self.requests()
    }

    /// Waits until `count` connections are over in all.
    pub fn wait_for_ends(&self, count: usize) {
        self.wait(|state| state.ended >= count);
    }

    /// Waits until `text` has come over some connection.
    pub fn wait_for_text(&self, text: &str) {
        let holds = |bytes: &Vec<u8>| {
            bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        };
        self.wait(|state| state.bytes.iter().any(holds));
    }

    fn wait(&self, happened: impl Fn(&State) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.shared.lock();
        while !happened(&state) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "what was waited for never came; there are {:#?}",
                state.requests
            );
            (state, _) = self
                .shared
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shared.change(|state| {
            state.stopped = true;
            state.held = false;
        });
        // The accepting thread wakes for this and ends.
        let _ = TcpStream::connect(self.address);
    }
}

/// Serves one connection until it ends.
fn serve(shared: &Shared, stream: TcpStream, index: usize) {
    let mut wire = Wire {
        shared,
        stream,
        index,
        taken: 0,
    };
    while let Some(request) = wire.read_request() {
        let script = shared.change(|state| {
            state.requests.push(request.clone());
            state.waiting += 1;
            state.most_waiting = state.most_waiting.max(state.waiting);
            state.script.clone()
        });
        let answer = script(&request);
        let mut state = shared.lock();
        while state.held {
            state = shared
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        // A script that was changed meanwhile speaks for those who were held.
        state.waiting -= 1;
        drop(state);
        // Together, so that whoever has read the answer can know of the end.
        #[cfg(target_os = "linux")]
        if answer.ending == Ending::Close {
            let _ = socket2::SockRef::from(&wire.stream).set_tcp_cork(true);
        }
        if wire.stream.write_all(&answer.bytes).is_err() {
            return;
        }
        let ending = match shared.lock().at_heads {
            true => Ending::Silence,
            false => answer.ending,
        };
        match ending {
            Ending::KeepAlive => {}
            Ending::Close => {
                let _ = wire.stream.shutdown(Shutdown::Both);
                return;
            }
            Ending::Silence => while wire.fill() {},
        }
    }
}

/// The reading half of a connection; all it reads is recorded first.
struct Wire<'a> {
    shared: &'a Shared,
    stream: TcpStream,
    index: usize,
    /// How many of the recorded bytes were understood.
    taken: usize,
}

impl Wire<'_> {
    /// Reads more; false at the end.
    fn fill(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.shared
                    .change(|state| state.bytes[self.index].extend_from_slice(&buffer[..count]));
                true
            }
        }
    }

    /// Bytes up to and with `end`.
    fn read_until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            let found = {
                let state = self.shared.lock();
                let rest = &state.bytes[self.index][self.taken..];
                rest.windows(end.len())
                    .position(|window| window == end)
                    .map(|at| rest[..at + end.len()].to_vec())
            };
            if let Some(found) = found {
                self.taken += found.len();
                return Some(found);
            }
            if !self.fill() {
                return None;
            }
        }
    }

    fn read_exactly(&mut self, count: usize) -> Option<Vec<u8>> {
        loop {
            let found = {
                let state = self.shared.lock();
                let rest = &state.bytes[self.index][self.taken..];
                (rest.len() >= count).then(|| rest[..count].to_vec())
            };
            if let Some(found) = found {
                self.taken += count;
                return Some(found);
            }
            if !self.fill() {
                return None;
            }
        }
    }

    fn read_request(&mut self) -> Option<Recorded> {
        let start = self.taken;
        let head = String::from_utf8_lossy(&self.read_until(b"\r\n\r\n")?).into_owned();
        let mut lines = head.trim_end_matches("\r\n").split("\r\n");
        let line = lines.next().unwrap_or("").to_owned();
        let headers: Vec<(String, String)> = lines
            .map(|line| {
                let (name, value) = line.split_once(':').unwrap_or((line, ""));
                (name.to_owned(), value.trim_matches([' ', '\t']).to_owned())
            })
            .collect();
        let value = |name: &str| {
            headers
                .iter()
                .find(|(own, _)| own.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.clone())
        };
        let at_heads = self.shared.lock().at_heads;
        let (body, trailers) = match (value("transfer-encoding"), value("content-length")) {
            _ if at_heads => (Vec::new(), String::new()),
            (Some(_), _) => self.read_chunks()?,
            (None, Some(length)) => (self.read_exactly(length.parse().ok()?)?, String::new()),
            (None, None) => (Vec::new(), String::new()),
        };
        let raw = self.shared.lock().bytes[self.index][start..self.taken].to_vec();
        Some(Recorded {
            line,
            headers,
            body,
            trailers,
            raw,
            connection: self.index,
        })
    }

    fn read_chunks(&mut self) -> Option<(Vec<u8>, String)> {
        let mut body = Vec::new();
        loop {
            let line = self.read_until(b"\r\n")?;
            let size =
                usize::from_str_radix(std::str::from_utf8(&line).ok()?.trim_end(), 16).ok()?;
            if size == 0 {
                break;
            }
            body.extend(self.read_exactly(size)?);
            self.read_exactly(2)?;
        }
        let mut trailers = String::new();
        loop {
            let line = self.read_until(b"\r\n")?;
            if line == b"\r\n" {
                return Some((body, trailers));
            }
            trailers.push_str(&String::from_utf8_lossy(&line));
        }
    }
}
