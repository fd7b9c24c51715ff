//! What happens under a lease and how it ends: steps, settlements, leases taken back.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Error, Result,
    codec::{step_state_name, to_micros},
    holds, links,
    rows::{Ending, LOST_REASON},
};
use crate::{
    id::ClientKey,
    outcome::{Blame, Next},
    storage::{Lease, Settlement, Step},
};

/// The first pending job of a lane.
pub(super) const HEAD: &str = "SELECT is_again FROM job
    WHERE lane_id = ?1 AND state = 'pending' ORDER BY seq LIMIT 1";

/// Leases that have ended.
pub(super) const LOST: &str = "SELECT lane.id, job.id, job.attempts, lane.leased_at
    FROM lane JOIN job ON job.id = lane.leased_job
    WHERE lane.state = 'leased' AND lane.lease_until < ?1";

pub(super) fn record_step(db: &Connection, lease: Lease, step: &Step) -> Result<()> {
    let recorded = db
        .prepare_cached(
            "INSERT INTO step (job_id, name, idempotency_key, state, result)
             SELECT job.id, ?3, ?4, ?5, ?6 FROM job JOIN lane ON lane.id = job.lane_id
             WHERE job.id = ?1 AND lane.leased_job = ?1 AND lane.fence = ?2
             ON CONFLICT (job_id, name) DO UPDATE SET
                 idempotency_key = excluded.idempotency_key, state = excluded.state,
                 result = excluded.result",
        )?
        .execute(params![
            lease.job.0,
            lease.fence,
            step.name,
            step.idempotency_key,
            step_state_name(step.state),
            step.result,
        ])?;
    if recorded == 0 { Err(Error::LeaseLost) } else { Ok(()) }
}

pub(super) fn lock_client(
    db: &Connection,
    lease: Lease,
    crm: &str,
    key: ClientKey,
) -> Result<bool> {
    let lane: Option<i64> = db
        .prepare_cached(
            "SELECT lane.id FROM job JOIN lane ON lane.id = job.lane_id
             WHERE job.id = ?1 AND lane.leased_job = ?1 AND lane.fence = ?2",
        )?
        .query_row(params![lease.job.0, lease.fence], |row| row.get(0))
        .optional()?;
    holds::take_one(db, crm, lane.ok_or(Error::LeaseLost)?, key)
}

pub(super) fn extend(db: &Connection, lease: Lease, until: Timestamp) -> Result<()> {
    let extended = db
        .prepare_cached(
            "UPDATE lane SET lease_until = max(lease_until, ?3)
             WHERE id = (SELECT lane_id FROM job WHERE id = ?1)
               AND leased_job = ?1 AND fence = ?2",
        )?
        .execute(params![lease.job.0, lease.fence, to_micros(until)])?;
    if extended == 0 { Err(Error::LeaseLost) } else { Ok(()) }
}

