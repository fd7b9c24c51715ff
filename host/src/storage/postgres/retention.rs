//! Removes what is not to be kept, a bounded piece at a time.
//!
//! Rows go in sets, and the bodies of a day in one go with their partition, once nothing of the day
//! is left. What goes by size goes by whole days for the same reason: rows that are removed make room
//! for others, and only a partition gives its room back.

use deadpool_postgres::{Object, Transaction};

use super::{
    Postgres, Result, again,
    codec::to_micros,
    partitions::{self, Partition},
    queries::{column, rows, run},
};
use crate::storage::{Expired, Keep};

/// Whether all work for a webhook has ended. A dead letter that stops its lane has not: somebody
/// has to decide on it.
const HAS_ENDED: &str = "request.verdict <> 'unread' AND NOT EXISTS (
    SELECT 1 FROM event JOIN job ON job.event_id = event.id
    WHERE event.request_id = request.id AND (job.state IN ('pending', 'leased')
        OR EXISTS (SELECT 1 FROM lane WHERE stopped_by = job.id AND stopped_by IS NOT NULL)))";

pub(super) async fn expire(pg: &Postgres, keep: Keep) -> Result<Expired> {
    let rows_max = i64::from(keep.rows_max);
    let attempts = remove_attempts(pg, &keep).await?;
    let mut expired = Expired { attempts, ..Expired::default() };
    let mut left = rows_max.saturating_sub(i64::try_from(attempts).unwrap_or(i64::MAX));
    let before = to_micros(keep.journal_since).max(beyond_size(pg, &keep).await?);
    // A webhook takes its events, jobs, steps and attempts along: small pieces come closest to what
    // is allowed.
    while 0 < left {
        let piece = (left / ROWS_PER_WEBHOOK).clamp(1, PIECE_MAX);
        let found = find(pg, before, piece.saturating_add(1)).await?;
        let is_last = i64::try_from(found.len()).is_ok_and(|count| count <= piece);
        let ids: Vec<i64> = found.into_iter().take(usize::try_from(piece).unwrap_or(1)).collect();
        if ids.is_empty() {
            break;
        }
        let removed = again(|| remove(pg, &ids)).await?;
        expired.requests += removed.requests;
        expired.attempts += removed.attempts;
        expired.lanes += removed.lanes;
        left = left.saturating_sub(removed.rows.max(1));
        if is_last || removed.requests == 0 {
            break;
        }
    }
    expired.is_more = left <= 0
        && (rows_max <= i64::try_from(attempts).unwrap_or(i64::MAX)
            || !find(pg, before, 1).await?.is_empty());
    drop_partitions(pg, before).await?;
    Ok(expired)
}

/// What a usual webhook is kept in: request, body, event, job, steps and an attempt.
const ROWS_PER_WEBHOOK: i64 = 8;
const PIECE_MAX: i64 = 1000;

/// The attempts of jobs that have ended, by the time of their start.
async fn remove_attempts(pg: &Postgres, keep: &Keep) -> Result<u64> {
    let sql = "DELETE FROM attempt WHERE id IN (
                   SELECT attempt.id FROM attempt JOIN job ON job.id = attempt.job_id
                   WHERE attempt.started_at < $1 AND job.state IN ('done', 'dead')
                   ORDER BY attempt.started_at LIMIT $2)";
    let db = pg.connection().await?;
    run(&db, sql, &[&to_micros(keep.traces_since), &i64::from(keep.rows_max)]).await
}

