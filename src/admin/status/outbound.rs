//! What the courier's listeners were asked for: each destination with its answers, and what named none.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::config::Config;
use crate::config::model::Outbound;
use crate::config::model::credentials::{Destination, Shown};
use crate::outbound::destination;

/// Counts by listener and route, then by status.
type Answers = BTreeMap<(String, String), BTreeMap<String, u64>>;

/// Every listener in the configuration's order, with its destinations, and what else was met there.
pub(super) fn outbound(config: &Config, answers: &Answers) -> Value {
    let listeners = config.outbound.iter();
    listeners
        .flat_map(|listener| rows(config, listener, answers))
        .collect()
}

fn rows(config: &Config, listener: &Outbound, answers: &Answers) -> Vec<Value> {
    let configured = listener.destinations().iter().map(|one| {
        let name = destination::name(&one.address).to_string();
        (name, credential(config, one))
    });
    let configured: Vec<(String, Option<&str>)> = configured.collect();
    let met = answers.keys().filter(|(of, name)| {
        *of == *listener.name && !configured.iter().any(|(known, _)| known == name)
    });
    let met: Vec<(String, Option<&str>)> = met.map(|(_, name)| (name.clone(), None)).collect();
    let row = |(name, credential): (String, Option<&str>)| {
        let codes = answers.get(&(listener.name.to_string(), name.clone()));
        let codes = codes.cloned().unwrap_or_default();
        json!({
            "listener": &*listener.name,
            "destination": name,
            "credential": credential,
            "requests": codes.values().sum::<u64>(),
            "answers": codes,
        })
    };
    configured.into_iter().chain(met).map(row).collect()
}

fn credential<'c>(config: &'c Config, destination: &Destination) -> Option<&'c str> {
    let index = match destination.authorization.as_ref()? {
        Shown::Token { credential, .. } | Shown::Signature { credential, .. } => *credential,
    };
    config.credentials.get(index).map(|known| &*known.name)
}
