//! What a page of another origin may read (Fetch standard, CORS protocol): answers to preflights, and refusals.

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use crate::config::model::{Cors, Preflight};
use crate::front::Content;

/// What an upstream may say about other origins.
const UPSTREAM_WORDS: [HeaderName; 6] = [
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
];

/// The page a request comes from, and what `[cors]` lets it read.
pub(super) struct Page<'s> {
    cors: Option<&'s Cors>,
    /// What `Access-Control-Allow-Origin` says to it; none if it may read nothing.
    allowed: Option<HeaderValue>,
}

impl<'s> Page<'s> {
    /// The page that sent a request with these headers.
    pub(super) fn of(cors: Option<&'s Cors>, headers: &HeaderMap) -> Page<'s> {
        let allowed = cors.and_then(|cors| {
            let origin = headers.get(header::ORIGIN)?;
            match &cors.allow_origins {
                None => Some(HeaderValue::from_static("*")),
                Some(origins) => origins
                    .iter()
                    .any(|known| known.as_bytes() == origin.as_bytes())
                    .then(|| origin.clone()),
            }
        });
        Page { cors, allowed }
    }

    /// Whether preflights are answered here.
    pub(super) fn answers_preflights(&self) -> bool {
        self.cors
            .is_some_and(|cors| cors.preflight == Preflight::Answer)
    }

    /// The answer to a preflight whose route is known. To an origin that is not allowed it says nothing.
    pub(super) fn preflight(&self, parts: &Parts) -> Response<Content> {
        let mut response = Response::new(Content::Whole(bytes::Bytes::new()));
        *response.status_mut() = StatusCode::NO_CONTENT;
        let (Some(cors), Some(_)) = (self.cors, &self.allowed) else {
            return response;
        };
        let headers = response.headers_mut();
        if let Some(method) = parts.headers.get(header::ACCESS_CONTROL_REQUEST_METHOD) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, method.clone());
        }
        let names: Vec<&str> = cors.allow_headers.iter().map(HeaderName::as_str).collect();
        // Header names are valid header values.
        if let (false, Ok(names)) = (names.is_empty(), HeaderValue::from_str(&names.join(", "))) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names);
        }
        headers.insert(
            header::ACCESS_CONTROL_MAX_AGE,
            HeaderValue::from(cors.max_age.as_secs()),
        );
        self.allow(headers);
        response
    }

    /// On the upstream's answers, where preflights are answered here: its word is replaced by ours.
    pub(super) fn replace(&self, headers: &mut HeaderMap) {
        if !self.answers_preflights() {
            return;
        }
        for name in UPSTREAM_WORDS {
            headers.remove(name);
        }
        self.allow(headers);
    }

    /// On a refusal: a page of an allowed origin may read why.
    pub(super) fn expose_refusal(&self, headers: &mut HeaderMap) {
        if self.cors.is_none() {
            return;
        }
        self.allow(headers);
        if self.allowed.is_some() {
            headers.insert(
                header::ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from(header::WWW_AUTHENTICATE),
            );
        }
    }

    fn allow(&self, headers: &mut HeaderMap) {
        headers.append(header::VARY, HeaderValue::from(header::ORIGIN));
        let Some(allowed) = &self.allowed else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed.clone());
        if self.cors.is_some_and(|cors| cors.allow_credentials) {
            headers.insert(
                header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
        }
    }
}
