//! The plugin floor: components in, adapters out. Only this floor knows WebAssembly.
//!
//! A plugin passes the gate once ([`Plugins::admit`]); it is bound to an account
//! ([`Plugins::bind`]); each call of the [`Adapter`] runs in a fresh instance under every limit.

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;
use wasmtime::{
    Engine,
    component::{Component, InstancePre, Linker},
};

use crate::{
    account::{PluginRecord, Role, Signature},
    clock::Clock,
    config,
    storage::{Kv, Tokens, Turns},
};

mod adapter;
mod admit;
mod bind;
mod bindings;
mod breaker;
mod cache;
mod call;
mod compile;
mod conformance;
mod convert;
mod cost;
mod cpu;
pub mod egress;
mod engine;
mod error;
mod exports;
mod figures;
mod gate;
mod imports;
mod join;
mod lines;
mod origin;
mod pulse;
mod quota;
mod refusals;
mod secrets;
mod stages;
mod state;
mod stdio;
mod tally;
mod trust;
mod turnstile;

pub use adapter::Adapter;
pub use compile::{SUBCOMMAND as COMPILE_SUBCOMMAND, compile_child};
pub use conformance::count_cases;
pub use error::{Error, Refusal, Scarce, Share, Sharer};
pub use figures::{Figures, PoolFigures};
pub use pulse::{Pulse, Reading};
pub use refusals::RefusalCount;
pub use stages::{Observer, Stage};
pub use tally::CallCount;
pub use trust::{Trust, Untrusted};

use breaker::Breaker;
use call::{Callee, Caller};
use compile::Compiler;
use egress::Egress;
use exports::Exports;
use quota::{Capacity, Quota};
use state::{CallState, Export};
use tally::Tally;

/// What the plugin floor is built from.
#[derive(Debug, Clone)]
pub struct Options {
    pub limits: config::Limits,
    pub egress: config::Egress,
    pub trust: Trust,
    /// Where compiled plugins are kept. Nobody but the host may write here.
    pub compiled: PathBuf,
    /// The program that compiles when it is started with [`COMPILE_SUBCOMMAND`]: this one.
    pub compiler: PathBuf,
}

/// A plugin as it comes.
#[derive(Debug, Clone, Default)]
pub struct Upload {
    pub bytes: Vec<u8>,
    /// The text of minisign's file beside it.
    pub signature: Option<String>,
}

/// The plugin floor. Cheap to clone.
#[derive(Clone)]
pub struct Plugins(Arc<Inner>);

struct Inner {
    engine: Engine,
    linker: Linker<CallState>,
    compiler: Compiler,
    caller: Arc<Caller>,
    tally: Arc<Tally>,
    egress: Egress,
    trust: Trust,
    kv: Arc<dyn Kv>,
    turns: Arc<dyn Turns>,
    clock: Arc<dyn Clock>,
    limits: Arc<config::Limits>,
    /// Told of every call that says something bad of a plugin.
    trouble: Arc<Notify>,
    /// Every plugin that is still in use, for the figures.
    plugins: std::sync::Mutex<Vec<std::sync::Weak<Plugin>>>,
}

/// One plugin, compiled and linked.
pub struct Plugin {
    record: PluginRecord,
    engine: Engine,
    pre: InstancePre<CallState>,
    exports: Exports,
    capacity: Capacity,
    breaker: Breaker,
    /// Apart, so that strangers cannot open the other one.
    open_breaker: Breaker,
    pulse: Pulse,
    trouble: Arc<Notify>,
}

