//! What is configured now: plugins, accounts and integrations, ready to be called.
//!
//! Readers take a snapshot and keep it for as long as they work; a change makes a new one.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock},
};

use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::{
    account::{Account, AccountState, Activation, Integration, Pool},
    card::Problem,
    config,
    id::{AccountId, Digest, IntegrationId, PluginName, PoolId},
    plugin::{Adapter, Plugin, Plugins, Refusal},
    rules::book::Rulebook,
    storage::{self, Stores},
    tasks::Tasks,
};

mod change;
mod denials;
mod difference;
mod joined;
mod paused;
mod rotation;
mod shelf;
mod signing;
mod versions;
mod watch;

pub use self::{
    change::AccountChange,
    difference::{Broken, Difference, Trait, TraitKind},
    versions::{Changed, Installed, Place},
};
use self::{change::changed, joined::Books, shelf::Shelf};

/// One consistent view of all that is configured.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The version of each plugin that is active for all accounts without a choice of their own.
    pub plugins: BTreeMap<PluginName, Arc<Plugin>>,
    pub accounts: BTreeMap<AccountId, Entry>,
    pub integrations: BTreeMap<IntegrationId, Integration>,
    pub pools: BTreeMap<PoolId, Pool>,
    /// Which versions are chosen, and what was before.
    pub activations: Vec<Activation>,
    /// The version of each account with a choice of its own; `None` where it is not loaded.
    own: BTreeMap<AccountId, Option<Arc<Plugin>>>,
    books: Books,
    /// Digest of the webhook token: a look-up by it takes the same time for every wrong token.
    /// A token that was replaced works until its time.
    by_token: HashMap<Digest, (AccountId, Option<Timestamp>)>,
}

/// One account, and the adapter behind it if it can work.
#[derive(Debug, Clone)]
pub struct Entry {
    pub account: Arc<Account>,
    /// The adapter, or what is wrong with the account.
    pub adapter: Result<Arc<Adapter>, Vec<Problem>>,
}

impl Snapshot {
    /// The channel account behind a webhook URL.
    pub fn by_token(&self, token: &str, now: Timestamp) -> Option<&Entry> {
        let (id, until) = self.by_token.get(&Digest::of(token.as_bytes()))?;
        self.accounts.get(id).filter(|_| until.is_none_or(|until| now < until))
    }

    /// Whether a version is active for anybody.
    pub fn uses(&self, digest: Digest) -> bool {
        let is_it = |plugin: &Arc<Plugin>| plugin.record().digest == digest;
        self.plugins.values().any(is_it) || self.own.values().flatten().any(is_it)
    }

    /// The version of its plugin that an account works with.
    pub fn plugin_of(&self, account: &Account) -> Option<&Arc<Plugin>> {
        match self.own.get(&account.id) {
            Some(own) => own.as_ref(),
            None => self.plugins.get(&account.plugin),
        }
    }

    /// The integrations that a channel account feeds, in the order of their ids.
    pub fn integrations_of(&self, channel: &AccountId) -> Vec<IntegrationId> {
        let feeds =
            |integration: &&Integration| integration.enabled && integration.channel == *channel;
        self.integrations.values().filter(feeds).map(|integration| integration.id.clone()).collect()
    }

    /// The rules of an integration, ready to be asked; `None` where it cannot work with them.
    pub fn rulebook_of(&self, integration: &IntegrationId) -> Option<&Arc<Rulebook>> {
        self.books.get(integration)?.as_ref().ok()
    }

    /// What is wrong with the rules of an integration, which were right when they were stored: an
    /// earlier release took them, or its pool is gone. Its jobs wait.
    pub fn problems_of(&self, integration: &IntegrationId) -> &[Problem] {
        let book = self.books.get(integration);
        book.and_then(|book| book.as_ref().err()).map_or(&[], Vec::as_slice)
    }

    /// Whether the jobs of an integration may run: it is switched on, and its rules are right.
    pub fn runs(&self, integration: &Integration) -> bool {
        integration.enabled && self.problems_of(&integration.id).is_empty()
    }

    /// The CRM adapter that an integration leads to.
    pub fn crm_of(&self, integration: &IntegrationId) -> Option<&Entry> {
        self.integrations
            .get(integration)
            .and_then(|integration| self.accounts.get(&integration.crm))
    }
}

/// Keeps the snapshot, and changes what is configured.
#[derive(Debug)]
pub struct Directory {
    stores: Stores,
    plugins: Plugins,
    tasks: Tasks,
    policy: config::Versions,
    current: RwLock<Arc<Snapshot>>,
    /// One change at a time, from storage to snapshot. Nothing is compiled while it is held.
    changing: tokio::sync::Mutex<()>,
    shelf: Shelf,
}

