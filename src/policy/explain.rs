//! Why a request would be let through or refused, with everything that was looked at: what `explain` and policy tests tell.
//!
//! The answer is the decision's own, made by the very code that the gate runs; this page only adds what was seen on the
//! way. It must never come to a verdict of its own: each requirement is judged by the function that the decision asks, and
//! `explain_and_admit_agree` holds both together. Claims are shown, for they are the caller's own; tokens never are.

mod judge;
mod request;
mod seen;
mod text;
mod walk;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::permit::{Policy, Rehearsal, admit, rehearse};
use super::route::{Access, Mode};
use crate::clock::Timestamp;
use crate::reason::Reason;
use crate::token::cache::TokenCache;
use crate::token::claims::Claims;
use crate::token::keys::Keys;
use crate::token::trust::Trust;
use crate::token::verify::trial;
pub use request::Asked;

/// What a request shows for who it speaks for.
#[derive(Clone, Copy)]
pub enum Shown<'a> {
    /// The token in its head, if there is one. The flag says that `NeedKeys` was answered before and acted upon.
    Token(&'a dyn Keys, bool),
    /// Claims in place of a token, as if the pool with this index had signed them.
    Claims(&'a Claims, usize),
}

/// What the configuration calls things that the decision knows by number.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Name and address of each upstream.
    pub upstreams: Vec<(String, String)>,
    /// Whether preflights are answered by the gate itself.
    pub answers_preflights: bool,
}

/// The pool with this index must refresh its keys before anything can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeedKeys(pub usize);

/// A decision and how it came about. Serialised, it is the shape that `explain --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The request as it was read.
    pub request: RequestSeen,
    /// The route that answers, if one was found.
    pub route: Option<RouteSeen>,
    /// What became of the token.
    pub token: TokenSeen,
    /// Everything the route asks of a token, judged one by one: also what comes after the first that fails.
    pub checks: Vec<Check>,
    /// The identity headers that the upstream would get, in their order.
    pub headers: Vec<HeaderSeen>,
    /// The decision.
    pub answer: Answer,
    /// What else is worth knowing, one sentence each.
    pub notes: Vec<String>,
}

/// The request line and host.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RequestSeen {
    /// As asked.
    pub method: String,
    /// Without its query, which may hold a token.
    pub path: String,
    /// The first `Host`; none when it isn't text.
    pub host: Option<String>,
    /// Whether nobody named a host, so that one was assumed.
    pub host_assumed: bool,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RouteSeen {
    /// Its key in the configuration.
    pub name: String,
    /// `authenticated`, `optional`, `public` or `certificate`.
    pub access: &'static str,
    /// `enforce` or `audit`.
    pub mode: &'static str,
    /// The path parameters, decoded.
    pub parameters: Map<String, Value>,
}

/// What became of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenState {
    /// None was looked at.
    Unread,
    /// There is none.
    Absent,
    /// It is not good.
    Refused,
    /// Its signature and claims are good.
    Verified,
    /// Claims stood for it: no signature was seen.
    Claims,
}

/// A token, without its text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TokenSeen {
    /// What became of it.
    pub state: TokenState,
    /// Where it was found.
    pub place: Option<String>,
    /// The pool that vouches for it.
    pub pool: Option<String>,
    /// `access` or `id`.
    pub token_use: Option<&'static str>,
    /// `user` or `machine`.
    pub kind: Option<&'static str>,
    /// The client it was issued to.
    pub client_id: Option<String>,
    /// Who it speaks for.
    pub sub: Option<String>,
    /// Seconds until it expires; negative when it has. Of a refused token unverified.
    pub expires_in: Option<i64>,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// Its groups.
    pub groups: Vec<String>,
    /// What a refused one says of itself, unverified: of `iss`, `token_use`, `client_id`, `aud` what is there.
    pub says: Map<String, Value>,
}

/// One thing that a route asks of a token.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// The key in the configuration: `any_scope`, `claims`, `any_of`, …; `header` for an identity header that is required.
    pub kind: &'static str,
    /// The claim's or header's name.
    pub name: Option<String>,
    /// Whether it holds; nothing where there is no good token to judge.
    pub met: Option<bool>,
    /// What is asked for.
    pub wanted: Value,
    /// What the token has.
    pub seen: Value,
    /// The reason it is refused for by itself.
    #[serde(serialize_with = "word")]
    pub reason: Option<Reason>,
    /// The alternatives of an `any_of`, each a rule.
    pub any_of: Vec<Vec<Check>>,
}

