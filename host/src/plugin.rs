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
use tokio::sync::Semaphore;
use wasmtime::{
    Engine,
    component::{Component, InstancePre, Linker},
};

use crate::{
    account::{Account, PluginRecord, Role},
    card::Problem,
    clock::Clock,
    config,
    id::Digest,
    storage::{Kv, Tokens, Turns},
};

mod adapter;
mod bind;
mod bindings;
mod breaker;
mod call;
mod compile;
mod convert;
pub mod egress;
mod engine;
mod error;
mod exports;
mod gate;
mod imports;
mod lines;
mod secrets;
mod state;
mod stdio;
mod tally;
mod turnstile;

pub use adapter::Adapter;
pub use compile::{SUBCOMMAND as COMPILE_SUBCOMMAND, compile_child};
pub use error::{Error, Refusal};
pub use tally::CallCount;

use bind::Bound;
use breaker::Breaker;
use call::{Callee, Caller};
use compile::Compiler;
use egress::Egress;
use exports::Exports;
use state::{CallState, Export};
use tally::Tally;
use turnstile::Turnstile;

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
}

/// How busy the floor is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    pub calls_in_flight: u32,
    /// Calls that fit at the same time, pure functions included.
    pub calls_max: u32,
    /// Slots of the pool in use; `None` where instances are made on demand.
    pub pool: Option<PoolFigures>,
    pub calls: Vec<CallCount>,
    /// Names of plugins whose breaker is open.
    pub open_breakers: Vec<crate::id::PluginName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolFigures {
    pub instances: u64,
    pub memories: usize,
    pub stacks: usize,
    pub warm_memories: u32,
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
            plugins: std::sync::Mutex::default(),
        })))
    }

    /// The whole gate: what is admitted can be called. Errors are one clear sentence each.
    pub async fn admit(
        &self,
        bytes: Vec<u8>,
        now: Timestamp,
    ) -> Result<(PluginRecord, Arc<Plugin>), Refusal> {
        let limit = self.0.limits.plugin_bytes;
        if limit < bytes.len() {
            return Err(Refusal::TooLarge { size: bytes.len(), limit });
        }
        let outline = gate::outline(&bytes)?;
        let digest = Digest::of(&bytes);
        let component = match self.0.compiler.cached(&self.0.engine, digest) {
            Some(component) => component,
            None => self.0.compiler.compile(&self.0.engine, digest, &bytes).await?,
        };
        let pre = self.link(&component)?;
        let manifest = self.try_out(&pre, &outline.roles).await?;
        let record = PluginRecord {
            digest,
            contract: outline.contract,
            roles: outline.roles,
            manifest,
            size_bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            installed_at: now,
        };
        let plugin = self.ready(record.clone(), pre)?;
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
        self.ready(record, pre)
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

    /// Joins a plugin and an account, or tells every fault of the account's settings and grants.
    pub fn bind(
        &self,
        plugin: Arc<Plugin>,
        account: Arc<Account>,
    ) -> Result<Arc<Adapter>, Vec<Problem>> {
        let mut formers = Vec::new();
        for (key, former) in &account.former_secrets {
            let mut before = Account::clone(&account);
            before.former_secrets.clear();
            before.secrets.insert(key.clone(), former.value.clone());
            // A value that the plugin does not take any more counts for nothing.
            let before = self.bind_once(Arc::clone(&plugin), Arc::new(before));
            formers.extend(before.ok().map(|before| (former.until, before)));
        }
        let adapter = self.bind_once(plugin, account)?;
        Ok(Arc::new(Adapter { former: formers, ..adapter }))
    }

    fn bind_once(
        &self,
        plugin: Arc<Plugin>,
        account: Arc<Account>,
    ) -> Result<Adapter, Vec<Problem>> {
        let problems = bind::problems(&plugin.record.manifest, &account);
        let door = match self.0.egress.door(&plugin.record.manifest, &account) {
            Ok(door) if problems.is_empty() => door,
            door => return Err(bind::joined(problems, door.err().unwrap_or_default())),
        };
        let slots = Semaphore::new(call::count(self.0.limits.calls_per_account.get()));
        let (turns, clock) = (Arc::clone(&self.0.turns), Arc::clone(&self.0.clock));
        let manifest = &plugin.record.manifest;
        let turnstile = Turnstile::new(turns, Arc::clone(&clock), manifest, &account);
        let kv = Arc::clone(&self.0.kv);
        let refusal = std::sync::Mutex::default();
        let bound = Bound { account, door, kv, slots, turnstile, clock, refusal };
        Ok(Adapter {
            plugin,
            bound: Arc::new(bound),
            caller: Arc::clone(&self.0.caller),
            tally: Arc::clone(&self.0.tally),
            former: Vec::new(),
        })
    }

    /// What accounts were denied on their way out.
    pub fn denials(&self) -> &Arc<egress::DenialLog> {
        self.0.egress.denials()
    }

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
            .filter_map(std::sync::Weak::upgrade)
            .filter(|plugin| plugin.breaker.is_open() || plugin.open_breaker.is_open());
        let limits = &self.0.limits;
        Figures {
            calls_in_flight: self.0.caller.in_flight(),
            calls_max: limits.calls.get().saturating_add(engine::pure_slots(limits)),
            pool,
            calls: self.0.tally.counts(),
            open_breakers: open.map(|plugin| plugin.record.manifest.name.clone()).collect(),
        }
    }

    fn link(&self, component: &Component) -> Result<InstancePre<CallState>, Refusal> {
        self.0
            .linker
            .instantiate_pre(component)
            .map_err(|error| Refusal::Start(format!("{error:#}")))
    }

    /// Starts it once, loads every export that it promises, and lets it describe itself.
    async fn try_out(
        &self,
        pre: &InstancePre<CallState>,
        roles: &[Role],
    ) -> Result<crate::account::Manifest, Refusal> {
        let callee = Callee { name: "new plugin", engine: &self.0.engine, pre, slots: None };
        let (about, exports) = exports::find(pre, roles)?;
        exports::probe(&self.0.caller, callee, about.clone(), exports).await?;
        adapter::describe(&self.0.caller, callee, about).await.map_err(Refusal::Describe)
    }

    fn ready(
        &self,
        record: PluginRecord,
        pre: InstancePre<CallState>,
    ) -> Result<Arc<Plugin>, Refusal> {
        let (_about, exports) = exports::find(&pre, &record.roles)?;
        let limits = &self.0.limits;
        let rest = Duration::from_millis(u64::from(limits.breaker_ms.get()));
        let plugin = Arc::new(Plugin {
            record,
            engine: self.0.engine.clone(),
            pre,
            exports,
            slots: Semaphore::new(call::count(limits.calls_per_plugin.get())),
            breaker: Breaker::new(limits.breaker_traps.get(), rest),
            open_breaker: Breaker::new(limits.breaker_traps.get(), rest),
        });
        let mut plugins = self.0.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        plugins.retain(|plugin| 0 < plugin.strong_count());
        plugins.push(Arc::downgrade(&plugin));
        Ok(plugin)
    }
}

impl Plugin {
    pub fn record(&self) -> &PluginRecord {
        &self.record
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
