//! What a browser says when it comes back from the pool's pages. Whoever made the link wrote it: nothing of it is believed.

use std::borrow::Cow;

use crate::reason::Reason;
use crate::refusal::Refusal;

/// The longest code and state that are looked at.
const LONGEST: usize = 2048;

/// The sign-in that is spoken of is not one of this browser's.
pub const NOT_BEGUN: Refusal = Refusal::new(
    Reason::BadRequest,
    "this sign-in was not begun in this browser, or too long ago, or it is used up: go back to the page and try again",
);
const TWICE: Refusal = Refusal::new(
    Reason::BadRequest,
    "a parameter of the sign-in stands there twice",
);

/// What a callback says (RFC 6749 §4.1.2).
pub struct Said<'q> {
    /// Which sign-in it is about.
    pub state: Cow<'q, str>,
    /// What tokens are had for.
    pub code: Option<Cow<'q, str>>,
    /// Why there are none to be had, in somebody's words.
    pub error: Option<Cow<'q, str>>,
}

impl<'q> Said<'q> {
    /// Reads the query of a callback.
    ///
    /// # Errors
    /// Whatever stands there twice is said by two; and without a `state` it is about no sign-in.
    pub fn read(query: &'q str) -> Result<Said<'q>, Refusal> {
        let [mut state, mut code, mut error] = [None, None, None];
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let slot = match &*name {
                "state" => &mut state,
                "code" => &mut code,
                "error" => &mut error,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(TWICE);
            }
        }
        let sound = |text: &Cow<'_, str>| {
            (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        Ok(Said {
            state: state.filter(sound).ok_or(NOT_BEGUN)?,
            code: code.filter(sound),
            error,
        })
    }
}
