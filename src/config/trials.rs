//! Runs `[tests]`: each request is decided on by the gate's own code, and the answer compared with what was expected.
//!
//! A test reads what the *rules* say, whatever the route's `mode`: on a route in audit the reason it would be refused for is its
//! answer, so that switching audit on or off breaks no test. No network: claims stand for a token, and keys are never fetched.

use std::fmt;
use std::sync::Arc;

use super::compile;
use super::model::{Config, Expect, PolicyTest};
use crate::clock::Timestamp;
use crate::policy::explain::{Explanation, Names, Shown, explain, vouching_pool};
use crate::policy::permit::Policy;
use crate::token::keys::{KeySet, Keys};

/// A test whose answer is another than expected.
#[derive(Clone, Debug, PartialEq)]
pub struct FailedTest {
    /// Its name.
    pub name: String,
    /// What is wrong, one sentence each.
    pub complaints: Vec<String>,
    /// How the answer came about.
    pub explanation: Explanation,
}

impl fmt::Display for FailedTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "test \"{}\" fails: {}",
            self.name,
            self.complaints.join("; ")
        )?;
        for line in self.explanation.to_string().lines() {
            match line.is_empty() {
                true => writeln!(f)?,
                false => writeln!(f, "    {line}")?,
            }
        }
        Ok(())
    }
}

/// Runs every test of a checked configuration as of `now`, and tells those that fail, in their order.
pub fn run_tests(config: &Config, now: Timestamp) -> Vec<FailedTest> {
    // A configuration that was checked has no routes that collide.
    let Ok(policy) = compile::policy(config) else {
        return Vec::new();
    };
    let names = compile::names(config);
    let tests = config.tests.iter();
    tests
        .filter_map(|test| run(test, &policy, &names, now))
        .collect()
}

fn run(test: &PolicyTest, policy: &Policy, names: &Names, now: Timestamp) -> Option<FailedTest> {
    let shown = match &test.claims {
        None => Shown::Token(&NoKeys, true),
        Some(claims) => Shown::Claims(
            claims,
            test.pool
                .unwrap_or_else(|| vouching_pool(claims, &policy.trust)),
        ),
    };
    let now = test.now.unwrap_or(now);
    let explanation = explain(&test.asked, policy, shown, now, names)
        .expect("keys are asked for but once, and this is the second time");
    let complaints = complaints(test, &explanation);
    (!complaints.is_empty()).then(|| FailedTest {
        name: test.name.clone(),
        complaints,
        explanation,
    })
}

fn complaints(test: &PolicyTest, explanation: &Explanation) -> Vec<String> {
    let word = |expect: Expect| match expect {
        Expect::Allow => "allow",
        Expect::Refuse(reason) => reason.as_str(),
    };
    let got = explanation.verdict().map_or(Expect::Allow, Expect::Refuse);
    if got != test.expect {
        return vec![format!("expected {}, got {}", word(test.expect), word(got))];
    }
    let mut complaints = Vec::new();
    for (name, wanted) in &test.headers {
        let set: Vec<&str> = (explanation.headers.iter())
            .filter(|header| header.name == name.as_str())
            .map(|header| header.value.as_str())
            .collect();
        if set != *wanted {
            complaints.push(match wanted.is_empty() {
                true => format!("expected no header {name}"),
                false => format!("expected the header {name}: {}", wanted.join(", ")),
            });
        }
    }
    complaints
}

/// No test has a key: a token in one is never verified.
struct NoKeys;

impl Keys for NoKeys {
    fn of(&self, _: usize) -> Option<Arc<KeySet>> {
        None
    }
}

#[cfg(test)]
mod tests;
