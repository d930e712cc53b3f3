//! A client of bare sockets: whatever bytes a test writes are what is sent.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use super::PATIENCE;

/// A request in the making. Nothing of it is checked or repaired.
#[derive(Clone)]
pub struct Request {
    method: String,
    target: String,
    lines: Vec<Vec<u8>>,
    body: Vec<u8>,
    framed: bool,
    host: bool,
}

/// A GET.
pub fn get(target: &str) -> Request {
    request("GET", target)
}

/// A POST with a small body.
pub fn post(target: &str) -> Request {
    request("POST", target).body("{}")
}

/// A DELETE.
pub fn delete(target: &str) -> Request {
    request("DELETE", target)
}

/// A request of any method.
pub fn request(method: &str, target: &str) -> Request {
    Request {
        method: method.to_owned(),
        target: target.to_owned(),
        lines: Vec::new(),
        body: Vec::new(),
        framed: true,
        host: true,
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines: Vec<_> = self
            .lines
            .iter()
            .map(|line| String::from_utf8_lossy(line))
            .collect();
        write!(f, "{} {} {lines:.300?}", self.method, self.target)
    }
}

impl Request {
    /// With a further header line.
    pub fn header(self, name: &str, value: &str) -> Request {
        self.line(format!("{name}: {value}"))
    }

    /// With these bytes as a header line.
    pub fn line(mut self, line: impl Into<Vec<u8>>) -> Request {
        self.lines.push(line.into());
        self
    }

    /// With `Authorization: Bearer …`.
    pub fn bearer(self, token: &str) -> Request {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// With a body, its length told.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Request {
        self.body = body.into();
        self
    }

    /// With these bytes behind the head, whatever the head says of them.
    pub fn raw_body(mut self, body: impl Into<Vec<u8>>) -> Request {
        self.framed = false;
        self.body(body)
    }

    /// Without the `Host` line that is otherwise sent.
    pub fn without_host(mut self) -> Request {
        self.host = false;
        self
    }

    /// As it is sent.
    pub fn bytes(&self, address: SocketAddr) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        if self.host {
            bytes.extend(format!("Host: {address}\r\n").bytes());
        }
        for line in &self.lines {
            bytes.extend(line);
            bytes.extend(b"\r\n");
        }
        if self.framed && !self.body.is_empty() {
            bytes.extend(format!("Content-Length: {}\r\n", self.body.len()).bytes());
        }
        bytes.extend(b"\r\n");
        bytes.extend(&self.body);
        bytes
    }

    /// Sent over a connection of its own.
    pub fn send(&self, address: SocketAddr) -> Response {
        Connection::open(address).exchange(self)
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Every header line: the name as sent, and the value.
    pub headers: Vec<(String, String)>,
    /// Its body, chunks joined.
    pub body: Vec<u8>,
    /// Statuses of the interim answers before it.
    pub interim: Vec<u16>,
    /// Head and body as they came.
    pub raw: Vec<u8>,
    /// Whether the body ended as its framing said.
    pub whole: bool,
}

impl Response {
    /// Every value of a header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let named = self
            .headers
            .iter()
            .filter(|(own, _)| own.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// The values of a header, joined; empty if it is not there.
    pub fn header(&self, name: &str) -> String {
        self.all(name).join(", ")
    }

    /// Its body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Its body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The `reason` of a refusal; empty if there is none.
    pub fn reason(&self) -> String {
        self.json()["reason"].as_str().unwrap_or("").to_owned()
    }
}

/// What a connection is made of.
pub trait Stream: Read + Write + Send {
    /// The TCP below.
    fn tcp(&self) -> &TcpStream;
}

impl Stream for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

/// A connection to the program.
pub struct Connection {
    stream: Box<dyn Stream>,
    address: SocketAddr,
    buffer: Vec<u8>,
}

impl Connection {
    /// Opens one.
    pub fn open(address: SocketAddr) -> Connection {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("the program listens");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
        stream
            .set_write_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
        stream.set_nodelay(true).expect("nodelay can be set");
        Connection::over(stream, address)
    }

    /// One over a stream that is there.
    pub fn over(stream: impl Stream + 'static, address: SocketAddr) -> Connection {
        Connection {
            stream: Box::new(stream),
            address,
            buffer: Vec::new(),
        }
    }

