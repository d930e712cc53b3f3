//! The tightest rule that admits every token that was seen: what all of them carried, or one of what each carried.
//!
//! Scopes that every signed-in user has (`openid` and its kin) say nothing of what a token is for; they are asked for only
//! where there is nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::Tally;
use crate::token::Principal;

/// Distinct sets that are remembered; beyond them only what all had in common is known.
const SETS: usize = 32;
/// Scopes and groups of one token that are looked at.
const ITEMS: usize = 100;
/// Clients that a rule names; more than these are no list that anybody keeps.
const NAMED: usize = 8;

/// OpenID Connect's own scopes, and the one that Cognito gives every signed-in user.
const COMMON: [&str; 7] = [
    "openid",
    "profile",
    "email",
    "phone",
    "address",
    "offline_access",
    "aws.cognito.signin.user.admin",
];

/// Something that a token carries and a rule can ask for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    Scope(String),
    Group(String),
}

impl Item {
    fn is_common(&self) -> bool {
        matches!(self, Item::Scope(scope) if COMMON.contains(&scope.as_str()))
    }
}

/// What the tokens on one line carried.
#[derive(Clone, Debug, Default)]
pub(super) struct Carried {
    /// Each distinct set; none once there were too many.
    sets: Option<BTreeSet<BTreeSet<Item>>>,
    /// What all had; none before the first.
    shared: Option<BTreeSet<Item>>,
}

/// What a line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// All of these: every token had them.
    All(Vec<Item>),
    /// One of these: every token had one.
    Any(Vec<Item>),
    /// A token of one of these clients.
    Clients(Vec<String>),
    /// Any good token.
    Anyone,
}

impl Carried {
    pub(super) fn note(&mut self, principal: &Principal) {
        // As RFC 6749 §3.3 has a scope; what else stands there could not be asked for.
        let is_scope = |scope: &&String| {
            (1..=200).contains(&scope.len())
                && scope
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte))
        };
        let is_group = |group: &&String| {
            (1..=200).contains(&group.len()) && !group.chars().any(char::is_control)
        };
        let scopes = principal.scopes.iter().filter(is_scope);
        let groups = principal.groups.iter().filter(is_group);
        let items: BTreeSet<Item> = scopes
            .cloned()
            .map(Item::Scope)
            .take(ITEMS)
            .chain(groups.cloned().map(Item::Group).take(ITEMS))
            .collect();
        self.merge(Carried {
            sets: Some([items.clone()].into()),
            shared: Some(items),
        });
    }

    pub(super) fn merge(&mut self, other: Carried) {
        let Some(theirs) = other.shared else { return };
        self.shared = Some(match self.shared.take() {
            None => {
                self.sets = other.sets;
                theirs
            }
            Some(ours) => {
                self.sets = self.sets.take().zip(other.sets).map(|(mut ours, theirs)| {
                    ours.extend(theirs);
                    ours
                });
                ours.intersection(&theirs).cloned().collect()
            }
        });
        self.sets = self.sets.take().filter(|sets| sets.len() <= SETS);
    }
}

/// The tightest rule for what was seen.
pub(super) fn asked(tally: &Tally) -> Asked {
    let shared = tally.carried.shared.clone().unwrap_or_default();
    let (common, own): (Vec<Item>, Vec<Item>) = shared.into_iter().partition(Item::is_common);
    if !own.is_empty() {
        return Asked::All(own);
    }
    if let Some(any) = tally.carried.sets.as_ref().and_then(one_of_each) {
        return Asked::Any(any);
    }
    if !common.is_empty() {
        return Asked::All(common);
    }
    match tally.other_clients == 0 && tally.clients.len() <= NAMED && !tally.clients.is_empty() {
        true => Asked::Clients(tally.clients.keys().cloned().collect()),
        false => Asked::Anyone,
    }
}

/// A few items of which every set has one; none if a set has nothing but what everybody has.
fn one_of_each(sets: &BTreeSet<BTreeSet<Item>>) -> Option<Vec<Item>> {
    let mut left: Vec<&BTreeSet<Item>> = sets.iter().collect();
    let mut chosen = Vec::new();
    while !left.is_empty() {
        let mut found: BTreeMap<&Item, usize> = BTreeMap::new();
        for item in left.iter().flat_map(|set| set.iter()) {
            if !item.is_common() {
                *found.entry(item).or_default() += 1;
            }
        }
        // The one that is in most sets; of equals the first, for the text to be the same every time.
        let best = found
            .into_iter()
            .max_by(|one, other| one.1.cmp(&other.1).then_with(|| other.0.cmp(one.0)))?
            .0
            .clone();
        left.retain(|set| !set.contains(&best));
        chosen.push(best);
    }
    chosen.sort();
    (!chosen.is_empty()).then_some(chosen)
}
