//! Calls on the control plane: key sets, discovery documents, tokens. The only home of reqwest.
//!
//! Never for a client's request. Whatever the other side answers, a call ends within its timeout and holds at most
//! 1 MiB; redirects are not followed, the environment's proxies are ignored, nothing is decompressed, certificates are
//! always verified. A fault is one sentence that may be logged: the address in it has no user, password or query.

mod address;
pub mod post;
#[cfg(test)]
pub(crate) mod stub;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderName, StatusCode, header};
use reqwest::{Client, NoProxy, Proxy, RequestBuilder, Response};

use crate::config::model;
use crate::net::client_tls;
use address::Address;
pub use address::{is_loopback, shown};
pub use post::Post;

/// The most bytes an answer's body may have.
pub const BODY_LIMIT: usize = 1024 * 1024;

const USER_AGENT: &str = concat!("portcullis/", env!("CARGO_PKG_VERSION"));

/// How calls are made: roots, proxy and timeout of one `[fetch]` table. Its calls belong to the runtime that makes them.
pub struct Fetcher {
    client: Client,
    timeout: Duration,
}

/// An answer with status 200.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Its `Content-Type`, as sent.
    pub content_type: Option<String>,
    /// Its body, at most [`BODY_LIMIT`] bytes.
    pub body: Bytes,
}

/// Why a call brought nothing: one sentence, with nothing secret in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchFault {
    sentence: String,
    /// The status of an answer that wasn't 200.
    pub status: Option<StatusCode>,
    /// What a 429 or 503 asked us to wait.
    pub retry_after: Option<Duration>,
}

impl FetchFault {
    /// A fault told by this sentence.
    pub fn new(sentence: impl Into<String>) -> FetchFault {
        FetchFault {
            sentence: sentence.into(),
            status: None,
            retry_after: None,
        }
    }
}

impl fmt::Display for FetchFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for FetchFault {}

impl Fetcher {
    /// Prepares calls as `settings` say. Fails when `ca_file` holds no certificates or `proxy` is no proxy's URL.
    pub fn new(settings: &model::Fetch) -> Result<Fetcher, FetchFault> {
        let tls = client_tls::client_config(settings.ca_pem.as_deref())
            .map_err(|fault| FetchFault::new(fault.to_string()))?;
        // `no_proxy` first: it is what turns the environment's proxies off (k14_the_environments_proxies_are_ignored).
        let mut client = Client::builder()
            .no_proxy()
            .tls_backend_preconfigured(tls)
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .http1_only()
            // Calls are minutes apart: a kept connection would only ever be found closed.
            .pool_max_idle_per_host(0);
        if let Some(proxy) = &settings.proxy {
            client = client.proxy(proxy_at(proxy)?);
        }
        let client = client.build().map_err(|error| {
            FetchFault::new(format!("fetching is impossible: {}", cause(&error)))
        })?;
        Ok(Fetcher {
            client,
            timeout: settings.timeout,
        })
    }

    /// GETs `url`. Anything but a whole answer with status 200 is a fault.
    pub async fn fetch(&self, url: &str) -> Result<Fetched, FetchFault> {
        let address = Address::parse(url)?;
        let request = self.client.get(address.url.clone());
        self.within(&address, async {
            let response = send(request, &address).await?;
            match response.status() {
                StatusCode::OK => read(response, &address).await,
                _ => Err(refused(&response, &address)),
            }
        })
        .await
    }

    /// POSTs a JSON document to a collector. Any answer of the 200s is good; its body is not looked at.
    pub async fn deliver(&self, url: &str, json: Vec<u8>) -> Result<(), FetchFault> {
        let address = Address::collector(url)?;
        let request = self
            .client
            .post(address.url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .body(json);
        self.within(&address, async {
            let response = send(request, &address).await?;
            match response.status().is_success() {
                true => Ok(()),
                false => Err(refused(&response, &address)),
            }
        })
        .await
    }

    /// Bounds a whole exchange: name, connection, handshake, head and body (K07: a drip is bounded by time, not by size).
    async fn within<T>(
        &self,
        address: &Address,
        exchange: impl Future<Output = Result<T, FetchFault>>,
    ) -> Result<T, FetchFault> {
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Err(FetchFault::new(format!(
                "{address} gave no whole answer within {:?}",
                self.timeout
            ))),
        }
    }
}

