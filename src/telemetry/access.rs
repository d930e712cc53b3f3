//! The access log: a line a request on stderr, written by a thread of its own.
//!
//! Workers only append to a list, and never wait: when the writer can't keep up (a blocked pipe), lines are dropped and
//! their number is told. Whatever a client sends is escaped, so one request is one line (Q12).

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderValue, Method, Uri};

use super::Exchange;
use crate::clock::{Clock, Timestamp};
use crate::config::model::LogFormat;
use crate::reason::Reason;
use crate::token::Principal;

/// How long lines may wait to be written.
const FLUSH: Duration = Duration::from_millis(50);
/// How long the writer sleeps while nothing is told.
const REST: Duration = Duration::from_secs(1);
/// Lines that may wait; beyond them lines are lost, and counted.
const WAITING: usize = 65_536;
/// Bytes of a path that are told.
const PATH_BYTES: usize = 2_048;

/// The access log.
pub struct AccessLog {
    shared: Arc<Shared>,
}

/// What is told, and how. May change while lines wait: they are written as is said then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether there is a line for each request.
    pub on: bool,
    /// How it is written.
    pub format: LogFormat,
    /// Whether `sub` and `client_id` are told.
    pub subject: bool,
}

struct Shared {
    /// That of the style, for those who have something to tell.
    on: AtomicBool,
    waiting: Mutex<Waiting>,
}

struct Waiting {
    style: Style,
    lines: Vec<Line>,
    lost: u64,
    closed: bool,
}

/// What a line tells, as it was at the end of its request; made into text by the writer.
struct Line {
    at: Timestamp,
    request_id: HeaderValue,
    listener: &'static str,
    client: Option<SocketAddr>,
    method: Method,
    uri: Uri,
    status: u16,
    reason: Option<Reason>,
    audit: Option<Reason>,
    route: Option<Arc<str>>,
    principal: Option<Arc<Principal>>,
    bytes_in: u64,
    bytes_out: u64,
    total: Duration,
    upstream: Option<Duration>,
    trace_id: Option<[u8; 16]>,
}

