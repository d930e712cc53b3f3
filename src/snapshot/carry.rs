//! What outlives a change of the configuration: every part whose settings are equal stays the very same object.
//!
//! Connections, key rings and the memory of tokens hang on the identity of these parts (`Arc::ptr_eq`): what is equal
//! but made anew would be trusted, yet forgotten.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::Config;
use crate::config::model::Pool;
use crate::identity::Plan;

/// Puts the parts of `old` in place of those of `new` that are equal to them.
pub(super) fn keep_equal(new: &mut Config, old: &Config) {
    for pool in &mut new.pools {
        if let Some(known) = named(old, &pool.trust.name) {
            keep_pool(pool, known);
        }
    }
    for upstream in &mut new.upstreams {
        let known = old
            .upstreams
            .iter()
            .find(|known| known.name == upstream.name);
        if let Some(known) = known.filter(|known| *known == upstream) {
            *upstream = known.clone();
        }
    }
    keep_plans(new, old);
}

fn named<'c>(config: &'c Config, pool: &str) -> Option<&'c Arc<Pool>> {
    config.pools.iter().find(|known| *known.trust.name == *pool)
}

fn keep_pool(pool: &mut Arc<Pool>, known: &Arc<Pool>) {
    if pool == known {
        *pool = known.clone();
    } else if pool.trust == known.trust {
        // Its keys come from elsewhere, or otherwise; whom it trusts is the same.
        *pool = Arc::new(Pool {
            trust: known.trust.clone(),
            ..Pool::clone(pool)
        });
    }
}

/// Principals remember the headers of one plan. Routes share plans, so a plan is kept for all of them or for none.
fn keep_plans(new: &mut Config, old: &Config) {
    let before: HashMap<&str, &Arc<Plan>> = old
        .routes
        .iter()
        .map(|route| (&*route.name, &route.headers))
        .collect();
    let mut kept: HashMap<*const Plan, Arc<Plan>> = HashMap::new();
    for route in &new.routes {
        let plan = Arc::as_ptr(&route.headers);
        if let Some(known) = before.get(&*route.name)
            && !kept.contains_key(&plan)
            && **known == route.headers
        {
            kept.insert(plan, Arc::clone(known));
        }
    }
    for route in &mut new.routes {
        if let Some(known) = kept.get(&Arc::as_ptr(&route.headers)) {
            route.headers = known.clone();
        }
    }
}
