//! The way through the gate: bytes become a plugin that can be called, once and again at each start.

use std::sync::Arc;

use jiff::Timestamp;
use wasmtime::component::{Component, InstancePre};

use super::{
    Plugin, Plugins, Upload, adapter,
    call::Callee,
    conformance, cost,
    error::Refusal,
    exports::{self, Exports},
    gate,
    stages::{Observer, Stage},
    state::CallState,
};
use crate::{
    account::{Manifest, PluginRecord, Role},
    id::Digest,
};

/// Code of an upload. What nobody will run would lie on the disk for ever: it goes where the plugin
/// is refused, and where its upload is given up meanwhile.
struct Code<'a> {
    plugins: &'a Plugins,
    digest: Digest,
    is_wanted: bool,
}

impl Drop for Code<'_> {
    fn drop(&mut self) {
        if !self.is_wanted {
            self.plugins.forget(self.digest);
        }
    }
}

impl Plugins {
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
        let digest = Digest::of(&upload.bytes);
        let known = self.0.compiler.cached(&self.0.engine, digest).await;
        let mut code = Code { plugins: self, digest, is_wanted: known.is_some() };
        let admitted = self.pass_gate(upload, (digest, known), now, observer).await;
        code.is_wanted |= admitted.is_ok();
        admitted.inspect_err(|refusal| self.0.caller.refusals.turned_away(refusal.kind()))
    }

    async fn pass_gate(
        &self,
        Upload { bytes, signature }: Upload,
        (digest, known): (Digest, Option<Component>),
        now: Timestamp,
        observer: &Observer,
    ) -> Result<(PluginRecord, Arc<Plugin>), Refusal> {
        let limit = self.0.limits.plugin_bytes;
        if limit < bytes.len() {
            return Err(Refusal::TooLarge { size: bytes.len(), limit });
        }
        observer(Stage::Read);
        // Before anything else looks at them.
        let signature = self.0.trust.judge(&bytes, signature.as_deref())?;
        let outline = gate::outline(&bytes)?;
        let cases = conformance::read(&bytes)?;
        let component = if let Some(component) = known {
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
        self.conform((&record, &pre), &cases, observer).await?;
        observer(Stage::Measure);
        let about = exports::about(&pre)?;
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
        let cached = self.0.compiler.cached(&self.0.engine, record.digest).await;
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

    /// Removes all code but that of these versions: uploads that were given up while their code
    /// was written, and versions that another host has removed, leave theirs.
    pub async fn keep_only(&self, kept: Vec<Digest>) {
        if let Err(error) = self.0.compiler.keep_only(&self.0.engine, kept).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "code of plugins that are gone is still there"
            );
        }
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

    /// What is called before it has a name.
    fn newcomer<'a>(&'a self, pre: &'a InstancePre<CallState>) -> Callee<'a> {
        Callee { name: "new plugin", engine: &self.0.engine, pre, capacity: None }
    }

    /// Starts it once, loads every export that it promises, and lets it describe itself.
    async fn try_out(
        &self,
        pre: &InstancePre<CallState>,
        roles: &[Role],
        observer: &Observer,
    ) -> Result<Manifest, Refusal> {
        let callee = self.newcomer(pre);
        let about = exports::about(pre)?;
        Exports::find(pre, roles)?;
        observer(Stage::Start);
        exports::probe(&self.0.caller, callee, roles).await?;
        observer(Stage::Describe);
        adapter::describe(&self.0.caller, callee, about).await.map_err(Refusal::Describe)
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
