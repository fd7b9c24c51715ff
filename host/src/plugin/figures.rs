//! How busy the plugin floor is, for metrics.

use std::{
    sync::{PoisonError, Weak},
    time::Duration,
};

use super::{Plugins, engine, refusals::RefusalCount, tally::CallCount};
use crate::id::PluginName;

/// How busy the floor is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    pub calls_in_flight: u32,
    /// Calls that fit at the same time, pure functions included.
    pub calls_max: u32,
    /// Slots of the pool in use; `None` where instances are made on demand.
    pub pool: Option<PoolFigures>,
    pub calls: Vec<CallCount>,
    /// Processor time of all calls of each plugin so far.
    pub ran: Vec<(PluginName, Duration)>,
    /// What plugins were refused and survived.
    pub refusals: Vec<RefusalCount>,
    /// Plugins that did not pass the gate, by reason.
    pub turned_away: Vec<(&'static str, u64)>,
    /// Names of plugins whose breaker is open.
    pub open_breakers: Vec<PluginName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolFigures {
    pub instances: u64,
    pub memories: usize,
    pub stacks: usize,
    pub warm_memories: u32,
}

impl Plugins {
    /// How busy the floor is, for metrics.
    pub fn figures(&self) -> Figures {
        let pool = self.0.engine.pooling_allocator_metrics().map(|pool| PoolFigures {
            instances: pool.component_instances(),
            memories: pool.memories(),
            stacks: pool.stacks(),
            warm_memories: pool.unused_warm_memories(),
        });
        let mut plugins = self.0.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        plugins.retain(|plugin| 0 < plugin.strong_count());
        let open = plugins
            .iter()
            .filter_map(Weak::upgrade)
            .filter(|plugin| plugin.breaker.is_open() || plugin.open_breaker.is_open());
        let limits = &self.0.limits;
        Figures {
            calls_in_flight: self.0.caller.in_flight(),
            calls_max: limits.calls.get().saturating_add(engine::pure_slots(limits)),
            pool,
            calls: self.0.tally.counts(),
            ran: self.0.caller.quotas.ran(),
            refusals: self.0.caller.refusals.counts(),
            turned_away: self.0.caller.refusals.at_the_gate(),
            open_breakers: open.map(|plugin| plugin.record.manifest.name.clone()).collect(),
        }
    }
}
