//! Dead letters put back, and lanes that go on after one.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{Result, codec::to_micros, settle};
use crate::{
    id::{IntegrationId, JobId, LaneId},
    storage::ReplayFilter,
};

pub(super) fn replay(db: &Connection, job: JobId, now: Timestamp) -> Result<bool> {
    let now = to_micros(now);
    let dead: Option<(i64, i64, Option<i64>)> = db
        .prepare_cached(
            "SELECT lane.id, job.seq, lane.stopped_by FROM job JOIN lane ON lane.id = job.lane_id
             WHERE job.id = ?1 AND job.state = 'dead'",
        )?
        .query_row([job.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((lane, seq, stopped_by)) = dead else { return Ok(false) };
    let stops_its_lane = stopped_by == Some(job.0);
    let seq = if stops_its_lane { seq } else { append(db, lane, now)? };
    db.prepare_cached(
        "UPDATE job SET state = 'pending', seq = ?2, attempts = 0, run_at = ?3, died_at = NULL,
                        reason = NULL, result = NULL, is_again = 1
         WHERE id = ?1",
    )?
    .execute([job.0, seq, now])?;
    if stops_its_lane {
        settle::advance(db, lane, now)?;
    }
    Ok(true)
}

/// The end of the lane: the order of those that wait is not touched. A lane that rests wakes.
fn append(db: &Connection, lane: i64, now: i64) -> Result<i64> {
    Ok(db
        .prepare_cached(
            "UPDATE lane SET last_seq = last_seq + 1,
                 run_at = CASE state WHEN 'idle' THEN ?2 ELSE run_at END,
                 is_again = CASE state WHEN 'idle' THEN 1 ELSE is_again END,
                 state = CASE state WHEN 'idle' THEN 'ready' ELSE state END
             WHERE id = ?1 RETURNING last_seq",
        )?
        .query_row([lane, now], |row| row.get(0))?)
}

/// The oldest dead jobs that pass the filter.
pub(super) fn find(db: &Connection, filter: &ReplayFilter, limit: u32) -> Result<Vec<JobId>> {
    let jobs = if filter.integration.is_some() { "job.integration = ?1" } else { "?1 IS NULL" };
    let sql = format!(
        "SELECT job.id FROM job JOIN event ON event.id = job.event_id
         WHERE job.state = 'dead' AND {jobs} AND (?2 IS NULL OR ?2 <= job.died_at)
           AND (?3 IS NULL OR job.died_at < ?3)
           AND (?4 IS NULL OR ?4 = event.kind)
           AND (?5 IS NULL OR 0 < instr(coalesce(job.reason, ''), ?5))
         ORDER BY job.id LIMIT ?6"
    );
    let ReplayFilter { integration, died_since, died_before, kind, reason } = filter;
    let integration = integration.as_ref().map(IntegrationId::as_str);
    let (died_since, died_before) = (died_since.map(to_micros), died_before.map(to_micros));
    Ok(db
        .prepare_cached(&sql)?
        .query_map(params![integration, died_since, died_before, kind, reason, limit], |row| {
            row.get(0).map(JobId)
        })?
        .collect::<rusqlite::Result<_>>()?)
}

pub(super) fn resume(db: &Connection, lane: LaneId, now: Timestamp) -> Result<bool> {
    let is_stopped = db
        .prepare_cached("SELECT 1 FROM lane WHERE id = ?1 AND state = 'stopped'")?
        .exists([lane.0])?;
    if is_stopped {
        settle::advance(db, lane.0, to_micros(now))?;
    }
    Ok(is_stopped)
}
