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
    account::{Manifest, PluginRecord, Role, Signature},
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
mod conformance;
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
mod origin;
mod pulse;
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
pub use error::{Error, Refusal};
pub use figures::{Figures, PoolFigures};
pub use pulse::{Pulse, Reading};
pub use stages::{Observer, Stage};
pub use tally::CallCount;
pub use trust::{Trust, Untrusted};

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

    /// The whole gate: what is admitted can be called. Errors are one clear sentence each.
    pub async fn admit(
        &self,
        bytes: Vec<u8>,
        now: Timestamp,
    ) -> Result<(PluginRecord, Arc<Plugin>), Refusal> {
        self.admit_watched(Upload { bytes, signature: None }, now, &|_stage| {}).await
    }

    /// The same, telling each stage as it begins.
    pub async fn admit_watched(
        &self,
        upload: Upload,
        now: Timestamp,
        observer: &Observer,
    ) -> Result<(PluginRecord, Arc<Plugin>), Refusal> {
        let Upload { bytes, signature } = upload;
        let limit = self.0.limits.plugin_bytes;
        if limit < bytes.len() {
            return Err(Refusal::TooLarge { size: bytes.len(), limit });
        }
        observer(Stage::Read);
        let digest = Digest::of(&bytes);
        // Before anything else looks at them.
        let signature = self.0.trust.judge(&bytes, signature.as_deref())?;
        let outline = gate::outline(&bytes)?;
        let cases = conformance::read(&bytes)?;
        let component = if let Some(component) = self.0.compiler.cached(&self.0.engine, digest) {
            component
        } else {
            observer(Stage::Compile);
            self.0.compiler.compile(&self.0.engine, digest, &bytes).await?
        };
        let pre = self.link(&component)?;
        let manifest = self.try_out(&pre, &outline.roles, observer).await?;
        let mut record = PluginRecord {
            digest,
            contract: outline.contract,
            roles: outline.roles,
            manifest,
            size_bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            installed_at: now,
            cost: None,
            signature,
            origin: outline.origin,
            cases: Some(u32::try_from(cases.len()).unwrap_or(u32::MAX)),
        };
        if record.signature.is_none() {
            warn_of_unsigned(&record);
        }
        let (about, exports) = exports::find(&pre, &record.roles)?;
        self.conform((&record, &pre, &exports), &cases, observer).await?;
        observer(Stage::Measure);
        let measured = cost::measure(&self.0.caller, self.newcomer(&pre), &about, &record.manifest);
        record.cost = Some(measured.await?);
        let plugin = self.ready(record.clone(), &pre)?;
        Ok((record, plugin))
    }

    /// A plugin that was admitted before: from the cache, or compiled again from `bytes`.
    pub async fn load(
        &self,
        record: PluginRecord,
        bytes: impl AsyncFnOnce() -> Option<Vec<u8>>,
    ) -> Result<Arc<Plugin>, Refusal> {
        let cached = self.0.compiler.cached(&self.0.engine, record.digest);
        let signature = record.signature.as_ref().map(|signature| signature.file.as_str());
        let bytes = if cached.is_some() && signature.is_none() {
            Vec::new()
        } else {
            whole(&record, bytes().await)?
        };
        // The keys that are trusted may be others than when it was admitted.
        if self.0.trust.judge(&bytes, signature)?.is_none() {
            warn_of_unsigned(&record);
        }
        let component = match cached {
            Some(component) => component,
            None => self.compile_again(&record, &bytes).await?,
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
        bytes: &[u8],
    ) -> Result<Component, Refusal> {
        // The contract that this host serves may be another one than when it was admitted.
        gate::outline(bytes)?;
        self.0.compiler.compile(&self.0.engine, record.digest, bytes).await
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

    /// What is called before it has a name.
    fn newcomer<'a>(&'a self, pre: &'a InstancePre<CallState>) -> Callee<'a> {
        Callee { name: "new plugin", engine: &self.0.engine, pre, slots: None }
    }

    /// Starts it once, loads every export that it promises, and lets it describe itself.
    async fn try_out(
        &self,
        pre: &InstancePre<CallState>,
        roles: &[Role],
        observer: &Observer,
    ) -> Result<Manifest, Refusal> {
        let callee = self.newcomer(pre);
        let (about, exports) = exports::find(pre, roles)?;
        observer(Stage::Start);
        exports::probe(&self.0.caller, callee, about.clone(), exports).await?;
        observer(Stage::Describe);
        adapter::describe(&self.0.caller, callee, about).await.map_err(Refusal::Describe)
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

/// The bytes of an installed plugin, and no others.
fn whole(record: &PluginRecord, bytes: Option<Vec<u8>>) -> Result<Vec<u8>, Refusal> {
    let bytes = bytes.filter(|bytes| Digest::of(bytes) == record.digest);
    bytes.ok_or_else(|| Refusal::Missing(record.manifest.name.to_string()))
}

fn warn_of_unsigned(record: &PluginRecord) {
    tracing::warn!(plugin.name = %record.manifest.name, plugin.digest = %record.digest, "a plugin is let in that no key of `trust.keys` signed");
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