impl AccessLog {
    /// Starts the writer.
    pub fn start(style: Style) -> std::io::Result<AccessLog> {
        let shared = Arc::new(Shared {
            on: AtomicBool::new(style.on),
            waiting: Mutex::new(Waiting {
                style,
                lines: Vec::new(),
                lost: 0,
                closed: false,
            }),
        });
        let writer = shared.clone();
        std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || write_all(&writer))?;
        Ok(AccessLog { shared })
    }

    /// Tells in this style from now on.
    pub fn restyle(&self, style: Style) {
        self.shared.lock().style = style;
        self.shared.on.store(style.on, Ordering::Relaxed);
    }

    /// Tells of a request that has ended, if such are told of.
    pub fn record(&self, exchange: &Exchange, status: u16) {
        if !self.shared.on.load(Ordering::Relaxed) {
            return;
        }
        let line = Line {
            at: Clock::System.now(),
            request_id: exchange.request_id.clone(),
            listener: exchange.listener,
            client: exchange.client,
            method: exchange.method.clone(),
            uri: exchange.uri.clone(),
            status,
            reason: exchange.reason,
            audit: exchange.audit,
            route: exchange.route.clone(),
            principal: exchange.principal.clone(),
            bytes_in: exchange.received(),
            bytes_out: exchange.sent,
            total: exchange.started.elapsed(),
            upstream: exchange.upstream,
            trace_id: exchange.trace.map(|trace| trace.trace_id),
        };
        let mut waiting = self.shared.lock();
        if waiting.lines.len() < WAITING {
            waiting.lines.push(line);
        } else {
            waiting.lost += 1;
        }
    }

    /// Writes what still waits. Called once, at the end.
    pub fn flush(&self) {
        let taken = self.shared.lock().take();
        write(taken);
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.flush();
        self.shared.lock().closed = true;
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lines to be written, in a style, and how many were lost before them.
type Taken = (Vec<Line>, Style, u64);

impl Waiting {
    fn take(&mut self) -> Taken {
        let lines = std::mem::take(&mut self.lines);
        (lines, self.style, std::mem::take(&mut self.lost))
    }
}

fn write_all(shared: &Shared) {
    loop {
        let on = shared.on.load(Ordering::Relaxed);
        std::thread::sleep(if on { FLUSH } else { REST });
        let mut waiting = shared.lock();
        if waiting.closed {
            return;
        }
        if waiting.lines.is_empty() {
            continue;
        }
        let taken = waiting.take();
        drop(waiting);
        write(taken);
    }
}

fn write((lines, style, lost): Taken) {
    let mut text = String::with_capacity(lines.len() * 512);
    for line in &lines {
        match style.format {
            LogFormat::Json => line.render_json(&mut text, style.subject),
            LogFormat::Text => line.render_text(&mut text, style.subject),
        }
        text.push('\n');
    }
    // A log that can't be written must not stop requests (Q11).
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    if lost > 0 {
        tracing::warn!(
            lost,
            "access log lines were lost: stderr is not read fast enough"
        );
    }
}

/// A field of a line.
enum Field<'a> {
    Text(&'a str),
    Number(u64),
    Millis(Duration),
}

impl Line {
    /// Every field that has a value, in the order they are told.
    fn each(&self, subject: bool, tell: &mut dyn FnMut(&str, Field<'_>)) {
        let told = |value: &HeaderValue| value.to_str().unwrap_or("").to_owned();
        tell("request_id", Field::Text(&told(&self.request_id)));
        tell("listener", Field::Text(self.listener));
        if let Some(client) = self.client {
            tell("client", Field::Text(&client.to_string()));
        }
        tell("method", Field::Text(cut(self.method.as_str(), 64)));
        tell("path", Field::Text(cut(self.uri.path(), PATH_BYTES)));
        tell("status", Field::Number(self.status.into()));
        if let Some(reason) = self.reason {
            tell("reason", Field::Text(reason.as_str()));
        }
        if let Some(audit) = self.audit {
            tell("audit", Field::Text(audit.as_str()));
        }
        if let Some(route) = &self.route {
            tell("route", Field::Text(route));
        }
        if let Some(principal) = &self.principal {
            tell("pool", Field::Text(&principal.pool.name));
            if let (true, Some(sub)) = (subject, &principal.sub) {
                tell("sub", Field::Text(cut(sub, 256)));
            }
            if let (true, Some(client_id)) = (subject, &principal.client_id) {
                tell("client_id", Field::Text(cut(client_id, 256)));
            }
        }
        tell("bytes_in", Field::Number(self.bytes_in));
        tell("bytes_out", Field::Number(self.bytes_out));
        tell("total_ms", Field::Millis(self.total));
        if let Some(upstream) = self.upstream {
            tell("upstream_ms", Field::Millis(upstream));
        }
        if let Some(trace_id) = self.trace_id {
            let hex: String = trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
            tell("trace_id", Field::Text(&hex));
        }
    }

    fn render_json(&self, text: &mut String, subject: bool) {
        text.push_str("{\"time\":\"");
        render_time(self.at, text);
        text.push_str("\",\"log\":\"access\"");
        self.each(subject, &mut |name, field| {
            // Writing to a String can't fail.
            let _ = match field {
                Field::Text(value) => {
                    write!(text, ",\"{name}\":{}", serde_json::Value::from(value))
                }
                Field::Number(value) => write!(text, ",\"{name}\":{value}"),
                Field::Millis(value) => {
                    write!(text, ",\"{name}\":{:.3}", value.as_secs_f64() * 1e3)
                }
            };
        });
        text.push('}');
    }

    fn render_text(&self, text: &mut String, subject: bool) {
        render_time(self.at, text);
        text.push_str(" access");
        self.each(subject, &mut |name, field| {
            let _ = match field {
                Field::Text(value) if is_plain(value) => write!(text, " {name}={value}"),
                Field::Text(value) => write!(text, " {name}={}", serde_json::Value::from(value)),
                Field::Number(value) => write!(text, " {name}={value}"),
                Field::Millis(value) => write!(text, " {name}={:.3}", value.as_secs_f64() * 1e3),
            };
        });
    }
}

/// Whether a value needs no quotes in a text line.
fn is_plain(value: &str) -> bool {
    !value.is_empty()
        && value
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'='))
}

fn cut(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// RFC 3339 in UTC, with milliseconds.
fn render_time(at: Timestamp, text: &mut String) {
    let at =
        jiff::Timestamp::from_millisecond((at * 1e3) as i64).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let _ = write!(text, "{at:.3}");
}
