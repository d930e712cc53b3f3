//! A request once more, where its kept connection turned out to be closed before a byte of an answer came (S18).

use http::{HeaderName, HeaderValue, Method, Request, Uri, Version};
use http_body::Body as _;

use crate::net::body::RequestBody;

/// What a request is made from again. A list of headers, for it is held by every request that waits, and hardly ever needed.
pub(super) struct Again {
    method: Method,
    uri: Uri,
    version: Version,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Again {
    /// Of a request that may be sent twice: it asks for nothing to be changed (RFC 9110 §9.2.2) and has no body.
    pub(super) fn of(request: &Request<RequestBody>) -> Option<Box<Again>> {
        let repeatable = matches!(
            *request.method(),
            Method::GET | Method::HEAD | Method::OPTIONS
        ) && request.body().is_end_stream();
        repeatable.then(|| {
            let headers = request.headers().iter();
            Box::new(Again {
                method: request.method().clone(),
                uri: request.uri().clone(),
                version: request.version(),
                headers: headers
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect(),
            })
        })
    }

    pub(super) fn request(self) -> Box<Request<RequestBody>> {
        let mut request = Box::new(Request::new(RequestBody::Empty));
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.version_mut() = self.version;
        for (name, value) in self.headers {
            request.headers_mut().append(name, value);
        }
        request
    }
}