/// Why a change was refused. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("what was given is not right")]
    Invalid(Vec<Problem>),
    /// Something else is built on it.
    #[error("{0}")]
    InUse(String),
    /// An account keeps its plugin for life.
    #[error("account `{id}` is of plugin `{plugin}`: choose another id")]
    OtherPlugin { id: AccountId, plugin: PluginName },
    #[error("{what} `{id}` does not exist")]
    Missing { what: &'static str, id: String },
    /// It cannot be done as things stand. The text tells why.
    #[error("{0}")]
    Conflict(String),
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

impl Directory {
    /// Reads what is configured, and compiles what is not compiled yet.
    ///
    /// Changes run as `tasks`, so that a stop waits for them.
    pub async fn open(
        stores: Stores,
        plugins: Plugins,
        tasks: Tasks,
        policy: config::Versions,
    ) -> Result<Self, Error> {
        let directory = Self {
            stores,
            plugins,
            tasks,
            policy,
            current: RwLock::default(),
            changing: tokio::sync::Mutex::default(),
            shelf: Shelf::default(),
        };
        let versions = directory.stores.versions.versions().await?;
        let digests = versions.iter().map(|version| version.record.digest).collect();
        directory.plugins.keep_only(digests).await;
        directory.load_active_of(versions).await?;
        directory.reload().await?;
        Ok(directory)
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn plugins(&self) -> &Plugins {
        &self.plugins
    }

    /// Reads again what is configured: another host may have changed it. Returns false where a
    /// version could not be loaded for now: what was before it is in use, and another try may do.
    pub async fn refresh(self: &Arc<Self>) -> Result<bool, Error> {
        let directory = Arc::clone(self);
        self.to_its_end(async move {
            let is_whole = directory.load_active().await?;
            let _changing = directory.changing.lock().await;
            directory.reload().await?;
            Ok(is_whole)
        })
        .await
    }

    /// Sets an account, after it was checked against its plugin.
    pub async fn set_account(self: &Arc<Self>, change: AccountChange) -> Result<(), Error> {
        let directory = Arc::clone(self);
        self.to_its_end(async move {
            let _changing = directory.changing.lock().await;
            match directory.set_once(change.clone()).await {
                // Another host has set it since it was read here.
                Err(Error::Storage(storage::Error::Changed(_))) => {
                    directory.reload().await?;
                    directory.set_once(change).await
                }
                set => set,
            }
        })
        .await
    }

    async fn set_once(&self, change: AccountChange) -> Result<(), Error> {
        let snapshot = self.snapshot();
        let resumes = change.resumes;
        let mut account = changed(&snapshot, change)?;
        let before = snapshot.accounts.get(&account.id);
        if before.is_some_and(|before| *before.account == account) {
            return Ok(());
        }
        if resumes {
            account.state = AccountState::Active;
        }
        let plugin = snapshot.plugin_of(&account).ok_or_else(|| {
            let message = format!("no plugin `{}` is installed: upload it first", account.plugin);
            invalid("plugin", message)
        })?;
        let bound = self.plugins.bind(Arc::clone(plugin), Arc::new(account.clone()));
        bound.map_err(Error::Invalid)?;
        let before = before.map(|entry| entry.account.as_ref());
        self.stores.registry.put_account(before, account).await?;
        self.reload().await
    }

    /// Runs a change to its end even if whoever asked for it goes away meanwhile: what is stored
    /// and what is in use must not part.
    async fn to_its_end<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, ended) = oneshot::channel();
        self.tasks.spawn(async move {
            // Whoever has gone misses the answer, not the change.
            drop(answer.send(change.await));
        });
        ended.await.map_err(|cut| Error::Storage(storage::Error::Unavailable(cut.into())))?
    }

    async fn reload(&self) -> Result<(), Error> {
        let registry = &self.stores.registry;
        let before = self.snapshot();
        let mut next = self.chosen(&before, self.stores.versions.activations().await?);
        for account in registry.accounts().await? {
            let entry = self.entry(&before, &next, account);
            for (token, until) in rotation::tokens(&entry.account) {
                next.by_token.insert(token, (entry.account.id.clone(), until));
            }
            next.accounts.insert(entry.account.id.clone(), entry);
        }
        let integrations = registry.integrations().await?;
        next.integrations = integrations.into_iter().map(|it| (it.id.clone(), it)).collect();
        next.pools =
            registry.pools().await?.into_iter().map(|pool| (pool.id.clone(), pool)).collect();
        next.books = joined::books(&before, &next);
        self.shelf.keep(&next.activations);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        Ok(())
    }

    /// The versions that are chosen. Of one that is not loaded yet the version before it stays in
    /// use until it is.
    fn chosen(&self, before: &Snapshot, activations: Vec<Activation>) -> Snapshot {
        let mut next = Snapshot::default();
        for it in &activations {
            let Some(digest) = it.digest else { continue };
            let plugin = self.shelf.get(digest);
            match &plugin {
                // Its next failures count, and not those of another time.
                Some(plugin) if !before.uses(digest) => plugin.pulse().reset(),
                Some(_) => {}
                None => self.shelf.lacks(digest),
            }
            if let Some(account) = &it.account {
                let kept = || before.own.get(account).cloned().flatten();
                next.own.insert(account.clone(), plugin.or_else(kept));
            } else {
                let plugin = plugin.or_else(|| before.plugins.get(&it.name).cloned());
                next.plugins.extend(plugin.map(|plugin| (it.name.clone(), plugin)));
            }
        }
        next.activations = activations;
        next
    }

    /// An account that did not change keeps its adapter, and so its connections.
    fn entry(&self, before: &Snapshot, next: &Snapshot, account: Account) -> Entry {
        let Some(plugin) = next.plugin_of(&account) else {
            let message =
                format!("no plugin `{}` is installed, or it cannot be loaded", account.plugin);
            let problem = Problem { field: Some("plugin".to_owned()), message };
            return Entry { account: Arc::new(account), adapter: Err(vec![problem]) };
        };
        if let Some(entry) = before.accounts.get(&account.id)
            && *entry.account == account
            && let Ok(adapter) = &entry.adapter
            && adapter.plugin().record().digest == plugin.record().digest
        {
            return entry.clone();
        }
        let account = Arc::new(account);
        let adapter = self.plugins.bind(Arc::clone(plugin), Arc::clone(&account));
        if let Err(problems) = &adapter {
            tracing::warn!(account.id = %account.id, ?problems, "account cannot work as it is set");
        }
        Entry { account, adapter }
    }
}

fn invalid(field: &str, message: String) -> Error {
    Error::Invalid(vec![Problem { field: Some(field.to_owned()), message }])
}
