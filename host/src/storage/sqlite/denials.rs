//! What accounts were denied.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::{
    Result, Sqlite,
    codec::{from_json, to_count, to_json, to_micros, to_timestamp},
};
use crate::{
    id::AccountId,
    storage::{Denial, Denials},
};

#[async_trait]
impl Denials for Sqlite {
    async fn add_denials(&self, denials: Vec<Denial>, max: u32) -> Result<()> {
        let add = move |db: &Connection| {
            for denial in &denials {
                add_one(db, denial)?;
            }
            for denial in &denials {
                let sql = "DELETE FROM denial WHERE (account, origin, method, reason) IN (
                               SELECT account, origin, method, reason FROM denial WHERE account = ?1
                               ORDER BY last_at DESC, origin, method, reason LIMIT -1 OFFSET ?2)";
                db.prepare_cached(sql)?.execute(params![denial.account.as_str(), max])?;
            }
            Ok(())
        };
        self.writer.write(add).await
    }

    async fn denials_of(&self, account: &AccountId) -> Result<Vec<Denial>> {
        let account = account.clone();
        self.readers.read(move |db| denials_of(db, &account)).await
    }
}

fn add_one(db: &Connection, denial: &Denial) -> Result<()> {
    let sql = "INSERT INTO denial VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
               ON CONFLICT (account, origin, method, reason) DO UPDATE SET
                   message = excluded.message, allowing = excluded.allowing,
                   first_at = min(first_at, excluded.first_at),
                   last_at = max(last_at, excluded.last_at), count = count + excluded.count";
    let grant = denial.grant.as_ref().map(to_json).transpose()?;
    let count = i64::try_from(denial.count).unwrap_or(i64::MAX);
    db.prepare_cached(sql)?.execute(params![
        denial.account.as_str(),
        denial.origin,
        denial.method,
        denial.reason,
        denial.message,
        grant,
        to_micros(denial.first_at),
        to_micros(denial.last_at),
        count,
    ])?;
    Ok(())
}

fn denials_of(db: &Connection, account: &AccountId) -> Result<Vec<Denial>> {
    let mut statement = db.prepare_cached(
        "SELECT origin, method, reason, message, allowing, first_at, last_at, count FROM denial
         WHERE account = ?1 ORDER BY last_at DESC, origin, method, reason",
    )?;
    let mut rows = statement.query([account.as_str()])?;
    let mut denials = Vec::new();
    while let Some(row) = rows.next()? {
        let grant: Option<String> = row.get(4)?;
        denials.push(Denial {
            account: account.clone(),
            origin: row.get(0)?,
            method: row.get(1)?,
            reason: row.get(2)?,
            message: row.get(3)?,
            grant: grant.map(|json| from_json("denial", &json)).transpose()?,
            first_at: to_timestamp("denial", row.get(5)?)?,
            last_at: to_timestamp("denial", row.get(6)?)?,
            count: to_count("denial", row.get(7)?)?,
        });
    }
    Ok(denials)
}
