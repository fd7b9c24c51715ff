//! Versions that are ready to be called: those that are active, and those that a rollback brings
//! back. What has to be loaded is loaded beside all changes, never while one waits.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::{Directory, Error};
use crate::{
    account::{Activation, PluginRecord, Version},
    id::Digest,
    plugin::{Plugin, Refusal},
};

#[derive(Debug, Default)]
pub(super) struct Shelf {
    state: Mutex<State>,
    /// One at a time: a plugin is compiled once, however many ask for it.
    loading: tokio::sync::Mutex<()>,
    lacks: Notify,
}

#[derive(Debug, Default)]
struct State {
    plugins: HashMap<Digest, Arc<Plugin>>,
    /// Those that this host cannot run: it does not try again by itself.
    refused: HashSet<Digest>,
}

impl Shelf {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, digest: Digest) -> Option<Arc<Plugin>> {
        self.state().plugins.get(&digest).cloned()
    }

    /// Puts it there unless it is: accounts are bound to the one that is, and its pulse counts.
    pub(super) fn put(&self, plugin: Arc<Plugin>) {
        let mut state = self.state();
        state.refused.remove(&plugin.record().digest);
        state.plugins.entry(plugin.record().digest).or_insert(plugin);
    }

    /// Drops what neither is active nor comes back with one step.
    pub(super) fn keep(&self, activations: &[Activation]) {
        let wanted: HashSet<Digest> = activations
            .iter()
            .flat_map(|it| [it.digest, it.trail.earlier.first().copied().flatten()])
            .flatten()
            .collect();
        self.state().plugins.retain(|digest, _| wanted.contains(digest));
    }

    /// Has a version loaded that is active and not here yet.
    pub(super) fn lacks(&self, digest: Digest) {
        if !self.state().refused.contains(&digest) {
            self.lacks.notify_one();
        }
    }
}

impl Directory {
    /// Ends when a version is active that this host has not loaded.
    pub async fn lacks_versions(&self) {
        self.shelf.lacks.notified().await;
    }

    /// Loads the active versions that are not loaded yet. One that cannot be is told in the log.
    ///
    /// Returns false where it is worth to try again: the fault was not the plugin's.
    pub(super) async fn load_active(&self) -> Result<bool, Error> {
        self.load_active_of(self.stores.versions.versions().await?).await
    }

    /// The same, where all `versions` that are stored were read already.
    pub(super) async fn load_active_of(&self, versions: Vec<Version>) -> Result<bool, Error> {
        let activations = self.stores.versions.activations().await?;
        let active: HashSet<Digest> = activations.into_iter().filter_map(|it| it.digest).collect();
        let mut is_whole = true;
        let lacking = |record: &PluginRecord| {
            active.contains(&record.digest) && self.shelf.get(record.digest).is_none()
        };
        let records = versions.into_iter().map(|version| version.record);
        for record in records.filter(lacking) {
            let (name, digest) = (record.manifest.name.clone(), record.digest);
            if let Err(refusal) = self.loaded(record).await {
                tracing::error!(plugin.name = %name, plugin.digest = %digest, error = &refusal as &dyn std::error::Error, "plugin cannot be loaded");
                if refusal.is_final() {
                    self.shelf.state().refused.insert(digest);
                } else {
                    is_whole = false;
                }
            }
        }
        Ok(is_whole)
    }

    /// The version, loaded now where it is not yet: from the cache, or compiled again.
    pub(super) async fn loaded(&self, record: PluginRecord) -> Result<Arc<Plugin>, Refusal> {
        let _one = self.shelf.loading.lock().await;
        if let Some(plugin) = self.shelf.get(record.digest) {
            return Ok(plugin);
        }
        let (versions, digest) = (Arc::clone(&self.stores.versions), record.digest);
        let plugin = self
            .plugins
            .load(record, async move || versions.version_bytes(digest).await.ok().flatten())
            .await?;
        self.shelf.put(Arc::clone(&plugin));
        Ok(plugin)
    }
}
