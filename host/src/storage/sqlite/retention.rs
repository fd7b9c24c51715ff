//! Removes what is not to be kept, a bounded piece at a time.

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Result,
    codec::{to_count, to_micros},
};
use crate::storage::{Expired, Keep};

/// Webhooks of a later time in a row after which no older one is looked for: a clock that was set
/// back makes a few, and a long journal is not to be read to its end.
const LATER_MAX: usize = 1000;
/// Free pages that one call gives back to the file system: 2 MiB.
const VACUUM_PAGES: u32 = 256;

/// Whether all work for a webhook has ended. A dead letter that stops its lane has not: somebody
/// has to decide on it.
const HAS_ENDED: &str = "request.verdict <> 'unread' AND NOT EXISTS (
    SELECT 1 FROM event JOIN job ON job.event_id = event.id
    WHERE event.request_id = request.id AND (job.state IN ('pending', 'leased')
        OR EXISTS (SELECT 1 FROM lane WHERE stopped_by = job.id AND stopped_by IS NOT NULL)))";

pub(super) const OLD_ATTEMPTS: &str = "DELETE FROM attempt WHERE id IN (
    SELECT attempt.id FROM attempt JOIN job ON job.id = attempt.job_id
    WHERE attempt.started_at < ?1 AND job.state IN ('done', 'dead')
    ORDER BY attempt.started_at LIMIT ?2)";

/// Webhooks that may go, the oldest first, as a reader has seen them.
pub(super) struct Candidates {
    /// With the time of their receipt.
    requests: Vec<(i64, i64)>,
    is_more: bool,
}

/// Looks through the journal from its start, which may hold much work that has not ended: that is
/// why it is not done by the writer.
pub(super) fn find(db: &Connection, keep: &Keep) -> Result<Candidates> {
    let is_over = is_over(db, keep)?;
    let since = to_micros(keep.journal_since);
    let wanted = usize::try_from(keep.rows_max).unwrap_or(usize::MAX).saturating_add(1);
    let sql = format!("SELECT id, received_at, {HAS_ENDED} FROM request ORDER BY id");
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query(())?;
    let (mut requests, mut later) = (Vec::new(), 0);
    while requests.len() < wanted
        && later < LATER_MAX
        && let Some(row) = rows.next()?
    {
        let received_at: i64 = row.get(1)?;
        let is_wanted = is_over || received_at < since;
        later = if is_wanted { 0 } else { later + 1 };
        if is_wanted && row.get(2)? {
            requests.push((row.get(0)?, received_at));
        }
    }
    let is_more = requests.len() == wanted;
    Ok(Candidates { requests, is_more })
}

pub(super) fn remove(db: &Connection, keep: &Keep, candidates: &Candidates) -> Result<Expired> {
    let mut expired = Expired { attempts: remove_attempts(db, keep)?, ..Expired::default() };
    let rows_max = u64::from(keep.rows_max);
    let mut left = rows_max.saturating_sub(expired.attempts);
    expired.is_more = left == 0 || candidates.is_more;
    let since = to_micros(keep.journal_since);
    for (request, received_at) in &candidates.requests {
        if since <= *received_at && !is_over(db, keep)? {
            // The rest is as young, and there is room again.
            expired.is_more = false;
            break;
        }
        if left == 0 {
            expired.is_more = true;
            break;
        }
        if has_ended(db, *request)? {
            let removed = remove_request(db, *request)?;
            expired.requests += 1;
            expired.attempts += removed.attempts;
            expired.lanes += removed.lanes;
            left = left.saturating_sub(removed.rows);
        }
    }
    give_pages_back(db)?;
    Ok(expired)
}

