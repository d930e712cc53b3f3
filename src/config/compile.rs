//! Config → what decides: the part of a snapshot that needs no key, no connection and no clock.

use std::sync::Arc;

use super::model::{Address, Config, Login, Preflight, Purpose, Upstream};
use crate::policy::explain::Names;
use crate::policy::permit::Policy;
use crate::policy::route::{Conflict, RouteTable};
use crate::policy::session::Sessions;
use crate::session::{Jar, Keys};
use crate::token::trust::{self, Clients, Trust, Uses};

/// Everything a decision is made from.
///
/// # Errors
/// Routes that can't be told apart; a configuration that was checked has none.
pub fn policy(config: &Config) -> Result<Policy, Vec<Conflict>> {
    Ok(Policy {
        hosts: config.server.hosts.clone(),
        table: RouteTable::compile(&config.routes, config.paths.case, config.paths.allow)?,
        routes: config.routes.clone(),
        unrouted: match config.purpose {
            Purpose::Guard => None,
            Purpose::Learn => Some(config.catch_all.clone()),
        },
        case: config.paths.case,
        sources: config.tokens.sources.clone(),
        trust: Trust::new(config.pools.iter().map(|pool| pool.trust.clone()).collect()),
        cors: config.cors.is_some(),
        cross_site: config.tokens.cross_site.clone(),
        external_origin: config.server.external_origin.clone(),
        sessions: config.login.as_deref().map(|login| sessions(config, login)),
    })
}

/// The sessions of browsers.
fn sessions(config: &Config, login: &Login) -> Sessions {
    let mut pools: Vec<_> = config.pools.iter().map(|pool| pool.trust.clone()).collect();
    // An ID token of a sign-in is good for nothing but that: it may be one that no route takes.
    let own = trust::Pool {
        token_use: Uses::Id,
        client_ids: Clients::These(vec![login.client.id.clone()]),
        audiences: Vec::new(),
        ..trust::Pool::clone(&pools[login.pool])
    };
    pools[login.pool] = Arc::new(own);
    Sessions {
        jar: Jar::new(&login.cookie_name, Keys::new(&login.session_keys)),
        pool: login.pool,
        client_id: login.client.id.clone(),
        lifetime: login.session_lifetime.as_secs_f64(),
        callback_path: login.callback_path.clone(),
        logout_path: login.logout_path.clone(),
        identity_trust: Trust::new(pools),
    }
}

/// What an explanation calls things.
pub fn names(config: &Config) -> Names {
    let cors = config.cors.as_ref();
    Names {
        upstreams: (config.upstreams.iter())
            .map(|upstream| (upstream.name.clone(), address(upstream)))
            .collect(),
        answers_preflights: cors.is_some_and(|cors| cors.preflight == Preflight::Answer),
    }
}

fn address(upstream: &Upstream) -> String {
    match &upstream.address {
        Address::Tcp { tls, host, port } => {
            let scheme = if *tls { "https" } else { "http" };
            match host.contains(':') {
                true => format!("{scheme}://[{host}]:{port}"),
                false => format!("{scheme}://{host}:{port}"),
            }
        }
        Address::Unix(path) => format!("unix:{}", path.display()),
    }
}