/// One header line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeaderSeen {
    /// Its name, lower-case.
    pub name: String,
    /// Its value, as encoded for the upstream.
    pub value: String,
}

/// What is done with the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The upstream gets it.
    Forward,
    /// The client gets a refusal.
    Refuse,
    /// The gate answers a preflight itself.
    Preflight,
    /// The gate answers itself: it belongs to signing in or out.
    Login,
}

/// The decision.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// What is done.
    pub outcome: Outcome,
    /// The status, unless the upstream gives it.
    pub status: Option<u16>,
    /// Why it is refused.
    pub refusal: Option<RefusalSeen>,
    /// Why it would be refused, were the route not in audit.
    pub audit: Option<RefusalSeen>,
    /// The upstream's name.
    pub upstream: Option<String>,
    /// Where that is.
    pub address: Option<String>,
    /// The path it gets, without the query.
    pub path: Option<String>,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RefusalSeen {
    /// The HTTP status.
    pub status: u16,
    /// The stable word.
    #[serde(serialize_with = "plain_word")]
    pub reason: Reason,
    /// The sentence that the client reads.
    pub detail: String,
    /// What the answer says would do.
    pub hint: Option<HintSeen>,
}

/// What an answer carries beside its sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HintSeen {
    /// `scope`, `acr_values`, `max_age`, `allow` or `retry_after`.
    pub name: &'static str,
    /// As in the answer.
    pub value: String,
}

/// Decides on `asked` at `now` and tells how.
///
/// # Errors
/// The keys of a pool are needed first; with `Shown::Token(_, true)` that never happens.
pub fn explain(
    asked: &Asked,
    policy: &Policy,
    shown: Shown<'_>,
    now: Timestamp,
    names: &Names,
) -> Result<Explanation, NeedKeys> {
    let arrived = match asked.arrive(policy) {
        Ok(arrived) => arrived,
        Err(refusal) => return Ok(walk::unreadable(asked, &refusal)),
    };
    let head = arrived.head();
    let rehearsal: Rehearsal<'_> = match shown {
        Shown::Token(keys, refreshed) => {
            let cache = TokenCache::new(0);
            admit(&head, policy, keys, &cache, now, refreshed).into()
        }
        Shown::Claims(claims, pool) => {
            let proved = trial(claims.clone(), &policy.trust, pool, now).map(Into::into);
            rehearse(&head, policy, &proved, now)
        }
    };
    if let Some(pool) = rehearsal.needs_keys() {
        return Err(NeedKeys(pool));
    }
    let walk = walk::Walk {
        arrived: &arrived,
        policy,
        shown,
        now,
        rehearsal: &rehearsal,
    };
    Ok(walk.explanation(names))
}

/// The pool that vouches for bare claims when none is named: that of their `iss`, else the first.
pub fn vouching_pool(claims: &Claims, trust: &Trust) -> usize {
    let issuer = claims.get("iss").and_then(Value::as_str);
    issuer.and_then(|issuer| trust.pool_of(issuer)).unwrap_or(0)
}

impl Explanation {
    /// Why the request is refused, or would be if its route were not in audit; nothing when it is simply let through.
    pub fn verdict(&self) -> Option<Reason> {
        let refusal = self.answer.refusal.as_ref().or(self.answer.audit.as_ref());
        refusal.map(|refusal| refusal.reason)
    }
}

impl Access {
    /// The word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Access::Authenticated => "authenticated",
            Access::Optional => "optional",
            Access::Public => "public",
            Access::Certificate => "certificate",
        }
    }
}

impl Mode {
    /// The word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::Enforce => "enforce",
            Mode::Audit => "audit",
        }
    }
}

fn word<S: Serializer>(reason: &Option<Reason>, serializer: S) -> Result<S::Ok, S::Error> {
    reason.map(Reason::as_str).serialize(serializer)
}

fn plain_word<S: Serializer>(reason: &Reason, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(reason.as_str())
}

#[cfg(test)]
mod tests;
