//! The versions of plugins, and which of them are active.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    Error, Result, Sqlite,
    codec::{from_json, standing, standing_name, to_id, to_json, to_micros, to_timestamp},
};
use crate::{
    account::{Activation, Version},
    id::{AccountId, Digest, PluginName},
    storage::Versions,
};

#[async_trait]
impl Versions for Sqlite {
    async fn put_version(&self, version: Version, bytes: Vec<u8>) -> Result<()> {
        let record = to_json(&version.record)?;
        self.writer.write(move |db| put_version(db, &version, &record, &bytes)).await
    }

    async fn versions(&self) -> Result<Vec<Version>> {
        self.readers.read(versions).await
    }

    async fn is_known(&self, digest: Digest) -> Result<bool> {
        self.readers
            .read(move |db| {
                let sql = "SELECT EXISTS (SELECT 1 FROM plugin WHERE digest = ?1)";
                Ok(db.query_row(sql, [digest.0], |row| row.get(0))?)
            })
            .await
    }

    async fn version_bytes(&self, digest: Digest) -> Result<Option<Vec<u8>>> {
        self.readers
            .read(move |db| {
                let sql = "SELECT bytes FROM plugin WHERE digest = ?1 AND standing <> 'removed'";
                let mut statement = db.prepare_cached(sql)?;
                Ok(statement.query_row([digest.0], |row| row.get(0)).optional()?)
            })
            .await
    }

    async fn approve(&self, digest: Digest) -> Result<bool> {
        self.writer
            .write(move |db| {
                let sql = "UPDATE plugin SET standing = 'approved'
                           WHERE digest = ?1 AND standing <> 'removed'";
                Ok(db.execute(sql, [digest.0])? == 1)
            })
            .await
    }

    async fn activations(&self) -> Result<Vec<Activation>> {
        self.readers.read(activations).await
    }

    async fn put_activation(&self, activation: Activation) -> Result<()> {
        let trail = to_json(&activation.trail)?;
        self.writer.write(move |db| put_activation(db, &activation, &trail)).await
    }

    async fn remove_old_versions(&self, name: &PluginName, kept: u32) -> Result<Vec<Digest>> {
        let name = name.clone();
        self.writer.write(move |db| remove_old_versions(db, &name, kept)).await
    }

    async fn read_again(
        &self,
        account: Option<&AccountId>,
        refused_by: Digest,
        since: Timestamp,
    ) -> Result<u64> {
        let account = account.cloned();
        self.writer.write(move |db| read_again(db, account.as_ref(), refused_by, since)).await
    }
}

fn put_version(db: &Connection, version: &Version, record: &str, bytes: &[u8]) -> Result<()> {
    let Version { record: plugin, standing, used_at } = version;
    let (name, digest) = (plugin.manifest.name.as_str(), plugin.digest.0);
    db.execute(
        "INSERT INTO plugin (digest, name, record, bytes, standing, used_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (digest) DO UPDATE SET
             name = excluded.name, record = excluded.record, bytes = excluded.bytes,
             standing = CASE standing WHEN 'approved' THEN standing ELSE excluded.standing END,
             used_at = max(used_at, excluded.used_at)",
        params![digest, name, record, bytes, standing_name(*standing), to_micros(*used_at)],
    )?;
    Ok(())
}

fn versions(db: &Connection) -> Result<Vec<Version>> {
    let mut statement = db.prepare_cached(
        "SELECT record, standing, used_at FROM plugin WHERE standing <> 'removed'
         ORDER BY name, used_at DESC, digest",
    )?;
    let mut rows = statement.query(())?;
    let mut versions = Vec::new();
    while let Some(row) = rows.next()? {
        versions.push(Version {
            record: from_json("plugin", &row.get::<_, String>(0)?)?,
            standing: standing(&row.get::<_, String>(1)?)?,
            used_at: to_timestamp("plugin", row.get(2)?)?,
        });
    }
    Ok(versions)
}