/// Whether the pages in use are more than they may be.
fn is_over(db: &Connection, keep: &Keep) -> Result<bool> {
    let Some(bytes_max) = keep.bytes_max else { return Ok(false) };
    let pragma = |name: &str| -> Result<u64> {
        let value = db.query_row(&format!("PRAGMA {name}"), (), |row| row.get(0))?;
        to_count("database", value)
    };
    let pages = pragma("page_count")?.saturating_sub(pragma("freelist_count")?);
    Ok(bytes_max < pages.saturating_mul(pragma("page_size")?))
}

fn has_ended(db: &Connection, request: i64) -> Result<bool> {
    let sql = format!("SELECT 1 FROM request WHERE id = ?1 AND {HAS_ENDED}");
    Ok(db.prepare_cached(&sql)?.exists([request])?)
}

/// The attempts of jobs that have ended, by the time of their start.
fn remove_attempts(db: &Connection, keep: &Keep) -> Result<u64> {
    let removed = db
        .prepare_cached(OLD_ATTEMPTS)?
        .execute(params![to_micros(keep.traces_since), keep.rows_max])?;
    Ok(u64::try_from(removed).unwrap_or(u64::MAX))
}

struct Removed {
    attempts: u64,
    lanes: u64,
    /// Of all tables.
    rows: u64,
}

/// Removes a webhook with all that came of it, the children first. Repeats of its events in later
/// webhooks go as well; those webhooks stay.
fn remove_request(db: &Connection, request: i64) -> Result<Removed> {
    const JOBS: &str = "SELECT job.id FROM job JOIN event ON event.id = job.event_id
                        WHERE event.request_id = ?1";
    let execute = |sql: &str| -> Result<u64> {
        Ok(u64::try_from(db.prepare_cached(sql)?.execute([request])?).unwrap_or(u64::MAX))
    };
    let lanes = db
        .prepare_cached(
            "SELECT job.lane_id FROM job JOIN event ON event.id = job.event_id
             WHERE event.request_id = ?1",
        )?
        .query_map([request], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    let attempts = execute(&format!("DELETE FROM attempt WHERE job_id IN ({JOBS})"))?;
    let mut rows = attempts;
    rows += execute(&format!("DELETE FROM step WHERE job_id IN ({JOBS})"))?;
    rows += execute(&format!("DELETE FROM job WHERE id IN ({JOBS})"))?;
    rows += execute("DELETE FROM repeat WHERE request_id = ?1")?;
    rows += execute(
        "DELETE FROM repeat WHERE event_id IN (SELECT id FROM event WHERE request_id = ?1)",
    )?;
    rows += execute("DELETE FROM event WHERE request_id = ?1")?;
    let rejected: Option<String> = db
        .prepare_cached("DELETE FROM request WHERE id = ?1 RETURNING account, verdict")?
        .query_row([request], |row| {
            let account = row.get(0)?;
            Ok((row.get_ref(1)?.as_str()? == "rejected").then_some(account))
        })
        .optional()?
        .flatten();
    rows += 1;
    if let Some(account) = rejected {
        db.prepare_cached("UPDATE usage SET rejected = max(0, rejected - 1) WHERE account = ?1")?
            .execute([account])?;
    }
    let mut empty_lanes = 0;
    for lane in lanes {
        empty_lanes += u64::from(leave_lane(db, lane)?);
    }
    Ok(Removed { attempts, lanes: empty_lanes, rows: rows + empty_lanes })
}

/// Counts one job less, and removes the lane if that was the last one.
fn leave_lane(db: &Connection, lane: i64) -> Result<bool> {
    db.prepare_cached("UPDATE lane SET jobs = jobs - 1 WHERE id = ?1")?.execute([lane])?;
    let removed = db
        .prepare_cached("DELETE FROM lane WHERE id = ?1 AND jobs <= 0 AND state = 'idle'")?
        .execute([lane])?;
    Ok(0 < removed)
}

/// Does nothing to a file that was made without this.
fn give_pages_back(db: &Connection) -> Result<()> {
    let mut statement = db.prepare(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"))?;
    let mut pages = statement.query(())?;
    while pages.next()?.is_some() {}
    Ok(())
}
