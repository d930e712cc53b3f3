//! The sample legacy service: an order book from before there were tokens.
//!
//! It believes whatever `X-User` it is told, and has an `/admin` that nobody remembers. That is the point: called
//! directly it is wide open, so it must listen on loopback only, and everything it tells shows what the gate let through.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};

use http::header::{ACCEPT, ALLOW};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::{Map, Value, json};

use super::serve::{self, Answer};

/// How many orders the book holds; older ones are forgotten.
const ORDERS: usize = 100;
const JSON: &str = "application/json";
/// The headers that it believes.
const IDENTITY: [&str; 4] = ["x-user", "x-groups", "x-scopes", "x-email"];

/// The order book.
pub struct Legacy {
    orders: Mutex<Vec<Order>>,
    page: String,
}

#[derive(Clone)]
struct Order {
    id: u64,
    item: String,
    quantity: u64,
}

impl Order {
    fn show(&self) -> Value {
        json!({ "id": self.id, "item": self.item, "quantity": self.quantity })
    }
}

impl Legacy {
    /// A book with a few orders in it, and `page` as its front page.
    pub fn new(page: String) -> Legacy {
        let orders = [("tea", 3), ("lamp oil", 1), ("rope, 20 m", 2)];
        let orders = (1..).zip(orders).map(|(id, (item, quantity))| Order {
            id,
            item: item.to_owned(),
            quantity,
        });
        Legacy {
            orders: Mutex::new(orders.collect()),
            page,
        }
    }

    /// Serves on `listener`, which must be on loopback, until the future is dropped.
    pub async fn serve(self, listener: TcpListener) -> io::Result<Infallible> {
        serve::serve(listener, move |head, body| self.answer(head, body)).await
    }

    fn answer(&self, head: &Parts, body: &[u8]) -> Answer {
        let method = match head.method {
            Method::HEAD => &Method::GET,
            ref method => method,
        };
        match (method.as_str(), head.uri.path()) {
            ("GET", "/") => serve::body_of(
                StatusCode::OK,
                "text/html; charset=utf-8",
                self.page.clone(),
            ),
            ("GET", "/health") => serve::text(StatusCode::OK, "ok\n"),
            ("GET", "/whoami") => whoami(head),
            ("GET", "/account") => account(head),
            ("GET", "/orders" | "/orders/") => self.list(head, "orders"),
            ("GET", "/admin") => self.list(head, "admin"),
            ("GET", "/reports") => {
                let sold: u64 = self.book().iter().map(|order| order.quantity).sum();
                tell(StatusCode::OK, head, "report", json!({ "sold": sold }))
            }
            ("POST", "/orders" | "/orders/") => self.take(head, body),
            ("GET", path) if path.starts_with("/orders/") => self.one(head, path),
            (_, "/" | "/health" | "/whoami" | "/account" | "/reports" | "/admin") => {
                not_allowed("GET, HEAD")
            }
            (_, "/orders" | "/orders/") => not_allowed("GET, HEAD, POST"),
            (_, path) if path.starts_with("/orders/") => not_allowed("GET, HEAD"),
            _ => missing(head),
        }
    }

    fn list(&self, head: &Parts, label: &str) -> Answer {
        let orders = self.book().iter().map(Order::show).collect();
        tell(StatusCode::OK, head, label, Value::Array(orders))
    }

    fn one(&self, head: &Parts, path: &str) -> Answer {
        let id = path.strip_prefix("/orders/").and_then(|id| id.parse().ok());
        match self.book().iter().find(|order| Some(order.id) == id) {
            Some(order) => tell(StatusCode::OK, head, "order", order.show()),
            None => missing(head),
        }
    }

    /// Books `{"item": "tea", "quantity": 2}`.
    fn take(&self, head: &Parts, body: &[u8]) -> Answer {
        let asked: Value = serde_json::from_slice(body).unwrap_or_default();
        let (Some(item), Some(quantity)) = (asked["item"].as_str(), asked["quantity"].as_u64())
        else {
            let hint = r#"an order looks like {"item": "tea", "quantity": 2}"#;
            return tell(StatusCode::BAD_REQUEST, head, "error", json!(hint));
        };
        let mut book = self.book();
        let order = Order {
            id: book.last().map_or(0, |order| order.id) + 1,
            item: item.chars().take(80).collect(),
            quantity: quantity.min(1_000_000),
        };
        if book.len() == ORDERS {
            book.remove(0);
        }
        book.push(order.clone());
        tell(StatusCode::CREATED, head, "order", order.show())
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Vec<Order>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every header it got, as lines or, for those who accept JSON, as an object.
fn whoami(head: &Parts) -> Answer {
    let wants_json = head
        .headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains(JSON));
    if wants_json {
        return tell(StatusCode::OK, head, "service", json!("order book"));
    }
    let mut lines = format!("You are {}. What I was sent:\n", caller(&head.headers));
    for (name, value) in &head.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        lines.push_str(&format!("  {name}: {value}\n"));
    }
    serve::body_of(StatusCode::OK, "text/plain; charset=utf-8", lines)
}

/// A page for people. To sign out is the gate's affair, so the button goes there.
fn account(head: &Parts) -> Answer {
    let (mut identity, mut others) = (String::new(), String::new());
    for (name, value) in &head.headers {
        let value = escape(&String::from_utf8_lossy(value.as_bytes()));
        let row = format!("<td>{name}</td><td>{value}</td></tr>\n");
        if IDENTITY.contains(&name.as_str()) {
            identity.push_str(&format!("<tr class=\"identity\">{row}"));
        } else {
            others.push_str(&format!("<tr>{row}"));
        }
    }
    let rows = identity + &others;
    let page = include_str!("account.html")
        .replace("%CALLER%", &escape(&caller(&head.headers)))
        .replace("%HEADERS%", &rows);
    serve::body_of(StatusCode::OK, "text/html; charset=utf-8", page)
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            char => escaped.push(char),
        }
    }
    escaped
}

/// Whom the service takes the caller for: no question asked.
fn caller(headers: &HeaderMap) -> String {
    headers.get("x-user").map_or_else(
        || "anonymous".to_owned(),
        |user| String::from_utf8_lossy(user.as_bytes()).into_owned(),
    )
}

/// `value` under `label`, with whom the service took the caller for and every header it got.
fn tell(status: StatusCode, head: &Parts, label: &str, value: Value) -> Answer {
    let mut seen = Map::new();
    for (name, value) in &head.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        let lines = seen.entry(name.as_str()).or_insert_with(|| json!(""));
        *lines = match lines.as_str() {
            None | Some("") => json!(value),
            Some(before) => json!(format!("{before}, {value}")),
        };
    }
    let body = json!({ label: value, "caller": caller(&head.headers), "headers": seen });
    serve::body_of(status, JSON, format!("{body:#}\n"))
}

fn missing(head: &Parts) -> Answer {
    tell(
        StatusCode::NOT_FOUND,
        head,
        "error",
        json!("no such page in the order book"),
    )
}

fn not_allowed(allow: &'static str) -> Answer {
    let mut answer = serve::text(StatusCode::METHOD_NOT_ALLOWED, "not with this method\n");
    answer
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allow));
    answer
}

#[cfg(test)]
mod tests;
