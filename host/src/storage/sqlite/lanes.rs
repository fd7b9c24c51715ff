//! The automaton of the lanes: lease the head, record its steps, settle it, take it back.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    Error, Result,
    codec::{event_from_json, outcome_to_json, step_state_name, to_id, to_micros, to_timestamp},
    views,
};
use crate::{
    id::{EventId, JobId},
    outcome::{Blame, Next},
    storage::{Lease, LeasedJob, Settlement, Step},
};

/// The integrations whose jobs may run now.
const ACTIVE_INTEGRATIONS: &str = "SELECT integration.id FROM integration
    JOIN account channel ON channel.id = integration.channel
    JOIN account crm ON crm.id = integration.crm
    WHERE integration.is_enabled AND channel.is_active AND crm.is_active";

/// A leased job as the rows tell it, decoded outside the writer's thread.
pub(super) struct LeasedRow {
    lease: Lease,
    attempts: u32,
    event_id: i64,
    integration: String,
    account: String,
    conversation: String,
    payload: String,
    received_at: i64,
    steps: Vec<Step>,
}

impl LeasedRow {
    pub(super) fn lease(&self) -> Lease {
        self.lease
    }

    pub(super) fn decode(self) -> Result<LeasedJob> {
        Ok(LeasedJob {
            lease: self.lease,
            attempt: self.attempts.saturating_add(1),
            event_id: EventId(self.event_id),
            account: to_id("event", self.account)?,
            integration: to_id("job", self.integration)?,
            event: event_from_json(&self.payload, self.conversation)?,
            steps: self.steps,
            accepted_at: to_timestamp("request", self.received_at)?,
        })
    }
}

pub(super) fn lease(
    db: &Connection,
    limit: u32,
    now: Timestamp,
    until: Timestamp,
) -> Result<Vec<LeasedRow>> {
    let (now, until) = (to_micros(now), to_micros(until));
    let mut leased = Vec::new();
    for lane in due_lanes(db, limit, now)? {
        leased.extend(lease_head(db, lane, now, until)?);
    }
    Ok(leased)
}

