//! Tokens of the accounts, and consents under way.

use async_trait::async_trait;
use deadpool_postgres::GenericClient;
use jiff::Timestamp;

use super::{
    Error, Postgres, Result, again,
    codec::{to_id, to_micros, to_timestamp},
    commit,
    queries::{row, run},
    sealed, unavailable,
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
impl Tokens for Postgres {
    async fn tokens_of(&self, account: &AccountId) -> Result<Option<KeptTokens>> {
        kept(&self.connection().await?, account, &self.keys).await
    }

    async fn take_turn(
        &self,
        account: &AccountId,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Option<KeptTokens>>> {
        let sql = "INSERT INTO oauth_token (account, generation, owner, owned_until)
                   VALUES ($1, 0, $2, $4::bigint)
                   ON CONFLICT (account) DO UPDATE SET
                       owner = excluded.owner, owned_until = excluded.owned_until
                   WHERE oauth_token.owner IS NULL OR oauth_token.owner = $2
                       OR oauth_token.owned_until <= $3::bigint";
        let (now, until) = (to_micros(now), to_micros(until));
        again(|| async {
            let mut db = self.connection().await?;
            let transaction = db.transaction().await?;
            let taken = run(&transaction, sql, &[&account.as_str(), &owner, &now, &until]).await?;
            if taken == 0 {
                return commit(transaction, None).await;
            }
            let kept = kept(&transaction, account, &self.keys).await?;
            commit(transaction, Some(kept)).await
        })
        .await
    }

    async fn keep_tokens(
        &self,
        account: &AccountId,
        owner: &str,
        text: Secret<String>,
    ) -> Result<KeptTokens> {
        let sealed = sealed::seal(account, TOKENS.1, &text, &self.keys);
        let sql = "UPDATE oauth_token SET sealed = $3, generation = generation + 1,
                       owner = NULL, owned_until = NULL
                   WHERE account = $1 AND owner = $2 RETURNING generation";
        let db = self.connection().await?;
        let kept = row(&db, sql, &[&account.as_str(), &owner, &sealed]).await?;
        let generation = kept.ok_or(Error::LeaseLost)?.try_get(0)?;
        Ok(KeptTokens { generation, text })
    }

    async fn end_turn(&self, account: &AccountId, owner: &str) -> Result<()> {
        let sql = "UPDATE oauth_token SET owner = NULL, owned_until = NULL
                   WHERE account = $1 AND owner = $2";
        run(&self.connection().await?, sql, &[&account.as_str(), &owner]).await.map(drop)
    }

    async fn put_tokens(&self, account: &AccountId, text: Secret<String>) -> Result<KeptTokens> {
        let sealed = sealed::seal(account, TOKENS.1, &text, &self.keys);
        let sql = "INSERT INTO oauth_token (account, generation, sealed) VALUES ($1, 1, $2)
                   ON CONFLICT (account) DO UPDATE SET sealed = excluded.sealed,
                       generation = oauth_token.generation + 1, owner = NULL, owned_until = NULL
                   RETURNING generation";
        let db = self.connection().await?;
        let put = row(&db, sql, &[&account.as_str(), &sealed]).await?;
        let generation = put.ok_or_else(|| unavailable("tokens were not stored"))?.try_get(0)?;
        Ok(KeptTokens { generation, text })
    }

    async fn begin_flow(&self, state: Digest, flow: Flow, now: Timestamp, max: u32) -> Result<()> {
        let sealed = sealed::seal(&flow.account, FLOW.1, &flow.text, &self.keys);
        let (now, until, kept) = (to_micros(now), to_micros(flow.until), i64::from(max) - 1);
        let account = flow.account.as_str();
        again(|| async {
            let mut db = self.connection().await?;
            let transaction = db.transaction().await?;
            run(&transaction, "DELETE FROM oauth_flow WHERE until <= $1", &[&now]).await?;
            let sql = "DELETE FROM oauth_flow WHERE state IN (
                           SELECT state FROM oauth_flow WHERE account = $1
                           ORDER BY until DESC, state OFFSET greatest($2::bigint, 0))";
            run(&transaction, sql, &[&account, &kept]).await?;
            let sql = "INSERT INTO oauth_flow (state, account, sealed, until)
                       VALUES ($1, $2, $3, $4)";
            run(&transaction, sql, &[&state.0.as_slice(), &account, &sealed, &until]).await?;
            Ok(transaction.commit().await?)
        })
        .await
    }

    async fn end_flow(&self, state: Digest, now: Timestamp) -> Result<Option<Flow>> {
        let sql = "DELETE FROM oauth_flow WHERE state = $1 RETURNING account, sealed, until";
        let db = self.connection().await?;
        let Some(ended) = row(&db, sql, &[&state.0.as_slice()]).await? else { return Ok(None) };
        let account = to_id(FLOW.0, ended.try_get(0)?)?;
        let until = to_timestamp(FLOW.0, ended.try_get(2)?)?;
        if until <= now {
            return Ok(None);
        }
        let text = sealed::open(FLOW, &account, ended.try_get(1)?, &self.keys)?;
        Ok(Some(Flow { account, text, until }))
    }
}

async fn kept(
    db: &impl GenericClient,
    account: &AccountId,
    keys: &Keyring,
) -> Result<Option<KeptTokens>> {
    let sql = "SELECT generation, sealed FROM oauth_token
               WHERE account = $1 AND sealed IS NOT NULL";
    let Some(found) = row(db, sql, &[&account.as_str()]).await? else { return Ok(None) };
    let text = sealed::open(TOKENS, account, found.try_get(1)?, keys)?;
    Ok(Some(KeptTokens { generation: found.try_get(0)?, text }))
}
