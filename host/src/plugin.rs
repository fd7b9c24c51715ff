//! The plugin floor: components in, adapters out. Only this floor knows WebAssembly.
//!
//! A plugin passes the gate once ([`Plugins::admit`]); it is bound to an account
//! ([`Plugins::bind`]); each call of the [`Adapter`] runs in a fresh instance under every limit.

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore};
use wasmtime::{
    Engine,
    component::{Component, InstancePre, Linker},
};

use crate::{
    account::{Cost, Manifest, PluginRecord, Role},
    clock::Clock,
    config,
    id::Digest,
    storage::{Kv, Tokens, Turns},
};

mod adapter;
mod bind;
mod bindings;
mod breaker;
mod cache;
mod call;
mod compile;
mod convert;
mod cost;
pub mod egress;
mod engine;
mod error;
mod exports;
mod figures;
mod gate;
mod imports;
mod join;
mod lines;
mod pulse;
mod refusals;
mod secrets;
mod stages;
mod state;
mod stdio;
mod tally;
mod turnstile;

pub use adapter::Adapter;
pub use compile::{SUBCOMMAND as COMPILE_SUBCOMMAND, compile_child};
pub use error::{Error, Refusal, Share};
pub use figures::{Figures, PoolFigures};
pub use pulse::{Pulse, Reading};
pub use refusals::RefusalCount;
pub use stages::{Observer, Stage};
pub use tally::CallCount;

use breaker::Breaker;
use call::{Callee, Caller};
use compile::Compiler;
use egress::Egress;
use exports::Exports;
use state::{CallState, Export};
use tally::Tally;

