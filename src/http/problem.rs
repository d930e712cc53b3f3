//! The only builder of refusals: problem+json (RFC 9457), challenges (RFC 6750 §3, RFC 9470 §3), a page for a browser.

use bytes::Bytes;
use http::{HeaderValue, Response};

use crate::refusal::Refusal;

/// The answer to a refused request. `html` says that a browser is navigating (see `browser::wants_page`);
/// `request_id` is repeated in the body and in `X-Request-Id`.
pub fn answer(refusal: &Refusal, request_id: &HeaderValue, html: bool) -> Response<Bytes> {
    let _ = (refusal, request_id, html);
    todo!()
}