fn activations(db: &Connection) -> Result<Vec<Activation>> {
    let mut statement = db.prepare_cached(
        "SELECT name, account, generation, digest, trail FROM activation ORDER BY name, account",
    )?;
    let mut rows = statement.query(())?;
    let mut activations = Vec::new();
    while let Some(row) = rows.next()? {
        activations.push(activation(row)?);
    }
    Ok(activations)
}

fn activation(row: &Row<'_>) -> Result<Activation> {
    let account: String = row.get(1)?;
    let account = (!account.is_empty()).then(|| to_id("activation", account));
    Ok(Activation {
        name: to_id("activation", row.get(0)?)?,
        account: account.transpose()?,
        generation: row.get(2)?,
        digest: row.get::<_, Option<[u8; 32]>>(3)?.map(Digest),
        trail: from_json("activation", &row.get::<_, String>(4)?)?,
    })
}

fn remove_old_versions(db: &Connection, name: &PluginName, kept: u32) -> Result<Vec<Digest>> {
    let mut statement = db.prepare_cached(
        "UPDATE plugin SET standing = 'removed', bytes = x''
         WHERE name = ?1 AND standing <> 'removed'
           AND digest NOT IN (SELECT digest FROM activation WHERE digest IS NOT NULL)
           AND digest NOT IN (
               SELECT digest FROM plugin WHERE name = ?1 AND standing <> 'removed'
               ORDER BY used_at DESC, digest LIMIT ?2)
         RETURNING digest",
    )?;
    let removed =
        statement.query_map(params![name.as_str(), kept], |row| row.get(0).map(Digest))?;
    Ok(removed.collect::<rusqlite::Result<_>>()?)
}

fn read_again(
    db: &Connection,
    account: Option<&AccountId>,
    refused_by: Digest,
    since: Timestamp,
) -> Result<u64> {
    let mut statement = db.prepare_cached(
        "UPDATE request SET verdict = 'unread', status = NULL
         WHERE verdict = 'rejected' AND plugin = ?1 AND ?2 <= received_at
           AND (?3 IS NULL OR account = ?3)
         RETURNING account",
    )?;
    let account = account.map(AccountId::as_str);
    let rows = statement.query_map(params![refused_by.0, to_micros(since), account], |row| {
        row.get::<_, String>(0)
    })?;
    let accounts = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut count =
        db.prepare_cached("UPDATE usage SET rejected = max(0, rejected - 1) WHERE account = ?1")?;
    for account in &accounts {
        count.execute([account])?;
    }
    Ok(u64::try_from(accounts.len()).unwrap_or(u64::MAX))
}

fn put_activation(db: &Connection, activation: &Activation, trail: &str) -> Result<()> {
    let Activation { name, account, generation, digest, .. } = activation;
    let digest = digest.map(|digest| digest.0);
    let stored = db.execute(
        "INSERT INTO activation (name, account, generation, digest, trail)
         SELECT ?1, ?2, ?3, ?4, ?5
         WHERE ?3 = 1 + coalesce(
                   (SELECT generation FROM activation WHERE name = ?1 AND account = ?2), 0)
           AND (?4 IS NULL OR EXISTS (
                   SELECT 1 FROM plugin WHERE digest = ?4 AND standing = 'approved'))
         ON CONFLICT (name, account) DO UPDATE SET
             generation = excluded.generation, digest = excluded.digest, trail = excluded.trail",
        params![
            name.as_str(),
            account.as_ref().map_or("", AccountId::as_str),
            generation,
            digest,
            trail
        ],
    )?;
    if stored == 0 {
        return Err(Error::Changed(name.to_string()));
    }
    db.execute(
        "UPDATE plugin SET used_at = max(used_at, ?2) WHERE digest = ?1",
        params![digest, to_micros(activation.trail.since)],
    )?;
    Ok(())
}
