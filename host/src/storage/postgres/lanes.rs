//! The automaton of the lanes: what happens to a lease, and how a lane goes on after it.
//!
//! Whoever changes a lane locks its row first, and looks for the next head in a statement of its own:
//! in one statement it would see the jobs as they were before it waited for the lock.

use std::collections::BTreeMap;

use deadpool_postgres::Transaction;
use jiff::Timestamp;
use tokio_postgres::Row;

use super::{
    Error, Postgres, Result, clients,
    codec::{step_state_name, to_micros},
    queries::{row, rows, run, text, text_or_none},
    values::{Ending, LOST_REASON, link_columns},
};
use crate::{
    card::Identifier,
    id::{AccountId, ClientKey, EventId},
    outcome::{Blame, Next},
    storage::{IdentityLink, Lease, Settlement, Step},
};

/// The lane and the job of a lease that holds.
struct Held {
    lane: i64,
    attempts: i32,
    event: EventId,
}

/// Locks the lane of a lease, or fails when another one has it by now.
async fn hold(db: &Transaction<'_>, lease: Lease) -> Result<Held> {
    let sql = "SELECT lane.id, job.attempts, job.event_id
               FROM job JOIN lane ON lane.id = job.lane_id
               WHERE job.id = $1 AND lane.leased_job = $1 AND lane.fence = $2
               FOR UPDATE OF lane";
    let found = row(db, sql, &[&lease.job.0, &lease.fence]).await?.ok_or(Error::LeaseLost)?;
    Ok(Held {
        lane: found.try_get(0)?,
        attempts: found.try_get(1)?,
        event: EventId(found.try_get(2)?),
    })
}

pub(super) async fn lock_client(
    pg: &Postgres,
    lease: Lease,
    crm: &AccountId,
    key: ClientKey,
) -> Result<bool> {
    let mut db = pg.connection().await?;
    let transaction = db.transaction().await?;
    let lane = hold(&transaction, lease).await?.lane;
    let is_taken = clients::take_one(&transaction, crm.as_str(), lane, key.0).await?;
    transaction.commit().await?;
    Ok(is_taken)
}

pub(super) async fn extend(pg: &Postgres, lease: Lease, until: Timestamp) -> Result<()> {
    let sql = "UPDATE lane SET lease_until = greatest(lease_until, $3::bigint)
               WHERE leased_job = $1 AND fence = $2
                 AND id = (SELECT lane_id FROM job WHERE id = $1)";
    let db = pg.connection().await?;
    let extended = run(&db, sql, &[&lease.job.0, &lease.fence, &to_micros(until)]).await?;
    if extended == 0 { Err(Error::LeaseLost) } else { Ok(()) }
}

pub(super) async fn record_step(pg: &Postgres, lease: Lease, step: &Step) -> Result<()> {
    let mut db = pg.connection().await?;
    let transaction = db.transaction().await?;
    hold(&transaction, lease).await?;
    let sql = "INSERT INTO step (job_id, name, idempotency_key, state, result)
               VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (job_id, name) DO UPDATE SET
                   idempotency_key = excluded.idempotency_key, state = excluded.state,
                   result = excluded.result";
    let (name, key) = (text(&step.name), text(&step.idempotency_key));
    let (state, result) = (step_state_name(step.state), text_or_none(step.result.as_deref()));
    run(&transaction, sql, &[&lease.job.0, &name, &key, &state, &result]).await?;
    Ok(transaction.commit().await?)
}

/// Returns the event that the job was for.
pub(super) async fn settle(
    pg: &Postgres,
    lease: Lease,
    ending: &Ending,
    now: Timestamp,
) -> Result<EventId> {
    let mut db = pg.connection().await?;
    let transaction = db.transaction().await?;
    let held = hold(&transaction, lease).await?;
    let now = to_micros(now);
    add_attempt(&transaction, lease, &held, &ending.settlement).await?;
    end_job(&transaction, lease, ending, now).await?;
    put_links(&transaction, &ending.settlement.links).await?;
    let Settlement { next, stops_lane, .. } = ending.settlement;
    let go_on = match next {
        Next::ReadyAt(at) => GoOn::At(to_micros(at)),
        Next::Dead if stops_lane => GoOn::StoppedBy(lease.job.0),
        Next::Dead | Next::Done => GoOn::At(now),
    };
    let freed = clients::unlock(&transaction, &[held.lane]).await?;
    release(&transaction, held.lane, go_on).await?;
    let late = clients::wake(&transaction, freed).await?;
    transaction.commit().await?;
    clients::wake_late(&db, &late).await?;
    Ok(held.event)
}

