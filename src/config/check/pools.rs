//! `[pools.NAME]`: whom tokens are trusted from, and where their keys come from.
//!
//! A pool is a Cognito user pool by its id, from which region, issuers and JWKS URLs follow, or any OIDC issuer by its URL.

pub(super) mod cognito;
mod keys;

use std::sync::Arc;
use std::time::Duration;

use super::{fetch, named, origins};
use crate::config::fault::Fault;
use crate::config::inspection::Inspection;
use crate::config::model::{JwksSource, Pool};
use crate::config::raw::item::Item;
use crate::config::raw::table::Table;
use crate::config::raw::{Span, Value};
use crate::token::trust::{self, Clients, PoolKind, Uses};

const MINUTE: Duration = Duration::from_secs(60);

/// All pools.
pub(super) struct Pools {
    /// In the order of the text.
    pub(super) list: Vec<Arc<Pool>>,
}

impl Pools {
    /// The index of the pool that an item names.
    pub(super) fn named(&self, item: Item<'_>) -> Option<usize> {
        let known: Vec<&str> = self.list.iter().map(|pool| &*pool.trust.name).collect();
        named(item, &known, "pool", "a [pools.NAME]")
    }
}

/// Where a pool is told to sign with an issuer.
struct Signs {
    issuer: String,
    pool: String,
    span: Span,
}

/// Reads every pool. Without one there is nobody to trust: that is a fault, never "no authentication".
pub(super) fn pools(item: Option<Item<'_>>, global: &Table<'_>, at: &Inspection<'_>) -> Pools {
    let (mut list, mut signs) = (Vec::new(), Vec::new());
    if let Some(table) = item.and_then(|item| item.table("[pools]", "pools")) {
        for item in table.names() {
            let name = format!("[pools.{}]", item.key);
            if let Some(table) = item.table(&name, "pools.*") {
                list.push(Arc::new(pool(item.key, table, global, &mut signs)));
            }
        }
    }
    if list.is_empty() {
        at.tell(
            Fault::missing(
                item.map(Item::span),
                "no pool is configured",
                "expected a table [pools.NAME] at least",
            )
            .with_help("user_pool_id and client_ids are all it needs"),
        );
    }
    Pools { list }
}

fn pool(name: &str, mut table: Table<'_>, global: &Table<'_>, signs: &mut Vec<Signs>) -> Pool {
    let identity = Identity::read(&mut table);
    let extra = table.take("extra_issuers");
    let mut issuers = identity.issuers.clone();
    for issuer in &issuers {
        let span = identity.span.clone();
        vouch(signs, name, issuer, span, table.at);
    }
    let read = |item: Item<'_>| item.each("a list of issuer URLs", origins::trusted);
    for issuer in extra.and_then(read).unwrap_or_default() {
        let span = extra.map(Item::span);
        vouch(signs, name, &issuer, span, table.at);
        issuers.push(issuer);
    }
    let kind = identity.kind;
    let jwks_file = table.optional("jwks_file", |item| keys::file(item, kind));
    let jwks = keys::source(&mut table, identity.jwks);
    let own = table.below("fetch", "fetch");
    let pool = Pool {
        fetch: Arc::new(fetch::fetch(own.with_fallback(global.entries))),
        jwks,
        jwks_file,
        refresh: table.or("jwks_refresh", Item::lapse, 15 * MINUTE),
        cooldown: table.or("jwks_cooldown", Item::lapse, Duration::from_secs(10)),
        max_stale: table.or("jwks_max_stale", Item::lapse, 24 * 60 * MINUTE),
        required: table.or("required", Item::boolean, true),
        trust: Arc::new(trust(name, identity.kind, issuers, &mut table)),
    };
    if pool.max_stale < pool.refresh
        && let Some(item) = table.take("jwks_max_stale").or(table.take("jwks_refresh"))
    {
        item.refuse_with_help::<()>(
            "keys would be given up before they are refreshed",
            "expected `jwks_max_stale` to be no shorter than `jwks_refresh`",
            "by default keys are refreshed every 15m and kept for 24h",
        );
    }
    table.finish();
    pool
}

/// Notes that a pool signs with an issuer, which no other may, nor the same one twice.
fn vouch(
    signs: &mut Vec<Signs>,
    pool: &str,
    issuer: &str,
    span: Option<Span>,
    at: &Inspection<'_>,
) {
    let span = span.unwrap_or_default();
    match signs.iter().find(|known| known.issuer == issuer) {
        Some(known) if known.pool == pool => at.tell(Fault::at(
            span,
            format!("pool `{pool}` has this issuer already"),
            "expected further issuers, not its own",
        )),
        Some(known) => at.tell(
            Fault::at(
                span,
                format!("pools `{}` and `{pool}` have one issuer", known.pool),
                "a token's issuer must tell its pool",
            )
            .with_related(known.span.clone(), "the same issuer")
            .with_help("one pool may have several client_ids; routes can be narrower"),
        ),
        None => signs.push(Signs {
            issuer: issuer.to_owned(),
            pool: pool.to_owned(),
            span,
        }),
    }
}

