//! Versions of plugins: installed, approved, made active, and taken back.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};

use super::{Difference, Directory, Error, Snapshot};
use crate::{
    account::{Activation, Chooser, PluginRecord, Standing, Step, Version},
    id::{AccountId, Digest, PluginName},
    plugin::{Observer, Plugin, Stage, Upload},
    storage,
};

/// How often a change is made anew because another host was faster.
const TRIES: u32 = 4;

/// After a step back, between two looks for what the version has refused meanwhile. A call waits
/// for its place, and runs, so long at most.
const REST_PAUSES: [Duration; 4] = [
    Duration::from_millis(200),
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_mins(1),
];

/// Letters of a digest that name a version at least.
const PREFIX_MIN: usize = 6;

/// What became of an upload.
#[derive(Debug, Clone, PartialEq)]
pub struct Installed {
    pub record: PluginRecord,
    /// It asks for more than the version that is active, and an operator has to say yes.
    pub is_waiting: bool,
    /// How it differs from the version that was active; `None` for the first one.
    pub difference: Option<Difference>,
}

/// For whom a version is chosen.
#[derive(Debug, Clone)]
pub struct Place {
    pub name: PluginName,
    /// `None` for all accounts that have no choice of their own.
    pub account: Option<AccountId>,
}

/// What a change of the active version did.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed {
    pub before: Option<Digest>,
    /// `None` where the account goes with all the others again.
    pub now: Option<Digest>,
    /// Between the two; `None` where nothing was active.
    pub difference: Option<Difference>,
}

impl Snapshot {
    /// What is chosen at this place; `None` where nothing is.
    pub fn activation(&self, place: &Place) -> Option<&Activation> {
        find(&self.activations, place)
    }
}

fn find<'a>(activations: &'a [Activation], place: &Place) -> Option<&'a Activation> {
    activations.iter().find(|it| it.name == place.name && it.account == place.account)
}

impl Directory {
    /// Installs a version. Every account of its name uses it from the next call on, unless it has a
    /// choice of its own, or the version asks for more than the one before it. Without whom it is
    /// made active by, it is kept only.
    pub async fn install(
        self: &Arc<Self>,
        upload: Upload,
        now: Timestamp,
        by: Option<Chooser>,
        observer: &Observer,
    ) -> Result<Installed, Error> {
        let bytes = upload.bytes.clone();
        let (record, plugin) = self.plugins.admit_watched(upload, now, observer).await?;
        observer(Stage::Store);
        let directory = Arc::clone(self);
        self.to_its_end(async move {
            let _changing = directory.changing.lock().await;
            directory.take_in(record, plugin, bytes, by).await
        })
        .await
    }

    async fn take_in(
        &self,
        mut record: PluginRecord,
        plugin: Arc<Plugin>,
        bytes: Vec<u8>,
        by: Option<Chooser>,
    ) -> Result<Installed, Error> {
        let versions = &self.stores.versions;
        let (digest, now) = (record.digest, record.installed_at);
        let stored = self.stored(digest).await?;
        // The same bytes may come again without the signature that they had.
        let signed = stored.as_ref().and_then(|version| version.record.signature.clone());
        record.signature = record.signature.or(signed);
        let difference = self.difference(&self.snapshot(), &record, None);
        let asks = difference.as_ref().is_some_and(Difference::needs_approval);
        // The plugins folder is the operator's own: what lies there is approved.
        let was_approved = stored.is_some_and(|version| version.standing == Standing::Approved);
        let is_approved = by == Some(Chooser::Folder) || !asks || was_approved;
        let standing = if is_approved { Standing::Approved } else { Standing::Waiting };
        let version = Version { record: record.clone(), standing, used_at: now };
        versions.put_version(version, bytes).await?;
        if let Some(by) = by.filter(|_| is_approved) {
            self.shelf.put(plugin);
            let place = Place { name: record.manifest.name.clone(), account: None };
            let step = self.step(by, now);
            self.put(&place, |before| {
                Activation::choose(before, &place.name, None, Some(digest), step)
            })
            .await?;
            self.reload().await?;
        }
        let kept = self.policy.kept.get();
        let removed = versions.remove_old_versions(&record.manifest.name, kept).await?;
        for digest in removed {
            self.plugins.forget(digest);
        }
        Ok(Installed { record, is_waiting: !is_approved, difference })
    }

