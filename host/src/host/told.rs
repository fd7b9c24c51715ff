//! What a start has changed by the configuration file, for the audit log.

use super::Stores;
use crate::{clock::Clock, directory::Snapshot, storage};

/// Writes a line for everything that is not as it was.
pub(super) async fn tell(
    stores: &Stores,
    before: &Snapshot,
    after: &Snapshot,
    clock: &dyn Clock,
) -> storage::Result<()> {
    for (action, subject) in differences(before, after) {
        let detail = "by the configuration file";
        stores.access.tell_own(clock.now(), action, &subject, detail).await?;
    }
    Ok(())
}

/// Routes that would have done the same, and what they would have done it to.
fn differences(before: &Snapshot, after: &Snapshot) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for (name, plugin) in &after.plugins {
        let digest = plugin.record().digest;
        let was = before.plugins.get(name).map(|plugin| plugin.record().digest);
        if was != Some(digest) {
            found.push(("POST /plugins", format!("plugins/{name}/{digest}")));
        }
    }
    for (id, entry) in &after.accounts {
        if before.accounts.get(id).map(|before| &before.account) != Some(&entry.account) {
            found.push(("PUT /accounts/{id}", format!("accounts/{id}")));
        }
    }
    for (id, pool) in &after.pools {
        if before.pools.get(id) != Some(pool) {
            found.push(("PUT /pools/{id}", format!("pools/{id}")));
        }
    }
    for (id, integration) in &after.integrations {
        if before.integrations.get(id) != Some(integration) {
            found.push(("PUT /integrations/{id}", format!("integrations/{id}")));
        }
    }
    found
}
