//! The pages of the pool's own: where a browser is sent to sign in, and to sign out.
//!
//! `/oauth2/authorize` → `/login`, a form → back to the app with a code. Nobody is ever sent anywhere but to an address that
//! was registered, to the byte (RFC 6749 §3.1.2.3). The pool's cookie spares a user who has just signed in the form.

mod page;
mod request;

use form_urlencoded::Serializer;
use http::header::{COOKIE, LOCATION, REFERRER_POLICY, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::oauth::Form;
use super::pool::DemoPool;
use super::serve::{self, Answer};
use super::sessions::{BROWSER_LIFETIME, Browser, Code, Login, opaque};
use super::users;
use request::{Asked, Prompt, Refused};

/// The cookie of a browser that is signed in at the pool, under Cognito's name.
const SESSION: &str = "cognito";
/// The cookie that a form must have come with: one value for all of a browser's tabs.
const FORM: &str = "XSRF-TOKEN";
const WRONG: &str = "Incorrect username or password.";

/// Answers `GET /oauth2/authorize`: straight back with a code if the browser is signed in, else to the form.
pub fn authorize(pool: &DemoPool, head: &Parts) -> Answer {
    let query = head.uri.query().unwrap_or_default();
    let asked = match Asked::parse(pool, query) {
        Ok(asked) => asked,
        Err(refused) => return refuse(&refused),
    };
    let now = pool.now();
    let cookie = cookie(&head.headers, SESSION);
    let browser = cookie.and_then(|cookie| pool.sessions().browser(cookie, now));
    let recent = browser.filter(|browser| {
        asked.prompt != Prompt::Login && asked.max_age.is_none_or(|age| now - browser.at <= age)
    });
    match recent {
        Some(browser) => back_with_code(pool, asked, browser),
        None if asked.prompt == Prompt::None => refuse(&asked.refused("login_required")),
        None => to(&format!("/login?{query}")),
    }
}

/// Answers `GET /login`: the form.
pub fn form(pool: &DemoPool, head: &Parts) -> Answer {
    match Asked::parse(pool, head.uri.query().unwrap_or_default()) {
        Ok(_) => show_form(&head.headers, ""),
        Err(refused) => refuse(&refused),
    }
}

/// Answers `POST /login`: the form, filled in.
pub fn login(pool: &DemoPool, head: &Parts, body: &[u8]) -> Answer {
    let asked = match Asked::parse(pool, head.uri.query().unwrap_or_default()) {
        Ok(asked) => asked,
        Err(refused) => return refuse(&refused),
    };
    let Ok(filled) = Form::parse(&head.headers, body) else {
        return refuse(&Refused::Here("invalid_request"));
    };
    // A page from elsewhere can send a form here, but knows no value to go with the cookie.
    let mark = cookie(&head.headers, FORM);
    if mark.is_none() || mark != filled.field("_csrf") {
        return serve::text(StatusCode::FORBIDDEN, "this form did not come from here\n");
    }
    let name = filled.field("username").unwrap_or_default();
    let user =
        users::signing_in(name).filter(|user| Some(user.password) == filled.field("password"));
    let Some(user) = user else {
        return show_form(&head.headers, WRONG);
    };
    let browser = Browser {
        user,
        at: pool.now(),
    };
    let value = pool.sessions().admit(browser);
    let mut answer = back_with_code(pool, asked, browser);
    set_cookie(&mut answer, SESSION, &value, BROWSER_LIFETIME);
    answer
}

/// Answers `GET /logout`: the browser is signed out here and sent on. This is not RP-initiated logout.
pub fn logout(pool: &DemoPool, head: &Parts) -> Answer {
    let query = head.uri.query().unwrap_or_default();
    let next = request::one(query, "client_id")
        .and_then(|id| users::client(&id))
        .filter(|client| client.signs_users_in())
        .and_then(|_| request::one(query, "logout_uri"))
        .filter(|next| pool.knows_sign_out(next));
    let Some(next) = next else {
        return refuse(&Refused::Here("invalid_request"));
    };
    if let Some(cookie) = cookie(&head.headers, SESSION) {
        pool.sessions().dismiss(cookie);
    }
    let mut answer = to(&next);
    set_cookie(&mut answer, SESSION, "", 0);
    answer
}

/// Answers `GET /error`: where a browser ends that can't be sent back.
pub fn error(head: &Parts) -> Answer {
    let word = request::one(head.uri.query().unwrap_or_default(), "error");
    page::error(word.as_deref().unwrap_or("unknown_error"))
}

fn back_with_code(pool: &DemoPool, asked: Asked, browser: Browser) -> Answer {
    let mut login = Login::new(asked.client, browser.user, asked.scopes, browser.at);
    login.nonce = asked.nonce;
    let code = Code {
        login,
        redirect_uri: asked.redirect_uri.clone(),
        challenge: asked.challenge,
    };
    let code = pool.sessions().issue(code, pool.now());
    back(
        &asked.redirect_uri,
        &[("code", &code)],
        asked.state.as_deref(),
    )
}

fn refuse(refused: &Refused) -> Answer {
    match refused {
        Refused::Here(word) => {
            let query = Serializer::new(String::new())
                .append_pair("error", word)
                .finish();
            to(&format!("/error?{query}"))
        }
        Refused::There {
            redirect_uri,
            state,
            word,
        } => back(redirect_uri, &[("error", word)], state.as_deref()),
    }
}

/// To the app, with its own query kept (RFC 6749 §3.1.2).
fn back(redirect_uri: &str, fields: &[(&str, &str)], state: Option<&str>) -> Answer {
    let mut query = Serializer::new(String::new());
    query.extend_pairs(fields);
    query.extend_pairs(state.map(|state| ("state", state)));
    let joint = if redirect_uri.contains('?') { '&' } else { '?' };
    to(&format!("{redirect_uri}{joint}{}", query.finish()))
}

fn to(address: &str) -> Answer {
    let Ok(address) = HeaderValue::from_str(address) else {
        return serve::text(StatusCode::BAD_REQUEST, "that is no address\n");
    };
    let mut answer = serve::text(StatusCode::FOUND, "");
    let headers = answer.headers_mut();
    headers.insert(LOCATION, address);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answer
}

/// The form with a mark that it came from here. One that the browser has already serves again: tabs do not spoil each
/// other's forms.
fn show_form(headers: &HeaderMap, complaint: &str) -> Answer {
    let known = cookie(headers, FORM).filter(|mark| is_mark(mark));
    let mark = known.map_or_else(opaque::<24>, str::to_owned);
    let mut answer = page::form(&mark, complaint);
    set_cookie(&mut answer, FORM, &mark, BROWSER_LIFETIME);
    answer
}

/// Whether it looks like one of ours: 24 bytes in base64url.
fn is_mark(text: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.len() == 32 && text.bytes().all(letters)
}

fn set_cookie(answer: &mut Answer, name: &str, value: &str, seconds: u64) {
    let line = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax");
    if let Ok(line) = HeaderValue::from_str(&line) {
        answer.headers_mut().append(SET_COOKIE, line);
    }
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(known, value)| (known == name).then_some(value))
}

#[cfg(test)]
mod tests;