    /// A version that is kept.
    pub(super) async fn stored(&self, digest: Digest) -> Result<Option<Version>, Error> {
        let versions = self.stores.versions.versions().await?;
        Ok(versions.into_iter().find(|version| version.record.digest == digest))
    }

    /// Whether a version was ever installed, also when it was removed since.
    pub async fn is_known(&self, digest: Digest) -> Result<bool, Error> {
        Ok(self.stores.versions.is_known(digest).await?)
    }

    /// Every version of a plugin that is kept, those used last first.
    pub async fn versions_of(&self, name: &PluginName) -> Result<Vec<Version>, Error> {
        let mut versions = self.stores.versions.versions().await?;
        versions.retain(|version| version.record.manifest.name == *name);
        Ok(versions)
    }

    /// How a version differs from the one that is active at this place.
    pub fn compare(&self, next: &PluginRecord, place: &Place) -> Option<Difference> {
        self.difference(&self.snapshot(), next, place.account.as_ref())
    }

    /// The version that a digest, or the beginning of one, names.
    pub async fn version(&self, name: &PluginName, digest: &str) -> Result<Version, Error> {
        let digest = digest.to_ascii_lowercase();
        let missing = || Error::Missing { what: "version", id: digest.clone() };
        let mut versions = self.versions_of(name).await?;
        versions.retain(|version| version.record.digest.to_string().starts_with(&digest));
        match versions.pop() {
            Some(_) if digest.len() < PREFIX_MIN || !versions.is_empty() => Err(Error::Conflict(
                format!("`{digest}` is too short to name one version: give more of its digest"),
            )),
            version => version.ok_or_else(missing),
        }
    }

    /// The version, ready to be called, whether it is active or not.
    pub async fn ready(&self, version: Version) -> Result<Arc<Plugin>, Error> {
        Ok(self.loaded(version.record).await?)
    }

    /// Makes a version active, from the next call on. Calls on the way end with the version that
    /// they began with. Without a digest the account goes with all the others again.
    pub async fn activate(
        self: &Arc<Self>,
        place: Place,
        digest: Option<&str>,
        now: Timestamp,
    ) -> Result<Changed, Error> {
        self.check_account(&place)?;
        let version = match digest {
            Some(digest) => Some(self.version(&place.name, digest).await?),
            None if place.account.is_some() => None,
            None => {
                return Err(Error::Conflict("name the version by its digest".to_owned()));
            }
        };
        let waits = |version: &Version| version.standing == Standing::Waiting;
        if let Some(version) = version.as_ref().filter(|version| waits(version)) {
            return Err(Error::Conflict(format!(
                "version {} asks for more than the active one: approve it first",
                version.record.digest
            )));
        }
        self.change_to(place, version, now).await
    }

    /// Says yes to what a version asks for, and makes it active.
    pub async fn approve(
        self: &Arc<Self>,
        place: Place,
        digest: &str,
        now: Timestamp,
    ) -> Result<Changed, Error> {
        self.check_account(&place)?;
        let version = self.version(&place.name, digest).await?;
        self.stores.versions.approve(version.record.digest).await?;
        self.change_to(place, Some(version), now).await
    }

    async fn change_to(
        self: &Arc<Self>,
        place: Place,
        version: Option<Version>,
        now: Timestamp,
    ) -> Result<Changed, Error> {
        let plugin = match version {
            // Beside the other changes: it may have to be compiled.
            Some(version) => Some(self.ready(version).await?),
            None => None,
        };
        let directory = Arc::clone(self);
        self.to_its_end(async move {
            let _changing = directory.changing.lock().await;
            let digest = plugin.as_ref().map(|plugin| plugin.record().digest);
            let difference = plugin.as_ref().and_then(|it| directory.compare(it.record(), &place));
            if let Some(plugin) = plugin {
                directory.shelf.put(plugin);
            }
            let step = directory.step(Chooser::Operator, now);
            let (before, _) = directory
                .put(&place, |before| {
                    let account = place.account.as_ref();
                    Activation::choose(before, &place.name, account, digest, step)
                })
                .await?;
            directory.reload().await?;
            let before = before.and_then(|before| before.digest);
            Ok(Changed { before, now: digest, difference })
        })
        .await
    }

