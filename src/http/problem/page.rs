//! A refusal as a page, for a browser that navigates: what happened, and what to tell whoever runs the service.
//!
//! One self-contained document without a script; its policy forbids all that it does not need itself.

use std::fmt::Write as _;

use http::HeaderValue;

use crate::refusal::Refusal;

/// `Content-Security-Policy` of the page.
pub(super) const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto 0;padding:0 1.5rem}\
h1{font-size:1.5rem;line-height:1.25}\
dl{display:grid;grid-template-columns:auto 1fr;gap:.25rem 1rem;margin-top:2rem;font-size:.875rem;opacity:.75}\
dd{margin:0;font-family:ui-monospace,monospace;overflow-wrap:anywhere}";

/// The page.
pub(super) fn render(refusal: &Refusal, request_id: &str) -> String {
    let reason = refusal.reason;
    let mut html = String::with_capacity(1024);
    html.push_str("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n");
    html.push_str("<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    push_text(&mut html, reason.title());
    html.push_str("</title>\n<style>");
    html.push_str(STYLE);
    html.push_str("</style>\n<h1>");
    push_text(&mut html, reason.title());
    html.push_str("</h1>\n<p>");
    push_text(&mut html, &refusal.detail);
    let _ = write!(
        html,
        "</p>\n<dl>\n<dt>Status</dt><dd>{}</dd>\n<dt>Reason</dt><dd>{reason}</dd>\n<dt>Request</dt><dd>",
        reason.status(),
    );
    push_text(&mut html, request_id);
    html.push_str("</dd>\n</dl>\n</html>\n");
    html
}

/// Writes text where HTML takes text.
fn push_text(html: &mut String, text: &str) {
    for char in text.chars() {
        match char {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(char),
        }
    }
}
