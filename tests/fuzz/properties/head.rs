//! A connection's bytes, through the gate's own wire and hyper to the decision and to what the upstream would be sent.
//!
//! The bytes come over a socket that is none. Each request that is permitted is held against a naive reading of what was
//! written: what was matched is what is forwarded, nobody without a token is let in where one is asked for, and no header
//! that speaks of identity is the client's.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, Version, header};
use http_body::Body as _;
use http_body_util::Full;
use percent_encoding::percent_decode_str;
use portcullis::drain::Drain;
use portcullis::http::hop;
use portcullis::identity::{self, Overrides, Proof, Reserved};
use portcullis::net::conn::{self, Arrival};
use portcullis::net::wire::WireLimits;
use portcullis::policy::permit::{Head, Permit};
use portcullis::policy::route::Access;
use portcullis::policy::{Admission, admit, path};
use portcullis::session::Channel;
use portcullis::token::cache::TokenCache;
use portcullis::token::find;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Runtime};

use super::standing::{self, NOW, PARTNER};

/// Stands in the bytes for a good token.
const PLACEHOLDER: &[u8] = b"@TOKEN@";
/// The only user there is.
const SUB: &str = "6f1c5c2e";

/// The bytes of one connection, to its end.
pub fn check(bytes: &[u8]) {
    let written = Arc::new(with_token(bytes));
    let (limits, drain) = (limits(), Drain::default());
    let socket = Script {
        bytes: written.clone(),
        at: 0,
    };
    let service = |arrival| {
        let status = serve(&written, arrival);
        async move {
            let mut response = Response::new(Full::new(Bytes::new()));
            *response.status_mut() = status;
            response
        }
    };
    let farewell =
        Arc::new(|_| Bytes::from_static(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"));
    runtime().block_on(conn::serve(
        socket,
        None,
        limits,
        farewell,
        drain.watch(),
        service,
    ));
}

/// Its clock goes on by itself when nothing else is to be done: no timer is waited for.
fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("a runtime of one thread")
}

fn limits() -> WireLimits {
    WireLimits {
        header_bytes: 8 * 1024,
        header_timeout: Duration::from_secs(10),
        idle_timeout: Duration::from_secs(75),
        stall_timeout: Duration::from_secs(30),
    }
}

fn with_token(bytes: &[u8]) -> Vec<u8> {
    static TOKEN: OnceLock<String> = OnceLock::new();
    let token = TOKEN.get_or_init(|| {
        standing::ed_token(
            br#"{"kid":"ed","alg":"EdDSA"}"#,
            standing::claims(PARTNER).to_string().as_bytes(),
        )
    });
    let Some(at) = bytes
        .windows(PLACEHOLDER.len())
        .position(|window| window == PLACEHOLDER)
    else {
        return bytes.to_vec();
    };
    [
        &bytes[..at],
        token.as_bytes(),
        &bytes[at + PLACEHOLDER.len()..],
    ]
    .concat()
}

fn serve(written: &[u8], arrival: Arrival) -> StatusCode {
    let Arrival {
        request, fragment, ..
    } = arrival;
    let (parts, body) = request.into_parts();
    let head = Head {
        method: &parts.method,
        uri: &parts.uri,
        version: parts.version,
        headers: &parts.headers,
        fragment,
        has_body: !body.is_end_stream(),
        scheme: "http",
        certificate: None,
        channel: Channel::Plain,
        renewed: None,
    };
    let cache = TokenCache::new(4);
    match admit(
        &head,
        standing::policy(),
        standing::ring(),
        &cache,
        NOW,
        true,
    ) {
        Admission::Permit(permit) => {
            located(written, &head, &permit);
            forwarded(written, &head, &permit);
            StatusCode::OK
        }
        Admission::NeedKeys(_) => panic!("the keys were refreshed already"),
        Admission::Own(_) => panic!("nobody signs in here"),
        Admission::Refuse(_, _, refusal) => {
            StatusCode::from_u16(refusal.reason.status()).expect("a reason has a status")
        }
    }
}

/// Where a permitted request goes: the path as it was written, and the route that whoever reads it would choose.
fn located(written: &[u8], head: &Head<'_>, permit: &Permit<'_>) {
    let (method, path) = (head.method.as_str(), head.uri.path());
    let word =
        |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    assert!(
        method.bytes().all(word) && method.starts_with(|char: char| char.is_ascii_uppercase()),
        "{method:?}"
    );
    assert!(
        !matches!(method, "CONNECT" | "TRACE") && method.len() <= 32,
        "{method:?}"
    );
    let hosts = head.headers.get_all(header::HOST).iter().count();
    assert!(
        hosts == 1 || hosts == 0 && head.version == Version::HTTP_10,
        "{hosts} hosts"
    );
    assert!(
        contains(written, path.as_bytes()),
        "{path:?} was not written"
    );
    assert!(!head.fragment, "{path:?} had a fragment");

    let decoded = percent_decode_str(path)
        .decode_utf8()
        .expect("a path that was taken is UTF-8");
    let segments: Vec<&str> = path::segments(&decoded).collect();
    let expected = match (&*segments, method) {
        (["public"], _) => "/public",
        (["files", "private", ..], _) => "/files/private/{*rest}",
        (["files", ..], _) => "/files/{*rest}",
        (["orders", _], "GET" | "HEAD") => "GET /orders/{id}",
        (["orders"], "POST") => "POST /orders",
        (["maybe", ..], _) => "/maybe/{*rest}",
        (["admin", ..], _) => "/admin/{*rest}",
        (["legacy", ..], _) => "/legacy/{*rest}",
        _ => panic!("{method} {path:?} goes nowhere"),
    };
    assert_eq!(&*permit.route().name, expected, "{path:?}");
    let rewritten = path
        .strip_prefix("/legacy")
        .map(|rest| format!("/old{rest}"));
    assert_eq!(permit.target(), rewritten.as_deref(), "{path:?}");

    // A principal is proved by the one token there is; without one, only what is open is.
    match permit.principal() {
        Some(principal) => {
            assert_eq!(principal.sub.as_deref(), Some(SUB));
            assert!(
                matches!(expected, "GET /orders/{id}" | "/maybe/{*rest}"),
                "its scope is orders/read, not {expected}"
            );
        }
        None => assert_ne!(
            permit.route().access,
            Access::Authenticated,
            "{path:?} without a token"
        ),
    }
    assert!(permit.audit().is_none() && permit.overrides() == Overrides::Strip);
}

/// What the upstream would be told: headers in the order of the gate's own work.
fn forwarded(written: &[u8], head: &Head<'_>, permit: &Permit<'_>) {
    static RESERVED: OnceLock<Reserved> = OnceLock::new();
    let policy = standing::policy();
    let reserved = RESERVED
        .get_or_init(|| Reserved::new(policy.routes.iter().map(|route| &*route.headers), &[]));
    let mut headers = head.headers.clone();
    hop::strip(&mut headers);
    identity::strip(reserved, &mut headers, permit.overrides());
    if let Some(place) = permit.place() {
        find::strip(place, &mut headers);
        let again = find::find(&policy.sources, &headers, None);
        assert!(
            matches!(again, Ok(None)),
            "a token is left behind: {again:?}"
        );
    }
    let clean = |name: &str| {
        name.bytes()
            .map(|byte| {
                if byte.is_ascii_alphanumeric() {
                    byte.to_ascii_lowercase()
                } else {
                    b'-'
                }
            })
            .collect::<Vec<u8>>()
    };
    for name in headers.keys() {
        let folded = clean(name.as_str());
        let forbidden: [&[u8]; 9] = [
            b"x-user",
            b"x-original-url",
            b"x-rewrite-url",
            b"proxy",
            b"connection",
            b"transfer-encoding",
            b"upgrade",
            b"te",
            b"x-http-method-override",
        ];
        assert!(
            !forbidden.contains(&&*folded) && !folded.starts_with(b"x-portcullis-"),
            "{name} passes"
        );
    }
    let lengths = head.headers.get_all(header::CONTENT_LENGTH).iter().count();
    assert!(
        lengths < 2 && !(lengths == 1 && head.headers.contains_key(header::TRANSFER_ENCODING)),
        "two lengths"
    );
    let principal = permit.principal();
    let proof = Proof {
        principal: principal.map(|principal| &**principal),
        certificate: None,
    };
    identity::apply(&permit.route().headers, proof, &mut headers).expect("no header is required");
    let users: Vec<&HeaderValue> = headers.get_all("x-user").iter().collect();
    match principal {
        Some(_) => assert!(matches!(*users, [user] if user == SUB), "{users:?}"),
        None => assert!(users.is_empty(), "{users:?}"),
    }
    assert!(
        principal.is_none() || contains(written, b"."),
        "a principal without a token"
    );
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    part.is_empty() || bytes.windows(part.len()).any(|window| window == part)
}

/// A client that has written all it will, reads everything, and is gone.
struct Script {
    bytes: Arc<Vec<u8>>,
    at: usize,
}

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // In pieces, as a network would: a limit that is looked at once a read is looked at often.
        let left = &self.bytes[self.at..];
        let piece = left.len().min(buf.remaining()).min(1024);
        buf.put_slice(&left[..piece]);
        self.at += piece;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Request lines of the tables of paths, hosts and methods.
const REQUESTS: [&str; 26] = [
    "GET /public HTTP/1.1",
    "GET /public HTTP/1.0",
    "get /public HTTP/1.1",
    "GET /orders/1 HTTP/1.1",
    "HEAD /orders/%31 HTTP/1.1",
    "POST /orders HTTP/1.1",
    "PUT /orders/1 HTTP/1.1",
    "GET /files/a/b?x=1#y HTTP/1.1",
    "GET /files/private/a HTTP/1.1",
    "GET /files/%70rivate/a HTTP/1.1",
    "GET /FILES/private HTTP/1.1",
    "GET /files/../admin HTTP/1.1",
    "GET /files//a HTTP/1.1",
    "GET /legacy/a%20b?q HTTP/1.1",
    "GET /legacy HTTP/1.1",
    "GET /legacyx HTTP/1.1",
    "GET /%6cegacy/a HTTP/1.1",
    "GET admin HTTP/1.1",
    "GET http://a/public HTTP/1.1",
    "GET http://b/public HTTP/1.1",
    "OPTIONS * HTTP/1.1",
    "CONNECT a:443 HTTP/1.1",
    "TRACE / HTTP/1.1",
    "GET /maybe/x?access_token=@TOKEN@ HTTP/1.1",
    "GET  /public HTTP/1.1",
    "GET /public\tHTTP/1.1",
];
/// Header lines of the tables of framing and identity.
const LINES: [&str; 34] = [
    "Authorization: Bearer @TOKEN@",
    "authorization: bearer @TOKEN@",
    "Cookie: session=@TOKEN@; a=b",
    "Authorization: Bearer x",
    "Host: b",
    "X-User: admin",
    "x_user: admin",
    "X-USER : admin",
    "X.User: admin",
    "Connection: x-user, close",
    "Connection: host, authorization",
    "X-Original-URL: /admin",
    "X-Http-Method-Override: PUT",
    "Proxy: http://evil",
    "Content-Length: 3",
    "Content-Length: 3\r\nContent-Length: 3",
    "Content-Length: 3, 3",
    "Content-Length: +3",
    "Content-Length: 3\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding : chunked",
    "Transfer_Encoding: chunked",
    "Transfer-Encoding:\tchunked",
    "Transfer-Encoding: identity",
    " folded: yes",
    "X: a\r\n b",
    "X: a\rb",
    "X: a\0b",
    "Expect: 100-continue",
    "Upgrade: websocket\r\nConnection: upgrade",
    "Origin: http://x\r\nAccess-Control-Request-Method: PUT",
    ": empty",
];

/// Each request line with a host; each header line on two of them; two requests on one connection; and bodies.
pub fn seeds() -> Vec<Vec<u8>> {
    let alone = REQUESTS
        .iter()
        .map(|line| format!("{line}\r\nHost: a\r\n\r\n"));
    let lined = LINES.iter().flat_map(|line| {
        ["GET /orders/1", "POST /public"]
            .map(|start| format!("{start} HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\nabc"))
    });
    let chunks = [
        "3\r\nabc\r\n0\r\n\r\n",
        "3;x=y\r\nabc\r\n0\r\nX-User: a\r\n\r\n",
        "3\nabc\n0\n\n",
        "-1\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "fffffffffffffffff\r\n",
    ];
    let chunked = chunks.iter().map(|chunk| {
        format!("POST /public HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}GET /admin/x HTTP/1.1\r\nHost: a\r\n\r\n")
    });
    let others = [
        "\r\n\r\nGET /public HTTP/1.1\nHost: a\n\nGET /maybe/x HTTP/1.1\r\nHost: a\r\n\r\n"
            .to_owned(),
        format!(
            "GET /public HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
            "a".repeat(9000)
        ),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
    ];
    alone
        .chain(lined)
        .chain(chunked)
        .chain(others)
        .map(String::into_bytes)
        .collect()
}