    /// One step back: to the version that was active before.
    pub async fn roll_back(
        self: &Arc<Self>,
        place: Place,
        now: Timestamp,
    ) -> Result<Changed, Error> {
        self.check_account(&place)?;
        let versions = self.versions_of(&place.name).await?;
        let kept = |digest| versions.iter().any(|version| version.record.digest == digest);
        let step = Step { by: Chooser::Operator, at: now, watch_until: None };
        let activations = self.stores.versions.activations().await?;
        let back = find(&activations, &place).and_then(|it| it.back(step, None, kept));
        let nothing = || {
            Error::Conflict(format!("no version of `{}` was active before this one", place.name))
        };
        let back = back.ok_or_else(nothing)?;
        let version =
            versions.into_iter().find(|version| Some(version.record.digest) == back.digest);
        let plugin = match version {
            Some(version) => Some(self.ready(version).await?),
            None => None,
        };
        let directory = Arc::clone(self);
        self.to_its_end(async move {
            let _changing = directory.changing.lock().await;
            let difference = plugin.as_ref().and_then(|it| directory.compare(it.record(), &place));
            if let Some(plugin) = plugin {
                directory.shelf.put(plugin);
            }
            directory.go_back(&back).await?;
            let before = find(&activations, &place).and_then(|before| before.digest);
            Ok(Changed { before, now: back.digest, difference })
        })
        .await
    }

    /// Stores a step back, has it in use, and has read again what the version refused.
    pub(super) async fn go_back(self: &Arc<Self>, back: &Activation) -> Result<(), Error> {
        let place = Place { name: back.name.clone(), account: back.account.clone() };
        let snapshot = self.snapshot();
        let stored = self.stores.versions.put_activation(back.clone()).await;
        self.reload().await?;
        stored?;
        let failed = snapshot.activation(&place);
        if let Some((digest, since)) = failed.and_then(|it| Some((it.digest?, it.trail.since))) {
            self.read_again(&place, digest, since).await?;
            let directory = Arc::clone(self);
            self.tasks.spawn(async move { directory.read_the_rest(place, digest, since).await });
        }
        Ok(())
    }

    /// What was on its way to the version, here and on other hosts, is refused after it has gone.
    async fn read_the_rest(&self, place: Place, refused_by: Digest, since: Timestamp) {
        for pause in REST_PAUSES {
            tokio::select! {
                () = self.tasks.stopping() => return,
                () = tokio::time::sleep(pause) => {}
            }
            if let Err(error) = self.read_again(&place, refused_by, since).await {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "what a version has refused is not read again yet");
            }
        }
    }

    async fn read_again(
        &self,
        place: &Place,
        refused_by: Digest,
        since: Timestamp,
    ) -> Result<(), Error> {
        let account = place.account.as_ref();
        let again = self.stores.versions.read_again(account, refused_by, since).await?;
        if 0 < again {
            tracing::info!(plugin.name = %place.name, again, "refused webhooks are read again by the version before");
        }
        Ok(())
    }

    pub(super) fn step(&self, by: Chooser, at: Timestamp) -> Step {
        let length = SignedDuration::from_secs(self.policy.watch_s.into());
        Step { by, at, watch_until: at.checked_add(length).ok() }
    }

    /// Stores what `make` makes of the activation that is stored now; of two at once both are made,
    /// one after the other. Returns the one before and the one stored.
    async fn put(
        &self,
        place: &Place,
        make: impl Fn(Option<&Activation>) -> Option<Activation>,
    ) -> Result<(Option<Activation>, Option<Activation>), Error> {
        let versions = &self.stores.versions;
        let mut tries = 0;
        loop {
            let activations = versions.activations().await?;
            let before = find(&activations, place);
            let Some(next) = make(before) else { return Ok((before.cloned(), None)) };
            tries += 1;
            match versions.put_activation(next.clone()).await {
                Err(storage::Error::Changed(_)) if tries < TRIES => {}
                stored => return Ok(stored.map(|()| (before.cloned(), Some(next)))?),
            }
        }
    }

    /// The account is there, and is of this plugin.
    pub fn check_account(&self, place: &Place) -> Result<(), Error> {
        let Some(id) = &place.account else { return Ok(()) };
        let missing = || Error::Missing { what: "account", id: id.to_string() };
        let snapshot = self.snapshot();
        let account = &snapshot.accounts.get(id).ok_or_else(missing)?.account;
        if account.plugin == place.name {
            return Ok(());
        }
        let (id, plugin) = (id.clone(), account.plugin.clone());
        Err(Error::Conflict(format!("account `{id}` is of plugin `{plugin}`")))
    }
}
