//! Log lines and metrics: the names of all of them, and nothing about people.

use std::{
    fmt,
    io::IsTerminal as _,
    sync::{Arc, atomic::AtomicU64},
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use tracing_subscriber::{filter::LevelFilter, fmt as lines};

use crate::config::{Log, LogFormat, LogLevel};

/// Starts the log on standard error. Called once, by the program; a second call changes nothing.
pub fn start_log(log: &Log) {
    let level = match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let builder = lines()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        // A line that cannot be written is told on standard error, where it could not be written
        // either: that panics, and a full disk would take the webhook with it.
        .log_internal_errors(false);
    let started = match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    if started.is_err() {
        tracing::debug!("a log was started before");
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct VerdictLabel {
    pub verdict: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SettledLabels {
    pub outcome: &'static str,
    pub blame: &'static str,
    pub plugin: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct FailedCallLabels {
    pub plugin: String,
    pub failure: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CallLabels {
    pub plugin: String,
    pub export: &'static str,
    /// `ok`, or the kind of the failure.
    pub outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CauseLabels {
    pub plugin: String,
    pub cause: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PluginLabel {
    pub plugin: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabel {
    pub reason: &'static str,
}

/// What the plugin floor counts by itself; read from it whenever the metrics are asked for.
#[derive(Debug, Clone, Default)]
pub struct FloorMetrics {
    /// Calls by plugin, export and outcome.
    pub calls: Family<CallLabels, Counter>,
    /// The time that they took, in seconds.
    pub call_seconds: Family<CallLabels, Counter<f64, AtomicU64>>,
    /// Processor time of each plugin, in seconds.
    pub cpu_seconds: Family<PluginLabel, Counter<f64, AtomicU64>>,
    /// What plugins were refused and survived.
    pub refusals: Family<CauseLabels, Counter>,
    /// Plugins that did not pass the gate.
    pub plugins_refused: Family<ReasonLabel, Counter>,
    /// Calls of plugins in work now.
    pub calls_in_flight: Gauge,
    /// Calls that fit at the same time.
    pub calls_max: Gauge,
    /// Slots of the pool in use.
    pub pool_instances: Gauge,
    pub pool_memories: Gauge,
    pub pool_stacks: Gauge,
    /// Memories that wait, warm, for the next call.
    pub pool_warm_memories: Gauge,
    /// 1 for each plugin whose breaker is open.
    pub breakers_open: Family<PluginLabel, Gauge>,
}

impl FloorMetrics {
    fn register(&self, registry: &mut Registry) {
        registry.register("calls", "Calls of plugins by export and outcome", self.calls.clone());
        registry.register("call_seconds", "Time that calls took", self.call_seconds.clone());
        let cpu = "Processor time of the calls of each plugin";
        registry.register("cpu_seconds", cpu, self.cpu_seconds.clone());
        registry.register(
            "refusals",
            "What plugins were refused and survived, by cause",
            self.refusals.clone(),
        );
        registry.register(
            "plugins_refused",
            "Plugins that did not pass the gate, by reason",
            self.plugins_refused.clone(),
        );
        registry.register(
            "breakers_open",
            "1 for each plugin whose breaker is open",
            self.breakers_open.clone(),
        );
        for (name, help, gauge) in [
            ("calls_in_flight", "Calls of plugins in work", &self.calls_in_flight),
            ("calls_max", "Calls that fit at the same time", &self.calls_max),
            ("pool_instances", "Instances in the pool", &self.pool_instances),
            ("pool_memories", "Memories in the pool", &self.pool_memories),
            ("pool_stacks", "Stacks in the pool", &self.pool_stacks),
            ("pool_warm_memories", "Warm memories in the pool", &self.pool_warm_memories),
        ] {
            registry.register(name, help, gauge.clone());
        }
    }
}

/// Every metric of the process. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    /// Webhooks by what became of them at the door.
    pub webhooks: Family<VerdictLabel, Counter>,
    /// Events that repeated an earlier one.
    pub duplicates: Counter,
    /// Replies that were the fallback because the deadline passed.
    pub fallback_replies: Counter,
    /// From the first byte handled to the answer, in seconds.
    pub acknowledge_seconds: Histogram,
    /// From the acknowledgement to the start of an attempt, in seconds.
    pub wait_seconds: Histogram,
    /// Attempts by outcome, blame and plugin.
    pub attempts: Family<SettledLabels, Counter>,
    pub attempt_seconds: Histogram,
    /// Calls of a plugin that failed, by kind of failure.
    pub failed_calls: Family<FailedCallLabels, Counter>,
    /// Leases that ran out, and were given back.
    pub leases_lost: Counter,
    /// Lanes that had lost their work: a bug, and must stay 0.
    pub lanes_reconciled: Counter,
    /// Webhooks removed because they are too old.
    pub requests_expired: Counter,
    /// CRM accounts that are left alone for a while.
    pub accounts_held: Gauge,
    pub jobs_pending: Gauge,
    pub jobs_dead: Gauge,
    pub requests_unread: Gauge,
    /// Age of the oldest pending job, in seconds.
    pub oldest_pending_seconds: Gauge,
    /// Webhooks that were not taken at the door, by why.
    pub refused: Family<ReasonLabel, Counter>,
    /// The plugin floor's own.
    pub floor: FloorMetrics,
    registry: Arc<Registry>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("patchbay");
        let mut metrics = Self {
            webhooks: Family::default(),
            duplicates: Counter::default(),
            fallback_replies: Counter::default(),
            acknowledge_seconds: seconds(),
            wait_seconds: seconds(),
            attempts: Family::default(),
            attempt_seconds: seconds(),
            failed_calls: Family::default(),
            leases_lost: Counter::default(),
            lanes_reconciled: Counter::default(),
            requests_expired: Counter::default(),
            accounts_held: Gauge::default(),
            jobs_pending: Gauge::default(),
            jobs_dead: Gauge::default(),
            requests_unread: Gauge::default(),
            oldest_pending_seconds: Gauge::default(),
            refused: Family::default(),
            floor: FloorMetrics::default(),
            registry: Arc::new(Registry::default()),
        };
        metrics.register(&mut registry);
        metrics.registry = Arc::new(registry);
        metrics
    }
}

impl Metrics {
    fn register(&self, registry: &mut Registry) {
        registry.register(
            "webhooks",
            "Webhooks by what became of them at the door",
            self.webhooks.clone(),
        );
        registry.register(
            "duplicates",
            "Events that repeated an earlier one",
            self.duplicates.clone(),
        );
        registry.register(
            "fallback_replies",
            "Replies that were the fallback",
            self.fallback_replies.clone(),
        );
        registry.register(
            "acknowledge_seconds",
            "From receipt to the answer",
            self.acknowledge_seconds.clone(),
        );
        registry.register(
            "wait_seconds",
            "From receipt to the start of an attempt",
            self.wait_seconds.clone(),
        );
        registry.register(
            "attempts",
            "Attempts by outcome, blame and plugin",
            self.attempts.clone(),
        );
        registry.register("attempt_seconds", "Length of an attempt", self.attempt_seconds.clone());
        registry.register(
            "failed_calls",
            "Calls of a plugin that failed",
            self.failed_calls.clone(),
        );
        registry.register("leases_lost", "Leases that ran out", self.leases_lost.clone());
        registry.register(
            "lanes_reconciled",
            "Lanes that had lost their work, which must stay 0",
            self.lanes_reconciled.clone(),
        );
        registry.register(
            "requests_expired",
            "Webhooks removed because they are too old",
            self.requests_expired.clone(),
        );
        registry.register(
            "accounts_held",
            "CRM accounts that are left alone for a while",
            self.accounts_held.clone(),
        );
        registry.register("jobs_pending", "Jobs that wait or run", self.jobs_pending.clone());
        registry.register("jobs_dead", "Dead letters", self.jobs_dead.clone());
        registry.register(
            "requests_unread",
            "Webhooks that no adapter could read yet",
            self.requests_unread.clone(),
        );
        registry.register(
            "oldest_pending_seconds",
            "Age of the oldest pending job",
            self.oldest_pending_seconds.clone(),
        );
        registry.register("refused", "Webhooks that were not taken", self.refused.clone());
        self.floor.register(registry);
    }

    /// All metrics in the text format of OpenMetrics.
    pub fn text(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(fmt::Error) => String::new(),
        }
    }
}

fn seconds() -> Histogram {
    Histogram::new([
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    ])
}
