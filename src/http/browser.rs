//! What a browser says about a request: whether it navigates, and from which site it comes.

use http::{HeaderMap, Method};

/// Whether the client is a browser that would show a page: GET or HEAD whose `Accept` prefers `text/html`, and no
/// `Sec-Fetch-Mode` other than `navigate`.
pub fn wants_page(method: &Method, headers: &HeaderMap) -> bool {
    let _ = (method, headers);
    todo!()
}

/// Whether a cookie-borne token may be used: GET, HEAD and OPTIONS that do not upgrade always; else `Sec-Fetch-Site` must be
/// `same-origin` or `none`, or without that header `Origin` must equal `ours` or be one of `allowed` (INTERFACE: `cross_site`;
/// an `allowed` Origin also passes when Sec-Fetch-Site says cross-site).
pub fn may_use_cookie(
    method: &Method,
    headers: &HeaderMap,
    ours: &str,
    allowed: &[String],
) -> bool {
    let _ = (method, headers, ours, allowed);
    todo!()
}
