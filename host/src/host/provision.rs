//! Plugins, accounts, pools and integrations that the configuration names, set at every start.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    account::{Chooser, Integration},
    card,
    clock::Clock,
    config::{AccountEntry, Config, read_secret},
    directory::{self, AccountChange, Difference, Directory},
    id::Digest,
    plugin::Upload,
    signature,
};

/// Sets everything, in order of dependence. Returns all faults, each with its place.
pub(super) async fn apply(
    config: &Config,
    directory: &Arc<Directory>,
    clock: &dyn Clock,
) -> Vec<String> {
    let mut faults = Vec::new();
    if let Some(folder) = &config.plugins
        && let Err(found) = install_folder(folder, directory, clock).await
    {
        faults.extend(found);
    }
    for entry in &config.accounts {
        if let Err(fault) = set_account(entry, directory).await {
            faults.push(format!("account `{}`: {fault}", entry.id));
        }
    }
    for pool in &config.pools {
        let is_set = directory.snapshot().pools.get(&pool.id) == Some(pool);
        if !is_set && let Err(error) = directory.put_pool(pool.clone()).await {
            faults.push(format!("pool `{}`: {}", pool.id, sentence(&error)));
        }
    }
    for entry in &config.integrations {
        let integration = Integration {
            id: entry.id.clone(),
            channel: entry.channel.clone(),
            crm: entry.crm.clone(),
            enabled: entry.enabled,
            options: entry.options,
            rules: entry.rules.clone(),
        };
        let is_set = directory.snapshot().integrations.get(&entry.id) == Some(&integration);
        if !is_set && let Err(error) = directory.put_integration(integration).await {
            faults.push(format!("integration `{}`: {}", entry.id, sentence(&error)));
        }
    }
    faults
}

async fn install_folder(
    folder: &Path,
    directory: &Arc<Directory>,
    clock: &dyn Clock,
) -> Result<(), Vec<String>> {
    let told = |error: io::Error| {
        vec![format!("the plugins folder `{}` cannot be read: {error}", folder.display())]
    };
    let mut faults = Vec::new();
    for path in components(folder).map_err(told)? {
        if let Err(fault) = install(&path, directory, clock).await {
            faults.push(format!("plugin `{}`: {fault}", path.display()));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// The `.wasm` files of the folder, by name.
fn components(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// A version that was here before is left as it is: active, or not, as somebody chose. Its
/// signature may come later.
async fn install(path: &Path, directory: &Arc<Directory>, clock: &dyn Clock) -> Result<(), String> {
    let bytes = tokio::fs::read(path).await.map_err(|error| error.to_string())?;
    let digest = Digest::of(&bytes);
    let upload = Upload { bytes, signature: signature_beside(path)? };
    let is_known = directory.is_known(digest).await.map_err(|error| sentence(&error))?;
    if is_known {
        if upload.signature.is_some() {
            directory.sign(upload, clock.now()).await.map_err(|error| sentence(&error))?;
        }
        if !directory.snapshot().uses(digest) {
            tracing::info!(plugin.digest = %digest, "`{}` is not the active version: `patchbay plugin activate` makes it so", path.display());
        }
        return Ok(());
    }
    let installed =
        directory.install(upload, clock.now(), Some(Chooser::Folder), &|_stage| {}).await;
    let installed = installed.map_err(|error| sentence(&error))?;
    let asks = installed.difference.filter(Difference::needs_approval);
    if let Some(Difference { more, breaks, .. }) = asks {
        tracing::warn!(plugin.name = %installed.record.manifest.name, ?more, ?breaks, "a version of the plugins folder asks for more than the one before it");
    }
    Ok(())
}

/// What lies beside a plugin under its name and `.minisig`.
fn signature_beside(path: &Path) -> Result<Option<String>, String> {
    signature::beside(path).map_err(|error| format!("its signature cannot be read: {error}"))
}

async fn set_account(entry: &AccountEntry, directory: &Arc<Directory>) -> Result<(), String> {
    let mut secrets = std::collections::BTreeMap::new();
    for (key, place) in &entry.secrets {
        let value = read_secret(place).map_err(|fault| format!("secrets.{key}: {fault}"))?;
        secrets.insert(key.clone(), value);
    }
    let change = AccountChange {
        id: entry.id.clone(),
        plugin: entry.plugin.clone(),
        title: Some(entry.title.clone()),
        settings: entry.settings.clone(),
        secrets,
        keeps_secrets: false,
        grants: entry.grants.clone(),
        state: None,
        // What it was paused for may be mended by the change: the CRM tells again if it is not.
        resumes: true,
        reply_deadline_ms: Some(entry.reply_deadline_ms),
        rate: entry.rate,
        webhook_rate: entry.webhook_rate,
        allow_from: Some(entry.allow_from.clone()),
        secret_origins: Some(entry.secret_origins.clone()),
        former_until: None,
    };
    directory.set_account(change).await.map_err(|error| sentence(&error))
}

fn sentence(error: &directory::Error) -> String {
    match error {
        directory::Error::Invalid(problems) => card::sentence(problems),
        directory::Error::Refused(refusal) => refusal.to_string(),
        directory::Error::OtherPlugin { .. }
        | directory::Error::InUse(_)
        | directory::Error::Missing { .. }
        | directory::Error::Conflict(_)
        | directory::Error::Storage(_) => error.to_string(),
    }
}
