//! Draws from the pools of managers, one after the other whichever host they come from.

use async_trait::async_trait;

use super::{
    Postgres, Result, again,
    codec::{from_json, to_json},
    commit,
    queries::{row, run},
    unavailable,
};
use crate::{
    id::PoolId,
    rules::responsible::{PoolState, Turn, draw},
    storage::Draws,
};

#[async_trait]
impl Draws for Postgres {
    async fn draw(&self, pool: &PoolId, key: &str, turn: Turn) -> Result<Option<String>> {
        let first = to_json(&PoolState::default())?;
        again(|| async {
            let mut db = self.connection().await?;
            let transaction = db.transaction().await?;
            // The row is locked until the commit: the next draw sees this one.
            let begin = "INSERT INTO pool_state (pool, state) VALUES ($1, $2)
                         ON CONFLICT (pool) DO UPDATE SET state = pool_state.state
                         RETURNING state";
            let found = row(&transaction, begin, &[&pool.as_str(), &first]).await?;
            let found = found.ok_or_else(|| unavailable("a pool has no state"))?;
            let mut state: PoolState = from_json("pool_state", found.try_get(0)?)?;
            let drawn = draw(&mut state, key, &turn);
            let state = to_json(&state)?;
            let keep = "UPDATE pool_state SET state = $2 WHERE pool = $1";
            run(&transaction, keep, &[&pool.as_str(), &state]).await?;
            commit(transaction, drawn).await
        })
        .await
    }

    async fn next_turn(&self, pool: &PoolId, key: &str, turn: Turn) -> Result<Option<String>> {
        let db = self.connection().await?;
        let sql = "SELECT state FROM pool_state WHERE pool = $1";
        let mut state = match row(&db, sql, &[&pool.as_str()]).await? {
            Some(found) => from_json("pool_state", found.try_get(0)?)?,
            None => PoolState::default(),
        };
        Ok(draw(&mut state, key, &turn))
    }
}
