//! The versions of plugins, and which of them are active.

use async_trait::async_trait;
use deadpool_postgres::Transaction;
use jiff::Timestamp;
use tokio_postgres::Row;

use super::{
    Error, Postgres, Result, again,
    codec::{from_json, standing, standing_name, to_id, to_json, to_micros, to_timestamp},
    commit,
    queries::{column, row, rows, run},
    registry::digest,
};
use crate::{
    account::{Activation, Version},
    id::{AccountId, Digest, PluginName},
    storage::Versions,
};

#[async_trait]
impl Versions for Postgres {
    async fn put_version(&self, version: Version, bytes: Vec<u8>) -> Result<()> {
        let record = to_json(&version.record)?;
        again(|| async {
            let mut db = self.connection().await?;
            let transaction = db.transaction().await?;
            put_version(&transaction, &version, &record, &bytes).await?;
            Ok(transaction.commit().await?)
        })
        .await?;
        self.news.notes().changed();
        Ok(())
    }

    async fn versions(&self) -> Result<Vec<Version>> {
        let db = self.connection().await?;
        let sql = "SELECT record, standing, used_at FROM plugin WHERE standing <> 'removed'
                   ORDER BY name COLLATE \"C\", used_at DESC, digest";
        let decode = |row: &Row| {
            Ok(Version {
                record: from_json("plugin", row.try_get(0)?)?,
                standing: standing(row.try_get(1)?)?,
                used_at: to_timestamp("plugin", row.try_get(2)?)?,
            })
        };
        rows(&db, sql, &[]).await?.iter().map(decode).collect()
    }

    async fn is_known(&self, digest: Digest) -> Result<bool> {
        let db = self.connection().await?;
        let sql = "SELECT 1 FROM plugin WHERE digest = $1";
        Ok(row(&db, sql, &[&digest.0.as_slice()]).await?.is_some())
    }

    async fn version_bytes(&self, digest: Digest) -> Result<Option<Vec<u8>>> {
        let db = self.connection().await?;
        let sql = "SELECT bytes FROM plugin WHERE digest = $1 AND standing <> 'removed'";
        let found = row(&db, sql, &[&digest.0.as_slice()]).await?;
        Ok(found.map(|row| row.try_get(0)).transpose()?)
    }

    async fn approve(&self, digest: Digest) -> Result<bool> {
        let approved = again(|| async {
            let mut db = self.connection().await?;
            let transaction = db.transaction().await?;
            let sql = "UPDATE plugin SET standing = 'approved'
                       WHERE digest = $1 AND standing <> 'removed'";
            let approved = run(&transaction, sql, &[&digest.0.as_slice()]).await?;
            commit(transaction, approved == 1).await
        })
        .await?;
        self.news.notes().changed();
        Ok(approved)
    }

    async fn activations(&self) -> Result<Vec<Activation>> {
        let db = self.connection().await?;
        let sql = "SELECT name, account, generation, digest, trail FROM activation
                   ORDER BY name, account";
        rows(&db, sql, &[]).await?.iter().map(activation).collect()
    }

    async fn put_activation(&self, activation: Activation) -> Result<()> {
        let trail = to_json(&activation.trail)?;
        again(|| async {
            let mut db = self.connection().await?;
            let transaction = db.transaction().await?;
            put_activation(&transaction, &activation, &trail).await?;
            Ok(transaction.commit().await?)
        })
        .await?;
        self.news.notes().changed();
        Ok(())
    }

    async fn remove_old_versions(&self, name: &PluginName, kept: u32) -> Result<Vec<Digest>> {
        let removed = again(|| async {
            let mut db = self.connection().await?;
            let transaction = db.transaction().await?;
            // No version is made active while it goes.
            transaction.batch_execute("LOCK TABLE plugin IN SHARE ROW EXCLUSIVE MODE").await?;
            let sql = "UPDATE plugin SET standing = 'removed', bytes = ''
                       WHERE name = $1 AND standing <> 'removed'
                         AND digest NOT IN (
                             SELECT digest FROM activation WHERE digest IS NOT NULL)
                         AND digest NOT IN (
                             SELECT digest FROM plugin WHERE name = $1 AND standing <> 'removed'
                             ORDER BY used_at DESC, digest LIMIT $2)
                       RETURNING digest";
            let removed: Vec<Vec<u8>> =
                column(&transaction, sql, &[&name.as_str(), &i64::from(kept)]).await?;
            commit(transaction, removed).await
        })
        .await?;
        removed.into_iter().map(|bytes| digest("plugin", bytes)).collect()
    }