async fn add_attempt(
    db: &Transaction<'_>,
    lease: Lease,
    held: &Held,
    settlement: &Settlement,
) -> Result<()> {
    let sql = "INSERT INTO attempt (job_id, number, started_at, took_ms, outcome, blame, reason)
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let Settlement { outcome, blame, reason, started_at, took_ms, .. } = settlement;
    run(
        db,
        sql,
        &[
            &lease.job.0,
            &held.attempts.saturating_add(1),
            &to_micros(*started_at),
            &i64::try_from(*took_ms).unwrap_or(i64::MAX),
            outcome,
            &blame.map(Blame::name),
            &text_or_none(reason.as_deref()),
        ],
    )
    .await?;
    Ok(())
}

async fn end_job(db: &Transaction<'_>, lease: Lease, ending: &Ending, now: i64) -> Result<()> {
    let Settlement { next, counts, reason, .. } = &ending.settlement;
    let (state, run_at, died_at) = match next {
        Next::Done => ("done", None, None),
        Next::Dead => ("dead", None, Some(now)),
        Next::ReadyAt(at) => ("pending", Some(to_micros(*at)), None),
    };
    let sql = "UPDATE job SET state = $2, attempts = attempts + $3, run_at = $4, died_at = $5,
                              reason = $6, result = $7, is_again = TRUE
               WHERE id = $1";
    let reason = text_or_none(reason.as_deref());
    let counted = i32::from(*counts);
    run(db, sql, &[&lease.job.0, &state, &counted, &run_at, &died_at, &reason, &ending.result])
        .await?;
    Ok(())
}

/// Keeps which cards the client was seen on; what was seen last counts.
async fn put_links(db: &Transaction<'_>, links: &[IdentityLink]) -> Result<()> {
    let mut cards: BTreeMap<(&str, &str, String), String> = BTreeMap::new();
    for IdentityLink { crm, identifier, card } in links {
        let (kind, value) = link_columns_of(identifier)?;
        cards.insert((crm.as_str(), kind, value), text(card).into_owned());
    }
    if cards.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO identity_link (crm, kind, value, card)
               SELECT crm, kind, value, card
               FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
                   WITH ORDINALITY AS t (crm, kind, value, card, ord)
               ORDER BY ord
               ON CONFLICT (crm, kind, value) DO UPDATE SET card = excluded.card";
    let (keys, cards): (Vec<_>, Vec<String>) = cards.into_iter().unzip();
    let crms: Vec<&str> = keys.iter().map(|(crm, ..)| *crm).collect();
    let kinds: Vec<&str> = keys.iter().map(|(_, kind, _)| *kind).collect();
    let values: Vec<&str> = keys.iter().map(|(.., value)| value.as_str()).collect();
    run(db, sql, &[&crms, &kinds, &values, &cards]).await?;
    Ok(())
}

/// What an identifier is found by, as this database keeps text.
pub(super) fn link_columns_of(identifier: &Identifier) -> Result<(&'static str, String)> {
    let (kind, value) = link_columns(identifier)?;
    Ok((kind, text(&value).into_owned()))
}

/// How a lane goes on.
#[derive(Debug, Clone, Copy)]
pub(super) enum GoOn {
    /// With its first pending job, not before this time.
    At(i64),
    /// Not, until an operator has looked at this dead letter.
    StoppedBy(i64),
}

