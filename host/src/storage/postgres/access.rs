//! The tokens of the API, and the record of every change.

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_postgres::Row;

use super::{
    Postgres, Result, again,
    codec::{self, corrupt, from_json, to_id, to_json, to_micros, to_timestamp, to_timestamps},
    queries::{row, rows, run, text, text_or_none},
    registry::digest,
};
use crate::{
    access::{ApiToken, ChangeRecord, NewChange},
    id::{Digest, TokenName},
    storage::{Access, Page, PageQuery},
};

#[async_trait]
impl Access for Postgres {
    async fn put_first_token(&self, token: ApiToken) -> Result<bool> {
        let mut db = self.connection().await?;
        let transaction = db.transaction().await?;
        // Two hosts that start at once must not both think that theirs is the first.
        transaction.batch_execute("LOCK TABLE api_token IN EXCLUSIVE MODE").await?;
        let sql = "INSERT INTO api_token (name, digest, scopes, created_at, expires_at, revoked_at)
                   SELECT $1, $2, $3, $4::bigint, $5::bigint, $6::bigint
                   WHERE NOT EXISTS (SELECT 1 FROM api_token)";
        let is_stored = put(&transaction, sql, &token).await?;
        transaction.commit().await?;
        Ok(is_stored)
    }

    async fn put_token(&self, token: ApiToken) -> Result<bool> {
        let sql = "INSERT INTO api_token (name, digest, scopes, created_at, expires_at, revoked_at)
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO NOTHING";
        again(|| async { put(&self.connection().await?, sql, &token).await }).await
    }

    async fn token(&self, digest: Digest) -> Result<Option<ApiToken>> {
        let db = self.connection().await?;
        let sql = "SELECT name, digest, scopes, created_at, expires_at, revoked_at
                   FROM api_token WHERE digest = $1";
        row(&db, sql, &[&digest.0.as_slice()]).await?.as_ref().map(token).transpose()
    }

    async fn tokens(&self) -> Result<Vec<ApiToken>> {
        let db = self.connection().await?;
        let sql = "SELECT name, digest, scopes, created_at, expires_at, revoked_at
                   FROM api_token ORDER BY name COLLATE \"C\"";
        rows(&db, sql, &[]).await?.iter().map(token).collect()
    }

    async fn revoke_token(&self, name: &TokenName, now: Timestamp) -> Result<bool> {
        let sql = "UPDATE api_token SET revoked_at = $2 WHERE name = $1 AND revoked_at IS NULL";
        let revoke = || async {
            let db = self.connection().await?;
            run(&db, sql, &[&name.as_str(), &to_micros(now)]).await
        };
        Ok(again(revoke).await? == 1)
    }

    async fn begin_change(&self, change: NewChange) -> Result<i64> {
        let db = self.connection().await?;
        let sql = "INSERT INTO audit (at, who, action, subject, address)
                   VALUES ($1, $2, $3, $4, $5) RETURNING id";
        let NewChange { at, who, action, subject, address } = &change;
        let (who, action) = (text(who), text(action));
        let (subject, address) = (text(subject), text(address));
        let id = row(&db, sql, &[&to_micros(*at), &who, &action, &subject, &address]).await?;
        let id = id.ok_or_else(|| corrupt("audit", "a line that was written has a number"))?;
        Ok(id.try_get(0)?)
    }

    async fn end_change(&self, id: i64, status: u16, detail: Option<String>) -> Result<()> {
        let db = self.connection().await?;
        let sql = "UPDATE audit SET status = $2, detail = $3 WHERE id = $1";
        run(&db, sql, &[&id, &i32::from(status), &text_or_none(detail.as_deref())]).await?;
        Ok(())
    }

    async fn changes(&self, page: PageQuery) -> Result<Page<ChangeRecord>> {
        let (before, limit) = (page.before.unwrap_or(i64::MAX), i64::from(page.limit) + 1);
        let db = self.connection().await?;
        let sql = "SELECT id, at, who, action, subject, address, status, detail FROM audit
                   WHERE id < $1 ORDER BY id DESC LIMIT $2";
        let lines = rows(&db, sql, &[&before, &limit]).await?;
        let lines = lines.iter().map(line).collect::<Result<_>>()?;
        Ok(codec::page(lines, page.limit, |line| line.id))
    }

    async fn expire_changes(&self, since: Timestamp, lines_max: u32, rows_max: u32) -> Result<u64> {
        let db = self.connection().await?;
        // Lines are written about in the order of their numbers, so the oldest have the lowest.
        let sql = "DELETE FROM audit WHERE id IN
                       (SELECT id FROM audit
                        WHERE at < $1 OR id <= (SELECT max(id) FROM audit) - $2
                        ORDER BY id LIMIT $3)";
        let (lines_max, rows_max) = (i64::from(lines_max), i64::from(rows_max));
        run(&db, sql, &[&to_micros(since), &lines_max, &rows_max]).await
    }
}

async fn put(
    db: &impl deadpool_postgres::GenericClient,
    sql: &str,
    token: &ApiToken,
) -> Result<bool> {
    let ApiToken { name, digest, scopes, created_at, expires_at, revoked_at } = token;
    let (name, digest, scopes) = (name.as_str(), digest.0.as_slice(), to_json(scopes)?);
    let micros = |at: &Option<Timestamp>| at.map(to_micros);
    let (created_at, expires_at) = (micros(created_at), micros(expires_at));
    let revoked_at = micros(revoked_at);
    let values: super::queries::Params<'_> =
        &[&name, &digest, &scopes, &created_at, &expires_at, &revoked_at];
    Ok(run(db, sql, values).await? == 1)
}

fn token(row: &Row) -> Result<ApiToken> {
    const TABLE: &str = "api_token";
    Ok(ApiToken {
        name: to_id(TABLE, row.try_get(0)?)?,
        digest: digest(TABLE, row.try_get(1)?)?,
        scopes: from_json(TABLE, row.try_get(2)?)?,
        created_at: to_timestamps(TABLE, row.try_get(3)?)?,
        expires_at: to_timestamps(TABLE, row.try_get(4)?)?,
        revoked_at: to_timestamps(TABLE, row.try_get(5)?)?,
    })
}

fn line(row: &Row) -> Result<ChangeRecord> {
    let status: Option<i32> = row.try_get(6)?;
    let wrong = |_status| corrupt("audit", "a status has three digits");
    Ok(ChangeRecord {
        id: row.try_get(0)?,
        change: NewChange {
            at: to_timestamp("audit", row.try_get(1)?)?,
            who: row.try_get(2)?,
            action: row.try_get(3)?,
            subject: row.try_get(4)?,
            address: row.try_get(5)?,
        },
        status: status.map(u16::try_from).transpose().map_err(wrong)?,
        detail: row.try_get(7)?,
    })
}
