//! Which claims anything in a configuration asks for: what a remembered token keeps of its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::model::Config;
use crate::token::trust;

/// Whether it is a user's token is read off these.
const NAMES_OF_USERS: [&str; 2] = ["username", "cognito:username"];

/// Notes them in the settings of every pool: they may well come from any.
pub(super) fn note(config: &mut Config) {
    let mut kept: BTreeSet<Box<str>> = NAMES_OF_USERS.map(Box::from).into();
    for route in config.routes.iter().chain([&config.catch_all]) {
        let mut keep = |name: &str| {
            kept.insert(name.into());
        };
        route.rule.each_claim(&mut keep);
        route.headers.each_claim(&mut keep);
    }
    for pool in &mut config.pools {
        let pool = Arc::make_mut(pool);
        pool.trust = Arc::new(trust::Pool {
            kept: Some(kept.clone()),
            ..trust::Pool::clone(&pool.trust)
        });
    }
}