/// The end of the oldest day, if the database is too large and there is another day: what was
/// received before may go whatever its age.
async fn beyond_size(pg: &Postgres, keep: &Keep) -> Result<i64> {
    let Some(bytes_max) = keep.bytes_max else { return Ok(i64::MIN) };
    let db = pg.connection().await?;
    let sql = "SELECT pg_database_size(current_database())";
    let bytes = column::<i64>(&db, sql, &[]).await?.first().copied().unwrap_or(0);
    if u64::try_from(bytes).is_ok_and(|bytes| bytes <= bytes_max) {
        return Ok(i64::MIN);
    }
    let sql = "SELECT min(received_at), max(received_at) FROM request";
    let Some(row) = rows(&db, sql, &[]).await?.into_iter().next() else { return Ok(i64::MIN) };
    let (oldest, newest): (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
    let days = oldest.zip(newest).map(|(a, b)| (partitions::day_of(a), partitions::day_of(b)));
    let end = days.filter(|(oldest, newest)| oldest < newest);
    Ok(end.map_or(i64::MIN, |(oldest, _)| partitions::begin_of(oldest.saturating_add(1))))
}

/// Webhooks that may go, the oldest first.
async fn find(pg: &Postgres, before: i64, limit: i64) -> Result<Vec<i64>> {
    let sql = format!(
        "SELECT id FROM request WHERE received_at < $1 AND {HAS_ENDED}
         ORDER BY received_at, id LIMIT $2"
    );
    let db = pg.connection().await?;
    column(&db, &sql, &[&before, &limit]).await
}

#[derive(Debug, Default)]
struct Removed {
    requests: u64,
    attempts: u64,
    lanes: u64,
    /// Of all tables.
    rows: i64,
}

/// Removes webhooks with all that came of them. Repeats of their events in later webhooks go as well;
/// those webhooks stay.
async fn remove(pg: &Postgres, ids: &[i64]) -> Result<Removed> {
    let mut db = pg.connection().await?;
    let transaction = db.transaction().await?;
    // Whoever puts a dead letter back locks its lane first; so what has ended stays ended.
    let sql = "SELECT lane.id FROM lane WHERE id IN (
                   SELECT job.lane_id FROM job JOIN event ON event.id = job.event_id
                   WHERE event.request_id = ANY($1))
               ORDER BY integration, conversation FOR UPDATE";
    let lanes: Vec<i64> = column(&transaction, sql, &[&ids]).await?;
    let sql = format!("SELECT id FROM request WHERE id = ANY($1) AND {HAS_ENDED} FOR UPDATE");
    let ended: Vec<i64> = column(&transaction, &sql, &[&ids]).await?;
    let removed = remove_rows(&transaction, &ended, &lanes).await?;
    transaction.commit().await?;
    Ok(removed)
}

async fn remove_rows(db: &Transaction<'_>, ids: &[i64], lanes: &[i64]) -> Result<Removed> {
    let sql = "
        WITH events AS (DELETE FROM event WHERE request_id = ANY($1) RETURNING id),
        jobs AS (DELETE FROM job WHERE event_id IN (SELECT id FROM events) RETURNING id),
        attempts AS (DELETE FROM attempt WHERE job_id IN (SELECT id FROM jobs) RETURNING 1),
        steps AS (DELETE FROM step WHERE job_id IN (SELECT id FROM jobs) RETURNING 1),
        repeats AS (DELETE FROM repeat WHERE request_id = ANY($1)
                        OR event_id IN (SELECT id FROM events) RETURNING 1),
        requests AS (DELETE FROM request WHERE id = ANY($1)
                     RETURNING id, received_at, account, verdict),
        bodies AS (DELETE FROM request_body USING requests
                   WHERE request_body.request_id = requests.id
                     AND request_body.received_at = requests.received_at RETURNING 1),
        rejected AS (SELECT account, count(*) AS count FROM requests WHERE verdict = 'rejected'
                     GROUP BY account),
        used AS (UPDATE usage SET rejected = greatest(0, usage.rejected - rejected.count)
                 FROM rejected WHERE usage.account = rejected.account)
        SELECT (SELECT count(*) FROM requests), (SELECT count(*) FROM attempts),
               (SELECT count(*) FROM events) + (SELECT count(*) FROM jobs)
               + (SELECT count(*) FROM steps) + (SELECT count(*) FROM repeats)";
    let mut removed = Removed::default();
    for row in rows(db, sql, &[&ids]).await? {
        let (requests, attempts, others): (i64, i64, i64) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        removed.requests = u64::try_from(requests).unwrap_or(0);
        removed.attempts = u64::try_from(attempts).unwrap_or(0);
        removed.rows = requests + attempts + others;
    }
    let sql = "DELETE FROM lane WHERE id = ANY($1) AND state = 'idle'
               AND NOT EXISTS (SELECT 1 FROM job WHERE job.lane_id = lane.id)";
    removed.lanes = run(db, sql, &[&lanes]).await?;
    removed.rows += i64::try_from(removed.lanes).unwrap_or(0);
    Ok(removed)
}

/// Removes the bodies of the days of which nothing is left.
async fn drop_partitions(pg: &Postgres, before: i64) -> Result<()> {
    let db = pg.connection().await?;
    for partition in partitions::all(&db).await? {
        if before < partition.end() {
            break;
        }
        if is_needed(&db, &partition).await? {
            continue;
        }
        if partitions::remove(&db, &partition).await? {
            tracing::debug!(partition = partition.name, "the bodies of a day are removed");
        }
    }
    Ok(())
}

async fn is_needed(db: &Object, partition: &Partition) -> Result<bool> {
    let sql = "SELECT 1::int FROM request WHERE received_at >= $1 AND received_at < $2 LIMIT 1";
    let found: Vec<i32> = column(db, sql, &[&partition.begin, &partition.end()]).await?;
    Ok(!found.is_empty())
}