pub(super) fn settle(db: &Connection, lease: Lease, ending: &Ending, now: Timestamp) -> Result<()> {
    let held: Option<(i64, u32)> = db
        .prepare_cached(
            "SELECT lane.id, job.attempts FROM job JOIN lane ON lane.id = job.lane_id
             WHERE job.id = ?1 AND lane.leased_job = ?1 AND lane.fence = ?2",
        )?
        .query_row(params![lease.job.0, lease.fence], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (lane, attempts) = held.ok_or(Error::LeaseLost)?;
    let Settlement {
        next,
        stops_lane,
        links,
        counts,
        outcome,
        blame,
        reason,
        started_at,
        took_ms,
        ..
    } = &ending.settlement;
    let attempt = Attempt {
        number: attempts.saturating_add(1),
        started_at: to_micros(*started_at),
        took_ms: i64::try_from(*took_ms).unwrap_or(i64::MAX),
        outcome,
        blame: blame.map(Blame::name),
        reason: reason.as_deref(),
    };
    add_attempt(db, lease.job.0, &attempt)?;
    links::store(db, links)?;
    let now = to_micros(now);
    let (state, run_at, died_at) = match next {
        Next::Done => ("done", None, None),
        Next::Dead => ("dead", None, Some(now)),
        Next::ReadyAt(at) => ("pending", Some(to_micros(*at)), None),
    };
    db.prepare_cached(
        "UPDATE job SET state = ?2, attempts = attempts + ?3, run_at = ?4, died_at = ?5,
                        reason = ?6, result = ?7, is_again = 1
         WHERE id = ?1",
    )?
    .execute(params![lease.job.0, state, counts, run_at, died_at, reason, ending.result])?;
    holds::release(db, lane)?;
    if *stops_lane && *next == Next::Dead {
        return stop(db, lane, lease.job.0);
    }
    advance(db, lane, run_at.unwrap_or(now))
}

/// Stops a lane at its dead letter.
fn stop(db: &Connection, lane: i64, job: i64) -> Result<()> {
    db.prepare_cached(
        "UPDATE lane SET state = 'stopped', stopped_by = ?2, is_again = 0, leased_job = NULL,
                         leased_at = NULL, lease_until = NULL
         WHERE id = ?1",
    )?
    .execute([lane, job])?;
    Ok(())
}

/// Lets a lane go on with its first pending job at `run_at`, or rest if there is none.
///
/// Looks for the head after the job's state has changed, so that it sees the new one.
pub(super) fn advance(db: &Connection, lane: i64, run_at: i64) -> Result<()> {
    let head: Option<bool> =
        db.prepare_cached(HEAD)?.query_row([lane], |row| row.get(0)).optional()?;
    let state = if head.is_some() { "ready" } else { "idle" };
    db.prepare_cached(
        "UPDATE lane SET state = ?2, is_again = ?3, run_at = ?4, leased_job = NULL,
                         leased_at = NULL, lease_until = NULL, stopped_by = NULL
         WHERE id = ?1",
    )?
    .execute(params![lane, state, head.unwrap_or(false), run_at])?;
    Ok(())
}

struct Attempt<'a> {
    number: u32,
    started_at: i64,
    took_ms: i64,
    outcome: &'a str,
    blame: Option<&'a str>,
    reason: Option<&'a str>,
}

fn add_attempt(db: &Connection, job: i64, attempt: &Attempt<'_>) -> Result<()> {
    let Attempt { number, started_at, took_ms, outcome, blame, reason } = attempt;
    db.prepare_cached(
        "INSERT INTO attempt (job_id, number, started_at, took_ms, outcome, blame, reason)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![job, number, started_at, took_ms, outcome, blame, reason])?;
    Ok(())
}

/// A lease that nobody will settle.
struct Lost {
    lane: i64,
    job: i64,
    attempts: u32,
    leased_at: i64,
}

pub(super) fn reap(db: &Connection, now: Timestamp) -> Result<u64> {
    let now = to_micros(now);
    take_back(db, now, |lost| (now, (now - lost.leased_at).max(0) / 1000))
}

/// Gives back every lease: at the start no worker of this or of another process holds one.
pub(super) fn give_back_all(db: &Connection) -> Result<u64> {
    let restart = db.unchecked_transaction()?;
    let count = take_back(&restart, i64::MAX, |lost| (lost.leased_at, 0))?;
    restart.commit()?;
    Ok(count)
}

/// Takes back the leases that ended before `before`. `end` tells when the lane is due and how
/// many milliseconds the attempt took.
fn take_back(db: &Connection, before: i64, end: impl Fn(&Lost) -> (i64, i64)) -> Result<u64> {
    let lost = db
        .prepare_cached(LOST)?
        .query_map([before], |row| {
            Ok(Lost {
                lane: row.get(0)?,
                job: row.get(1)?,
                attempts: row.get(2)?,
                leased_at: row.get(3)?,
            })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for lost in &lost {
        let (run_at, took_ms) = end(lost);
        let attempt = Attempt {
            number: lost.attempts.saturating_add(1),
            started_at: lost.leased_at,
            took_ms,
            outcome: "lost",
            blame: Some(Blame::Host.name()),
            reason: Some(LOST_REASON),
        };
        add_attempt(db, lost.job, &attempt)?;
        db.prepare_cached(
            "UPDATE job SET state = 'pending', attempts = attempts + 1, run_at = ?2, is_again = 1
             WHERE id = ?1",
        )?
        .execute([lost.job, run_at])?;
        holds::release(db, lost.lane)?;
        advance(db, lost.lane, run_at)?;
    }
    Ok(u64::try_from(lost.len()).unwrap_or(u64::MAX))
}
