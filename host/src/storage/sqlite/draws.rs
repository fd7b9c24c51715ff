//! Draws from the pools of managers.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Result, Sqlite,
    codec::{from_json, to_json},
};
use crate::{
    id::PoolId,
    rules::responsible::{PoolState, Turn, draw},
    storage::Draws,
};

#[async_trait]
impl Draws for Sqlite {
    async fn draw(&self, pool: &PoolId, key: &str, turn: Turn) -> Result<Option<String>> {
        let (pool, key) = (pool.clone(), key.to_owned());
        let take = move |db: &Connection| {
            let mut state = state(db, &pool)?;
            let drawn = draw(&mut state, &key, &turn);
            let sql = "INSERT INTO pool_state (pool, state) VALUES (?1, ?2)
                       ON CONFLICT (pool) DO UPDATE SET state = excluded.state";
            db.prepare_cached(sql)?.execute(params![pool.as_str(), to_json(&state)?])?;
            Ok(drawn)
        };
        self.writer.write(take).await
    }

    async fn next_turn(&self, pool: &PoolId, key: &str, turn: Turn) -> Result<Option<String>> {
        let (pool, key) = (pool.clone(), key.to_owned());
        let look = move |db: &Connection| Ok(draw(&mut state(db, &pool)?, &key, &turn));
        self.readers.read(look).await
    }
}

/// Whose turn it was last; of a new pool nobody's.
fn state(db: &Connection, pool: &PoolId) -> Result<PoolState> {
    let stored: Option<String> = db
        .prepare_cached("SELECT state FROM pool_state WHERE pool = ?1")?
        .query_row([pool.as_str()], |row| row.get(0))
        .optional()?;
    stored.map_or_else(|| Ok(PoolState::default()), |json| from_json("pool_state", &json))
}