/// Asks one integration at a time: a paused one with a long queue costs nothing.
fn due_lanes(db: &Connection, limit: u32, now: i64) -> Result<Vec<i64>> {
    let active = db
        .prepare_cached(ACTIVE_INTEGRATIONS)?
        .query_map((), |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<String>>>()?;
    let mut due: Vec<(i64, i64)> = Vec::new();
    let mut lanes = db.prepare_cached(
        "SELECT run_at, id FROM lane WHERE integration = ?1 AND state = 'ready' AND run_at <= ?2
         ORDER BY run_at LIMIT ?3",
    )?;
    for integration in active {
        for lane in lanes
            .query_map(params![integration, now, limit], |row| Ok((row.get(0)?, row.get(1)?)))?
        {
            due.push(lane?);
        }
    }
    due.sort_unstable();
    Ok(due
        .into_iter()
        .map(|(_, lane)| lane)
        .take(usize::try_from(limit).unwrap_or(usize::MAX))
        .collect())
}

fn lease_head(db: &Connection, lane: i64, now: i64, until: i64) -> Result<Option<LeasedRow>> {
    let head = db
        .prepare_cached(
            "SELECT job.id, job.attempts, job.event_id, job.integration, event.account,
                    event.conversation, event.payload, request.received_at
             FROM job JOIN event ON event.id = job.event_id
                      JOIN request ON request.id = event.request_id
             WHERE job.lane_id = ?1 AND job.state = 'pending' ORDER BY job.seq LIMIT 1",
        )?
        .query_row([lane], leased_row)
        .optional()?;
    let Some(mut head) = head else {
        // Nothing waits here. The lane would be found due again and again.
        db.prepare_cached("UPDATE lane SET state = 'idle' WHERE id = ?1")?.execute([lane])?;
        return Ok(None);
    };
    let job = head.lease.job;
    head.lease.fence = db
        .prepare_cached(
            "UPDATE lane SET state = 'leased', fence = fence + 1, leased_job = ?2, leased_at = ?3,
                             lease_until = ?4
             WHERE id = ?1 RETURNING fence",
        )?
        .query_row(params![lane, job.0, now, until], |row| row.get(0))?;
    db.prepare_cached("UPDATE job SET state = 'leased' WHERE id = ?1")?.execute([job.0])?;
    head.steps = views::steps_of(db, job)?;
    Ok(Some(head))
}

fn leased_row(row: &Row<'_>) -> rusqlite::Result<LeasedRow> {
    Ok(LeasedRow {
        lease: Lease { job: JobId(row.get(0)?), fence: 0 },
        attempts: row.get(1)?,
        event_id: row.get(2)?,
        integration: row.get(3)?,
        account: row.get(4)?,
        conversation: row.get(5)?,
        payload: row.get(6)?,
        received_at: row.get(7)?,
        steps: Vec::new(),
    })
}

pub(super) fn next_due(db: &Connection) -> Result<Option<i64>> {
    let sql = "SELECT min((SELECT min(run_at) FROM lane WHERE integration = active.id AND state = 'ready'))
               FROM (";
    Ok(db
        .prepare_cached(&format!("{sql}{ACTIVE_INTEGRATIONS}) active"))?
        .query_row((), |row| row.get(0))?)
}

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

/// A settlement, encoded outside the writer's thread.
pub(super) struct Ending {
    settlement: Settlement,
    result: Option<String>,
}

impl Ending {
    pub(super) fn encode(mut settlement: Settlement) -> Result<Self> {
        let result = settlement.result.as_mut().map(outcome_to_json).transpose()?;
        Ok(Self { settlement, result })
    }
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
    let Settlement { next, counts, outcome, blame, reason, started_at, took_ms, .. } =
        &ending.settlement;
    let attempt = Attempt {
        number: attempts.saturating_add(1),
        started_at: to_micros(*started_at),
        took_ms: i64::try_from(*took_ms).unwrap_or(i64::MAX),
        outcome,
        blame: blame.map(Blame::name),
        reason: reason.as_deref(),
    };
    add_attempt(db, lease.job.0, &attempt)?;
    let now = to_micros(now);
    let (state, run_at, died_at) = match next {
        Next::Done => ("done", None, None),
        Next::Dead => ("dead", None, Some(now)),
        Next::ReadyAt(at) => ("pending", Some(to_micros(*at)), None),
    };
    db.prepare_cached(
        "UPDATE job SET state = ?2, attempts = attempts + ?3, run_at = ?4, died_at = ?5, reason = ?6,
                        result = ?7
         WHERE id = ?1",
    )?
    .execute(params![lease.job.0, state, counts, run_at, died_at, reason, ending.result])?;
    release(db, lane, run_at.unwrap_or(now))
}

/// Lets a lane go on with its first pending job at `run_at`, or rest if there is none.
///
/// A statement of its own after the job's state has changed, so that it sees the new head.
fn release(db: &Connection, lane: i64, run_at: i64) -> Result<()> {
    db.prepare_cached(
        "UPDATE lane SET leased_job = NULL, leased_at = NULL, lease_until = NULL, run_at = ?2,
             state = CASE WHEN EXISTS (SELECT 1 FROM job WHERE lane_id = ?1 AND state = 'pending')
                          THEN 'ready' ELSE 'idle' END
         WHERE id = ?1",
    )?
    .execute(params![lane, run_at])?;
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
        .prepare_cached(
            "SELECT lane.id, job.id, job.attempts, lane.leased_at
             FROM lane JOIN job ON job.id = lane.leased_job
             WHERE lane.state = 'leased' AND lane.lease_until < ?1",
        )?
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
            reason: Some("the lease ended before the attempt was settled"),
        };
        add_attempt(db, lost.job, &attempt)?;
        db.prepare_cached(
            "UPDATE job SET state = 'pending', attempts = attempts + 1, run_at = ?2 WHERE id = ?1",
        )?
        .execute([lost.job, run_at])?;
        release(db, lost.lane, run_at)?;
    }
    Ok(u64::try_from(lost.len()).unwrap_or(u64::MAX))
}

pub(super) fn replay(db: &Connection, job: JobId, now: Timestamp) -> Result<bool> {
    let now = to_micros(now);
    let lane: Option<i64> = db
        .prepare_cached("SELECT lane_id FROM job WHERE id = ?1 AND state = 'dead'")?
        .query_row([job.0], |row| row.get(0))
        .optional()?;
    let Some(lane) = lane else { return Ok(false) };
    // At the end of its lane: the order of those that wait is not touched.
    let seq: i64 = db
        .prepare_cached(
            "UPDATE lane SET last_seq = last_seq + 1,
                 run_at = CASE state WHEN 'idle' THEN ?2 ELSE run_at END,
                 state = CASE state WHEN 'idle' THEN 'ready' ELSE state END
             WHERE id = ?1 RETURNING last_seq",
        )?
        .query_row([lane, now], |row| row.get(0))?;
    db.prepare_cached(
        "UPDATE job SET state = 'pending', seq = ?2, attempts = 0, run_at = ?3, died_at = NULL,
                        reason = NULL, result = NULL
         WHERE id = ?1",
    )?
    .execute([job.0, seq, now])?;
    Ok(true)
}
