//! The access log: a line a request, as it was when the request ended.
//!
//! Workers only hand over what is to be told; `sink` makes it into text and writes it. Whatever a client sends is escaped,
//! so one request is one line (Q12). Never a token, a query or a header.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderValue, Method, Uri};

use super::Exchange;
use super::sink::{Entry, Sink};
use crate::clock::{Clock, Timestamp};
use crate::config::model::LogFormat;
use crate::reason::Reason;
use crate::token::Principal;

/// Bytes of a path that are told.
const PATH_BYTES: usize = 2_048;

/// The access log.
pub struct AccessLog {
    sink: &'static Sink,
    /// Whether there is one, for those who have something to tell.
    on: AtomicBool,
    style: Mutex<Style>,
}

/// What is told, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether there is a line for each request.
    pub on: bool,
    /// How it is written.
    pub format: LogFormat,
    /// Whether `sub` and `client_id` are told.
    pub subject: bool,
}

/// What a line tells, as it was at the end of its request; made into text by the writer.
pub(super) struct Line {
    at: Timestamp,
    request_id: HeaderValue,
    listener: &'static str,
    client: Option<SocketAddr>,
    /// None of a head that never became a request.
    target: Option<(Method, Uri)>,
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
    /// Starts it.
    pub fn start(style: Style) -> io::Result<AccessLog> {
        Ok(AccessLog {
            sink: Sink::stderr()?,
            on: AtomicBool::new(style.on),
            style: Mutex::new(style),
        })
    }

    /// Tells in this style from now on.
    pub fn restyle(&self, style: Style) {
        *self.style() = style;
        self.on.store(style.on, Ordering::Relaxed);
    }

    fn style(&self) -> MutexGuard<'_, Style> {
        self.style.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of a request that has ended, if such are told of.
    pub fn record(&self, exchange: &Exchange, status: u16) {
        if !self.on.load(Ordering::Relaxed) {
            return;
        }
        let line = Line {
            at: Clock::System.now(),
            request_id: exchange.request_id.clone(),
            listener: exchange.listener,
            client: exchange.client,
            target: Some((exchange.method.clone(), exchange.uri.clone())),
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
        self.push(line);
    }

    /// Tells of a head that was refused before it became a request, if requests are told of.
    pub fn record_head(
        &self,
        listener: &'static str,
        client: Option<SocketAddr>,
        request_id: HeaderValue,
        reason: Reason,
    ) {
        if !self.on.load(Ordering::Relaxed) {
            return;
        }
        self.push(Line {
            at: Clock::System.now(),
            request_id,
            listener,
            client,
            target: None,
            status: reason.status(),
            reason: Some(reason),
            audit: None,
            route: None,
            principal: None,
            bytes_in: 0,
            bytes_out: 0,
            total: Duration::ZERO,
            upstream: None,
            trace_id: None,
        });
    }

    fn push(&self, line: Line) {
        let style = *self.style();
        self.sink.push(Entry::Access(line, style));
    }

    /// Writes what still waits. Called once, at the end.
    pub fn flush(&self) {
        self.sink.flush();
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
        if let Some((method, uri)) = &self.target {
            tell("method", Field::Text(cut(method.as_str(), 64)));
            tell("path", Field::Text(cut(uri.path(), PATH_BYTES)));
        }
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
        if self.target.is_some() {
            tell("bytes_in", Field::Number(self.bytes_in));
            tell("bytes_out", Field::Number(self.bytes_out));
            tell("total_ms", Field::Millis(self.total));
        }
        if let Some(upstream) = self.upstream {
            tell("upstream_ms", Field::Millis(upstream));
        }
        if let Some(trace_id) = self.trace_id {
            let hex: String = trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
            tell("trace_id", Field::Text(&hex));
        }
    }

    /// Appends it as text, without a line end.
    pub(super) fn render(&self, text: &mut String, style: Style) {
        match style.format {
            LogFormat::Json => self.render_json(text, style.subject),
            LogFormat::Text => self.render_text(text, style.subject),
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
                    write!(text, ",\"{name}\":{}", quoted(value))
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
                Field::Text(value) => write!(text, " {name}={}", quoted(value)),
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

/// A JSON string that stays on its line, in whatever reads lines: also without the characters that some take for a line's
/// end (U+0085, U+2028, U+2029) or that turn text around on a screen.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            char if is_troublesome(char) => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(char));
            }
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether a character may end a line, move a cursor, or turn text around. None of them is beyond U+FFFF.
pub(super) fn is_troublesome(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
}

/// At most this many bytes of a text, and no half character.
pub(super) fn cut(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// RFC 3339 in UTC, with milliseconds.
pub(super) fn render_time(at: Timestamp, text: &mut String) {
    let at =
        jiff::Timestamp::from_millisecond((at * 1e3) as i64).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let _ = write!(text, "{at:.3}");
}