/// Lets a locked lane go on with its first pending job, or rest if there is none.
pub(super) async fn release(db: &Transaction<'_>, lane: i64, go_on: GoOn) -> Result<()> {
    let (run_at, stopped_by) = match go_on {
        GoOn::At(at) => (Some(at), None),
        GoOn::StoppedBy(job) => (None, Some(job)),
    };
    let sql = "
        UPDATE lane SET leased_job = NULL, leased_at = NULL, lease_until = NULL,
            held_crm = NULL, held_key = NULL, stopped_by = $3::bigint,
            run_at = coalesce($2::bigint, run_at),
            is_again = coalesce(head.is_again, FALSE),
            state = CASE WHEN $3::bigint IS NOT NULL THEN 'stopped'
                         WHEN head.is_again IS NULL THEN 'idle' ELSE 'ready' END
        FROM (SELECT 1) one LEFT JOIN LATERAL (
            SELECT is_again FROM job WHERE lane_id = $1 AND job.state = 'pending'
            ORDER BY seq LIMIT 1) head ON TRUE
        WHERE lane.id = $1";
    run(db, sql, &[&lane, &run_at, &stopped_by]).await?;
    Ok(())
}

/// A lease that nobody will settle.
struct Lost {
    lane: i64,
    job: i64,
    attempts: i32,
    leased_at: i64,
}

fn lost_of(row: &Row) -> Result<Lost> {
    Ok(Lost {
        lane: row.try_get(0)?,
        job: row.try_get(1)?,
        attempts: row.try_get(2)?,
        leased_at: row.try_get(3)?,
    })
}

/// Leases that one transaction takes back.
const REAPED_MAX: usize = 500;

/// Gives back the leases that ended before `now`, a bounded number in each transaction.
pub(super) async fn reap(pg: &Postgres, now: Timestamp) -> Result<u64> {
    let mut reaped = 0_usize;
    loop {
        let some = super::again(|| reap_some(pg, to_micros(now))).await?;
        reaped = reaped.saturating_add(some);
        if some < REAPED_MAX {
            return Ok(u64::try_from(reaped).unwrap_or(u64::MAX));
        }
    }
}

async fn reap_some(pg: &Postgres, now: i64) -> Result<usize> {
    let mut db = pg.connection().await?;
    let transaction = db.transaction().await?;
    // Those that another host takes back, or that are just being settled, are left to them.
    let sql = "SELECT lane.id, job.id, job.attempts, lane.leased_at
               FROM lane JOIN job ON job.id = lane.leased_job
               WHERE lane.state = 'leased' AND lane.lease_until < $1
               ORDER BY lane.lease_until LIMIT $2 FOR UPDATE OF lane SKIP LOCKED";
    let limit = i64::try_from(REAPED_MAX).unwrap_or(i64::MAX);
    let lost: Vec<Lost> = rows(&transaction, sql, &[&now, &limit])
        .await?
        .iter()
        .map(lost_of)
        .collect::<Result<_>>()?;
    if lost.is_empty() {
        return Ok(0);
    }
    for lost in &lost {
        give_back(&transaction, lost, now).await?;
    }
    let lanes: Vec<i64> = lost.iter().map(|lost| lost.lane).collect();
    let freed = clients::unlock(&transaction, &lanes).await?;
    for lane in &lanes {
        release(&transaction, *lane, GoOn::At(now)).await?;
    }
    let late = clients::wake(&transaction, freed).await?;
    transaction.commit().await?;
    clients::wake_late(&db, &late).await?;
    Ok(lost.len())
}

/// The attempt is lost, counts, and is told.
async fn give_back(db: &Transaction<'_>, lost: &Lost, now: i64) -> Result<()> {
    let sql = "WITH told AS (
                   INSERT INTO attempt (job_id, number, started_at, took_ms, outcome, blame, reason)
                   VALUES ($1, $2, $3, $4, 'lost', $5, $7)
               )
               UPDATE job SET state = 'pending', attempts = attempts + 1, run_at = $6, is_again = TRUE
               WHERE id = $1";
    let number = lost.attempts.saturating_add(1);
    let took_ms = now.saturating_sub(lost.leased_at).max(0) / 1000;
    let blame = Blame::Host.name();
    run(db, sql, &[&lost.job, &number, &lost.leased_at, &took_ms, &blame, &now, &LOST_REASON])
        .await?;
    Ok(())
}