/// The configured proxy. Loopback is always reached directly: plain HTTP is allowed there because it stays on this host.
fn proxy_at(url: &str) -> Result<Proxy, FetchFault> {
    // The library takes any scheme, and would go directly where it doesn't know it. Its error is dropped, for it could
    // repeat the URL, which may hold a password.
    let speaks_http =
        reqwest::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    Proxy::all(url)
        .ok()
        .filter(|_| speaks_http)
        .map(|proxy| proxy.no_proxy(NoProxy::from_string("localhost,127.0.0.0/8,::1")))
        .ok_or_else(|| FetchFault::new("the proxy to fetch through is no http:// or https:// URL"))
}

/// Sends a request and waits for the head of its answer.
async fn send(request: RequestBuilder, address: &Address) -> Result<Response, FetchFault> {
    request.send().await.map_err(|error| {
        let what = if error.is_connect() {
            "could not be reached"
        } else {
            "broke off"
        };
        FetchFault::new(format!("{address} {what}: {}", cause(&error)))
    })
}

/// Reads a body as it comes and gives up as soon as it is too long, whatever length was announced (K07).
async fn read(mut response: Response, address: &Address) -> Result<Fetched, FetchFault> {
    // No Accept-Encoding was sent, so an encoded answer is a mistake or a bomb: it is not decoded here or anywhere.
    if text(&response, &header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(FetchFault::new(format!(
            "{address} answered with a Content-Encoding nobody asked for"
        )));
    }
    let too_long = || FetchFault::new(format!("{address} answered with more than 1 MiB"));
    if response
        .content_length()
        .is_some_and(|length| length > BODY_LIMIT as u64)
    {
        return Err(too_long());
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| FetchFault::new(format!("{address} broke off: {}", cause(&error))))?
    {
        if body.len() + chunk.len() > BODY_LIMIT {
            return Err(too_long());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Fetched {
        content_type: text(&response, &header::CONTENT_TYPE).map(str::to_owned),
        body: body.freeze(),
    })
}

/// The fault that an answer with another status is.
fn refused(response: &Response, address: &Address) -> FetchFault {
    let status = response.status();
    let mut sentence = format!("{address} answered {}", status.as_u16());
    if status.is_redirection() {
        sentence.push_str("; redirects are not followed");
    }
    FetchFault {
        sentence,
        status: Some(status),
        retry_after: retry_after(response),
    }
}

/// What a 429 or 503 asks us to wait: seconds, or a date (RFC 9110 §10.2.3), which is reckoned from the answer's own
/// `Date`, so that a clock that is wrong here makes nothing of it.
fn retry_after(response: &Response) -> Option<Duration> {
    if !matches!(response.status().as_u16(), 429 | 503) {
        return None;
    }
    let asked = text(response, &header::RETRY_AFTER)?;
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |text: &str| jiff::fmt::rfc2822::parse(text).ok();
    let until = date(asked)?.timestamp();
    let from = date(text(response, &header::DATE)?)?.timestamp();
    Duration::try_from(until.duration_since(from)).ok()
}

/// A header's one value, if it is visible ASCII.
fn text<'a>(response: &'a Response, name: &HeaderName) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok().map(str::trim)
}

/// The innermost cause of an error: the outer ones repeat the address. Peers have a say in some of these texts (names in
/// a certificate), so they are kept to one short line.
fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &(dyn std::error::Error + 'static) = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if innermost.is::<reqwest::Error>() {
        return "the exchange failed".to_owned();
    }
    innermost
        .to_string()
        .chars()
        .take(200)
        .flat_map(char::escape_debug)
        .collect()
}
