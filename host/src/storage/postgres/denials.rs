//! What accounts were denied.

use async_trait::async_trait;
use deadpool_postgres::Transaction;

use super::{
    Postgres, Result, again,
    codec::{from_json, to_count, to_json, to_micros, to_timestamp},
    queries::{rows, run},
};
use crate::{
    id::AccountId,
    storage::{Denial, Denials},
};

#[async_trait]
impl Denials for Postgres {
    async fn add_denials(&self, mut denials: Vec<Denial>, max: u32) -> Result<()> {
        // Always in the same order, so that two hosts do not wait for each other.
        denials.sort_by(|a, b| key(a).cmp(&key(b)));
        let max = i64::from(max);
        again(|| async {
            let mut db = self.connection().await?;
            let transaction = db.transaction().await?;
            for denial in &denials {
                add_one(&transaction, denial).await?;
            }
            for denial in &denials {
                let sql = "DELETE FROM denial WHERE (account, origin, method, reason) IN (
                               SELECT account, origin, method, reason FROM denial
                               WHERE account = $1
                               ORDER BY last_at DESC, origin COLLATE \"C\", method, reason
                               OFFSET $2::bigint)";
                run(&transaction, sql, &[&denial.account.as_str(), &max]).await?;
            }
            Ok(transaction.commit().await?)
        })
        .await
    }

    async fn denials_of(&self, account: &AccountId) -> Result<Vec<Denial>> {
        let sql = "SELECT origin, method, reason, message, allowing, first_at, last_at, count
                   FROM denial WHERE account = $1
                   ORDER BY last_at DESC, origin COLLATE \"C\", method, reason";
        let db = self.connection().await?;
        let decode = |row: &tokio_postgres::Row| {
            let grant: Option<&str> = row.try_get(4)?;
            Ok(Denial {
                account: account.clone(),
                origin: row.try_get(0)?,
                method: row.try_get(1)?,
                reason: row.try_get(2)?,
                message: row.try_get(3)?,
                grant: grant.map(|json| from_json("denial", json)).transpose()?,
                first_at: to_timestamp("denial", row.try_get(5)?)?,
                last_at: to_timestamp("denial", row.try_get(6)?)?,
                count: to_count("denial", row.try_get(7)?)?,
            })
        };
        rows(&db, sql, &[&account.as_str()]).await?.iter().map(decode).collect()
    }
}

fn key(denial: &Denial) -> (&str, &str, &str, &str) {
    let Denial { account, origin, method, reason, .. } = denial;
    (account.as_str(), origin, method, reason)
}

async fn add_one(db: &Transaction<'_>, denial: &Denial) -> Result<()> {
    let sql = "INSERT INTO denial VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
               ON CONFLICT (account, origin, method, reason) DO UPDATE SET
                   message = excluded.message, allowing = excluded.allowing,
                   first_at = least(denial.first_at, excluded.first_at),
                   last_at = greatest(denial.last_at, excluded.last_at),
                   count = denial.count + excluded.count";
    let grant = denial.grant.as_ref().map(to_json).transpose()?;
    let count = i64::try_from(denial.count).unwrap_or(i64::MAX);
    let (first, last) = (to_micros(denial.first_at), to_micros(denial.last_at));
    let account = denial.account.as_str();
    let Denial { origin, method, reason, message, .. } = denial;
    let all: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
        &[&account, origin, method, reason, message, &grant, &first, &last, &count];
    run(db, sql, all).await.map(drop)
}
