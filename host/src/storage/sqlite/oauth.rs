//! Tokens of the accounts, and consents under way.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Error, Result, Sqlite,
    codec::{to_id, to_micros, to_timestamp},
    sealed,
};
use crate::{
    id::{AccountId, Digest},
    seal::Keyring,
    secret::Secret,
    storage::{Flow, KeptTokens, Tokens},
};

const TOKENS: (&str, &str) = ("oauth_token", "tokens");
const FLOW: (&str, &str) = ("oauth_flow", "consent");

#[async_trait]
impl Tokens for Sqlite {
    async fn tokens_of(&self, account: &AccountId) -> Result<Option<KeptTokens>> {
        let (account, keys) = (account.clone(), Arc::clone(&self.keys));
        self.readers.read(move |db| kept(db, &account, &keys)).await
    }

    async fn take_turn(
        &self,
        account: &AccountId,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Option<KeptTokens>>> {
        let (account, owner) = (account.clone(), owner.to_owned());
        let (keys, now, until) = (Arc::clone(&self.keys), to_micros(now), to_micros(until));
        let take = move |db: &Connection| {
            let sql = "INSERT INTO oauth_token (account, generation, owner, owned_until)
                       VALUES (?1, 0, ?2, ?4)
                       ON CONFLICT (account) DO UPDATE SET
                           owner = excluded.owner, owned_until = excluded.owned_until
                       WHERE owner IS NULL OR owner = ?2 OR owned_until <= ?3";
            let taken = db.execute(sql, params![account.as_str(), owner, now, until])?;
            if taken == 0 { Ok(None) } else { kept(db, &account, &keys).map(Some) }
        };
        self.writer.write(take).await
    }

    async fn keep_tokens(
        &self,
        account: &AccountId,
        owner: &str,
        text: Secret<String>,
    ) -> Result<KeptTokens> {
        let sealed = sealed::seal(account, TOKENS.1, &text, &self.keys);
        let (account, owner) = (account.clone(), owner.to_owned());
        let keep = move |db: &Connection| {
            let sql = "UPDATE oauth_token SET sealed = ?3, generation = generation + 1,
                           owner = NULL, owned_until = NULL
                       WHERE account = ?1 AND owner = ?2 RETURNING generation";
            let kept =
                db.query_row(sql, params![account.as_str(), owner, sealed], |row| row.get(0));
            kept.optional()?.ok_or(Error::LeaseLost)
        };
        let generation = self.writer.write(keep).await?;
        Ok(KeptTokens { generation, text })
    }

    async fn end_turn(&self, account: &AccountId, owner: &str) -> Result<()> {
        let (account, owner) = (account.clone(), owner.to_owned());
        let end = move |db: &Connection| {
            let sql = "UPDATE oauth_token SET owner = NULL, owned_until = NULL
                       WHERE account = ?1 AND owner = ?2";
            db.execute(sql, params![account.as_str(), owner])?;
            Ok(())
        };
        self.writer.write(end).await
    }

    async fn put_tokens(&self, account: &AccountId, text: Secret<String>) -> Result<KeptTokens> {
        let sealed = sealed::seal(account, TOKENS.1, &text, &self.keys);
        let account = account.clone();
        let put = move |db: &Connection| {
            let sql = "INSERT INTO oauth_token (account, generation, sealed) VALUES (?1, 1, ?2)
                       ON CONFLICT (account) DO UPDATE SET sealed = excluded.sealed,
                           generation = generation + 1, owner = NULL, owned_until = NULL
                       RETURNING generation";
            Ok(db.query_row(sql, params![account.as_str(), sealed], |row| row.get(0))?)
        };
        let generation = self.writer.write(put).await?;
        Ok(KeptTokens { generation, text })
    }

    async fn begin_flow(&self, state: Digest, flow: Flow, now: Timestamp, max: u32) -> Result<()> {
        let sealed = sealed::seal(&flow.account, FLOW.1, &flow.text, &self.keys);
        let (now, until) = (to_micros(now), to_micros(flow.until));
        let begin = move |db: &Connection| {
            let account = flow.account.as_str();
            db.execute("DELETE FROM oauth_flow WHERE until <= ?1", [now])?;
            let sql = "DELETE FROM oauth_flow WHERE state IN (
                           SELECT state FROM oauth_flow WHERE account = ?1
                           ORDER BY until DESC, state LIMIT -1 OFFSET ?2)";
            db.execute(sql, params![account, max.saturating_sub(1)])?;
            let sql = "INSERT INTO oauth_flow (state, account, sealed, until)
                       VALUES (?1, ?2, ?3, ?4)";
            db.execute(sql, params![state.0, account, sealed, until])?;
            Ok(())
        };
        self.writer.write(begin).await
    }

    async fn end_flow(&self, state: Digest, now: Timestamp) -> Result<Option<Flow>> {
        let keys = Arc::clone(&self.keys);
        let end = move |db: &Connection| {
            let sql = "DELETE FROM oauth_flow WHERE state = ?1 RETURNING account, sealed, until";
            let ended = db.query_row(sql, [state.0], |row| {
                Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?))
            });
            let Some((account, text, until)) = ended.optional()? else { return Ok(None) };
            let account = to_id(FLOW.0, account)?;
            let until = to_timestamp(FLOW.0, until)?;
            if until <= now {
                return Ok(None);
            }
            let text = sealed::open(FLOW, &account, &text, &keys)?;
            Ok(Some(Flow { account, text, until }))
        };
        self.writer.write(end).await
    }
}

fn kept(db: &Connection, account: &AccountId, keys: &Keyring) -> Result<Option<KeptTokens>> {
    let sql = "SELECT generation, sealed FROM oauth_token WHERE account = ?1 AND sealed NOT NULL";
    let row = db
        .prepare_cached(sql)?
        .query_row([account.as_str()], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))
        .optional()?;
    let Some((generation, text)) = row else { return Ok(None) };
    let text = sealed::open(TOKENS, account, &text, keys)?;
    Ok(Some(KeptTokens { generation, text }))
}
