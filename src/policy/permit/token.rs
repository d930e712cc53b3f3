//! Token → rule → identity: who a request speaks for, and whether that is enough.
//!
//! A token is where the sources say, or in a browser's session where the route takes one; never in both.

use http::header;

use super::allowed::check_allowed;
use super::{Evidence, Head, Means, Permit, Policy};
use crate::clock::Timestamp;
use crate::http::browser;
use crate::identity::{self, Proof};
use crate::policy::path::Readings;
use crate::policy::route::{Access, Route};
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::token::Principal;
use crate::token::cache::TokenCache;
use crate::token::find::{self, Place};
use crate::token::trust::Trust;
use crate::token::verify::{Verdict, verify};

const MISSING_TOKEN: Refusal = Refusal::new(
    Reason::MissingToken,
    "this route asks for a token: send it as \"Authorization: Bearer <access token>\"",
);
const CLAIMS_AND_TOKEN: Refusal = Refusal::new(
    Reason::MultipleTokens,
    "the request carries a token beside the claims that stand for one",
);
const SESSION_AND_TOKEN: Refusal = Refusal::new(
    Reason::MultipleTokens,
    "the request carries a token beside a session; send one of them",
);
const CROSS_SITE: Refusal = Refusal::new(
    Reason::CrossSite,
    "a token in a cookie is not taken from another site's page; send it in the Authorization header",
);

/// Token → rule → identity. `Ok(Some(pool))` asks for that pool's keys. What a good token proves goes into `permit`
/// as soon as it is proved, so that audit can hand it on even when the rule refuses.
pub(super) fn check_token<'p>(
    head: &Head<'_>,
    policy: &'p Policy,
    readings: &Readings<'_>,
    evidence: Evidence<'_>,
    now: Timestamp,
    permit: &mut Permit<'p>,
) -> Result<Option<usize>, Refusal> {
    let route = permit.route;
    let proof = |principal| Proof {
        principal,
        certificate: head.certificate,
    };
    match route.access {
        Access::Public => return Ok(None),
        Access::Certificate => {
            return identity::check(&route.headers, proof(None)).map(|()| None);
        }
        Access::Authenticated | Access::Optional => {}
    }
    let found = find::find(&policy.sources, head.headers, head.uri.query())?;
    let session = session(head, policy, route, evidence, now);
    if found.is_some() && session.is_some() {
        return Err(SESSION_AND_TOKEN);
    }
    permit.place = found.as_ref().map(|found| found.place);
    permit.by_cookie = session.is_some() || matches!(permit.place, Some(Place::Cookie(_)));
    let verdict = match (&found, session, evidence) {
        (Some(_), _, Evidence::Claims(_)) => return Err(CLAIMS_AND_TOKEN),
        (None, _, Evidence::Claims(proved)) => Verdict::Good(proved.clone()?),
        (None, None, _) if route.access == Access::Optional => return Ok(None),
        (None, None, _) => return Err(MISSING_TOKEN),
        _ if permit.by_cookie && !may_use_cookie(head, policy) => return Err(CROSS_SITE),
        (None, Some(verdict), _) => verdict,
        (Some(found), _, Evidence::Token(means)) => {
            recall_or_verify(&found.token, &policy.trust, means, now)
        }
    };
    let principal = match verdict {
        Verdict::Good(principal) => principal,
        Verdict::NeedKeys(pool) => return Ok(Some(pool)),
        Verdict::Refuse(refusal) => return Err(refusal),
    };
    let principal = permit.principal.insert(principal);
    check_allowed(route, principal)?;
    check_rule(route, principal, readings, now)?;
    identity::check(&route.headers, proof(Some(principal)))?;
    Ok(None)
}

/// Who the browser's session speaks for, where the route takes one and there is one.
fn session(
    head: &Head<'_>,
    policy: &Policy,
    route: &Route,
    evidence: Evidence<'_>,
    now: Timestamp,
) -> Option<Verdict> {
    let sessions = policy.sessions.as_ref().filter(|_| route.login)?;
    match evidence {
        Evidence::Token(means) => sessions.read(head, &policy.trust, means, now),
        Evidence::Claims(_) => None,
    }
}

/// Who the token speaks for, from memory where it was verified before.
fn recall_or_verify(token: &str, trust: &Trust, means: Means<'_>, now: Timestamp) -> Verdict {
    let Means {
        keys,
        cache,
        refreshed,
    } = means;
    let digest = TokenCache::digest(token);
    if let Some(principal) = cache.recall(&digest, trust, keys, now) {
        return Verdict::Good(principal);
    }
    let verdict = verify(token, trust, keys, now, refreshed);
    if let Verdict::Good(principal) = &verdict {
        cache.remember(digest, principal.clone());
    }
    verdict
}

pub(super) fn check_rule(
    route: &Route,
    principal: &Principal,
    readings: &Readings<'_>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let first: &str = &readings.first;
    route
        .rule
        .check(principal, &|name| route.pattern.parameter(first, name), now)
}

pub(super) fn may_use_cookie(head: &Head<'_>, policy: &Policy) -> bool {
    let ours = policy.external_origin.clone().or_else(|| {
        let host = head.headers.get(header::HOST)?.to_str().ok()?;
        Some(format!("{}://{}", head.scheme, host.to_ascii_lowercase()))
    });
    browser::may_use_cookie(
        head.method,
        head.headers,
        ours.as_deref().unwrap_or(""),
        &policy.cross_site,
    )
}
