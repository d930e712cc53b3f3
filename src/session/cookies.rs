//! The cookies that sessions and sign-ins are kept in: their names and flags, split where one would be too long.
//!
//! A browser measures a cookie by its name, value and attributes: 4096 bytes (RFC 6265 §6.1). A session that needs more is
//! cut into parts; the first tells how many there are. What is there twice is nobody's (L06), what is missing or of two sessions
//! does not open (L07). Nothing of it is ever passed on: [`Jar::strip`].

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue};

use super::seal::{Keys, Purpose};
use super::{SIGN_IN_SECONDS, Session, State};
use crate::clock::Timestamp;
use crate::http::cookies;

/// What makes a cookie of this name ours alone: only this very host can set it, over HTTPS, for every path (RFC 6265bis §4.1.3).
const HOST: &str = "__Host-";
/// The most parts of one session: more would fill the head of every request.
pub const MOST_PARTS: usize = 6;
/// The most bytes of a value, which leaves room for the longest name and the attributes.
const PART_BYTES: usize = 3900;
/// The most sign-ins under way in one browser; the oldest gives way.
const MOST_STATES: usize = 8;
/// Of leftovers that open no more, so many are cleared in one answer.
const MOST_CLEARED: usize = 16;
/// So much of a state's id is in its cookie's name.
const STATE_NAME: usize = 12;

/// How a browser reaches us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Channel {
    /// Over HTTPS: the cookies have their whole name and are `Secure`.
    Https,
    /// Over plain HTTP on this machine: browsers would take neither the prefix nor `Secure` there.
    Loopback,
    /// Over plain HTTP from elsewhere: there are no sessions.
    #[default]
    Plain,
}

/// Names and keys of the cookies.
#[derive(Debug)]
pub struct Jar {
    keys: Keys,
    secure: String,
    plain: String,
}

impl Jar {
    /// Cookies called `name`, which begins with `__Host-`.
    pub fn new(name: &str, keys: Keys) -> Jar {
        Jar {
            keys,
            secure: name.to_owned(),
            plain: name.strip_prefix(HOST).unwrap_or(name).to_owned(),
        }
    }

    /// Changes with the keys: see [`Keys::fingerprint`].
    pub fn fingerprint(&self) -> &[u8; 32] {
        self.keys.fingerprint()
    }

    fn name(&self, channel: Channel) -> Option<&str> {
        match channel {
            Channel::Https => Some(&self.secure),
            Channel::Loopback => Some(&self.plain),
            Channel::Plain => None,
        }
    }

