//! The small stores of the accounts.

use std::collections::BTreeMap;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::{Result, Sqlite};
use crate::{
    id::AccountId,
    storage::{Change, Committed, Kv},
};

#[async_trait]
impl Kv for Sqlite {
    async fn get(&self, account: &AccountId, key: &str) -> Result<Option<Vec<u8>>> {
        let (account, key) = (account.clone(), key.to_owned());
        self.readers.read(move |db| get(db, account.as_str(), &key)).await
    }

    async fn commit(
        &self,
        account: &AccountId,
        changes: Vec<Change>,
        bytes_max: u64,
    ) -> Result<Committed> {
        let account = account.clone();
        self.writer.write(move |db| commit(db, account.as_str(), &changes, bytes_max)).await
    }

    async fn keys(
        &self,
        account: &AccountId,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>> {
        let (account, prefix, after) =
            (account.clone(), prefix.to_owned(), after.map(str::to_owned));
        self.readers
            .read(move |db| keys(db, account.as_str(), &prefix, after.as_deref(), limit))
            .await
    }
}

fn get(db: &Connection, account: &str, key: &str) -> Result<Option<Vec<u8>>> {
    let mut statement =
        db.prepare_cached("SELECT value FROM kv WHERE account = ?1 AND key = ?2")?;
    Ok(statement.query_row([account, key], |row| row.get(0)).optional()?)
}

/// Decides first and writes then: what ends in a conflict or is too large has changed nothing.
///
/// Expectations look at the values before the commit, wherever they stand among the changes.
fn commit(db: &Connection, account: &str, changes: &[Change], bytes_max: u64) -> Result<Committed> {
    let mut writes: BTreeMap<&str, Option<&[u8]>> = BTreeMap::new();
    for change in changes {
        match change {
            Change::Expect(key, expected) => {
                if get(db, account, key)? != *expected {
                    return Ok(Committed::Conflict);
                }
            }
            // Of several changes to one key the last counts.
            Change::Set(key, value) => {
                writes.insert(key, Some(value));
            }
            Change::Delete(key) => {
                writes.insert(key, None);
            }
        }
    }
    let before = bytes_used(db, account)?;
    let mut after = before;
    for (key, value) in &writes {
        after +=
            value.map_or(0, |value| bytes_of(key, value.len())) - stored_bytes(db, account, key)?;
    }
    // A commit that frees space is allowed even after the cap was lowered.
    if after > before && u64::try_from(after).is_ok_and(|after| after > bytes_max) {
        return Ok(Committed::Full);
    }
    for (key, value) in writes {
        apply(db, account, key, value)?;
    }
    db.prepare_cached(
        "INSERT INTO usage (account, kv_bytes) VALUES (?1, ?2)
         ON CONFLICT (account) DO UPDATE SET kv_bytes = excluded.kv_bytes",
    )?
    .execute(params![account, after])?;
    Ok(Committed::Yes)
}

fn apply(db: &Connection, account: &str, key: &str, value: Option<&[u8]>) -> Result<()> {
    match value {
        Some(value) => db
            .prepare_cached(
                "INSERT INTO kv (account, key, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT (account, key) DO UPDATE SET value = excluded.value",
            )?
            .execute(params![account, key, value])?,
        None => db
            .prepare_cached("DELETE FROM kv WHERE account = ?1 AND key = ?2")?
            .execute([account, key])?,
    };
    Ok(())
}

/// A key counts as well as its value.
fn bytes_of(key: &str, value_bytes: usize) -> i64 {
    i64::try_from(key.len().saturating_add(value_bytes)).unwrap_or(i64::MAX)
}

fn bytes_used(db: &Connection, account: &str) -> Result<i64> {
    let mut statement = db.prepare_cached("SELECT kv_bytes FROM usage WHERE account = ?1")?;
    Ok(statement.query_row([account], |row| row.get(0)).optional()?.unwrap_or(0))
}

fn stored_bytes(db: &Connection, account: &str, key: &str) -> Result<i64> {
    let mut statement =
        db.prepare_cached("SELECT length(value) FROM kv WHERE account = ?1 AND key = ?2")?;
    let stored: Option<i64> = statement.query_row([account, key], |row| row.get(0)).optional()?;
    Ok(stored.map_or(0, |value_bytes| bytes_of(key, 0).saturating_add(value_bytes)))
}

fn keys(
    db: &Connection,
    account: &str,
    prefix: &str,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<String>> {
    // The keys with a prefix stand together, and begin with the prefix itself.
    let after = after.filter(|after| *after >= prefix);
    let mut statement = db.prepare_cached(if after.is_some() {
        "SELECT key FROM kv WHERE account = ?1 AND key > ?2 ORDER BY key LIMIT ?3"
    } else {
        "SELECT key FROM kv WHERE account = ?1 AND key >= ?2 ORDER BY key LIMIT ?3"
    })?;
    let mut rows = statement.query(params![account, after.unwrap_or(prefix), limit])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        let key: String = row.get(0)?;
        if !key.starts_with(prefix) {
            break;
        }
        keys.push(key);
    }
    Ok(keys)
}
