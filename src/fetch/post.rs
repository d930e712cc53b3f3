//! POSTs: forms to token endpoints, JSON to the APIs of AWS. What is sent holds secrets and is never told of.
//!
//! Unlike a GET's, an answer with another status than 200 comes back with its body: in it stands why. A redirect never
//! does, for it asks to show the secret to somebody else (`x10_a_redirect_is_never_followed`).

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, StatusCode};

use super::address::Address;
use super::{FetchFault, Fetcher, read, refused, retry_after, send};

/// What is posted. There is no `Debug`: every part of it may be a secret.
pub struct Post {
    content_type: &'static str,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Vec<u8>,
}

/// An answer with any status but a redirect's.
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// What a 429 or 503 asked us to wait.
    pub retry_after: Option<std::time::Duration>,
    /// Its body, at most [`super::BODY_LIMIT`] bytes.
    pub body: Bytes,
}

impl Post {
    /// A form (`application/x-www-form-urlencoded`).
    pub fn form<'f>(fields: impl IntoIterator<Item = (&'f str, &'f str)>) -> Post {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        Post {
            content_type: "application/x-www-form-urlencoded",
            headers: Vec::new(),
            body: body.into_bytes(),
        }
    }

    /// An operation of an AWS API that speaks JSON 1.1.
    pub fn operation(target: &'static str, body: &serde_json::Value) -> Post {
        let header = HeaderName::from_static("x-amz-target");
        Post {
            content_type: "application/x-amz-json-1.1",
            headers: vec![(header, HeaderValue::from_static(target))],
            body: body.to_string().into_bytes(),
        }
    }

    /// The same with this `Authorization`, which is marked so that nobody downstream shows it.
    pub fn with_authorization(mut self, mut value: HeaderValue) -> Post {
        value.set_sensitive(true);
        self.headers.push((AUTHORIZATION, value));
        self
    }
}

impl Fetcher {
    /// POSTs to `url`. Anything but a whole answer is a fault, and so is a redirect.
    pub async fn post(&self, url: &str, post: Post) -> Result<Answer, FetchFault> {
        let address = Address::parse(url)?;
        let mut request = self
            .client
            .post(address.url.clone())
            .header(CONTENT_TYPE, post.content_type)
            .header(ACCEPT, "application/json")
            .body(post.body);
        for (name, value) in post.headers {
            request = request.header(name, value);
        }
        self.within(&address, async {
            let response = send(request, &address).await?;
            let status = response.status();
            if status.is_redirection() {
                return Err(refused(&response, &address));
            }
            Ok(Answer {
                status,
                retry_after: retry_after(&response),
                body: read(response, &address).await?.body,
            })
        })
        .await
    }
}