/// Who a pool is: what `user_pool_id` or `issuer` says.
struct Identity {
    kind: PoolKind,
    issuers: Vec<String>,
    jwks: JwksSource,
    span: Option<Span>,
}

impl Identity {
    fn read(table: &mut Table<'_>) -> Identity {
        let (id, issuer) = (table.take("user_pool_id"), table.take("issuer"));
        match (id, issuer) {
            (Some(id), None) => Identity::cognito(id),
            (None, Some(issuer)) => Identity::issuer(issuer),
            (Some(id), Some(issuer)) => {
                issuer.tell::<()>(
                    Fault::at(
                        issuer.key_span.clone(),
                        format!("{} has both `user_pool_id` and `issuer`", table.name),
                        "expected one of them",
                    )
                    .with_related(id.key_span.clone(), "the issuer follows from this")
                    .with_help("further `iss` values of one pool go to `extra_issuers`"),
                );
                Identity::issuer(issuer); // for its own faults
                Identity::cognito(id)
            }
            (None, None) => {
                let expected = "expected `user_pool_id`, or `issuer` for another OIDC issuer";
                table.lacks("user_pool_id", expected);
                Identity::nobody(PoolKind::Cognito, None)
            }
        }
    }

    fn nobody(kind: PoolKind, span: Option<Span>) -> Identity {
        Identity {
            kind,
            issuers: Vec::new(),
            jwks: JwksSource::None,
            span,
        }
    }

    fn cognito(item: Item<'_>) -> Identity {
        let Some(issuers) = item.parsed(cognito::EXPECTED, cognito::issuers) else {
            return Identity::nobody(PoolKind::Cognito, Some(item.span()));
        };
        let url = |issuer: &String| format!("{issuer}/.well-known/jwks.json");
        Identity {
            jwks: JwksSource::Urls(issuers.iter().map(url).collect()),
            kind: PoolKind::Cognito,
            issuers: issuers.to_vec(),
            span: Some(item.span()),
        }
    }

    fn issuer(item: Item<'_>) -> Identity {
        let Some(issuer) = origins::trusted(item) else {
            return Identity::nobody(PoolKind::Issuer, Some(item.span()));
        };
        // OpenID Connect Discovery 1.0 §4: a trailing slash goes before the well-known path is put behind.
        let base = issuer.trim_end_matches('/');
        Identity {
            jwks: JwksSource::Discovery(format!("{base}/.well-known/openid-configuration")),
            kind: PoolKind::Issuer,
            issuers: vec![issuer],
            span: Some(item.span()),
        }
    }
}

/// What is asked of the pool's tokens, whatever the route.
fn trust(name: &str, kind: PoolKind, issuers: Vec<String>, table: &mut Table<'_>) -> trust::Pool {
    let mut claim = |key: &'static str, default: &str| {
        table.or(
            key,
            |item| item.string().map(str::to_owned),
            default.to_owned(),
        )
    };
    let scope_claim = claim("scope_claim", "scope");
    let groups_claim = claim("groups_claim", "cognito:groups");
    let client_claim = claim("client_claim", "client_id");
    trust::Pool {
        name: name.into(),
        issuers,
        kind,
        client_ids: table
            .required(
                "client_ids",
                "expected `client_ids`: the app clients whose tokens are taken",
                clients,
            )
            .unwrap_or(Clients::Any),
        token_use: table.or("token_use", token_use, Uses::Access),
        audiences: table.or("audiences", Item::strings, Vec::new()),
        scope_claim,
        groups_claim,
        client_claim,
        leeway: table.or("leeway", leeway, Duration::ZERO).as_secs_f64(),
        kept: None, // known once all routes are read
    }
}

/// A list of client ids, or `"any"` written out.
pub(super) fn clients(item: Item<'_>) -> Option<Clients> {
    if matches!(&item.node.value, Value::String(text) if text == "any") {
        return Some(Clients::Any);
    }
    item.some("a list of client ids, or \"any\"", |item| {
        item.string().map(str::to_owned)
    })
    .map(Clients::These)
}

/// `token_use` of a pool or a route.
pub(super) fn token_use(item: Item<'_>) -> Option<Uses> {
    item.one_of(&[
        ("access", Uses::Access),
        ("id", Uses::Id),
        ("any", Uses::Any),
    ])
}

fn leeway(item: Item<'_>) -> Option<Duration> {
    let leeway = item.duration()?;
    match leeway <= 5 * MINUTE {
        true => Some(leeway),
        false => item.refuse_with_help(
            "`leeway` is too long",
            "expected at most \"5m\"",
            "a token that has expired would be good for all that time",
        ),
    }
}
