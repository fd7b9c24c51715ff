//! The small stores of the accounts.

use std::collections::BTreeMap;

use async_trait::async_trait;
use deadpool_postgres::Transaction;

use super::{
    Postgres, Result, again,
    codec::corrupt,
    commit,
    queries::{column, row, run},
    unavailable,
};
use crate::{
    id::AccountId,
    storage::{Change, Committed, Kv},
};

#[async_trait]
impl Kv for Postgres {
    async fn get(&self, account: &AccountId, key: &str) -> Result<Option<Vec<u8>>> {
        let db = self.connection().await?;
        let sql = "SELECT value FROM kv WHERE account = $1 AND key = $2";
        let found = row(&db, sql, &[&account.as_str(), &key.as_bytes()]).await?;
        Ok(found.map(|row| row.try_get(0)).transpose()?)
    }

    async fn commit(
        &self,
        account: &AccountId,
        changes: Vec<Change>,
        bytes_max: u64,
    ) -> Result<Committed> {
        again(|| async {
            let mut db = self.connection().await?;
            let transaction = db.transaction().await?;
            let committed = apply(&transaction, account.as_str(), &changes, bytes_max).await?;
            commit(transaction, committed).await
        })
        .await
    }

    async fn keys(
        &self,
        account: &AccountId,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>> {
        let sql = "SELECT key FROM kv
                   WHERE account = $1 AND key >= $2 AND key > $3 AND substring(key FROM 1 FOR $4) = $2
                   ORDER BY key LIMIT $5";
        let length = i32::try_from(prefix.len()).map_err(unavailable)?;
        let db = self.connection().await?;
        // The keys with a prefix stand together, and begin with the prefix itself.
        let (sql, after) = match after.filter(|after| *after >= prefix) {
            Some(after) => (sql.to_owned(), after),
            None => (sql.replace("key > $3", "key >= $3"), prefix),
        };
        let keys: Vec<Vec<u8>> = column(
            &db,
            &sql,
            &[&account.as_str(), &prefix.as_bytes(), &after.as_bytes(), &length, &i64::from(limit)],
        )
        .await?;
        keys.into_iter()
            .map(|key| String::from_utf8(key).map_err(|error| corrupt("kv", error)))
            .collect()
    }
}

/// Decides first and writes then: what ends in a conflict or is too large has changed nothing.
///
/// Expectations look at the values before the commit, wherever they stand among the changes.
async fn apply(
    db: &Transaction<'_>,
    account: &str,
    changes: &[Change],
    bytes_max: u64,
) -> Result<Committed> {
    // The row of the account is its lock, so that no two commits decide on the same values.
    let begin = "INSERT INTO usage (account) VALUES ($1)
                 ON CONFLICT (account) DO UPDATE SET kv_bytes = usage.kv_bytes RETURNING kv_bytes";
    let used = row(db, begin, &[&account]).await?;
    let before: i64 = used.ok_or_else(|| unavailable("a store has no row"))?.try_get(0)?;
    let mut writes: BTreeMap<&str, Option<&[u8]>> = BTreeMap::new();
    for change in changes {
        match change {
            Change::Expect(key, expected) => {
                let sql = "SELECT value FROM kv WHERE account = $1 AND key = $2";
                let found = row(db, sql, &[&account, &key.as_bytes()]).await?;
                let found: Option<Vec<u8>> = found.map(|row| row.try_get(0)).transpose()?;
                if found != *expected {
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
    let after = before.saturating_add(growth(db, account, &writes).await?);
    // A commit that frees space is allowed even after the cap was lowered.
    if after > before && u64::try_from(after).is_ok_and(|after| after > bytes_max) {
        return Ok(Committed::Full);
    }
    write(db, account, &writes, after).await?;
    Ok(Committed::Yes)
}

/// How many bytes the writes add. A key counts as well as its value.
async fn growth(
    db: &Transaction<'_>,
    account: &str,
    writes: &BTreeMap<&str, Option<&[u8]>>,
) -> Result<i64> {
    let keys: Vec<&[u8]> = writes.keys().map(|key| key.as_bytes()).collect();
    let sql = "SELECT coalesce(sum(length(key) + length(value)), 0)::bigint FROM kv
               WHERE account = $1 AND key = ANY($2)";
    let stored: i64 = column(db, sql, &[&account, &keys]).await?.first().copied().unwrap_or(0);
    let mut bytes = 0_usize;
    for (key, value) in writes {
        bytes =
            bytes.saturating_add(value.map_or(0, |value| key.len().saturating_add(value.len())));
    }
    Ok(i64::try_from(bytes).unwrap_or(i64::MAX).saturating_sub(stored))
}

async fn write(
    db: &Transaction<'_>,
    account: &str,
    writes: &BTreeMap<&str, Option<&[u8]>>,
    bytes: i64,
) -> Result<()> {
    let (mut kept, mut values, mut removed) = (Vec::new(), Vec::new(), Vec::new());
    for (key, value) in writes {
        match value {
            Some(value) => {
                kept.push(key.as_bytes());
                values.push(*value);
            }
            None => removed.push(key.as_bytes()),
        }
    }
    let set = "INSERT INTO kv (account, key, value)
               SELECT $1, key, value FROM unnest($2::bytea[], $3::bytea[]) AS t (key, value)
               ON CONFLICT (account, key) DO UPDATE SET value = excluded.value";
    if !kept.is_empty() {
        run(db, set, &[&account, &kept, &values]).await?;
    }
    if !removed.is_empty() {
        let delete = "DELETE FROM kv WHERE account = $1 AND key = ANY($2)";
        run(db, delete, &[&account, &removed]).await?;
    }
    let used = "UPDATE usage SET kv_bytes = $2 WHERE account = $1";
    run(db, used, &[&account, &bytes]).await?;
    Ok(())
}
