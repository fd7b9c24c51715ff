//! The tokens of the API, and the record of every change.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::{
    Result, Sqlite,
    codec::{from_json, page, to_id, to_json, to_micros, to_timestamp, to_timestamps},
};
use crate::{
    access::{ApiToken, ChangeRecord, NewChange},
    id::{Digest, TokenName},
    storage::{Access, Page, PageQuery},
};

#[async_trait]
impl Access for Sqlite {
    async fn put_first_token(&self, token: ApiToken) -> Result<bool> {
        let scopes = to_json(&token.scopes)?;
        let sql = "INSERT INTO api_token (name, digest, scopes, created_at, expires_at, revoked_at)
                   SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE NOT EXISTS (SELECT 1 FROM api_token)";
        self.writer.write(move |db| put(db, sql, &token, &scopes)).await
    }

    async fn put_token(&self, token: ApiToken) -> Result<bool> {
        let scopes = to_json(&token.scopes)?;
        let sql = "INSERT INTO api_token (name, digest, scopes, created_at, expires_at, revoked_at)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (name) DO NOTHING";
        self.writer.write(move |db| put(db, sql, &token, &scopes)).await
    }

    async fn token(&self, digest: Digest) -> Result<Option<ApiToken>> {
        let sql = "SELECT name, digest, scopes, created_at, expires_at, revoked_at
                   FROM api_token WHERE digest = ?1";
        self.readers
            .read(move |db| {
                let mut statement = db.prepare_cached(sql)?;
                let mut rows = statement.query([digest.0])?;
                rows.next()?.map(token).transpose()
            })
            .await
    }

    async fn tokens(&self) -> Result<Vec<ApiToken>> {
        let sql = "SELECT name, digest, scopes, created_at, expires_at, revoked_at
                   FROM api_token ORDER BY name";
        self.readers
            .read(move |db| {
                let mut statement = db.prepare_cached(sql)?;
                let mut rows = statement.query(())?;
                let mut tokens = Vec::new();
                while let Some(row) = rows.next()? {
                    tokens.push(token(row)?);
                }
                Ok(tokens)
            })
            .await
    }

    async fn revoke_token(&self, name: &TokenName, now: Timestamp) -> Result<bool> {
        let name = name.clone();
        let sql = "UPDATE api_token SET revoked_at = ?2 WHERE name = ?1 AND revoked_at IS NULL";
        self.writer
            .write(move |db| Ok(db.execute(sql, params![name.as_str(), to_micros(now)])? == 1))
            .await
    }

    async fn begin_change(&self, change: NewChange) -> Result<i64> {
        self.writer
            .write(move |db| {
                let NewChange { at, who, action, subject, address } = &change;
                db.execute(
                    "INSERT INTO audit (at, who, action, subject, address)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![to_micros(*at), who, action, subject, address],
                )?;
                Ok(db.last_insert_rowid())
            })
            .await
    }

    async fn end_change(&self, id: i64, status: u16, detail: Option<String>) -> Result<()> {
        self.writer
            .write(move |db| {
                let sql = "UPDATE audit SET status = ?2, detail = ?3 WHERE id = ?1";
                db.execute(sql, params![id, status, detail])?;
                Ok(())
            })
            .await
    }

    async fn changes(&self, page: PageQuery) -> Result<Page<ChangeRecord>> {
        self.readers.read(move |db| changes(db, page)).await
    }

    async fn expire_changes(&self, since: Timestamp, lines_max: u32, rows_max: u32) -> Result<u64> {
        self.writer.write(move |db| expire(db, since, lines_max, rows_max)).await
    }
}

fn put(db: &Connection, sql: &str, token: &ApiToken, scopes: &str) -> Result<bool> {
    let ApiToken { name, digest, created_at, expires_at, revoked_at, .. } = token;
    let micros = |at: &Option<Timestamp>| at.map(to_micros);
    let (created_at, expires_at) = (micros(created_at), micros(expires_at));
    let values =
        params![name.as_str(), digest.0, scopes, created_at, expires_at, micros(revoked_at)];
    Ok(db.execute(sql, values)? == 1)
}

fn token(row: &Row<'_>) -> Result<ApiToken> {
    const TABLE: &str = "api_token";
    Ok(ApiToken {
        name: to_id(TABLE, row.get(0)?)?,
        digest: Digest(row.get(1)?),
        scopes: from_json(TABLE, &row.get::<_, String>(2)?)?,
        created_at: to_timestamps(TABLE, row.get(3)?)?,
        expires_at: to_timestamps(TABLE, row.get(4)?)?,
        revoked_at: to_timestamps(TABLE, row.get(5)?)?,
    })
}

fn changes(db: &Connection, query: PageQuery) -> Result<Page<ChangeRecord>> {
    let (before, limit) = (query.before.unwrap_or(i64::MAX), i64::from(query.limit) + 1);
    let mut statement = db.prepare_cached(
        "SELECT id, at, who, action, subject, address, status, detail FROM audit
         WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
    )?;
    let mut rows = statement.query([before, limit])?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        lines.push(ChangeRecord {
            id: row.get(0)?,
            change: NewChange {
                at: to_timestamp("audit", row.get(1)?)?,
                who: row.get(2)?,
                action: row.get(3)?,
                subject: row.get(4)?,
                address: row.get(5)?,
            },
            status: row.get(6)?,
            detail: row.get(7)?,
        });
    }
    Ok(page(lines, query.limit, |line| line.id))
}

fn expire(db: &Connection, since: Timestamp, lines_max: u32, rows_max: u32) -> Result<u64> {
    // Lines are written in the order of their numbers, so the oldest have the lowest.
    let last: Option<i64> = db.query_row("SELECT max(id) FROM audit", (), |row| row.get(0))?;
    let kept_after = last.unwrap_or(0).saturating_sub(lines_max.into());
    let removed = db.execute(
        "DELETE FROM audit WHERE id IN
             (SELECT id FROM audit WHERE at < ?1 OR id <= ?2 ORDER BY id LIMIT ?3)",
        params![to_micros(since), kept_after, rows_max],
    )?;
    Ok(u64::try_from(removed).unwrap_or(u64::MAX))
}
