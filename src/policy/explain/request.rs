//! A request in words, and the head it would reach the gate as. Nothing is repaired: what the gate's parser would not take
//! is refused here as there.

use http::{HeaderMap, HeaderValue, Method, Uri, Version, header};

use crate::policy::permit::{Head, Policy};
use crate::policy::route::Host;
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::session::Channel;

/// The host of a request that names none, where every host is taken.
const PLACEHOLDER: &str = "localhost";

/// A request as someone would type it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    /// As typed.
    pub method: String,
    /// A path or a URL, as typed.
    pub target: String,
    /// Its headers.
    pub headers: HeaderMap,
}

/// The same, read.
pub(super) struct Arrived {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) fragment: bool,
    /// The path as typed, or that of a URL.
    pub(super) path: String,
    /// Whether its host is one that nobody named.
    pub(super) host_assumed: bool,
}

impl Asked {
    /// The path as typed, for when nothing can be made of it.
    pub(super) fn path(&self) -> &str {
        let end = self.target.find(['?', '#']).unwrap_or(self.target.len());
        &self.target[..end]
    }

    /// Reads it as the gate's parser does. A host comes from its URL, its `Host`, or the policy, in this order.
    pub(super) fn arrive(&self, policy: &Policy) -> Result<Arrived, Refusal> {
        let bad = |detail| Refusal::new(Reason::BadRequest, detail);
        let method = Method::from_bytes(self.method.as_bytes())
            .map_err(|_| bad("the method is not one that HTTP could carry"))?;
        let uri: Uri = self
            .target
            .parse()
            .map_err(|_| bad("the target is neither a path nor a URL that HTTP could carry"))?;
        let mut headers = self.headers.clone();
        let named = uri.authority().filter(|_| uri.scheme().is_some());
        let host_assumed = named.is_none() && !headers.contains_key(header::HOST);
        if !headers.contains_key(header::HOST) {
            let host = named.map_or_else(|| assumed(policy), |host| host.as_str().to_owned());
            let host = HeaderValue::from_str(&host)
                .map_err(|_| bad("the target's host is not one that HTTP could carry"))?;
            headers.insert(header::HOST, host);
        }
        // `orders/1` is no path, and is taken for a host.
        let path = match uri.scheme() {
            Some(_) => uri.path().to_owned(),
            None => self.path().to_owned(),
        };
        Ok(Arrived {
            method,
            path,
            uri,
            headers,
            fragment: self.target.contains('#'),
            host_assumed,
        })
    }
}

/// A host that the policy takes.
fn assumed(policy: &Policy) -> String {
    match policy.hosts.first() {
        Some(Host::Exact(host)) => return host.clone(),
        Some(Host::Below(domain)) => return format!("any.{domain}"),
        None => {}
    }
    let external = policy.external_origin.as_deref();
    external
        .and_then(|origin| origin.split_once("://"))
        .map_or(PLACEHOLDER, |(_, host)| host)
        .to_owned()
}

impl Arrived {
    /// How a browser would have come: over https where the request says so, or from nowhere in particular.
    fn channel(&self) -> Channel {
        match self.uri.scheme_str() {
            Some("http") => Channel::Loopback,
            _ => Channel::Https,
        }
    }

    /// The head as the decision sees it.
    pub(super) fn head(&self) -> Head<'_> {
        let length = self.headers.get(header::CONTENT_LENGTH);
        Head {
            method: &self.method,
            uri: &self.uri,
            version: Version::HTTP_11,
            headers: &self.headers,
            fragment: self.fragment,
            has_body: length.is_some_and(|length| length != "0")
                || self.headers.contains_key(header::TRANSFER_ENCODING),
            scheme: "http", // without TLS there is nothing to show either
            certificate: None,
            channel: self.channel(),
            renewed: None,
        }
    }
}