    async fn read_again(
        &self,
        account: Option<&AccountId>,
        refused_by: Digest,
        since: Timestamp,
    ) -> Result<u64> {
        let account = account.map(AccountId::as_str);
        again(|| async {
            let mut db = self.connection().await?;
            let transaction = db.transaction().await?;
            let sql = "
                WITH again AS (
                    UPDATE request SET verdict = 'unread', status = NULL
                    WHERE verdict = 'rejected' AND plugin = $1 AND $2 <= received_at
                      AND ($3::text IS NULL OR account = $3)
                    RETURNING account
                ), counts AS (
                    SELECT account, count(*) AS count FROM again GROUP BY account
                ), counted AS (
                    UPDATE usage SET rejected = greatest(0, rejected - counts.count)
                    FROM counts WHERE usage.account = counts.account
                )
                SELECT count(*) FROM again";
            let plugin = refused_by.0.as_slice();
            let counts: Vec<i64> =
                column(&transaction, sql, &[&plugin, &to_micros(since), &account]).await?;
            let count = counts.first().copied().unwrap_or_default();
            commit(transaction, u64::try_from(count).unwrap_or_default()).await
        })
        .await
    }
}

async fn put_version(
    db: &Transaction<'_>,
    version: &Version,
    record: &str,
    bytes: &[u8],
) -> Result<()> {
    let Version { record: plugin, standing, used_at } = version;
    let (name, digest) = (plugin.manifest.name.as_str(), plugin.digest.0.as_slice());
    let (standing, used_at) = (standing_name(*standing), to_micros(*used_at));
    let sql = "INSERT INTO plugin (digest, name, record, bytes, standing, used_at)
               VALUES ($1, $2, $3, $4, $5, $6)
               ON CONFLICT (digest) DO UPDATE SET
                   name = excluded.name, record = excluded.record, bytes = excluded.bytes,
                   standing = CASE plugin.standing WHEN 'approved' THEN plugin.standing
                                                   ELSE excluded.standing END,
                   used_at = greatest(plugin.used_at, excluded.used_at)";
    run(db, sql, &[&digest, &name, &record, &bytes, &standing, &used_at]).await?;
    Ok(())
}

fn activation(row: &Row) -> Result<Activation> {
    let account: String = row.try_get(1)?;
    let account = (!account.is_empty()).then(|| to_id("activation", account));
    let chosen: Option<Vec<u8>> = row.try_get(3)?;
    Ok(Activation {
        name: to_id("activation", row.try_get(0)?)?,
        account: account.transpose()?,
        generation: row.try_get(2)?,
        digest: chosen.map(|bytes| digest("activation", bytes)).transpose()?,
        trail: from_json("activation", row.try_get(4)?)?,
    })
}

async fn put_activation(db: &Transaction<'_>, activation: &Activation, trail: &str) -> Result<()> {
    let Activation { name, account, generation, digest, .. } = activation;
    let changed = || Error::Changed(name.to_string());
    let digest = digest.map(|digest| digest.0.to_vec());
    if let Some(digest) = &digest {
        // The row is locked: it is not removed meanwhile.
        let sql = "UPDATE plugin SET used_at = greatest(used_at, $2)
                   WHERE digest = $1 AND standing = 'approved'";
        let since = to_micros(activation.trail.since);
        if run(db, sql, &[digest, &since]).await? == 0 {
            return Err(changed());
        }
    }
    let account = account.as_ref().map_or("", AccountId::as_str);
    let name = name.as_str();
    let stored = if *generation == 1 {
        let sql = "INSERT INTO activation (name, account, generation, digest, trail)
                   VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name, account) DO NOTHING";
        run(db, sql, &[&name, &account, generation, &digest, &trail]).await?
    } else {
        let sql = "UPDATE activation SET generation = $3::bigint, digest = $4, trail = $5
                   WHERE name = $1 AND account = $2 AND generation = $3::bigint - 1";
        run(db, sql, &[&name, &account, generation, &digest, &trail]).await?
    };
    if stored == 0 { Err(changed()) } else { Ok(()) }
}
