//! Counts of calls, for metrics. No personal data: plugin, export and outcome only.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::id::PluginName;

/// The calls of one export of one plugin that ended in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallCount {
    pub plugin: PluginName,
    pub export: &'static str,
    /// `ok`, or the kind of the error.
    pub outcome: &'static str,
    pub calls: u64,
    pub took: Duration,
}

#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<BTreeMap<Key, Sum>>);

/// Plugin, export, outcome.
type Key = (PluginName, &'static str, &'static str);
/// Calls, and the time they took.
type Sum = (u64, Duration);

impl Tally {
    pub(super) fn count(
        &self,
        plugin: &PluginName,
        export: &'static str,
        outcome: &'static str,
        took: Duration,
    ) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (calls, sum) = counts.entry((plugin.clone(), export, outcome)).or_default();
        *calls = calls.saturating_add(1);
        *sum = sum.saturating_add(took);
    }

    pub(super) fn counts(&self) -> Vec<CallCount> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |(key, value): (&Key, &Sum)| {
            let ((plugin, export, outcome), (calls, took)) = (key.clone(), *value);
            CallCount { plugin, export, outcome, calls, took }
        };
        counts.iter().map(count).collect()
    }
}
