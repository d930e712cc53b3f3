//! The pages as HTML: one file with its style, no script, nothing from elsewhere.

use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use http::{HeaderValue, StatusCode};

use crate::demo::serve::{self, Answer};
use crate::demo::users::{ALICE, BOB, User};

/// No script at all, and in no one's frame: a form for passwords.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'",
);

/// The form. `mark` must come back with it; `complaint` says what was wrong with the last one.
pub(super) fn form(mark: &str, complaint: &str) -> Answer {
    let people: String = [&ALICE, &BOB].map(|user| person(user, mark)).concat();
    page(
        StatusCode::OK,
        include_str!("login.html")
            .replace("%PEOPLE%", &people)
            .replace("%MARK%", mark)
            .replace("%COMPLAINT%", complaint),
    )
}

/// One who can sign in with a click, for this is a demo.
fn person(user: &User, mark: &str) -> String {
    let (name, password) = (user.name, user.password);
    let of = match user.groups {
        [] => "in no group".to_owned(),
        groups => format!("of the group {}", groups.join(", ")),
    };
    format!(
        r#"<form method="post"><input type="hidden" name="_csrf" value="{mark}"><input type="hidden" name="username" value="{name}"><input type="hidden" name="password" value="{password}"><button id="as-{name}"><b>{name}</b><span>{of}</span><code>{password}</code></button></form>
"#
    )
}

/// A page that says why a browser could not be sent back.
pub(super) fn error(word: &str) -> Answer {
    let told = match word {
        "redirect_mismatch" => {
            "The app sent you here from an address that it is not registered with (redirect_mismatch)."
        }
        "invalid_request" => {
            "The app that sent you here is not known, or did not say what it wants (invalid_request)."
        }
        _ => "Something is wrong with the address that brought you here.",
    };
    page(
        StatusCode::BAD_REQUEST,
        include_str!("error.html").replace("%TOLD%", told),
    )
}

fn page(status: StatusCode, html: String) -> Answer {
    let style = include_str!("style.css");
    let html = html.replace("%STYLE%", style);
    let mut answer = serve::body_of(status, "text/html; charset=utf-8", html);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answer
}
