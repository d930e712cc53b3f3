//! A principal out of bare claims, for trying a policy without a token (`explain --claims`, `[tests]`).
//!
//! Never called for a request: no signature was seen. What the claims leave out is filled in as the pool would have it;
//! what they say is checked by the very rules that a token meets.

use serde_json::{Map, Value, json};

use super::rules::{self, usual_use};
use super::{NO_ISSUER, Principal, UNKNOWN_ISSUER};
use crate::clock::Timestamp;
use crate::refusal::Refusal;
use crate::token::claims::Claims;
use crate::token::trust::{Clients, Pool, TokenUse, Trust};

/// How long a token on trial lasts when its claims don't say, in seconds.
const LIFETIME: Timestamp = 3600.0;

/// The principal that a good token of this pool with these claims would give. Missing are filled in: `iss`, `exp` (an
/// hour from now), `token_use`, the client (the first accepted one), and `aud` where the pool asks for one.
///
/// It has no `key`, so a token cache never hands it out.
pub fn trial(
    claims: Claims,
    trust: &Trust,
    pool: usize,
    now: Timestamp,
) -> Result<Principal, Refusal> {
    let index = pool;
    let pool = trust.pools.get(index).ok_or(UNKNOWN_ISSUER)?;
    let mut map = claims.into_map();
    match map.get("iss") {
        None => {}
        Some(Value::String(issuer)) if pool.issuers.contains(issuer) => {}
        Some(Value::String(_)) => return Err(UNKNOWN_ISSUER),
        Some(_) => return Err(NO_ISSUER),
    }
    fill_in(&mut map, pool, now);
    let claims = Claims::from(map);
    let standing = rules::check(&claims, pool, false, now)?;
    Ok(Principal::new((index, pool), None, standing, claims))
}

fn fill_in(map: &mut Map<String, Value>, pool: &Pool, now: Timestamp) {
    let mut missing = |name: &str, value: Value| {
        map.entry(name).or_insert(value);
    };
    if let Some(issuer) = pool.issuers.first() {
        missing("iss", json!(issuer));
    }
    missing("exp", json!(now + LIFETIME));
    let usual = match usual_use(pool) {
        TokenUse::Access => "access",
        TokenUse::Id => "id",
    };
    missing("token_use", json!(usual));
    let is_id = map
        .get("token_use")
        .is_some_and(|token_use| token_use == "id");
    let client = match &pool.client_ids {
        Clients::These(clients) => clients.first().map(String::as_str),
        Clients::Any => None,
    };
    let mut missing = |name: &str, value: &str| {
        map.entry(name).or_insert_with(|| json!(value));
    };
    if is_id {
        // An ID token's audience is its client; where audiences are asked for too, one that is both will do.
        let both = pool
            .audiences
            .iter()
            .find(|audience| pool.client_ids.contains(audience));
        missing("aud", both.map(String::as_str).or(client).unwrap_or("any"));
        return;
    }
    // A client claim that is a JSON pointer has no place to be filled in at.
    if let Some(client) = client.filter(|_| !pool.client_claim.starts_with('/')) {
        missing(&pool.client_claim, client);
    }
    if let Some(audience) = pool.audiences.first() {
        missing("aud", audience);
    }
}
