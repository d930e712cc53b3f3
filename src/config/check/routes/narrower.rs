//! `pools`, `token_use` and `client_ids` of a route: never wider than what the pools themselves take.

use crate::config::check::pools::{self, Pools};
use crate::config::raw::Value;
use crate::config::raw::item::Item;
use crate::config::raw::table::Table;
use crate::policy::route::Access;
use crate::token::trust::{self, Clients, TokenUse, Uses};

/// Which tokens a route takes, of those that are good.
#[derive(Default)]
pub(super) struct Narrowed {
    pub(super) pools: Option<Vec<usize>>,
    pub(super) token_use: Option<Uses>,
    pub(super) client_ids: Option<Clients>,
}

/// Reads them; on a route where no token is looked at, each is a fault.
pub(super) fn read(table: &mut Table<'_>, access: Access, pools: &Pools) -> Narrowed {
    let tokenless = match access {
        Access::Public => Some("no token is looked at on a `public` route"),
        Access::Certificate => Some("no token is looked at on a `certificate` route"),
        Access::Authenticated | Access::Optional => None,
    };
    if let Some(why) = tokenless {
        super::pointless(table, &["pools", "token_use", "client_ids"], why);
        return Narrowed::default();
    }
    let named = table.optional("pools", |item| {
        item.some("a list of pool names", |item| pools.named(item))
    });
    let trusted: Vec<&trust::Pool> = pools
        .list
        .iter()
        .enumerate()
        .filter(|(at, _)| named.as_ref().is_none_or(|named| named.contains(at)))
        .map(|(_, pool)| &*pool.trust)
        .collect();
    let token_use = table.optional("token_use", |item| {
        let uses = pools::token_use(item)?;
        token_use_of(item, uses, &trusted, named.is_some())
    });
    let client_ids = table.optional("client_ids", |item| client_ids(item, &trusted));
    Narrowed {
        pools: named,
        token_use,
        client_ids,
    }
}

/// Each pool that the route names must take what the route takes; where it names none, one of all pools must.
fn token_use_of(item: Item<'_>, uses: Uses, pools: &[&trust::Pool], named: bool) -> Option<Uses> {
    let taken_by = |pool: &&trust::Pool, one| pool.token_use.contains(one);
    let taken = |one| match named {
        true => pools.iter().all(|pool| taken_by(pool, one)),
        false => pools.is_empty() || pools.iter().any(|pool| taken_by(pool, one)),
    };
    let wider = [TokenUse::Access, TokenUse::Id]
        .into_iter()
        .any(|one| uses.contains(one) && !taken(one));
    match wider {
        false => Some(uses),
        true => item.refuse_with_help(
            "`token_use` is wider than the pool's",
            "expected what the pool takes, or less",
            "set `token_use` of the pool; a route can only narrow it",
        ),
    }
}

fn client_ids(item: Item<'_>, pools: &[&trust::Pool]) -> Option<Clients> {
    if matches!(&item.node.value, Value::String(text) if text == "any") {
        return item.refuse(
            "`client_ids` of a route can only narrow the pool's",
            "expected a list, or nothing at all for every client of the pool",
        );
    }
    item.some("a list of client ids", |item| {
        let client = item.string()?;
        match pools.is_empty() || pools.iter().any(|pool| pool.client_ids.contains(client)) {
            true => Some(client.to_owned()),
            false => item.refuse(
                "no pool of this route takes this client",
                "expected one of the pool's `client_ids`",
            ),
        }
    })
    .map(Clients::These)
}
