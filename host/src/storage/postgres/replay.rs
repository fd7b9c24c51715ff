//! Dead letters put back, and lanes that go on after one.

use deadpool_postgres::Transaction;
use jiff::Timestamp;

use super::{
    Postgres, Result,
    codec::to_micros,
    lanes::{GoOn, release},
    queries::{column, row, run, text_or_none},
};
use crate::{
    id::{IntegrationId, JobId, LaneId},
    storage::ReplayFilter,
};

pub(super) async fn replay(pg: &Postgres, job: JobId, now: Timestamp) -> Result<bool> {
    let mut db = pg.connection().await?;
    let transaction = db.transaction().await?;
    let replayed = put_back(&transaction, job, to_micros(now)).await?;
    transaction.commit().await?;
    Ok(replayed)
}

async fn put_back(db: &Transaction<'_>, job: JobId, now: i64) -> Result<bool> {
    let sql = "SELECT lane.id, lane.stopped_by FROM job JOIN lane ON lane.id = job.lane_id
               WHERE job.id = $1 AND job.state = 'dead' FOR UPDATE OF lane";
    let Some(dead) = row(db, sql, &[&job.0]).await? else { return Ok(false) };
    let (lane, stopped_by): (i64, Option<i64>) = (dead.try_get(0)?, dead.try_get(1)?);
    let stops_its_lane = stopped_by == Some(job.0);
    // A statement of its own after the lock: another one may have put it back meanwhile.
    let sql = "UPDATE job SET state = 'pending', seq = coalesce($2::bigint, seq), attempts = 0,
                   run_at = $3, died_at = NULL, reason = NULL, result = NULL, is_again = TRUE
               WHERE id = $1 AND state = 'dead'";
    let seq = if stops_its_lane { None } else { append(db, lane, now).await? };
    if run(db, sql, &[&job.0, &seq, &now]).await? == 0 {
        return Ok(false);
    }
    if stops_its_lane {
        release(db, lane, GoOn::At(now)).await?;
    }
    Ok(true)
}

/// The end of the lane: the order of those that wait is not touched. A lane that rests wakes.
async fn append(db: &Transaction<'_>, lane: i64, now: i64) -> Result<Option<i64>> {
    let sql = "UPDATE lane SET last_seq = last_seq + 1,
                   run_at = CASE state WHEN 'idle' THEN $2 ELSE run_at END,
                   is_again = is_again OR state = 'idle',
                   state = CASE state WHEN 'idle' THEN 'ready' ELSE state END
               WHERE id = $1 RETURNING last_seq";
    row(db, sql, &[&lane, &now]).await?.map(|row| Ok(row.try_get(0)?)).transpose()
}

/// Each in a transaction of its own, the oldest first.
pub(super) async fn replay_all(
    pg: &Postgres,
    filter: &ReplayFilter,
    limit: u32,
    now: Timestamp,
) -> Result<u64> {
    let sql = "SELECT job.id FROM job JOIN event ON event.id = job.event_id
               WHERE job.state = 'dead' AND ($1::text IS NULL OR job.integration = $1)
                 AND ($2::bigint IS NULL OR $2 <= job.died_at)
                 AND ($3::text IS NULL OR event.kind = $3)
                 AND ($4::text IS NULL OR 0 < strpos(coalesce(job.reason, ''), $4))
                 AND ($5::bigint IS NULL OR job.died_at < $5)
               ORDER BY job.id LIMIT $6";
    let ReplayFilter { integration, died_since, died_before, kind, reason } = filter;
    let integration = integration.as_ref().map(IntegrationId::as_str);
    let (died_since, died_before) = (died_since.map(to_micros), died_before.map(to_micros));
    let (kind, reason) = (text_or_none(kind.as_deref()), text_or_none(reason.as_deref()));
    let jobs: Vec<i64> = {
        let db = pg.connection().await?;
        column(
            &db,
            sql,
            &[&integration, &died_since, &kind, &reason, &died_before, &i64::from(limit)],
        )
        .await?
    };
    let mut replayed = 0;
    for job in jobs {
        replayed += u64::from(super::again(|| replay(pg, JobId(job), now)).await?);
    }
    Ok(replayed)
}

pub(super) async fn resume(pg: &Postgres, lane: LaneId, now: Timestamp) -> Result<bool> {
    let mut db = pg.connection().await?;
    let transaction = db.transaction().await?;
    let sql = "SELECT 1::int FROM lane WHERE id = $1 AND state = 'stopped' FOR UPDATE";
    let is_stopped = row(&transaction, sql, &[&lane.0]).await?.is_some();
    if is_stopped {
        release(&transaction, lane.0, GoOn::At(to_micros(now))).await?;
    }
    transaction.commit().await?;
    Ok(is_stopped)
}