impl Plugins {
    /// Starts the engine, its ticker and its pool. Turns of requests are taken by `clock`.
    pub fn new(
        options: Options,
        kv: Arc<dyn Kv>,
        turns: Arc<dyn Turns>,
        tokens: Arc<dyn Tokens>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let Options { limits, egress, trust, compiled, compiler } = options;
        let host = |error: wasmtime::Error| Error::Host(error.into());
        let engine = engine::running(&limits).map_err(host)?;
        let linker = imports::linker(&engine).map_err(host)?;
        let compiler = Compiler::new(&engine, &limits, compiled, compiler)
            .map_err(|error| Error::Host(error.into()))?;
        let egress = Egress::new(&egress, &limits, Arc::clone(&clock), tokens);
        let limits = Arc::new(limits);
        Ok(Self(Arc::new(Inner {
            engine,
            linker,
            compiler,
            caller: Arc::new(Caller::new(Arc::clone(&limits))),
            tally: Arc::default(),
            egress,
            trust,
            kv,
            turns,
            clock,
            limits,
            trouble: Arc::default(),
            plugins: std::sync::Mutex::default(),
        })))
    }

    /// Who signed a plugin, as the gate asks; `None` where nobody did and that is let pass.
    pub fn signature_of(&self, upload: &Upload) -> Result<Option<Signature>, Untrusted> {
        self.0.trust.judge(&upload.bytes, upload.signature.as_deref())
    }

    /// Why a version that was admitted before would be refused now, as far as its record tells.
    pub fn objection(&self, record: &PluginRecord) -> Option<Untrusted> {
        self.0.trust.objection(record.signature.as_ref())
    }

    /// What accounts were denied on their way out.
    pub fn denials(&self) -> &Arc<egress::DenialLog> {
        self.0.egress.denials()
    }

    /// Ends at the next call that says something bad of a plugin.
    pub async fn trouble(&self) {
        self.0.trouble.notified().await;
    }

    fn link(&self, component: &Component) -> Result<InstancePre<CallState>, Refusal> {
        self.0
            .linker
            .instantiate_pre(component)
            .map_err(|error| Refusal::Start(format!("{error:#}")))
    }

    fn ready(
        &self,
        record: PluginRecord,
        pre: &InstancePre<CallState>,
    ) -> Result<Arc<Plugin>, Refusal> {
        let exports = Exports::find(pre, &record.roles)?;
        let limits = &self.0.limits;
        let quota = self.0.caller.quotas.of_plugin(&record.manifest.name, limits);
        let plugin = self.unwatched(record, pre, &exports);
        let plugin = Arc::new(Plugin {
            capacity: Capacity::of_plugin(limits, quota),
            trouble: Arc::clone(&self.0.trouble),
            ..plugin
        });
        let mut plugins = self.0.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        plugins.retain(|plugin| 0 < plugin.strong_count());
        plugins.push(Arc::downgrade(&plugin));
        Ok(plugin)
    }

    /// With a breaker, places and a quota of its own, and nobody to tell of trouble.
    fn unwatched(
        &self,
        record: PluginRecord,
        pre: &InstancePre<CallState>,
        exports: &Exports,
    ) -> Plugin {
        let limits = &self.0.limits;
        let rest = Duration::from_millis(u64::from(limits.breaker_ms.get()));
        Plugin {
            record,
            engine: self.0.engine.clone(),
            pre: pre.clone(),
            exports: exports.clone(),
            capacity: Capacity::of_plugin(limits, Quota::of_plugin(limits)),
            breaker: Breaker::new(limits.breaker_traps.get(), rest),
            open_breaker: Breaker::new(limits.breaker_traps.get(), rest),
            pulse: Pulse::default(),
            trouble: Arc::default(),
        }
    }
}

impl Plugin {
    pub fn record(&self) -> &PluginRecord {
        &self.record
    }

    /// How its last calls went.
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Whether it exports the interface of this role.
    pub fn has(&self, role: Role) -> bool {
        self.record.roles.contains(&role)
    }

    fn breaker(&self, export: Export) -> &Breaker {
        if export.is_open_to_all { &self.open_breaker } else { &self.breaker }
    }

    fn callee(&self) -> Callee<'_> {
        Callee {
            name: self.record.manifest.name.as_str(),
            engine: &self.engine,
            pre: &self.pre,
            capacity: Some(&self.capacity),
        }
    }
}

impl std::fmt::Debug for Plugins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugins").field("compiler", &self.0.compiler).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("name", &self.record.manifest.name)
            .field("digest", &self.record.digest)
            .finish_non_exhaustive()
    }
}
