//! What plugins were refused and survived, for metrics: plugin and cause only.
//!
//! A call that ends by a limit is counted by its outcome. A call that is denied a host or told that
//! its share is used up may end well all the same, and an attack of that kind would be seen nowhere.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// How often something was refused to a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusalCount {
    pub plugin: String,
    pub cause: &'static str,
    pub count: u64,
}

/// Of one call.
#[derive(Debug, Default)]
pub(super) struct Refused(BTreeMap<&'static str, u64>);

/// Of all calls, and of all that did not pass the gate.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    calls: Mutex<BTreeMap<(String, &'static str), u64>>,
    gate: Mutex<BTreeMap<&'static str, u64>>,
}

impl Refused {
    pub(super) fn note(&mut self, cause: &'static str) {
        self.note_many(cause, 1);
    }

    pub(super) fn note_many(&mut self, cause: &'static str, count: u64) {
        if 0 < count {
            let sum = self.0.entry(cause).or_default();
            *sum = sum.saturating_add(count);
        }
    }

    #[cfg(test)]
    pub(super) fn into_counts(self) -> Vec<(&'static str, u64)> {
        self.0.into_iter().collect()
    }
}

impl Refusals {
    /// Adds what one call of this plugin was refused.
    pub(super) fn add(&self, plugin: &str, refused: Refused) {
        if refused.0.is_empty() {
            return;
        }
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        for (cause, count) in refused.0 {
            let sum = calls.entry((plugin.to_owned(), cause)).or_default();
            *sum = sum.saturating_add(count);
        }
    }

    /// A plugin did not pass the gate.
    pub(super) fn turned_away(&self, reason: &'static str) {
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = gate.entry(reason).or_default();
        *sum = sum.saturating_add(1);
    }

    pub(super) fn counts(&self) -> Vec<RefusalCount> {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |((plugin, cause), count): (&(String, &'static str), &u64)| RefusalCount {
            plugin: plugin.clone(),
            cause,
            count: *count,
        };
        calls.iter().map(count).collect()
    }

    /// Reason and number.
    pub(super) fn at_the_gate(&self) -> Vec<(&'static str, u64)> {
        let gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        gate.iter().map(|(reason, count)| (*reason, *count)).collect()
    }
}