/// What the plugin floor is built from.
#[derive(Debug, Clone)]
pub struct Options {
    pub limits: config::Limits,
    pub egress: config::Egress,
    /// Where compiled plugins are kept. Nobody but the host may write here.
    pub compiled: PathBuf,
    /// The program that compiles when it is started with [`COMPILE_SUBCOMMAND`]: this one.
    pub compiler: PathBuf,
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
    slots: Semaphore,
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
        let Options { limits, egress, compiled, compiler } = options;
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
            kv,
            turns,
            clock,
            limits,
            trouble: Arc::default(),
            plugins: std::sync::Mutex::default(),
        })))
    }

    /// The whole gate: what is admitted can be called. Errors are one clear sentence each.
    pub async fn admit(
        &self,
        bytes: Vec<u8>,
        now: Timestamp,
    ) -> Result<(PluginRecord, Arc<Plugin>), Refusal> {
        self.admit_watched(bytes, now, &|_stage| {}).await
    }

    /// The same, telling each stage as it begins.
    pub async fn admit_watched(
        &self,
        bytes: Vec<u8>,
        now: Timestamp,
        observer: &Observer,
    ) -> Result<(PluginRecord, Arc<Plugin>), Refusal> {
        let admitted = self.pass_gate(bytes, now, observer).await;
        admitted.inspect_err(|refusal| self.0.caller.refusals.turned_away(refusal.kind()))
    }

    async fn pass_gate(
        &self,
        bytes: Vec<u8>,
        now: Timestamp,
        observer: &Observer,
    ) -> Result<(PluginRecord, Arc<Plugin>), Refusal> {
        let limit = self.0.limits.plugin_bytes;
        if limit < bytes.len() {
            return Err(Refusal::TooLarge { size: bytes.len(), limit });
        }
        observer(Stage::Read);
        let outline = gate::outline(&bytes)?;
        let digest = Digest::of(&bytes);
        let (pre, (manifest, cost)) =
            if let Some(component) = self.0.compiler.cached(&self.0.engine, digest) {
                self.tried(&component, &outline.roles, observer).await?
            } else {
                observer(Stage::Compile);
                let component = self.0.compiler.compile(&self.0.engine, digest, &bytes).await;
                let tried = match component {
                    Ok(component) => self.tried(&component, &outline.roles, observer).await,
                    Err(refusal) => Err(refusal),
                };
                // Code that nobody will run would lie on the disk for ever.
                tried.inspect_err(|_refusal| self.forget(digest))?
            };
        let record = PluginRecord {
            digest,
            contract: outline.contract,
            roles: outline.roles,
            manifest,
            size_bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            installed_at: now,
            cost: Some(cost),
        };
        let plugin = self.ready(record.clone(), &pre)?;
        Ok((record, plugin))
    }

    /// A plugin that was admitted before: from the cache, or compiled again from `bytes`.
    pub async fn load(
        &self,
        record: PluginRecord,
        bytes: impl AsyncFnOnce() -> Option<Vec<u8>>,
    ) -> Result<Arc<Plugin>, Refusal> {
        let component = match self.0.compiler.cached(&self.0.engine, record.digest) {
            Some(component) => component,
            None => self.compile_again(&record, bytes().await).await?,
        };
        let pre = self.link(&component)?;
        self.ready(record, &pre)
    }

    /// Removes the code of a version that is kept no more.
    pub fn forget(&self, digest: Digest) {
        if let Err(error) = self.0.compiler.remove(digest) {
            tracing::warn!(plugin.digest = %digest, error = &error as &dyn std::error::Error, "the code of a removed version is still there");
        }
    }

    async fn compile_again(
        &self,
        record: &PluginRecord,
        bytes: Option<Vec<u8>>,
    ) -> Result<Component, Refusal> {
        let bytes = bytes.filter(|bytes| Digest::of(bytes) == record.digest);
        let bytes = bytes.ok_or_else(|| Refusal::Missing(record.manifest.name.to_string()))?;
        // The contract that this host serves may be another one than when it was admitted.
        gate::outline(&bytes)?;
        self.0.compiler.compile(&self.0.engine, record.digest, &bytes).await
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

    async fn tried(
        &self,
        component: &Component,
        roles: &[Role],
        observer: &Observer,
    ) -> Result<(InstancePre<CallState>, (Manifest, Cost)), Refusal> {
        let pre = self.link(component)?;
        let said = self.try_out(&pre, roles, observer).await?;
        Ok((pre, said))
    }

    /// Starts it once, loads every export that it promises, lets it describe itself, and measures.
    async fn try_out(
        &self,
        pre: &InstancePre<CallState>,
        roles: &[Role],
        observer: &Observer,
    ) -> Result<(Manifest, Cost), Refusal> {
        let callee = Callee { name: "new plugin", engine: &self.0.engine, pre, slots: None };
        let (about, exports) = exports::find(pre, roles)?;
        observer(Stage::Start);
        exports::probe(&self.0.caller, callee, about.clone(), exports).await?;
        observer(Stage::Describe);
        let manifest = adapter::describe(&self.0.caller, callee, about.clone()).await;
        let manifest = manifest.map_err(Refusal::Describe)?;
        observer(Stage::Measure);
        let cost = cost::measure(&self.0.caller, callee, &about, &manifest).await?;
        Ok((manifest, cost))
    }

    fn ready(
        &self,
        record: PluginRecord,
        pre: &InstancePre<CallState>,
    ) -> Result<Arc<Plugin>, Refusal> {
        let (_about, exports) = exports::find(pre, &record.roles)?;
        let plugin = self.unwatched(record, pre, &exports);
        let plugin = Arc::new(Plugin { trouble: Arc::clone(&self.0.trouble), ..plugin });
        let mut plugins = self.0.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        plugins.retain(|plugin| 0 < plugin.strong_count());
        plugins.push(Arc::downgrade(&plugin));
        Ok(plugin)
    }

    /// With a breaker and places of its own, and nobody to tell of trouble.
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
            slots: Semaphore::new(call::count(limits.calls_per_plugin.get())),
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
            slots: Some(&self.slots),
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
