//! Accounts, integrations, pools and the API token.

use async_trait::async_trait;
use deadpool_postgres::Transaction;

use super::{
    Error, Postgres, Result, again,
    codec::{corrupt, from_json, to_id, to_json},
    commit,
    queries::{column, row, rows, run},
};
use crate::{
    account::{Account, AccountState, Integration, Pool},
    id::{Digest, PoolId},
    storage::Registry,
};

#[async_trait]
impl Registry for Postgres {
    async fn put_account(&self, before: Option<&Account>, account: Account) -> Result<()> {
        let record = to_json(&account)?;
        again(|| async {
            let mut db = self.connection().await?;
            let transaction = db.transaction().await?;
            put_account(&transaction, before, &account, &record).await?;
            Ok(transaction.commit().await?)
        })
        .await?;
        self.news.notes().changed();
        Ok(())
    }

    async fn accounts(&self) -> Result<Vec<Account>> {
        self.records("account", "SELECT record FROM account ORDER BY id").await
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

    async fn put_first_token(&self, token: Digest) -> Result<bool> {
        let mut db = self.connection().await?;
        let transaction = db.transaction().await?;
        // Two hosts that start at once must not both think that theirs is the first.
        transaction.batch_execute("LOCK TABLE token IN EXCLUSIVE MODE").await?;
        let sql = "INSERT INTO token SELECT $1 WHERE NOT EXISTS (SELECT 1 FROM token)";
        let stored = run(&transaction, sql, &[&token.0.as_slice()]).await?;
        transaction.commit().await?;
        Ok(stored == 1)
    }

    async fn tokens(&self) -> Result<Vec<Digest>> {
        let db = self.connection().await?;
        let tokens: Vec<Vec<u8>> =
            column(&db, "SELECT digest FROM token ORDER BY digest", &[]).await?;
        tokens.into_iter().map(|bytes| digest("token", bytes)).collect()
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
    account: &Account,
    record: &str,
) -> Result<()> {
    let sql = "SELECT record FROM account WHERE id = $1 FOR UPDATE";
    let stored = row(db, sql, &[&account.id.as_str()]).await?;
    let stored = stored.map(|row| from_json::<Account>("account", row.try_get(0)?)).transpose()?;
    // Not the texts: an earlier release may have written the same account in other words.
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
