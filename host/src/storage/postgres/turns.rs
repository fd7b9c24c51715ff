//! Turns of the accounts' requests, counted by the database for all hosts.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    Postgres, Result,
    codec::{to_micros, to_timestamp, to_timestamps},
    queries::row,
    unavailable,
};
use crate::{
    account::Rate,
    id::AccountId,
    storage::{Turns, turn},
};

#[async_trait]
impl Turns for Postgres {
    async fn take(&self, account: &AccountId, rate: Rate, now: Timestamp) -> Result<Timestamp> {
        // The row is the queue: whoever changes it first is first. The table is not logged, so
        // nobody waits for the disk.
        let sql = "INSERT INTO turn (account, rested_at) VALUES ($1, $2::bigint + $3::bigint)
                   ON CONFLICT (account) DO UPDATE SET
                       rested_at = greatest(turn.rested_at, $2::bigint) + $3::bigint
                   RETURNING rested_at - $3::bigint";
        // What one turn moves the time on by.
        let step = to_micros(turn(None, rate, now).1).saturating_sub(to_micros(now));
        let db = self.connection().await?;
        let taken = row(&db, sql, &[&account.as_str(), &to_micros(now), &step]).await?;
        let taken = taken.ok_or_else(|| unavailable("a turn was not taken"))?;
        let rested = to_timestamp("turn", taken.try_get(0)?)?;
        Ok(turn(Some(rested), rate, now).0)
    }

    async fn peek(&self, account: &AccountId, rate: Rate, now: Timestamp) -> Result<Timestamp> {
        let db = self.connection().await?;
        let sql = "SELECT rested_at FROM turn WHERE account = $1";
        let rested = row(&db, sql, &[&account.as_str()]).await?;
        let rested = rested.map(|row| row.try_get(0)).transpose()?;
        Ok(turn(to_timestamps("turn", rested)?, rate, now).0)
    }
}
