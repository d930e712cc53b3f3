//! What the claims of a token must say for the token to be good, whatever the route.
//!
//! Types first, then time, then use, client and audience. Only parsed values are compared, whole and by exact bytes;
//! a claim that is missing never passes where one is needed.

use std::slice;

use serde_json::Value;

use crate::clock::Timestamp;
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::token::claims::{Claims, lookup};
use crate::token::trust::{Clients, Pool, PoolKind, TokenUse, Uses};

/// The first second of the year 10000: an `exp` from here on is no time anyone meant.
const YEAR_10000: Timestamp = 253_402_300_800.0;
/// How far ahead `iat` may be at least, in seconds: clocks differ, and an early `iat` harms nobody.
const IAT_LEEWAY: Timestamp = 60.0;

const fn invalid(detail: &'static str) -> Refusal {
    Refusal::new(Reason::InvalidClaims, detail)
}

/// What the claims say, once they hold.
pub(super) struct Standing {
    pub(super) token_use: TokenUse,
    pub(super) expires: Timestamp,
    pub(super) sub: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) scopes: Vec<String>,
    pub(super) groups: Vec<String>,
}

/// Checks the claims against the pool. `is_access_typ`: the token's header calls it an access token.
pub(super) fn check(
    claims: &Claims,
    pool: &Pool,
    is_access_typ: bool,
    now: Timestamp,
) -> Result<Standing, Refusal> {
    check_types(claims, pool)?;
    let expires = check_times(claims, pool.leeway, now)?;
    let token_use = token_use(claims, pool, is_access_typ)?;
    let client_id = check_client(claims, pool, token_use)?;
    if !pool.audiences.is_empty() && !meets_audience(claims, pool) {
        return Err(WRONG_AUDIENCE);
    }
    Ok(Standing {
        token_use,
        expires,
        sub: text(claims, "sub").map(str::to_owned),
        client_id: client_id.map(str::to_owned),
        scopes: scopes(claims, pool)?,
        groups: groups(claims, pool)?,
    })
}

/// RFC 7519 §4.1: whatever is there has its type. A null is not an absence.
fn check_types(claims: &Claims, pool: &Pool) -> Result<(), Refusal> {
    let is_not =
        |name: &str, fits: fn(&Value) -> bool| lookup(claims, name).is_some_and(|v| !fits(v));
    let strings = [
        "iss",
        "sub",
        "jti",
        "client_id",
        "token_use",
        "azp",
        &pool.client_claim,
    ];
    if strings
        .into_iter()
        .any(|name| is_not(name, Value::is_string))
        || (pool.kind == PoolKind::Cognito && is_not("scope", Value::is_string))
    {
        return Err(invalid("a claim that must be a string is not one"));
    }
    if audience(claims).iter().any(|entry| !entry.is_string()) {
        return Err(invalid("aud is neither a string nor a list of strings"));
    }
    if ["exp", "nbf", "iat"]
        .into_iter()
        .any(|name| is_not(name, Value::is_number))
    {
        return Err(invalid("exp, nbf and iat must be numbers"));
    }
    Ok(())
}

/// RFC 7519 §4.1.4-6, with no leeway but the configured one. JSON numbers are finite, fractions are allowed.
fn check_times(claims: &Claims, leeway: Timestamp, now: Timestamp) -> Result<Timestamp, Refusal> {
    let time = |name: &str| claims.get(name).and_then(Value::as_f64);
    let expires = time("exp").ok_or(invalid("the token has no exp"))?;
    if expires >= YEAR_10000 {
        return Err(invalid("the token's exp is beyond the year 9999"));
    }
    if now >= expires + leeway {
        return Err(Refusal::new(
            Reason::Expired,
            "the token has expired; get a new one",
        ));
    }
    if time("nbf").is_some_and(|start| start > now + leeway) {
        return Err(Refusal::new(
            Reason::NotYetValid,
            "the token's nbf lies in the future",
        ));
    }
    if time("iat").is_some_and(|made| made > now + leeway.max(IAT_LEEWAY)) {
        return Err(Refusal::new(
            Reason::NotYetValid,
            "the token's iat lies in the future",
        ));
    }
    Ok(expires)
}

const WRONG_AUDIENCE: Refusal = Refusal::new(
    Reason::WrongAudience,
    "the token's aud names none of the audiences accepted here",
);

