//! `[credentials.NAME]`: how the courier gets tokens. Secrets come from files and variables alone.
//!
//! Each grant has its own keys; one of another grant's is unknown here. What sends a secret is https, unless its host is loopback.

mod grants;

use std::sync::Arc;

pub(super) use grants::{client, confidential, region};

use super::fetch;
use crate::config::model::Credential;
use crate::config::model::credentials::{Grant, Via};
use crate::config::raw::item::Item;
use crate::config::raw::table::Table;

/// All credentials.
pub(super) struct Credentials {
    /// In the order of the text.
    pub(super) list: Vec<Arc<Credential>>,
}

impl Credentials {
    /// The index of the credential that an item names.
    pub(super) fn named(&self, item: Item<'_>) -> Option<usize> {
        let known: Vec<&str> = self.list.iter().map(|known| &*known.name).collect();
        named(item, &known)
    }

    /// The grant of the credential with this index.
    pub(super) fn grant(&self, index: usize) -> &Grant {
        &self.list[index].grant
    }
}

fn named(item: Item<'_>, known: &[&str]) -> Option<usize> {
    super::named(item, known, "credential", "a [credentials.NAME]")
}

/// Reads every credential.
pub(super) fn credentials(table: Table<'_>, global: &Table<'_>) -> Credentials {
    let tables: Vec<(&str, Table<'_>)> = table
        .names()
        .filter_map(|item| {
            let name = format!("[credentials.{}]", item.key);
            Some((item.key, item.table(&name, "credentials.*")?))
        })
        .collect();
    let names: Vec<&str> = tables.iter().map(|(name, _)| *name).collect();
    let mut list = Vec::new();
    let mut pools = Vec::new();
    for (name, mut table) in tables {
        let own = table.below("fetch", "fetch");
        let fetch = Arc::new(fetch::fetch(own.with_fallback(global.entries)));
        let kind = table.required(
            "grant",
            "expected `grant`: \"client_credentials\", or how a user signs in",
            |item| item.one_of(&grants::KINDS),
        );
        let (grant, user) = grants::grant(kind, &mut table, &names);
        if let Some(item) = user {
            pools.push((list.len(), item));
        }
        table.finish();
        list.push(Arc::new(Credential {
            name: name.into(),
            grant,
            fetch,
        }));
    }
    let credentials = Credentials { list };
    for (pool, item) in pools {
        of_a_user(&credentials, pool, item);
    }
    credentials
}

/// An identity pool takes ID tokens of a user pool: its credential must be of a user that signs in there.
fn of_a_user(credentials: &Credentials, pool: usize, item: Item<'_>) {
    let Grant::IdentityPool(settings) = credentials.grant(pool) else {
        return;
    };
    let is_user = match credentials
        .list
        .get(settings.credential)
        .map(|user| &user.grant)
    {
        Some(Grant::User(_)) => true,
        Some(Grant::Refresh(refresh)) => matches!(refresh.via, Via::Pool(_)),
        _ => false,
    };
    // A name that is not configured has been told already.
    let named = item.string().is_some_and(|name| {
        let known = |known: &Arc<Credential>| *known.name == *name;
        credentials.list.iter().any(known)
    });
    if named && !is_user {
        item.refuse::<()>(
            "this credential is not of a user",
            "expected one whose grant is \"user_password\", \"user_srp\" or \"refresh_token\" with `user_pool_id`",
        );
    }
}
