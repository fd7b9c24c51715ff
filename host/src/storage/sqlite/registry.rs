//! Accounts, integrations and pools.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Error, Result, Sqlite,
    codec::{from_json, to_id, to_json},
    sealed,
};
use crate::{
    account::{Account, AccountState, Integration, Pool},
    id::PoolId,
    seal::Keyring,
    storage::Registry,
};

#[async_trait]
impl Registry for Sqlite {
    async fn put_account(&self, before: Option<&Account>, account: Account) -> Result<()> {
        let before = before.cloned();
        let record = sealed::account_to_json(&account, &self.keys)?;
        let keys = Arc::clone(&self.keys);
        let put =
            move |db: &Connection| put_account(db, before.as_ref(), (&account, &record), &keys);
        self.writer.write(put).await
    }

    async fn accounts(&self) -> Result<Vec<Account>> {
        let keys = Arc::clone(&self.keys);
        self.readers.read(move |db| accounts(db, &keys)).await
    }

    async fn put_integration(&self, integration: Integration) -> Result<()> {
        self.writer.write(move |db| put_integration(db, &integration)).await
    }

    async fn integrations(&self) -> Result<Vec<Integration>> {
        self.readers.read(integrations).await
    }

    async fn put_pool(&self, pool: Pool) -> Result<()> {
        let record = to_json(&pool)?;
        let put = move |db: &Connection| {
            let sql = "INSERT INTO pool (id, record) VALUES (?1, ?2)
                       ON CONFLICT (id) DO UPDATE SET record = excluded.record";
            db.execute(sql, params![pool.id.as_str(), record])?;
            Ok(())
        };
        self.writer.write(put).await
    }

    async fn delete_pool(&self, pool: &PoolId) -> Result<bool> {
        let pool = pool.clone();
        let delete = move |db: &Connection| {
            db.execute("DELETE FROM pool_state WHERE pool = ?1", [pool.as_str()])?;
            Ok(db.execute("DELETE FROM pool WHERE id = ?1", [pool.as_str()])? == 1)
        };
        self.writer.write(delete).await
    }

    async fn pools(&self) -> Result<Vec<Pool>> {
        self.readers.read(|db| records(db, "pool", "SELECT record FROM pool ORDER BY id")).await
    }
}

fn put_account(
    db: &Connection,
    before: Option<&Account>,
    (account, record): (&Account, &str),
    keys: &Keyring,
) -> Result<()> {
    let stored: Option<String> = db
        .query_row("SELECT record FROM account WHERE id = ?1", [account.id.as_str()], |row| {
            row.get(0)
        })
        .optional()?;
    // Not the texts: the same account is sealed otherwise each time.
    let stored = stored.map(|json| sealed::account_from_json(&json, keys)).transpose()?;
    if stored.as_ref() != before {
        return Err(Error::Changed(account.id.to_string()));
    }
    let is_active = account.state == AccountState::Active;
    db.execute(
        "INSERT INTO account (id, plugin, is_active, record) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (id) DO UPDATE SET
             plugin = excluded.plugin, is_active = excluded.is_active, record = excluded.record",
        params![account.id.as_str(), account.plugin.as_str(), is_active, record],
    )?;
    Ok(())
}

fn accounts(db: &Connection, keys: &Keyring) -> Result<Vec<Account>> {
    let mut statement = db.prepare_cached("SELECT record FROM account ORDER BY id")?;
    let records = statement.query_map((), |row| row.get::<_, String>(0))?;
    records.map(|json| sealed::account_from_json(&json?, keys)).collect()
}

fn put_integration(db: &Connection, integration: &Integration) -> Result<()> {
    let Integration { id, channel, crm, enabled, options, rules } = integration;
    let (options, rules) = (to_json(options)?, to_json(rules)?);
    db.execute(
        "INSERT INTO integration (id, channel, crm, is_enabled, options, rules)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO UPDATE SET
             channel = excluded.channel, crm = excluded.crm, is_enabled = excluded.is_enabled,
             options = excluded.options, rules = excluded.rules",
        params![id.as_str(), channel.as_str(), crm.as_str(), enabled, options, rules],
    )?;
    Ok(())
}

fn integrations(db: &Connection) -> Result<Vec<Integration>> {
    let mut statement = db.prepare_cached(
        "SELECT id, channel, crm, is_enabled, options, rules FROM integration ORDER BY id",
    )?;
    let mut rows = statement.query(())?;
    let mut integrations = Vec::new();
    while let Some(row) = rows.next()? {
        integrations.push(Integration {
            id: to_id("integration", row.get(0)?)?,
            channel: to_id("integration", row.get(1)?)?,
            crm: to_id("integration", row.get(2)?)?,
            enabled: row.get(3)?,
            options: from_json("integration", &row.get::<_, String>(4)?)?,
            rules: from_json("integration", &row.get::<_, String>(5)?)?,
        });
    }
    Ok(integrations)
}

/// The JSON of one column, decoded row by row.
fn records<T: serde::de::DeserializeOwned>(
    db: &Connection,
    table: &'static str,
    sql: &str,
) -> Result<Vec<T>> {
    let mut statement = db.prepare_cached(sql)?;
    let records = statement.query_map((), |row| row.get::<_, String>(0))?;
    records.map(|json| from_json(table, &json?)).collect()
}
