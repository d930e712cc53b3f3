//! What a browser says about a request: whether it navigates, and from which site it comes.
//!
//! `Sec-Fetch-*` and `Origin` are written by the browser and out of a page's reach; other clients may write what they like,
//! and gain nothing: they hold no one else's cookies. Read before `hop::strip`, which takes `Upgrade` away.

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method};

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether the client is a browser that would show a page: GET or HEAD whose `Accept` prefers `text/html`, and no
/// `Sec-Fetch-Mode` other than `navigate`.
pub fn wants_page(method: &Method, headers: &HeaderMap) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
        && prefers_html(headers)
        && headers
            .get_all(SEC_FETCH_MODE)
            .iter()
            .all(|mode| mode == "navigate")
}

/// Whether the browser would leave its page for the answer: a GET that `Sec-Fetch-Mode` calls a navigation, or, where nothing
/// says so, one that would show a page.
pub fn navigates(method: &Method, headers: &HeaderMap) -> bool {
    let mode = match only(headers, SEC_FETCH_MODE) {
        Sent::Once(mode) => mode == "navigate",
        Sent::Never => prefers_html(headers),
        Sent::Repeatedly => false,
    };
    *method == Method::GET && mode && !headers.contains_key(header::UPGRADE)
}

/// Whether a page of this very origin made the request, as its browser says.
pub fn is_same_origin(headers: &HeaderMap) -> bool {
    matches!(only(headers, SEC_FETCH_SITE), Sent::Once(site) if site == "same-origin")
}

/// Whether `Accept` names `text/html` itself, and above JSON: `*/*` alone is what scripts send.
fn prefers_html(headers: &HeaderMap) -> bool {
    let (mut html, mut json) = (0.0_f32, 0.0_f32);
    let lines = headers.get_all(header::ACCEPT);
    for range in lines
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
    {
        let (media, weight) = media_range(range);
        if media.eq_ignore_ascii_case("text/html") {
            html = html.max(weight);
        } else if media.eq_ignore_ascii_case("application/json")
            || media.eq_ignore_ascii_case("application/problem+json")
        {
            json = json.max(weight);
        }
    }
    html > json
}

/// The media type of one element of `Accept` and its weight (RFC 9110 §12.4.2); a weight that is none counts as 0.
fn media_range(range: &str) -> (&str, f32) {
    let mut parts = range.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    let weight = parts
        .find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.eq_ignore_ascii_case("q").then(|| {
                let weight = value.parse::<f32>().unwrap_or(0.0);
                if (0.0..=1.0).contains(&weight) {
                    weight
                } else {
                    0.0
                }
            })
        })
        .unwrap_or(1.0);
    (media, weight)
}

/// Whether a cookie-borne token may be used: GET, HEAD and OPTIONS that do not upgrade always; else `Sec-Fetch-Site` must be
/// `same-origin` or `none`, or without that header `Origin` must equal `ours` or be one of `allowed` (else `cross_site`;
/// an `allowed` Origin also passes when Sec-Fetch-Site says cross-site).
pub fn may_use_cookie(
    method: &Method,
    headers: &HeaderMap,
    ours: &str,
    allowed: &[String],
) -> bool {
    // A WebSocket handshake is a GET that no same-origin policy guards: another site's page may open one.
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    if reads && !headers.contains_key(header::UPGRADE) {
        return true;
    }
    let origin = only(headers, header::ORIGIN);
    let is_allowed = || allowed.iter().any(|known| names(origin, known));
    match only(headers, SEC_FETCH_SITE) {
        Sent::Once(site) => site == "same-origin" || site == "none" || is_allowed(),
        Sent::Never => names(origin, ours) || is_allowed(),
        Sent::Repeatedly => false,
    }
}

/// A header that makes sense only once.
#[derive(Clone, Copy)]
enum Sent<'a> {
    Never,
    Once(&'a HeaderValue),
    Repeatedly,
}

fn only(headers: &HeaderMap, name: HeaderName) -> Sent<'_> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Sent::Never,
        (Some(line), None) => Sent::Once(line),
        _ => Sent::Repeatedly,
    }
}

/// Whether `sent` is `origin`. An opaque origin is nobody: every sandboxed page says `null`.
fn names(sent: Sent<'_>, origin: &str) -> bool {
    match sent {
        Sent::Once(sent) => !matches!(origin, "" | "null") && sent == origin,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