    /// Reads so many bytes; none if the end comes first.
    pub fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < count {
            if !self.fill() {
                return None;
            }
        }
        Some(self.buffer.drain(..count).collect())
    }

    /// Reads everything up to the end.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.buffer)
    }

    /// Writes bytes. That the other side has hung up is for the reader to see.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Sends a request and reads its answer.
    pub fn exchange(&mut self, request: &Request) -> Response {
        self.write(request.bytes(self.address));
        self.read(&request.method)
    }

    /// The client is done sending.
    pub fn finish(&mut self) {
        let _ = self.stream.tcp().shutdown(std::net::Shutdown::Write);
    }

    /// The same connection for a second thread: one writes while the other reads.
    pub fn second(&self) -> Connection {
        let stream = self
            .stream
            .tcp()
            .try_clone()
            .expect("a socket can be cloned");
        Connection::over(stream, self.address)
    }

    /// Reads the answer to a request of this method.
    pub fn read(&mut self, method: &str) -> Response {
        self.try_read(method).unwrap_or_else(|| {
            panic!(
                "no answer came, but {:?} and an end",
                String::from_utf8_lossy(&self.buffer)
            )
        })
    }

    /// Reads an answer; none if the connection ends first.
    pub fn try_read(&mut self, method: &str) -> Option<Response> {
        let mut interim = Vec::new();
        loop {
            let head = self.take_until(b"\r\n\r\n")?;
            let (status, headers) = parse_head(&head);
            if (100..200).contains(&status) && status != 101 {
                interim.push(status);
                continue;
            }
            let mut response = Response {
                status,
                headers,
                body: Vec::new(),
                interim,
                raw: head,
                whole: true,
            };
            if method != "HEAD" && !matches!(status, 101 | 204 | 304) {
                self.read_body(&mut response);
            }
            return Some(response);
        }
    }

    /// Reads the status of one interim answer.
    pub fn read_interim(&mut self) -> u16 {
        let head = self
            .take_until(b"\r\n\r\n")
            .expect("an interim answer comes");
        parse_head(&head).0
    }

    /// Whether the other side closes without another byte.
    pub fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && !self.fill()
    }

    fn read_body(&mut self, response: &mut Response) {
        if response
            .header("transfer-encoding")
            .eq_ignore_ascii_case("chunked")
        {
            response.whole = self.read_chunks(response).is_some();
            return;
        }
        match response.header("content-length").parse::<usize>() {
            Ok(length) => {
                while self.buffer.len() < length && self.fill() {}
                response.whole = self.buffer.len() >= length;
                let length = length.min(self.buffer.len());
                response.body = self.buffer.drain(..length).collect();
            }
            Err(_) => {
                while self.fill() {}
                response.body = std::mem::take(&mut self.buffer);
            }
        }
        response.raw.extend(&response.body);
    }

    fn read_chunks(&mut self, response: &mut Response) -> Option<()> {
        loop {
            let line = self.take_until(b"\r\n")?;
            response.raw.extend(&line);
            let size =
                usize::from_str_radix(std::str::from_utf8(&line).ok()?.trim_end(), 16).ok()?;
            while self.buffer.len() < size + 2 {
                if !self.fill() {
                    return None;
                }
            }
            let chunk: Vec<u8> = self.buffer.drain(..size + 2).collect();
            response.raw.extend(&chunk);
            response.body.extend(&chunk[..size]);
            if size == 0 {
                return Some(());
            }
        }
    }

    fn take_until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self
                .buffer
                .windows(end.len())
                .position(|window| window == end)
            {
                return Some(self.buffer.drain(..at + end.len()).collect());
            }
            if !self.fill() {
                return None;
            }
        }
    }

    /// Reads more; false at the end. Silence is a failure.
    fn fill(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.buffer.extend_from_slice(&buffer[..count]);
                true
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!(
                    "nothing came for {PATIENCE:?}, after {:?}",
                    String::from_utf8_lossy(&self.buffer)
                )
            }
            Err(_) => false,
        }
    }
}

fn parse_head(head: &[u8]) -> (u16, Vec<(String, String)>) {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.trim_end_matches("\r\n").split("\r\n");
    let line = lines.next().unwrap_or("");
    let status = line
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let headers = lines
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            (name.to_owned(), value.trim().to_owned())
        })
        .collect();
    (
        status.unwrap_or_else(|| panic!("{line:?} is no status line")),
        headers,
    )
}
