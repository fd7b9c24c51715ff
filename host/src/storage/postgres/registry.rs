//! Accounts, integrations and pools.

use async_trait::async_trait;
use deadpool_postgres::Transaction;

use super::{
    Error, Postgres, Result, again,
    codec::{corrupt, from_json, to_id, to_json},
    commit,
    queries::{column, row, rows, run},
    sealed,
};
use crate::{
    account::{Account, AccountState, Integration, Pool},
    id::{Digest, PoolId},
    seal::Keyring,
    storage::Registry,
};

#[async_trait]
impl Registry for Postgres {
    async fn put_account(&self, before: Option<&Account>, account: Account) -> Result<()> {
        let record = sealed::account_to_json(&account, &self.keys)?;
        again(|| async {
            let mut db = self.connection().await?;
            let transaction = db.transaction().await?;
            put_account(&transaction, before, (&account, &record), &self.keys).await?;
            Ok(transaction.commit().await?)
        })
        .await?;
        self.news.notes().changed();
        Ok(())
    }

    async fn accounts(&self) -> Result<Vec<Account>> {
        let db = self.connection().await?;
        let sql = "SELECT record FROM account ORDER BY id";
        let records: Vec<String> = column(&db, sql, &[]).await?;
        records.iter().map(|json| sealed::account_from_json(json, &self.keys)).collect()
    }

    async fn put_integration(&self, integration: Integration) -> Result<()> {
        let (options, rules) = (to_json(&integration.options)?, to_json(&integration.rules)?);
        again(|| async {
            let mut db = self.connection().await?;
            let transaction = db.transaction().await?;
            put_integration(&transaction, &integration, &options, &rules).await?;
            Ok(transaction.commit().await?)
        })
        .await?;
        self.news.notes().changed();
        Ok(())
    }

    async fn integrations(&self) -> Result<Vec<Integration>> {
        let db = self.connection().await?;
        let sql =
            "SELECT id, channel, crm, is_enabled, options, rules FROM integration ORDER BY id";
        let decode = |row: &tokio_postgres::Row| {
            Ok(Integration {
                id: to_id("integration", row.try_get(0)?)?,
                channel: to_id("integration", row.try_get(1)?)?,
                crm: to_id("integration", row.try_get(2)?)?,
                enabled: row.try_get(3)?,
                options: from_json("integration", row.try_get(4)?)?,
                rules: from_json("integration", row.try_get(5)?)?,
            })
        };
        rows(&db, sql, &[]).await?.iter().map(decode).collect()
    }

    async fn put_pool(&self, pool: Pool) -> Result<()> {
        let record = to_json(&pool)?;
        let sql = "INSERT INTO pool (id, record) VALUES ($1, $2)
                   ON CONFLICT (id) DO UPDATE SET record = excluded.record";
        again(|| async {
            let mut db = self.connection().await?;
            let transaction = db.transaction().await?;
            run(&transaction, sql, &[&pool.id.as_str(), &record]).await?;
            Ok(transaction.commit().await?)
        })
        .await?;
        self.news.notes().changed();
        Ok(())
    }

    async fn delete_pool(&self, pool: &PoolId) -> Result<bool> {
        let deleted = again(|| async {
            let mut db = self.connection().await?;
            let transaction = db.transaction().await?;
            let sql = "DELETE FROM pool_state WHERE pool = $1";
            run(&transaction, sql, &[&pool.as_str()]).await?;
            let sql = "DELETE FROM pool WHERE id = $1";
            let deleted = run(&transaction, sql, &[&pool.as_str()]).await?;
            commit(transaction, deleted == 1).await
        })
        .await?;
        self.news.notes().changed();
        Ok(deleted)
    }

    async fn pools(&self) -> Result<Vec<Pool>> {
        self.records("pool", "SELECT record FROM pool ORDER BY id").await
    }
}

impl Postgres {
    /// The JSON of one column, decoded row by row.
    async fn records<T: serde::de::DeserializeOwned>(
        &self,
        table: &'static str,
        sql: &str,
    ) -> Result<Vec<T>> {
        let db = self.connection().await?;
        let records: Vec<String> = column(&db, sql, &[]).await?;
        records.iter().map(|json| from_json(table, json)).collect()
    }
}

pub(super) fn digest(table: &'static str, bytes: Vec<u8>) -> Result<Digest> {
    let wrong = |_bytes| corrupt(table, "a digest has 32 bytes");
    bytes.try_into().map(Digest).map_err(wrong)
}

async fn put_account(
    db: &Transaction<'_>,
    before: Option<&Account>,
    (account, record): (&Account, &str),
    keys: &Keyring,
) -> Result<()> {
    let sql = "SELECT record FROM account WHERE id = $1 FOR UPDATE";
    let stored = row(db, sql, &[&account.id.as_str()]).await?;
    let stored = stored.map(|row| sealed::account_from_json(row.try_get(0)?, keys)).transpose()?;
    // Not the texts: the same account is sealed otherwise each time.
    if stored.as_ref() != before {
        return Err(Error::Changed(account.id.to_string()));
    }
    let sql = if stored.is_some() {
        "UPDATE account SET plugin = $2, is_active = $3, record = $4 WHERE id = $1"
    } else {
        "INSERT INTO account (id, plugin, is_active, record) VALUES ($1, $2, $3, $4)
         ON CONFLICT (id) DO NOTHING"
    };
    let is_active = account.state == AccountState::Active;
    let plugin = account.plugin.as_str();
    let stored = run(db, sql, &[&account.id.as_str(), &plugin, &is_active, &record]).await?;
    // Another host may have been first.
    if stored == 0 { Err(Error::Changed(account.id.to_string())) } else { Ok(()) }
}

async fn put_integration(
    db: &Transaction<'_>,
    integration: &Integration,
    options: &str,
    rules: &str,
) -> Result<()> {
    let Integration { id, channel, crm, enabled, .. } = integration;
    let (id, channel, crm) = (id.as_str(), channel.as_str(), crm.as_str());
    let sql = "INSERT INTO integration (id, channel, crm, is_enabled, options, rules)
               VALUES ($1, $2, $3, $4, $5, $6)
               ON CONFLICT (id) DO UPDATE SET channel = excluded.channel, crm = excluded.crm,
                   is_enabled = excluded.is_enabled, options = excluded.options,
                   rules = excluded.rules";
    run(db, sql, &[&id, &channel, &crm, enabled, &options, &rules]).await?;
    Ok(())
}