    /// The sealed session that a request carries, whole: not opened yet.
    pub fn sealed<'h>(&self, headers: &'h HeaderMap, channel: Channel) -> Option<Cow<'h, str>> {
        let name = self.name(channel)?;
        let mut parts: [Option<&'h [u8]>; MOST_PARTS] = [None; MOST_PARTS];
        for (cookie, value) in cookies::pairs(headers) {
            let Some(index) = part(name, cookie) else {
                continue;
            };
            if parts[index].replace(value).is_some() {
                return None;
            }
        }
        let (count, first) = parts[0]?.split_at_checked(2)?;
        let count = match count {
            [digit @ b'1'..=b'9', b'.'] => usize::from(digit - b'0'),
            _ => return None,
        };
        let first = std::str::from_utf8(first).ok()?;
        if count == 1 {
            return Some(Cow::Borrowed(first));
        }
        let mut whole = String::with_capacity(count * PART_BYTES);
        whole.push_str(first);
        for part in parts.get(1..count)? {
            whole.push_str(std::str::from_utf8((*part)?).ok()?);
        }
        Some(Cow::Owned(whole))
    }

    /// Opens a sealed session.
    pub fn open(&self, sealed: &str, channel: Channel) -> Option<Session> {
        let name = self.name(channel)?;
        Session::read(&self.keys.open(Purpose::Session, name, sealed)?)
    }

    /// The cookies that give a browser this session for so many seconds, in place of whatever session `headers` carry. Nothing
    /// if it is too large.
    pub fn give(
        &self,
        session: &Session,
        seconds: u64,
        headers: &HeaderMap,
        channel: Channel,
    ) -> Option<Vec<HeaderValue>> {
        let name = self.name(channel)?;
        let content = session.write();
        let sealed = self.keys.seal(Purpose::Session, name, content.bytes())?;
        // Base64 has one byte a letter, so any cut is good.
        let room = PART_BYTES - 2;
        let (first, rest) = sealed.split_at(sealed.len().min(room));
        let rest: Vec<&[u8]> = rest.as_bytes().chunks(PART_BYTES).collect();
        let count = 1 + rest.len();
        if count > MOST_PARTS {
            return None;
        }
        let mut given = vec![set(name, &format!("{count}.{first}"), seconds, channel)?];
        for (index, part) in rest.into_iter().enumerate() {
            let part = std::str::from_utf8(part).ok()?;
            given.push(set(
                &format!("{name}-{}", index + 1),
                part,
                seconds,
                channel,
            )?);
        }
        given.extend(self.clear_from(count, headers, channel));
        Some(given)
    }

    /// The cookies that take the session in `headers` away.
    pub fn clear(&self, headers: &HeaderMap, channel: Channel) -> Vec<HeaderValue> {
        self.clear_from(0, headers, channel).collect()
    }

    /// Takes parts away from the one with this index on, if they are there.
    fn clear_from(
        &self,
        from: usize,
        headers: &HeaderMap,
        channel: Channel,
    ) -> impl Iterator<Item = HeaderValue> {
        let name = self.name(channel).unwrap_or_default();
        (from..MOST_PARTS).filter_map(move |index| {
            let is_there =
                cookies::pairs(headers).any(|(cookie, _)| part(name, cookie) == Some(index));
            let full = match index {
                0 => name.to_owned(),
                index => format!("{name}-{index}"),
            };
            is_there.then(|| set(&full, "", 0, channel)).flatten()
        })
    }

    /// The cookies that begin a sign-in: its own, and the end of those that are too many or too old.
    pub fn begin(
        &self,
        state: &State,
        headers: &HeaderMap,
        channel: Channel,
        now: Timestamp,
    ) -> Option<Vec<HeaderValue>> {
        let name = self.name(channel)?;
        let own = state_name(name, &state.id)?;
        let sealed = self
            .keys
            .seal(Purpose::State, &own, state.write().bytes())?;
        let mut given = vec![set(&own, &sealed, SIGN_IN_SECONDS, channel)?];
        let mut current = Vec::new();
        for (cookie, value) in cookies::pairs(headers) {
            let Some(cookie) = state_cookie(name, cookie) else {
                continue;
            };
            match self
                .open_state(cookie, value)
                .filter(|state| state.is_current(now))
            {
                Some(state) => current.push((state.started, cookie)),
                None if given.len() <= MOST_CLEARED => given.extend(set(cookie, "", 0, channel)),
                None => {}
            }
        }
        // Of those that began in one second browsers send the older first (RFC 6265 §5.4).
        current.sort_by_key(|(started, _)| *started);
        let surplus = (current.len() + 1).saturating_sub(MOST_STATES);
        let oldest = current.iter().take(surplus.min(MOST_CLEARED));
        given.extend(oldest.filter_map(|(_, cookie)| set(cookie, "", 0, channel)));
        Some(given)
    }

    /// The sign-in with this `state` that this very browser began, if it is there once and not too old.
    pub fn state(
        &self,
        id: &str,
        headers: &HeaderMap,
        channel: Channel,
        now: Timestamp,
    ) -> Option<State> {
        let own = state_name(self.name(channel)?, id)?;
        let mut values = cookies::pairs(headers).filter(|(cookie, _)| *cookie == own.as_bytes());
        let (Some((_, value)), None) = (values.next(), values.next()) else {
            return None;
        };
        let state = self.open_state(&own, value)?;
        (state.id == id && state.is_current(now)).then_some(state)
    }

    /// The cookie that ends a sign-in.
    pub fn end(&self, state: &State, channel: Channel) -> Option<HeaderValue> {
        let own = state_name(self.name(channel)?, &state.id)?;
        set(&own, "", 0, channel)
    }

    fn open_state(&self, cookie: &str, value: &[u8]) -> Option<State> {
        let text = std::str::from_utf8(value).ok()?;
        State::read(&self.keys.open(Purpose::State, cookie, text)?)
    }

    /// Takes every cookie of ours out of a request, those of the other channel too (L13).
    pub fn strip(&self, headers: &mut HeaderMap) {
        cookies::strip(headers, |cookie| {
            [&self.secure, &self.plain]
                .into_iter()
                .any(|name| is_ours(name, cookie))
        });
    }
}

/// Which part of a session the cookie of this name is.
fn part(name: &str, cookie: &[u8]) -> Option<usize> {
    match cookie.strip_prefix(name.as_bytes())? {
        [] => Some(0),
        [b'-', digit @ b'1'..=b'9'] => {
            Some(usize::from(digit - b'0')).filter(|index| *index < MOST_PARTS)
        }
        _ => None,
    }
}

/// Whether it is a part of a session, were it one of more than there may be, or a sign-in under way.
fn is_ours(name: &str, cookie: &[u8]) -> bool {
    match cookie.strip_prefix(name.as_bytes()) {
        None => false,
        Some([]) => true,
        Some([b'-', digits @ ..]) if digits.iter().all(u8::is_ascii_digit) => true,
        Some(rest) => rest.starts_with(b"-state-"),
    }
}

/// The name of a sign-in's cookie. An id comes out of a URL: only letters of base64url go into a name.
fn state_name(name: &str, id: &str) -> Option<String> {
    let short = id.get(..STATE_NAME)?;
    is_base64url(short.as_bytes()).then(|| format!("{name}-state-{short}"))
}

/// Whether the cookie is a sign-in's, as we name them.
fn state_cookie<'c>(name: &str, cookie: &'c [u8]) -> Option<&'c str> {
    let rest = cookie.strip_prefix(name.as_bytes())?;
    let short = rest.strip_prefix(b"-state-")?;
    let sound = short.len() == STATE_NAME && is_base64url(short);
    sound.then(|| std::str::from_utf8(cookie).ok()).flatten()
}

fn is_base64url(text: &[u8]) -> bool {
    text.iter()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// A `Set-Cookie` (RFC 6265 §4.1). For no other host than this one: it has no `Domain`. Nought seconds take it away, with the
/// same flags, for a browser would not touch a `__Host-` cookie otherwise.
fn set(name: &str, value: &str, seconds: u64, channel: Channel) -> Option<HeaderValue> {
    let secure = match channel {
        Channel::Https => "; Secure",
        Channel::Loopback | Channel::Plain => "",
    };
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