/// What the token is for, if the pool takes such tokens here. Cognito always says so. Of another issuer's tokens one that
/// says nothing is an access token when its `typ` is at+jwt, or when audiences are configured, which it then must
/// meet; else it is an ID token.
fn token_use(claims: &Claims, pool: &Pool, is_access_typ: bool) -> Result<TokenUse, Refusal> {
    let found = match text(claims, "token_use") {
        Some("access") => TokenUse::Access,
        Some("id") => TokenUse::Id,
        Some(_) => {
            return Err(wrong_use("the token's token_use is neither access nor id"));
        }
        None if pool.kind == PoolKind::Cognito => {
            return Err(invalid("the token has no token_use"));
        }
        None if is_access_typ => TokenUse::Access,
        None if pool.audiences.is_empty() => TokenUse::Id,
        None if meets_audience(claims, pool) => TokenUse::Access,
        None => return Err(WRONG_AUDIENCE),
    };
    match (pool.token_use.contains(found), found) {
        (true, _) => Ok(found),
        (false, TokenUse::Id) => Err(wrong_use(
            "this is an ID token; this route takes access tokens",
        )),
        (false, TokenUse::Access) => Err(wrong_use(
            "this is an access token; this route takes ID tokens",
        )),
    }
}

const fn wrong_use(detail: &'static str) -> Refusal {
    Refusal::new(Reason::WrongTokenUse, detail)
}

/// The client the token was issued to, if its tokens are taken.
fn check_client<'a>(
    claims: &'a Claims,
    pool: &Pool,
    token_use: TokenUse,
) -> Result<Option<&'a str>, Refusal> {
    const WRONG_CLIENT: Refusal = Refusal::new(
        Reason::WrongClient,
        "the token was issued to a client that is not accepted here",
    );
    match token_use {
        TokenUse::Access => match text(claims, &pool.client_claim) {
            Some(client) if pool.client_ids.contains(client) => Ok(Some(client)),
            Some(_) => Err(WRONG_CLIENT),
            None if pool.client_ids == Clients::Any => Ok(None),
            None => Err(invalid(
                "the token does not say which client it was issued to",
            )),
        },
        // OpenID Connect Core §3.1.3.7: an audience that is not trusted spoils the token, be ours beside it or not (C09).
        TokenUse::Id => {
            if claims.get("aud").is_none() {
                return Err(invalid("the ID token has no aud"));
            }
            let audience = audience(claims);
            let authorized = text(claims, "azp");
            let accepted =
                |client: &Value| client.as_str().is_some_and(|c| pool.client_ids.contains(c));
            if audience.is_empty()
                || !audience.iter().all(accepted)
                || authorized.is_some_and(|client| !pool.client_ids.contains(client))
            {
                return Err(WRONG_CLIENT);
            }
            Ok(authorized.or_else(|| audience[0].as_str()))
        }
    }
}

/// The entries of `aud`: a string is a list of one.
fn audience(claims: &Claims) -> &[Value] {
    match claims.get("aud") {
        None => &[],
        Some(Value::Array(entries)) => entries,
        Some(entry) => slice::from_ref(entry),
    }
}

fn meets_audience(claims: &Claims, pool: &Pool) -> bool {
    let accepted = |entry: &Value| pool.audiences.iter().any(|audience| entry == audience);
    audience(claims).iter().any(accepted)
}

/// Split at single spaces (RFC 6749 §3.3), compared whole; every other blank is part of a scope (C10, C11).
fn scopes(claims: &Claims, pool: &Pool) -> Result<Vec<String>, Refusal> {
    match lookup(claims, &pool.scope_claim) {
        None => Ok(Vec::new()),
        Some(Value::String(scopes)) => Ok(scopes
            .split(' ')
            .filter(|scope| !scope.is_empty())
            .map(str::to_owned)
            .collect()),
        Some(Value::Array(scopes)) if pool.kind == PoolKind::Issuer => strings(scopes).ok_or(
            invalid("the scope claim is a list of something else than strings"),
        ),
        Some(_) => Err(invalid("the scope claim has the wrong type")),
    }
}

/// Cognito's pre-token triggers may write one group as a string; it is a list of one, never split (C14).
fn groups(claims: &Claims, pool: &Pool) -> Result<Vec<String>, Refusal> {
    const WRONG_TYPE: Refusal =
        invalid("the group claim is neither a string nor a list of strings");
    match lookup(claims, &pool.groups_claim) {
        None => Ok(Vec::new()),
        Some(Value::String(group)) => Ok(vec![group.clone()]),
        Some(Value::Array(groups)) => strings(groups).ok_or(WRONG_TYPE),
        Some(_) => Err(WRONG_TYPE),
    }
}

fn strings(list: &[Value]) -> Option<Vec<String>> {
    list.iter()
        .map(|item| item.as_str().map(str::to_owned))
        .collect()
}

fn text<'a>(claims: &'a Claims, name: &str) -> Option<&'a str> {
    lookup(claims, name).and_then(Value::as_str)
}

/// Which use a token of this pool has when nobody says.
pub(super) const fn usual_use(pool: &Pool) -> TokenUse {
    match pool.token_use {
        Uses::Access | Uses::Any => TokenUse::Access,
        Uses::Id => TokenUse::Id,
    }
}
